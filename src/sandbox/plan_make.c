#include "sandbox/plan_make.h"
#include "base/limits.h"
#include "sandbox/defaults.h"
#include "sandbox/names.h"

#include <sys/resource.h>

#define DEFAULT_HOSTNAME "buildkitsandbox"

enum { EVERY_CAPABILITY_BITS = 41 };

static void add_text(struct plan *plan, enum plan_kind kind, const char *text)
{
	struct plan_text kept = plan_keep(plan, text);

	plan_add(plan, kind)->text = kept;
}

static void add_number(struct plan *plan, enum plan_kind kind, uint64_t number, uint64_t second)
{
	struct plan_op *op = plan_add(plan, kind);

	op->number = number;
	op->second = second;
}

static FALLIBLE check_dir(const struct mount_dir *dir, const char *what)
{
	if (dir->fd <= 0)
		return error_new(ERR_INVALID, "a step whose %s has no directory", what);
	return NULL;
}

static FALLIBLE add_lowers(struct plan *plan, const struct mount_dir *layers, size_t n)
{
	if (n > LIMIT_LAYERS)
		return error_new(ERR_LIMIT, "%zu layers; overlayfs takes %d", n, LIMIT_LAYERS);
	for (size_t i = 0; i < n; i++) {
		TRY(check_dir(&layers[i], "layer"));
		struct plan_text path = plan_keep(plan, layers[i].path);
		int32_t fd = plan_fd(plan, layers[i].fd, true);
		struct plan_op *op = plan_add(plan, PLAN_LOWER);

		op->fd = fd;
		op->text = path;
	}
	return NULL;
}

static FALLIBLE add_upper(struct plan *plan, const struct mount_dir *upper,
		const struct mount_dir *work, bool is_volatile)
{
	if (upper->fd <= 0)
		return NULL;
	if (upper->fd != work->fd)
		return error_new(ERR_INVALID, "upper and work directory of different fds");
	struct plan_text upper_path = plan_keep(plan, upper->path);
	struct plan_text work_path = plan_keep(plan, work->path);
	int32_t fd = plan_fd(plan, upper->fd, true);
	struct plan_op *op = plan_add(plan, PLAN_UPPER);

	op->fd = fd;
	op->text = upper_path;
	op->more = work_path;
	op->flags = is_volatile ? PLAN_VOLATILE : 0;
	return NULL;
}

static FALLIBLE add_root(struct plan *plan, const struct sandbox_step *step)
{
	if (step->n_layers) {
		TRY(add_upper(plan, &step->upper, &step->work, step->is_volatile));
		TRY(add_lowers(plan, step->layers, step->n_layers));
		plan_add(plan, PLAN_OVERLAY)->flags =
				step->n_layers < LIMIT_LAYERS ? PLAN_SCAFFOLD : 0;
		return NULL;
	}
	TRY(check_dir(&step->root, "root"));
	struct plan_text path = plan_keep(plan, step->root.path);
	int32_t fd = plan_fd(plan, step->root.fd, true);
	struct plan_op *op = plan_add(plan, PLAN_ROOT);

	op->fd = fd;
	op->text = path;
	return NULL;
}

static void add_file(struct plan *plan, const char *target, const void *content, size_t n,
		uint32_t mode, uint64_t owner, bool read_only)
{
	struct plan_text path = plan_keep(plan, target);
	struct plan_text bytes = plan_keep_bytes(plan, content, n);
	struct plan_op *op = plan_add(plan, PLAN_FILE);

	op->text = path;
	op->more = bytes;
	op->mode = mode;
	op->number = owner;
	op->flags = read_only ? PLAN_READ_ONLY : 0;
}

static void add_system(
		struct plan *plan, const struct plan_host *host, const struct sandbox_step *step)
{
	const char *hostname = step->hostname ? step->hostname : DEFAULT_HOSTNAME;
	uint16_t masked = step->insecure ? 0 : PLAN_MASKED;
	bool stays = step->network == SANDBOX_NET_HOST || step->network == SANDBOX_NET_JOINED;
	AUTO(strbuf) struct strbuf text = { 0 };

	if (!host->shares_uts)
		add_text(plan, PLAN_HOSTNAME, hostname);
	struct plan_op *network = plan_add(plan, PLAN_NETWORK);
	network->flags = stays ? PLAN_HOST_NET : 0;
	if (step->network == SANDBOX_NET_PRIVATE)
		network->fd = plan_fd(plan, host->network_fd, false);
	for (const char *const *p = step->security.unmask; p && *p && masked; p++)
		add_text(plan, PLAN_UNMASK, *p);
	plan_add(plan, PLAN_PROC)->flags = masked;
	plan_add(plan, PLAN_DEV)->number = step->shm_bytes ? step->shm_bytes : SANDBOX_SHM_BYTES;
	plan_add(plan, PLAN_SYS)->flags = masked | (stays ? PLAN_HOST_NET : 0);

	names_resolv(host->resolv_conf, step, host->dns_fallback, &text);
	if (!step->no_resolv_file)
		add_file(plan, "/etc/resolv.conf", text.p, text.n, 0644, 0, false);
	strbuf_clear(&text);
	names_hosts(step, hostname, &text);
	if (!step->no_hosts_file)
		add_file(plan, "/etc/hosts", text.p, text.n, 0644, 0, false);
	strbuf_clear(&text);
	strbuf_addf(&text, "%s\n", hostname);
	if (!step->no_hostname_file)
		add_file(plan, "/etc/hostname", text.p, text.n, 0644, 0, false);
	if (step->containerenv)
		add_file(plan, SANDBOX_CONTAINERENV, step->containerenv, strlen(step->containerenv),
				0644, 0, false);
}

static FALLIBLE add_mount(struct plan *plan, const struct sandbox_mount *mount)
{
	uint16_t flags = (mount->read_only ? PLAN_READ_ONLY : 0) |
			 (mount->no_exec ? PLAN_NO_EXEC : 0) |
			 (mount->has_set_id ? PLAN_SET_ID : 0) |
			 (mount->is_device ? PLAN_DEVICE : 0);
	uint64_t owner = plan_owner(mount->uid, mount->gid);
	struct plan_text target = plan_keep(plan, mount->target);
	struct plan_text path = plan_keep(
			plan, mount->kind == SANDBOX_LAYERS ? mount->subpath : mount->source.path);
	struct plan_op *op;
	int32_t fd;

	if (!mount->target || !*mount->target)
		return error_new(ERR_INVALID, "a mount without a target");
	switch (mount->kind) {
	case SANDBOX_BIND:
		TRY(check_dir(&mount->source, "mount"));
		fd = plan_fd(plan, mount->source.fd, true);
		op = plan_add(plan, PLAN_BIND);
		op->fd = fd;
		op->more = path;
		break;
	case SANDBOX_LAYERS:
		TRY(add_upper(plan, &mount->upper, &mount->work, !mount->keeps_upper));
		TRY(add_lowers(plan, mount->layers, mount->n_layers));
		op = plan_add(plan, PLAN_MERGE);
		op->more = path;
		op->mode = mount->mode;
		flags |= mount->may_lack ? PLAN_MAY_LACK : 0;
		break;
	case SANDBOX_TMPFS:
		op = plan_add(plan, PLAN_TMPFS);
		op->number = mount->size_bytes;
		op->mode = mount->mode ? mount->mode : 01777;
		op->second = owner;
		break;
	case SANDBOX_FILE:
		add_file(plan, mount->target, mount->content, mount->content_bytes,
				mount->mode ? mount->mode : 0400, owner, mount->read_only);
		return NULL;
	default:
		return error_new(ERR_INVALID, "a mount of unknown kind");
	}
	if (mount->propagation && mount->kind != SANDBOX_TMPFS) {
		op->propagation = (uint32_t)mount->propagation;
		flags |= mount->propagates_below ? PLAN_DEEP : 0;
	}
	if (mount->kind == SANDBOX_BIND && mount->is_flat)
		flags |= PLAN_FLAT;
	op->text = target;
	op->flags = flags;
	return NULL;
}

static void add_limits(
		struct plan *plan, const struct plan_host *host, const struct sandbox_step *step)
{
	if (host->cgroup_fd > 0) {
		int32_t fd = plan_fd(plan, host->cgroup_fd, false);

		plan_add(plan, PLAN_CGROUP)->fd = fd;
	}
	for (size_t i = 0; i < step->n_limits; i++) {
		struct plan_op *op = plan_add(plan, PLAN_LIMIT);

		op->mode = (uint32_t)step->limits[i].resource;
		op->number = step->limits[i].soft;
		op->second = step->limits[i].hard;
	}
}

static void add_filter(struct plan *plan, const struct sandbox_security *security)
{
	struct plan_text program = plan_keep_bytes(plan, security->filter, security->filter_bytes);

	plan_add(plan, PLAN_SECCOMP)->more = program;
}

static void add_identity(
		struct plan *plan, const struct plan_host *host, const struct sandbox_step *step)
{
	for (size_t i = 0; i < step->n_groups; i++)
		add_number(plan, PLAN_GROUP, step->groups[i], 0);
	add_number(plan, PLAN_USER, step->uid, step->gid);
	uint64_t every = (UINT64_C(1) << EVERY_CAPABILITY_BITS) - 1;
	uint64_t bits = (default_capabilities() | step->add_capabilities) & every &
			~step->drop_capabilities;
	add_number(plan, PLAN_CAPABILITIES, step->insecure ? every : bits, 0);
	if (step->no_new_privileges)
		(void)plan_add(plan, PLAN_NO_NEW_PRIVILEGES);
	if (step->has_umask)
		plan_add(plan, PLAN_UMASK)->mode = step->umask;
	if (!step->insecure && !step->is_unconfined)
		add_filter(plan, &step->security);
	if (host->records_owners)
		(void)plan_add(plan, PLAN_RECORD);
}

static FALLIBLE add_command(struct plan *plan, const struct sandbox_step *step)
{
	int32_t input = plan_fd(plan, step->stdin_fd, false);
	struct plan_op *op = plan_add(plan, PLAN_INPUT);
	op->fd = input;
	op->number = step->has_terminal;
	plan_add(plan, PLAN_OUTPUT)->fd = plan_fd(plan, step->stdout_fd, false);
	plan_add(plan, PLAN_ERRORS)->fd = plan_fd(plan, step->stderr_fd, false);
	add_text(plan, PLAN_DIRECTORY, step->cwd && *step->cwd ? step->cwd : "/");
	for (const char *const *variable = step->env; variable && *variable; variable++)
		add_text(plan, PLAN_VARIABLE, *variable);
	for (const char *const *word = step->argv; *word; word++) {
		if (strlen(*word) >= LIMIT_ARG_BYTES)
			return error_hint(
					error_new(ERR_LIMIT,
							"an argument of %zu bytes; Linux takes %d",
							strlen(*word), LIMIT_ARG_BYTES - 1),
					"put the script into a file or a heredoc");
		add_text(plan, PLAN_ARGUMENT, *word);
	}
	(void)plan_add(plan, PLAN_EXEC);
	return NULL;
}

FALLIBLE plan_make(const struct plan_host *host, const struct sandbox_step *step, struct plan *ret)
{
	AUTO(plan) struct plan plan = { 0 };

	if (!step->argv || !step->argv[0])
		return error_new(ERR_INVALID, "a step without a command");
	if (step->n_mounts > SANDBOX_MOUNTS || step->n_groups > SANDBOX_GROUPS ||
			step->n_hosts > SANDBOX_HOSTS)
		return error_new(ERR_LIMIT, "a step with %zu mounts, %zu groups and %zu hosts",
				step->n_mounts, step->n_groups, step->n_hosts);
	TRY(add_root(&plan, step));
	add_system(&plan, host, step);
	for (size_t i = 0; i < step->n_mounts; i++)
		TRY(add_mount(&plan, &step->mounts[i]));
	for (const char *const *p = step->security.mask; p && *p; p++)
		add_text(&plan, PLAN_MASK, *p);
	(void)plan_add(&plan, PLAN_ENTER);
	add_limits(&plan, host, step);
	add_identity(&plan, host, step);
	TRY(add_command(&plan, step));
	*ret = plan;
	plan = (struct plan){ 0 };
	return NULL;
}

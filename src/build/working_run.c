/* One command in a working container. */
#include "build/working.h"
#include "build/working_inner.h"
#include "sys/fd.h"
#include "sys/idmount.h"
#include "sys/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Everything that the sandbox borrows. */
struct parts {
	const char **argv, **env;
	struct mount_dir *layers;
	size_t layer_count;
	struct list environment;
	struct sandbox_mount *mounts;
	int *fds; /* of volumes; -1 */
	size_t mount_count;
	uint32_t *groups;
	struct user user;
	struct sandbox_step step;
};

static void parts_done(struct parts *parts)
{
	free(parts->argv);
	free(parts->env);
	free(parts->layers);
	list_done(&parts->environment);
	free(parts->mounts);
	for (size_t i = 0; parts->fds && i < parts->mount_count; i++)
		if (parts->fds[i] >= 0)
			(void)close(parts->fds[i]);
	free(parts->fds);
	free(parts->groups);
	user_done(&parts->user);
}

DEFINE_AUTO_VALUE(parts)

static void set_environment(const struct working *working, const struct working_run *run,
		const char *hostname, struct parts *parts)
{
	struct list *env = &parts->environment;

	list_add_all(env, &working->container->config.env);
	for (size_t i = 0; run->env && i < run->env->n; i++) {
		struct str name, value;

		(void)str_cut(str_of(run->env->p[i]), '=', &name, &value);
		AUTO_FREE char *key = str_dup(name);
		AUTO_FREE char *text = str_dup(value);
		list_env_set(env, key, text);
	}
	if (!list_env_get(env, "PATH"))
		list_env_set(env, "PATH", PLAN_DEFAULT_PATH);
	if (!list_env_get(env, "HOSTNAME"))
		list_env_set(env, "HOSTNAME", hostname);
	if (!list_env_get(env, "HOME"))
		list_env_set(env, "HOME", parts->user.home ? parts->user.home : "/");
	parts->env = xcalloc(env->n + 1, sizeof(*parts->env));
	for (size_t i = 0; i < env->n; i++)
		parts->env[i] = env->p[i];
}

/* --- volumes --- */

/* A file or directory of the host, as the step's ids see it. */
static FALLIBLE open_volume(struct working *working, const struct working_volume *volume, int *ret)
{
	const struct userns *userns = working->with.userns;
	AUTO_FD int fd = -1;

	TRY_WRAP(file_open(AT_FDCWD, volume->source, O_PATH, 0, &fd), "volume '%s'",
			volume->source);
	if (userns->owner.kind == OWNER_SHIFTED)
		return idmount_clone(fd, NULL, userns->owner.base, userns->owner.count, IDMOUNT_OUT,
				ret);
	*ret = TAKE_FD(fd);
	return NULL;
}

static FALLIBLE take_over(const struct working *working, const struct parts *parts, int fd)
{
	const struct owner_policy *policy = &working->with.userns->owner;
	uint32_t shift = policy->kind == OWNER_SHIFTED ? policy->base : 0;

	if (fchownat(fd, "", parts->user.uid + shift, parts->user.gid + shift, AT_EMPTY_PATH) != 0)
		return error_sys("give a volume to user %u", parts->user.uid);
	return NULL;
}

static FALLIBLE add_volume(
		struct working *working, const struct working_volume *volume, struct parts *parts)
{
	struct sandbox_mount *mount = &parts->mounts[parts->mount_count];
	int *fd = &parts->fds[parts->mount_count++];

	*fd = -1;
	*mount = (struct sandbox_mount){ .target = volume->target, .read_only = volume->read_only };
	if (!volume->source) {
		mount->kind = SANDBOX_TMPFS;
		mount->size_bytes = volume->size_bytes;
		mount->mode = volume->mode;
		return NULL;
	}
	TRY(open_volume(working, volume, fd));
	if (volume->takes_over)
		TRY(take_over(working, parts, *fd));
	mount->kind = SANDBOX_BIND;
	mount->source = (struct mount_dir){ *fd, NULL };
	return NULL;
}

static FALLIBLE add_volumes(
		struct working *working, const struct working_run *run, struct parts *parts)
{
	parts->mounts = xcalloc(run->volume_count, sizeof(*parts->mounts));
	parts->fds = xcalloc(run->volume_count, sizeof(*parts->fds));
	for (size_t i = 0; i < run->volume_count; i++)
		TRY(add_volume(working, &run->volumes[i], parts));
	return NULL;
}

/* --- the step --- */

static void add_groups(const struct working_run *run, struct parts *parts)
{
	size_t own = parts->user.n_groups;

	parts->groups = xcalloc(own + run->group_count, sizeof(*parts->groups));
	if (own)
		memcpy(parts->groups, parts->user.groups, own * sizeof(*parts->groups));
	if (run->group_count)
		memcpy(parts->groups + own, run->groups, run->group_count * sizeof(*parts->groups));
}

static FALLIBLE gather(struct working *working, const struct working_run *run, const char *hostname,
		struct parts *parts)
{
	const char *spec = run->user ? run->user : working->container->config.user;

	TRY(working_user(working, spec ? spec : "", &parts->user));
	set_environment(working, run, hostname, parts);
	add_groups(run, parts);
	parts->argv = xcalloc(run->argv->n + 1, sizeof(*parts->argv));
	for (size_t i = 0; i < run->argv->n; i++)
		parts->argv[i] = run->argv->p[i];
	parts->layers = working_dirs(working, false, &parts->layer_count);
	return add_volumes(working, run, parts);
}

static void fill(struct working *working, const struct working_run *run, const char *hostname,
		struct parts *parts)
{
	bool has_layers = working->stack.n > 0;

	parts->step = (struct sandbox_step){
		.layers = parts->layers,
		.n_layers = parts->layer_count,
		.upper = { has_layers ? working->dir_fd : -1, "upper" },
		.work = { has_layers ? working->dir_fd : -1, "work" },
		.is_volatile = true,
		.root = { working->dir_fd, "upper" },
		.argv = parts->argv,
		.env = parts->env,
		.cwd = run->workdir ? run->workdir
		       : working->container->config.working_dir
				       ? working->container->config.working_dir
				       : "/",
		.uid = parts->user.uid,
		.gid = parts->user.gid,
		.groups = parts->groups,
		.n_groups = parts->user.n_groups + run->group_count,
		.hostname = hostname,
		.network = run->network,
		.hosts = run->hosts,
		.n_hosts = run->host_count,
		.dns = run->dns,
		.dns_search = run->dns_search,
		.dns_options = run->dns_options,
		.shm_bytes = run->shm_bytes,
		.limits = run->limits,
		.n_limits = run->limit_count,
		.mounts = parts->mounts,
		.n_mounts = parts->mount_count,
		.resources = run->resources,
		.add_capabilities = run->add_capabilities,
		.drop_capabilities = run->drops_all ? UINT64_MAX & ~run->add_capabilities
						    : run->drop_capabilities,
		.is_unconfined = run->is_unconfined,
		.no_new_privileges = run->no_new_privileges,
		.has_terminal = run->has_terminal,
		.stdin_fd = run->stdin_fd,
		.stdout_fd = run->stdout_fd,
		.stderr_fd = run->stderr_fd,
	};
}

/* A working directory that is not there is made, as Buildah does. */
static FALLIBLE need_workdir(struct working *working, const char *path)
{
	struct owner owner = { .mode = S_IFDIR | 0755 };
	AUTO_FD int view_fd = -1, merged_fd = -1;
	struct stat st;

	if (strcmp(path, "/") == 0)
		return NULL;
	TRY(working_view(working, &view_fd));
	struct error *error = rootfs_stat(view_fd, path, &st);
	if (!error_is_errno(error, ENOENT))
		return error;
	error_free(error);
	TRY(working_merge(working, &merged_fd));
	return rootfs_make_dirs(merged_fd, path, &working->with.userns->owner, &owner, NULL);
}

FALLIBLE working_run(
		struct working *working, const struct working_run *run, struct sandbox_result *ret)
{
	AUTO(parts) struct parts parts = { 0 };
	AUTO_FD int work_fd = -1;
	AUTO_FREE char *short_id = xstrndup(working->container->id, 12);
	const char *hostname = run->hostname ? run->hostname
			       : working->container->config.hostname
					       ? working->container->config.hostname
					       : short_id;

	TRY(working_prepare(working));
	TRY(gather(working, run, hostname, &parts));
	fill(working, run, hostname, &parts);
	TRY(need_workdir(working, parts.step.cwd));
	TRY(working_fresh_work(working, "work", &work_fd));
	return sandbox_run(working->with.sandbox, &parts.step, working->with.cancel, ret);
}

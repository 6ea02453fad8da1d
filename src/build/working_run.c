/* One command in a working container. */
#include "build/containerenv.h"
#include "build/key_agent.h"
#include "build/mounts.h"
#include "build/secrets.h"
#include "build/working.h"
#include "build/working_inner.h"
#include "sys/fd.h"
#include "sys/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Everything that the sandbox borrows. */
struct parts {
	struct working *working;
	const char **argv, **env;
	struct mount_dir *layers;
	size_t layer_count;
	struct list environment;
	struct sandbox_mount *mounts;
	size_t mount_count;
	struct volumes volumes;
	uint32_t *groups;
	struct user user;
	char *containerenv;
	struct sandbox_step step;
	/* The RUN that it would be. */
	struct list run_env;
	struct plan_stage stage;
	struct plan_step plan;
	struct step_run run;
	int view_fd; /* all as it is before the step; or -1 */
};

static void parts_done(struct parts *parts)
{
	free(parts->argv);
	free(parts->env);
	free(parts->layers);
	list_done(&parts->environment);
	free(parts->mounts);
	volumes_done(&parts->volumes);
	free(parts->groups);
	free(parts->containerenv);
	user_done(&parts->user);
	list_done(&parts->run_env);
	step_mounts_free(parts->run.mounts);
	if (parts->view_fd >= 0)
		(void)close(parts->view_fd);
}

DEFINE_AUTO_VALUE(parts)

static void add_variables(const struct list *from, struct list *env)
{
	for (size_t i = 0; from && i < from->n; i++) {
		struct str name, value;

		(void)str_cut(str_of(from->p[i]), '=', &name, &value);
		AUTO_FREE char *key = str_dup(name);
		AUTO_FREE char *text = str_dup(value);
		list_env_set(env, key, text);
	}
}

static void set_environment(
		const struct working_run *run, const char *hostname, struct parts *parts)
{
	const struct step_mounts *mounts = parts->run.mounts;
	struct list *env = &parts->environment;

	/* What is set on purpose wins. */
	add_variables(run->quiet_env, env);
	add_variables(&parts->run_env, env);
	if (!list_env_get(env, "PATH"))
		list_env_set(env, "PATH", PLAN_DEFAULT_PATH);
	if (hostname && !list_env_get(env, "HOSTNAME"))
		list_env_set(env, "HOSTNAME", hostname);
	if (!list_env_get(env, "HOME"))
		list_env_set(env, "HOME", parts->user.home ? parts->user.home : "/");
	add_variables(mounts ? &mounts->env : NULL, env);
	parts->env = xcalloc(env->n + 1, sizeof(*parts->env));
	for (size_t i = 0; i < env->n; i++)
		parts->env[i] = env->p[i];
}

static FALLIBLE add_volumes(
		struct working *working, const struct working_run *run, struct parts *parts)
{
	const struct step_mounts *mounts = parts->run.mounts;
	size_t ready = mounts ? mounts->ready.n : 0;

	parts->mounts = xcalloc(run->volume_count + ready, sizeof(*parts->mounts));
	TRY(volumes_open(run->volumes, run->volume_count, working->with.store, working->with.userns,
			&parts->user, parts->mounts, &parts->volumes));
	parts->mount_count = run->volume_count;
	for (size_t i = 0; i < ready; i++)
		parts->mounts[parts->mount_count++] = mounts->ready.p[i];
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

/* What a Dockerfile would say. */
static void make_plan(struct working *working, const struct working_run *run, struct parts *parts)
{
	const struct image_config *config = &working->container->config;
	const char *user = run->user ? run->user : config->user;
	const char *workdir = run->workdir ? run->workdir : config->working_dir;

	list_add_all(&parts->run_env, &config->env);
	add_variables(run->env, &parts->run_env);
	parts->argv = xcalloc(run->argv->n + 1, sizeof(*parts->argv));
	for (size_t i = 0; i < run->argv->n; i++)
		parts->argv[i] = run->argv->p[i];
	parts->stage.platform = config->platform;
	parts->plan = (struct plan_step){
		.kind = STEP_RUN,
		.stage = &parts->stage,
		.name = "run",
		.user = user ? user : "",
		.workdir = workdir ? workdir : "/",
		.run = { .argv = { parts->argv, run->argv->n },
				.env = { (const char *const *)parts->run_env.p, parts->run_env.n },
				.mounts = run->mounts,
				.mount_count = run->mount_count },
	};
	parts->run.step = &parts->plan;
	working->options.secrets = run->secrets;
	working->options.secret_count = run->secret_count;
	working->options.agents = run->agents;
	working->options.agent_count = run->agent_count;
}

/* Borrowed. To unmount it takes as long as to mount it, so who needs one looks at the same. */
static FALLIBLE need_view(struct working *working, struct parts *parts, int *ret_fd)
{
	if (parts->view_fd < 0)
		TRY(working_view(working, &parts->view_fd));
	*ret_fd = parts->view_fd;
	return NULL;
}

static void drop_view(struct parts *parts)
{
	if (parts->view_fd >= 0)
		(void)close(parts->view_fd);
	parts->view_fd = -1;
}

/* What "USER spec" is in it. */
static FALLIBLE find_user(struct working *working, struct parts *parts)
{
	const char *spec = parts->plan.user;
	int view_fd = -1;

	TRY(need_view(working, parts, &view_fd));
	TRY_WRAP(user_lookup(view_fd, spec, &parts->user), "unknown user error: unknown user '%s'",
			spec);
	return NULL;
}

static FALLIBLE gather(struct working *working, const struct working_run *run, const char *hostname,
		struct parts *parts)
{
	TRY(find_user(working, parts));
	TRY(key_agents_start(&working->options, &working->build.key_agents));
	TRY(mounts_prepare(&working->build, &parts->run, &parts->user));
	set_environment(run, hostname, parts);
	add_groups(run, parts);
	parts->layers = working_dirs(working, false, &parts->layer_count);
	return add_volumes(working, run, parts);
}

/* In a layer that others may get, nothing may be of this container alone. */
static bool is_shared(const struct working_run *run)
{
	return run->layers && !run->layers->uncached;
}

/* What the last run left, and what only those before this one had to look at. */
static void clear_up(void *arg)
{
	struct parts *parts = arg;

	drop_view(parts);
	working_drop_old(parts->working, "work");
}

static void fill(struct working *working, const struct working_run *run, const char *hostname,
		struct parts *parts)
{
	bool has_layers = working->stack.n > 0;

	parts->containerenv = containerenv_text(run->engine,
			is_shared(run) ? NULL : working->container, working->with.userns);
	parts->step = (struct sandbox_step){
		.layers = parts->layers,
		.n_layers = parts->layer_count,
		.upper = { has_layers ? working->dir_fd : -1, "upper" },
		.work = { has_layers ? working->dir_fd : -1, "work" },
		.is_volatile = true,
		.root = { working->dir_fd, "upper" },
		.argv = parts->argv,
		.env = parts->env,
		.cwd = parts->plan.workdir,
		.uid = parts->user.uid,
		.gid = parts->user.gid,
		.groups = parts->groups,
		.n_groups = parts->user.n_groups + run->group_count,
		.hostname = hostname,
		.own_name = is_shared(run) ? NULL : working->container->name,
		.network = run->network,
		.hosts = run->hosts,
		.n_hosts = run->host_count,
		.no_hosts_file = run->no_hosts_file,
		.containerenv = parts->containerenv,
		.no_hostname_file = run->no_hostname_file,
		.no_resolv_file = run->no_resolv_file,
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
		.has_umask = run->has_umask,
		.umask = run->umask,
		.security = run->security,
		.has_terminal = run->has_terminal,
		.stdin_fd = run->stdin_fd,
		.stdout_fd = run->stdout_fd,
		.stderr_fd = run->stderr_fd,
		.meanwhile = clear_up,
		.meanwhile_arg = parts,
	};
}

/* A directory that is not there is made, as Buildah does. */
static FALLIBLE need_dir(struct working *working, struct parts *parts, const char *path)
{
	struct owner owner = { .mode = S_IFDIR | 0755 };
	AUTO_FD int merged_fd = -1;
	int view_fd = -1;
	struct stat st;

	if (strcmp(path, "/") == 0)
		return NULL;
	TRY(need_view(working, parts, &view_fd));
	struct error *error = rootfs_stat(view_fd, path, &st);
	if (!error_is_errno(error, ENOENT))
		return error;
	error_free(error);
	drop_view(parts);
	TRY(working_merge(working, &merged_fd));
	return rootfs_make_dirs(merged_fd, path, &working->with.userns->owner, &owner, NULL);
}

/* The working directory, and what the image declares as volumes: a program may count on them. */
static FALLIBLE need_dirs(
		struct working *working, const struct working_run *run, struct parts *parts)
{
	const struct list *volumes = &working->container->config.volumes;

	TRY(need_dir(working, parts, parts->step.cwd));
	for (size_t i = 0; i < volumes->n && !is_shared(run); i++)
		error_ignore(need_dir(working, parts, volumes->p[i]), "a volume where none can be");
	return NULL;
}

/* As Buildah names it; in a layer that others may get, as a build does. */
static const char *choose_hostname(
		const struct working *working, const struct working_run *run, const char *short_id)
{
	const char *shared = sandbox_hostname(working->with.sandbox);

	if (shared || run->hostname)
		return shared ? shared : run->hostname;
	if (is_shared(run))
		return NULL;
	return working->container->config.hostname ? working->container->config.hostname : short_id;
}

static FALLIBLE look_for_secrets(const struct working *working, const struct parts *parts)
{
	const struct step_mounts *mounts = parts->run.mounts;

	return mounts && mounts->secrets ? secrets_scan(mounts->secrets, working->upper_fd,
							   working->with.cancel)
					 : NULL;
}

/* *ret_clean: what was written is known to have no secret in it; else nobody may have it. */
static FALLIBLE run_once(struct working *working, const struct working_run *run,
		struct parts *parts, struct sandbox_result *ret, bool *ret_clean)
{
	AUTO_FD int work_fd = -1;
	AUTO_FREE char *short_id = xstrndup(working->container->id, 12);
	const char *hostname = choose_hostname(working, run, short_id);

	TRY(working_prepare(working));
	TRY(gather(working, run, hostname, parts));
	fill(working, run, hostname, parts);
	TRY(need_dirs(working, run, parts));
	TRY(working_fresh_work(working, "work", &work_fd));
	struct error *error =
			sandbox_run(working->with.sandbox, &parts->step, working->with.cancel, ret);
	/* While the sandbox takes its mounts down there is time for the rest. */
	sandbox_end(working->with.sandbox);
	mounts_release(&parts->run);
	/* Also after Ctrl-C, which ends this, too: then it is not known. */
	struct error *found = look_for_secrets(working, parts);

	*ret_clean = !found;
	return error_first(error, found);
}

static bool has_secret(const struct working_run *run)
{
	for (size_t i = 0; i < run->mount_count; i++)
		if (run->mounts[i].as.type == MOUNT_SECRET)
			return true;
	return false;
}

/* In the container's own upper; with secrets in a copy of it, until that is known to be clean. */
static FALLIBLE run_in_place(struct working *working, const struct working_run *run,
		struct parts *parts, struct sandbox_result *ret)
{
	bool is_clean = false;

	if (!has_secret(run))
		return run_once(working, run, parts, ret, &is_clean);
	TRY(working_layer_begin(working));
	struct error *error = working_layer_fill(working);
	if (!error)
		error = run_once(working, run, parts, ret, &is_clean);
	if (is_clean)
		error = error_first(error, working_layer_spill(working));
	working_layer_end(working);
	return error;
}

static FALLIBLE run_layer(struct working *working, const struct working_run *run,
		const struct digest *parent, struct parts *parts, struct sandbox_result *ret)
{
	AUTO_FREE char *record = NULL;
	bool is_clean = false;
	struct digest key;

	working_run_key(working, run, &parts->plan, parent, &key, &record);
	if (!run->layers->no_cache)
		TRY(working_take(working, &key, run->layers->created_by, &run->layers->is_hit));
	if (run->layers->is_hit)
		return NULL;
	TRY(working_layer_begin(working));
	struct error *error = run_once(working, run, parts, ret, &is_clean);
	if (!error && ret->status == 0)
		error = working_layer_seal(working, &key, record, NULL, run->layers->created_by);
	else if (is_clean)
		error = error_first(error, working_layer_spill(working));
	working_layer_end(working);
	return error;
}

FALLIBLE working_run(
		struct working *working, const struct working_run *run, struct sandbox_result *ret)
{
	AUTO(parts) struct parts parts = { .working = working, .view_fd = -1 };
	struct digest parent;

	make_plan(working, run, &parts);
	if (!run->layers)
		return run_in_place(working, run, &parts, ret);
	run->layers->uncached = working_run_unseen(run);
	if (!run->layers->uncached)
		TRY(working_parent(working, &parent, &run->layers->uncached));
	if (run->layers->uncached)
		return run_in_place(working, run, &parts, ret);
	return run_layer(working, run, &parent, &parts, ret);
}

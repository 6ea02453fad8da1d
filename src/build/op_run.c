#include "build/containerenv.h"
#include "build/flat.h"
#include "build/keep_failed.h"
#include "build/mounts.h"
#include "build/pump.h"
#include "build/run_volumes.h"
#include "sandbox/sandbox.h"
#include "store/layers.h"
#include "sys/dir.h"
#include "sys/fd.h"
#include "sys/path.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/*
 * A proxy is given by either spelling and is there by both, since programs differ in which they
 * read. What the step sets itself stays.
 */
static void add_proxies(const struct list *args, struct list *env)
{
	for (unsigned other = 0; other < 2; other++) {
		for (size_t i = 0; args && i < args->n; i++) {
			struct str name, value;

			(void)str_cut(str_of(args->p[i]), '=', &name, &value);
			AUTO_FREE char *text = str_dup(name);
			if (!plan_is_proxy_arg(text) || (other && !value.n))
				continue;
			for (char *c = text; other && *c; c++)
				if (*c != '_')
					*c ^= 'a' ^ 'A';
			if (!list_env_get(env, text))
				list_env_set(env, text, value.p);
		}
	}
}

/* What the step sees: its plan's variables, a PATH, a HOME, and the proxies of the build. */
static void step_environment(struct build *build, const struct plan_run *run,
		const struct user *user, struct list *ret)
{
	for (size_t i = 0; i < run->env.n; i++)
		list_add(ret, run->env.p[i]);
	add_proxies(build->options->build_args, ret);
	if (!list_env_get(ret, "PATH"))
		list_env_set(ret, "PATH", PLAN_DEFAULT_PATH);
	if (!list_env_get(ret, "HOME"))
		list_env_set(ret, "HOME", user->home ? user->home : "/");
}

static enum sandbox_network step_network(const struct build *build, enum plan_network wanted)
{
	/* It was allowed: rights.h. */
	if (wanted == NETWORK_HOST)
		return SANDBOX_NET_HOST;
	if (wanted == NETWORK_NONE || build->options->network == BUILD_NETWORK_NONE)
		return SANDBOX_NET_NONE;
	if (build->options->network == BUILD_NETWORK_PRIVATE)
		return SANDBOX_NET_PRIVATE;
	return build->options->network == BUILD_NETWORK_JOINED ? SANDBOX_NET_JOINED
							       : SANDBOX_NET_HOST;
}

/* Arrays of pointers that the sandbox wants NULL-terminated. */
struct step_parts {
	const char **argv, **env;
	struct mount_dir *layers;
	size_t layer_count;
	struct sandbox_host *hosts;
	struct sandbox_limit *limits;
	size_t limit_count;
	struct list environment;
	struct sandbox_mount *mounts;
	size_t mount_count;
	struct volumes volumes;
	struct run_volumes kept;
	uint32_t *groups;
	size_t group_count;
	int stdin_fd; /* -1: nothing to read */
};

static void step_parts_done(struct step_parts *parts)
{
	free(parts->argv);
	free(parts->env);
	free(parts->layers);
	free(parts->hosts);
	free(parts->limits);
	free(parts->mounts);
	list_done(&parts->environment);
	volumes_done(&parts->volumes);
	run_volumes_done(&parts->kept);
	free(parts->groups);
	if (parts->stdin_fd >= 0)
		(void)close(parts->stdin_fd);
}

DEFINE_AUTO_VALUE(step_parts)

static bool is_covered(const struct build_run_options *told, const struct sandbox_mount *mount)
{
	AUTO_FREE char *target = path_clean(str_of(mount->target));

	for (size_t i = 0; i < told->volume_count; i++) {
		AUTO_FREE char *other = path_clean(str_of(told->volumes[i].target));

		if (strcmp(target, other) == 0)
			return true;
	}
	return false;
}

/* The flags' mounts, what they put into the environment, and the body of a script. */
static FALLIBLE gather_mounts(struct build *build, const struct stage_run *stage,
		const struct step_run *run, const struct user *user, struct step_parts *parts)
{
	const struct plan_run *plan = &run->step->run;
	const struct build_run_options *told = &build->options->run;
	const struct step_mounts *mounts = run->mounts;
	size_t ready = mounts ? mounts->ready.n : 0, n = told->volume_count, kept = plan->kept.n;

	parts->mounts = xcalloc(kept + n + ready + 1, sizeof(*parts->mounts));
	/* Below all that is shown in them. */
	TRY(run_volumes_open(build, &stage->stack, parts->layers, parts->layer_count, &plan->kept,
			parts->mounts, &parts->kept));
	if (n && userns_is_bare(build->options->userns->mode))
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "'%s' of the host cannot be shown with this "
						  "isolation: nothing can be mounted",
						  told->volumes[0].source),
				"'kiln doctor' says what is missing for a better one");
	TRY(volumes_open(told->volumes, n, build->options->store, build->options->userns, user,
			parts->mounts + kept, &parts->volumes));
	n += kept;
	/* Of a volume and a --mount in one place Buildah shows the volume: that is how a script has
	 * what a step writes to its context. */
	for (size_t i = 0; i < ready; i++)
		if (!is_covered(told, &mounts->ready.p[i]))
			parts->mounts[n++] = mounts->ready.p[i];
	if (plan->script)
		parts->mounts[n++] = (struct sandbox_mount){ .kind = SANDBOX_FILE,
			.target = plan->argv.p[0],
			.read_only = true,
			.content = plan->script,
			.content_bytes = strlen(plan->script),
			.mode = 0755 };
	parts->mount_count = n;
	for (size_t i = 0; mounts && i < mounts->env.n; i++) {
		AUTO_FREE char *name = xstrndup(mounts->env.p[i], strcspn(mounts->env.p[i], "="));

		list_env_set(&parts->environment, name, mounts->env.p[i] + strlen(name) + 1);
	}
	return NULL;
}

static void gather_groups(
		const struct build *build, const struct user *user, struct step_parts *parts)
{
	const struct build_run_options *told = &build->options->run;

	parts->group_count = user->n_groups + told->group_count;
	parts->groups = xcalloc(parts->group_count, sizeof(*parts->groups));
	for (size_t i = 0; i < parts->group_count; i++)
		parts->groups[i] = i < user->n_groups ? user->groups[i]
						      : told->groups[i - user->n_groups];
}

static FALLIBLE gather_parts(struct build *build, struct stage_run *stage,
		const struct step_run *step, const struct user *user, struct step_parts *parts)
{
	const struct build_options *options = build->options;
	const struct plan_run *run = &step->step->run;

	parts->argv = xcalloc(run->argv.n + 1, sizeof(*parts->argv));
	for (size_t i = 0; i < run->argv.n; i++)
		parts->argv[i] = run->argv.p[i];
	step_environment(build, run, user, &parts->environment);
	parts->layers = stack_mount_dirs(&build->layers, &stage->stack, &parts->layer_count);
	TRY(gather_mounts(build, stage, step, user, parts));
	gather_groups(build, user, parts);
	parts->env = xcalloc(parts->environment.n + 1, sizeof(*parts->env));
	for (size_t i = 0; i < parts->environment.n; i++)
		parts->env[i] = parts->environment.p[i];
	parts->hosts = xcalloc(options->host_count, sizeof(*parts->hosts));
	for (size_t i = 0; i < options->host_count; i++)
		parts->hosts[i] = (struct sandbox_host){ options->hosts[i].name,
			options->hosts[i].address };
	size_t limits = options->ulimits ? options->ulimits->n : 0;
	parts->limits = xcalloc(limits, sizeof(*parts->limits));
	for (; parts->limit_count < limits; parts->limit_count++)
		TRY(sandbox_limit_parse(str_of(options->ulimits->p[parts->limit_count]),
				&parts->limits[parts->limit_count]));
	return NULL;
}

static FALLIBLE run_step(struct build *build, struct stage_run *stage, struct step_run *run,
		const struct layer_draft *draft, const struct owner *root, const struct user *user,
		struct pump *pump, struct sandbox_result *ret)
{
	const struct plan_run *plan = &run->step->run;
	const struct build_run_options *told = &build->options->run;
	AUTO(step_parts) struct step_parts parts = { .stdin_fd = -1 };
	AUTO_FD int draft_fd = -1, work_fd = -1;
	const char *shared_name = sandbox_hostname(build->options->sandbox);
	AUTO_FREE char *containerenv =
			containerenv_text(told->engine, NULL, build->options->userns);

	TRY(file_open(store_dir_fd(build->options->store), draft->dir, O_PATH | O_DIRECTORY, 0,
			&draft_fd));
	TRY(file_open(draft_fd, path_name(draft->work), O_RDONLY | O_DIRECTORY, 0, &work_fd));
	TRY(owner_set_fd(&build->options->userns->owner, draft->tree_fd, root));
	TRY(owner_set_fd(&build->options->userns->owner, work_fd, root));
	TRY(gather_parts(build, stage, run, user, &parts));
	/* 0 would mean none. */
	if (told->reads_stdin)
		parts.stdin_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	struct sandbox_step step = {
		.layers = parts.layers,
		.n_layers = parts.layer_count,
		.upper = { stage->stack.n ? draft_fd : -1, path_name(draft->tree) },
		.work = { stage->stack.n ? draft_fd : -1, path_name(draft->work) },
		.is_volatile = true,
		.root = { draft_fd, path_name(draft->tree) },
		.argv = parts.argv,
		.env = parts.env,
		.cwd = run->step->workdir,
		.uid = user->uid,
		.gid = user->gid,
		.groups = parts.groups,
		.n_groups = parts.group_count,
		.hostname = shared_name ? shared_name : build_hostname(build->options),
		.network = step_network(build, plan->network),
		.hosts = parts.hosts,
		.n_hosts = build->options->host_count,
		.no_hosts_file = told->no_hosts_file,
		.containerenv = containerenv,
		.no_hostname_file = told->no_hostname_file,
		.no_resolv_file = told->no_resolv_file,
		.shm_bytes = build->options->shm_bytes,
		.resources = build->options->resources,
		.insecure = plan->is_insecure,
		.dns = told->dns,
		.dns_search = told->dns_search,
		.dns_options = told->dns_options,
		.add_capabilities = told->add_capabilities,
		.drop_capabilities = told->drop_capabilities == UINT64_MAX
						     ? UINT64_MAX & ~told->add_capabilities
						     : told->drop_capabilities,
		.is_unconfined = told->is_unconfined,
		.no_new_privileges = told->no_new_privileges,
		.security = told->security,
		.limits = parts.limits,
		.n_limits = parts.limit_count,
		.mounts = parts.mounts,
		.n_mounts = parts.mount_count,
		.stdin_fd = parts.stdin_fd,
		.stdout_fd = pump->step_fds[0],
		.stderr_fd = pump->step_fds[1],
	};
	if (userns_is_bare(build->options->userns->mode))
		return flat_run(build, stage, &step, draft->tree_fd, ret);
	return sandbox_run(build->options->sandbox, &step, build->options->cancel, ret);
}

/* "process \"/bin/sh -c make\" did not complete successfully: exit code: 2" */
static struct error *failed(const struct step_run *run, const struct sandbox_result *result)
{
	AUTO(strbuf) struct strbuf command = { 0 };
	const struct plan_run *plan = &run->step->run;

	for (size_t i = 0; i < plan->argv.n; i++)
		strbuf_addf(&command, "%s%s", i ? " " : "", plan->argv.p[i]);
	if (result->signal)
		return error_code(ERR_EXIT, result->status,
				"process \"%s\" was killed by signal %d (%s)",
				strbuf_text(&command), result->signal,
				sigabbrev_np(result->signal));
	struct error *error = error_code(ERR_EXIT, result->status,
			"process \"%s\" did not complete successfully: exit code: %d",
			strbuf_text(&command), result->status);
	return run->kept[0] ? error_hint(error,
					      "'kiln shell --failed' opens a shell where it failed")
			    : error;
}

/* "/" itself: its owner and mode were set to what they are below. */
static FALLIBLE is_root_changed(struct build *build, const struct owner *before,
		const struct layer_draft *draft, bool *ret)
{
	struct owner now;
	struct stat st;

	if (fstat(draft->tree_fd, &st) != 0)
		return error_sys("look at what the step changed");
	TRY(owner_get_fd(&build->options->userns->owner, draft->tree_fd, &st, &now));
	*ret = now.mode != before->mode || now.uid != before->uid || now.gid != before->gid;
	return NULL;
}

static const struct secrets *secrets_of(const struct step_run *run)
{
	return run->mounts ? run->mounts->secrets : NULL;
}

/* A find that is allowed is told; another is the failure (takes found; NULL is fine). */
static FALLIBLE judge_find(struct build *build, const struct step_run *run, struct error *found)
{
	if (!found || !error_is(found, ERR_DENIED) || !build->options->allows_secret_in_layer)
		return found;
	progress_note(build->options->progress, run->vertex, "%s", found->message);
	error_free(found);
	return NULL;
}

static FALLIBLE look_for_secrets(
		struct build *build, const struct step_run *run, const struct layer_draft *draft)
{
	const struct secrets *secrets = secrets_of(run);

	return secrets ? judge_find(build, run,
					 secrets_scan(secrets, draft->tree_fd,
							 build->options->cancel))
		       : NULL;
}

static struct entry_sink *watch_sink(void *user, struct entry_sink *below)
{
	return secrets_sink(user, below);
}

/*
 * What a step with secrets wrote, looked through before anybody can have it. A layer of the image
 * becomes its blob in the same read, which other layers do in the background: nothing may be built
 * on this one, and nothing of it sent, before it is known to be clean.
 */
static FALLIBLE examine(struct build *build, const struct stage_run *stage, struct step_run *run,
		struct build_layer *layer, const struct layer_draft *draft, struct stack_blob **ret)
{
	AUTO(secrets_watch)
	struct secrets_watch watch = { .secrets = secrets_of(run),
		.goes_on = build->options->allows_secret_in_layer };

	*ret = NULL;
	if (!watch.secrets)
		return NULL;
	/* What is left out of the layer lies in the store all the same. */
	if (!stage->is_exported || !build->exports || run->is_trial || build_ignores(build))
		return look_for_secrets(build, run, draft);
	struct error *error = stack_blob_make(&build->layers, &stage->stack, layer, draft->tree_fd,
			watch_sink, &watch, ret);
	if (!watch.found || watch.goes_on) {
		TRY(judge_find(build, run, TAKE(watch.found)));
		return error;
	}
	error_ignore(error, "what was found is told instead");
	return TAKE(watch.found);
}

static FALLIBLE keep_changes(struct build *build, const struct stage_run *stage,
		const struct owner *root, struct step_run *run, struct layer_draft *draft)
{
	AUTO(stack_blob) struct stack_blob *blob = NULL;
	struct layer_facts facts = { 0 };
	bool is_empty = false, is_changed = false;

	TRY(dir_is_empty(draft->tree_fd, &is_empty));
	TRY(is_root_changed(build, root, draft, &is_changed));
	if (is_empty && !is_changed)
		return NULL;
	struct build_layer *layer = layer_new(&build->layers);
	layer->is_timed = build->options->has_epoch;
	layer->is_exact = stage->flat && stage->flat->is_exact && !is_changed;
	TRY(examine(build, stage, run, layer, draft, &blob));
	TRY(layer_commit(draft, &facts, layer->id));
	layer->dir = xasprintf("layers/%s", layer->id);
	if (blob)
		TRY(stack_blob_keep(TAKE(blob)));
	run->layer = layer;
	return NULL;
}

/* For 'kiln shell'; not where a secret was left, which would lie in the store from then on. */
static void keep_what_failed(struct build *build, struct step_run *run, struct layer_draft *draft)
{
	struct error *error = look_for_secrets(build, run, draft);

	if (error)
		progress_note(build->options->progress, run->vertex,
				"what the step wrote is not kept: %s", error->message);
	else
		keep_failed(build, run, draft);
	error_free(error);
}

static void tell_usage(const struct build *build, const struct step_run *run,
		const struct sandbox_result *result)
{
	const struct progress_usage usage = { result->user_ns, result->system_ns,
		result->read_bytes, result->written_bytes };

	progress_usage(build->options->progress, run->vertex, &usage);
}

/*
 * What it saw alive changed meanwhile, as when an editor saves a file: neither of the two states is
 * surely what it saw, so nothing of it is kept, and it runs again on a copy, whose content its key
 * then speaks of.
 */
static FALLIBLE look_for_change(struct build *build, struct step_run *run, bool *ret_again)
{
	const char *changed = NULL;

	TRY(mounts_finish(build, run, &changed));
	*ret_again = changed && !run->is_trial;
	if (changed && run->is_trial)
		return select_changed(changed);
	if (changed)
		progress_note(build->options->progress, run->vertex,
				"'%s' of the build context changed while the step had it mounted: "
				"it runs once more, on a copy",
				changed);
	return NULL;
}

/* The step, and what it leaves; *ret_again: nothing of that counts. */
static FALLIBLE try_once(struct build *build, struct stage_run *stage, struct step_run *run,
		const struct owner *root, const struct user *user, bool *ret_again)
{
	AUTO(layer_draft) struct layer_draft draft = { 0 };
	AUTO(pump) struct pump pump = PUMP_INIT;
	AUTO(group) struct group *group = group_new();
	struct sandbox_result result = { 0 };

	TRY(mounts_prepare(build, run, user));
	TRY(layer_begin(build->options->store, &draft));
	TRY(pump_open(&pump, build->options->progress, run->vertex,
			run->mounts ? run->mounts->secrets : NULL));
	if (!group_start(group, "output", pump_work, &pump))
		return group_join(group);
	struct error *error = run_step(build, stage, run, &draft, root, user, &pump, &result);
	mounts_release(run);
	pump_close_step(&pump);
	error = error_first(error, group_join(group));
	if (error)
		return error;
	tell_usage(build, run, &result);
	if (result.notes[0])
		progress_note(build->options->progress, run->vertex, "%s", result.notes);
	if (result.status != 0) {
		keep_what_failed(build, run, &draft);
		return failed(run, &result);
	}
	TRY(look_for_change(build, run, ret_again));
	return *ret_again ? NULL : keep_changes(build, stage, root, run, &draft);
}

FALLIBLE op_run(struct build *build, struct stage_run *stage, struct step_run *run)
{
	const struct user *user = NULL;
	struct owner root;
	bool again = false;

	TRY(stage_need_files(build, stage, run->vertex));
	TRY(stage_root_owner(build, stage, &root));
	TRY_WRAP(stage_user(build, stage, run->step->user, &user), "USER %s", run->step->user);
	TRY(try_once(build, stage, run, &root, user, &again));
	if (!again)
		return NULL;
	mounts_start_over(build, run);
	/* A plain directory has by now what is not kept. */
	flat_free(TAKE(stage->flat));
	TRY(stage_need_files(build, stage, run->vertex));
	again = false;
	return try_once(build, stage, run, &root, user, &again);
}

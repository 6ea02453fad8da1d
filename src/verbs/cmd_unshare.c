/*
 * unshare: a command, often a shell, as root of the user namespace that the containers of an
 * ordinary user live in. There kiln is root with a mount namespace that stays, so 'mount' works.
 */
#include "verbs/verbs.h"
#include "verbs/work.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "sys/proc.h"
#include "ui/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct unshare_opts {
	struct list mounts;
};

#define OPTS unshare_opts
static const struct option options[] = {
	OPT_LIST('m', "mount", mounts, "[VARIABLE=]CONTAINER",
			"mount it, and tell the command where"),
	OPT_END,
};
#undef OPTS

/* Everything in there is for the same store, and for us as who we were. */
static void environment(const struct work *work, struct list *out)
{
	for (char **variable = environ; *variable; variable++)
		list_add(out, *variable);
	list_env_set(out, "KILN_ROOT", store_root(work->session.store));
	if (!list_env_get(out, "BUILDAH_ISOLATION"))
		list_env_set(out, "BUILDAH_ISOLATION", "rootless");
	list_env_set(out, "container", "");
	list_env_set(out, "_CONTAINERS_USERNS_CONFIGURED", "done");
	AUTO_FREE char *uid = xasprintf("%u", work->session.userns.outer_uid);
	AUTO_FREE char *gid = xasprintf("%u", work->session.userns.outer_gid);
	list_env_set(out, "_CONTAINERS_ROOTLESS_UID", uid);
	list_env_set(out, "_CONTAINERS_ROOTLESS_GID", gid);
}

/* The thread that visits "the other namespace" goes to our own, where the command will run. */
static FALLIBLE mount_one(struct work *work, const char *text, struct list *env)
{
	struct str variable, name;

	if (!str_cut(str_of(text), '=', &variable, &name)) {
		name = variable;
		variable = STR("");
	}
	AUTO_FREE char *container = str_dup(name);
	TRY(work_take(work, container, false));
	AUTO_FREE char *path = xasprintf("%s/containers/%s/merged", store_root(work->session.store),
			work->container->id);
	TRY(working_mount(work->working, -1, path));
	AUTO_FREE char *key = variable.n ? str_dup(variable) : xstrdup(work->container->name);
	for (char *p = key; *p; p++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_", *p))
			*p = '_';
	list_env_set(env, key, path);
	return work_release(work);
}

static FALLIBLE unmount_all(struct work *work, const struct list *mounts)
{
	for (size_t i = 0; i < mounts->n; i++) {
		const char *equals = strchr(mounts->p[i], '=');
		AUTO(container) struct container *container = NULL;

		TRY(container_open(work->session.store, equals ? equals + 1 : mounts->p[i],
				work->session.cancel, &container));
		if (container->mount_point)
			(void)rmdir(container->mount_point);
		free(TAKE(container->mount_point));
		TRY(container_save(container));
	}
	return NULL;
}

static FALLIBLE run_command(struct work *work, const struct list *args, struct list *env)
{
	AUTO(list) struct list argv = { 0 };
	const char *shell = config_getenv("SHELL");
	int status = 0, pid_fd = -1;
	pid_t pid;

	for (size_t i = args->n && text_equal(args->p[0], "--"); i < args->n; i++)
		list_add(&argv, args->p[i]);
	if (!argv.n)
		list_add(&argv, shell ? shell : "/bin/sh");
	AUTO_FREE char *program = xstrdup(argv.p[0]);
	vec_push(&argv, NULL);
	vec_push(env, NULL);
	const struct proc_spec spec = {
		.argv = (const char *const *)argv.p,
		.env = (const char *const *)env->p,
		.stdin_fd = dup(STDIN_FILENO),
		.stdout_fd = STDOUT_FILENO,
		.stderr_fd = STDERR_FILENO,
	};
	struct error *error = proc_spawn(&spec, &pid, &pid_fd);
	if (!error)
		error = proc_wait(pid, pid_fd, work->session.cancel, &status);
	if (spec.stdin_fd >= 0)
		(void)close(spec.stdin_fd);
	if (pid_fd >= 0)
		(void)close(pid_fd);
	if (error_is(error, ERR_NOT_FOUND))
		error->code = EXIT_NO_PROGRAM;
	TRY(error);
	return status ? error_code(ERR_EXIT, status, "%s: exit status %d", program, status) : NULL;
}

static struct error *run(const struct invocation *call)
{
	const struct unshare_opts *opts = call->opts;
	AUTO(work) struct work work = WORK_INIT;
	AUTO(list) struct list env = { 0 };

	if (geteuid() == 0)
		return error_hint(error_new(ERR_UNSUPPORTED, "please use unshare with rootless"),
				"root mounts containers without it");
	TRY(work_open(call, WORK_FILES, &work));
	environment(&work, &env);
	for (size_t i = 0; i < opts->mounts.n; i++)
		TRY(mount_one(&work, opts->mounts.p[i], &env));
	struct error *error = run_command(&work, call->args, &env);
	return error_first(error, unmount_all(&work, &opts->mounts));
}

const struct command cmd_unshare = {
	.name = "unshare",
	.args = "[COMMAND...]",
	.summary = "Run a command as root of the namespace that containers live in",
	.description = "For ordinary users; without a command, a shell. 'mount' works in it.",
	.options = options,
	.opts_size = sizeof(struct unshare_opts),
	.max_args = ARGS_ANY,
	.stops_at_argument = true,
	.run = run,
};

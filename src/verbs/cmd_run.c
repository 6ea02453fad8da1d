#include "verbs/run_flags.h"
#include "verbs/terminal.h"
#include "verbs/verbs.h"
#include "verbs/work.h"

#include "base/str.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct run_opts {
	struct run_flags run;
	struct list env, mounts;
	char *user, *workdir, *hostname, *context_dir;
	struct list valid_codes;
	bool terminal, add_history, no_hostname, no_hosts, no_pivot;
};

static const struct run_opts defaults = { .run = { .http_proxy = true } };

#define OPTS run_opts
static const struct option options[] = {
	OPT_LIST('e', "env", env, "NAME=VALUE", "a variable, for this command"),
	OPT_TEXT('u', "user", user, "USER[:GROUP]", "who it runs as"),
	OPT_TEXT(0, "workingdir", workdir, "DIR", "where it runs"),
	OPT_TEXT(0, "hostname", hostname, "NAME", "the host's name that it sees"),
	OPT_FLAG('t', "terminal", terminal, "give it a terminal"),
	OPT_FLAG(0, "tty", terminal, "give it a terminal", .is_hidden = true),
	OPT_LIST(0, "mount", mounts, "type=bind|tmpfs,...", "mount something while it runs"),
	OPT_FLAG(0, "add-history", add_history, "tell of it in the image's history"),
	OPT_LIST(0, "valid-exit-codes", valid_codes, "CODE[,CODE]",
			"exit codes that are no failure"),
	OPT_TEXT(0, "contextdir", context_dir, "DIR", "refused", .is_hidden = true),
	OPT_FLAG(0, "no-hostname", no_hostname, "refused", .is_hidden = true),
	OPT_FLAG(0, "no-hosts", no_hosts, "refused", .is_hidden = true),
	OPT_FLAG(0, "no-pivot", no_pivot, "kiln decides that itself", .is_hidden = true),
	RUN_FLAG_ROWS,
	OPT_END,
};
#undef OPTS

/* "NAME" alone takes ours, "NAME-" nothing. */
static void environment(const struct run_opts *opts, const struct config *config,
		const struct run_flags *flags, struct list *out)
{
	if (flags->http_proxy)
		list_add_all(out, &config->environment.proxies);
	for (size_t i = 0; i < opts->env.n; i++) {
		const char *text = opts->env.p[i];
		const char *ours = strchr(text, '=') ? NULL : config_getenv(text);

		if (strchr(text, '='))
			list_add(out, text);
		else if (ours)
			list_addf(out, "%s=%s", text, ours);
	}
}

/* "/bin/sh -c ..." as Buildah's history has it. */
static void add_history(struct container *container, const struct list *argv)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	for (size_t i = 0; i < argv->n; i++)
		strbuf_addf(&text, "%s%s", i ? " " : "", argv->p[i]);
	image_config_add_history(&container->config, NULL, strbuf_text(&text), NULL, true);
}

static bool is_valid(const struct run_opts *opts, int status)
{
	for (size_t i = 0; i < opts->valid_codes.n; i++) {
		struct str rest = str_of(opts->valid_codes.p[i]), one;

		while (rest.n) {
			uint64_t code = 0;

			(void)str_cut(rest, ',', &one, &rest);
			struct error *error = parse_u64(str_trim(one), 255, &code);
			if (!error && (int)code == status)
				return true;
			error_free(error);
		}
	}
	return false;
}

static FALLIBLE result_of(const struct run_opts *opts, const struct sandbox_result *result)
{
	if (result->status == 0 || is_valid(opts, result->status))
		return NULL;
	if (result->signal)
		return error_code(ERR_EXIT, result->status, "killed by signal %d (%s)",
				result->signal, sigabbrev_np(result->signal));
	return error_code(ERR_EXIT, result->status, "exit status %d", result->status);
}

/* Our own streams as they are: 0 would mean none. */
static FALLIBLE own_streams(struct working_run *run, int fds[3])
{
	for (int i = 0; i < 3; i++) {
		fds[i] = fcntl(i, F_DUPFD_CLOEXEC, 3);
		if (fds[i] < 0 && errno != EBADF)
			return error_sys("use standard input and output");
	}
	run->stdin_fd = fds[0];
	run->stdout_fd = fds[1];
	run->stderr_fd = fds[2];
	return NULL;
}

static void close_streams(const int fds[3])
{
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

static FALLIBLE run_in(struct work *work, const struct run_opts *opts, struct working_run *run,
		struct sandbox_result *ret)
{
	AUTO(terminal) struct terminal *terminal = NULL;
	int fds[3] = { -1, -1, -1 }, fd = -1;
	struct error *error = NULL;

	if (opts->terminal) {
		TRY(terminal_open(&terminal, &fd));
		run->stdin_fd = run->stdout_fd = run->stderr_fd = fd;
		run->has_terminal = true;
	} else {
		error = own_streams(run, fds);
	}
	if (!error)
		error = working_run(work->working, run, ret);
	close_streams(fds);
	return error;
}

static FALLIBLE check(const struct run_opts *opts)
{
	if (opts->context_dir)
		return error_code(
				ERR_INVALID, EXIT_USAGE, "option '--contextdir' is not supported");
	if (opts->no_hosts || opts->no_hostname)
		return error_hint(error_code(ERR_INVALID, EXIT_USAGE,
						  "option '--%s' is not supported",
						  opts->no_hosts ? "no-hosts" : "no-hostname"),
				"/etc/hosts and /etc/hostname of a step never reach the image");
	return NULL;
}

static FALLIBLE run_one(struct work *work, const struct run_opts *opts, const char *name,
		const struct list *argv)
{
	struct run_flags flags = { .http_proxy = opts->run.http_proxy };
	AUTO(run_parts) struct run_parts parts = { 0 };
	AUTO(list) struct list lines = { 0 }, env = { 0 };
	struct sandbox_result result = { 0 };

	TRY(work_take(work, name, true));
	run_flags_save(&opts->run, &lines);
	run_flags_load(&work->container->settings, &flags);
	run_flags_load(&lines, &flags);
	environment(opts, work->call->config, &flags, &env);
	struct error *error = run_parts_make(&flags, work->call->config, &parts);
	for (size_t i = 0; !error && i < opts->mounts.n; i++)
		error = run_parts_add_mount(&parts, opts->mounts.p[i]);
	struct working_run run = parts.run;
	run.argv = argv;
	run.env = &env;
	run.user = opts->user;
	run.workdir = opts->workdir;
	run.hostname = opts->hostname;
	run.hosts = parts.hosts.p;
	run.host_count = parts.hosts.n;
	run.volumes = parts.volumes.p;
	run.volume_count = parts.volumes.n;
	run.limits = parts.limits.p;
	run.limit_count = parts.limits.n;
	run.groups = parts.groups.p;
	run.group_count = parts.groups.n;
	if (!error)
		error = run_in(work, opts, &run, &result);
	run_flags_done(&flags);
	TRY(error);
	if (opts->add_history) {
		add_history(work->container, argv);
		TRY(container_save(work->container));
	}
	TRY(work_release(work));
	return result_of(opts, &result);
}

static struct error *run(const struct invocation *call)
{
	const struct run_opts *opts = call->opts;
	const struct list *args = call->args;
	AUTO(work) struct work work = WORK_INIT;
	AUTO(list) struct list argv = { 0 };

	if (args->n == 0)
		return error_usage("container ID must be specified");
	for (size_t i = args->n > 1 && text_equal(args->p[1], "--") ? 2 : 1; i < args->n; i++)
		list_add(&argv, args->p[i]);
	if (argv.n == 0)
		return error_usage("command must be specified");
	TRY(check(opts));
	TRY(run_flags_check(&opts->run));
	TRY(work_open(call, WORK_RUN, &work));
	return run_one(&work, opts, args->p[0], &argv);
}

const struct command cmd_run = {
	.name = "run",
	.args = "CONTAINER [--] COMMAND...",
	.summary = "Run a command in a working container",
	.description = "Its exit status is ours. Entrypoint and command of the image's config play "
		       "no part.",
	.options = options,
	.defaults = &defaults,
	.opts_size = sizeof(struct run_opts),
	.max_args = ARGS_ANY,
	.stops_at_argument = true,
	.run = run,
};

#include "verbs/mounts_conf.h"
#include "verbs/run_conf.h"
#include "verbs/run_flags.h"
#include "verbs/run_mounts.h"
#include "verbs/run_stdin.h"
#include "verbs/terminal.h"
#include "verbs/userns_flag.h"
#include "verbs/verbs.h"
#include "verbs/work.h"

#include "base/str.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "build/working_from.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct run_opts {
	struct run_flags run;
	struct list env, mounts, secrets, agents;
	char *user, *umask, *workdir, *hostname, *context_dir, *layers_key;
	struct list valid_codes;
	bool terminal, add_history, no_hostname, no_hosts, no_pivot, no_cache;
};

static const struct run_opts defaults = { .run = { .http_proxy = true } };

#define OPTS run_opts
static const struct option options[] = {
	OPT_LIST('e', "env", env, "NAME=VALUE", "a variable, for this command"),
	OPT_TEXT('u', "user", user, "USER[:GROUP]", "who it runs as"),
	OPT_TEXT(0, "umask", umask, "MODE", "what new files' modes are less, in octal; else 022"),
	OPT_TEXT(0, "workingdir", workdir, "DIR", "where it runs"),
	OPT_TEXT(0, "hostname", hostname, "NAME", "the host's name that it sees"),
	OPT_FLAG('t', "terminal", terminal, "give it a terminal"),
	OPT_FLAG(0, "tty", terminal, "give it a terminal", .is_hidden = true),
	OPT_LIST(0, "mount", mounts, "type=bind|tmpfs|cache|secret|ssh,...",
			"mount something while it runs"),
	OPT_LIST(0, "secret", secrets, "id=ID[,src=PATH|env=NAME]",
			"what --mount=type=secret shows"),
	OPT_LIST(0, "ssh", agents, "ID[=SOCKET|KEYFILE]", "what --mount=type=ssh shows"),
	LAYER_ROWS,
	OPT_TEXT(0, "layers-key", layers_key, "TEXT",
			"with --layers: stands for volumes and standard input in the key"),
	OPT_FLAG(0, "add-history", add_history, "tell of it in the image's history"),
	OPT_LIST(0, "valid-exit-codes", valid_codes, "CODE[,CODE]",
			"exit codes that are no failure"),
	OPT_TEXT(0, "contextdir", context_dir, "DIR",
			"where relative sources of --mount=type=bind are", .is_path = true),
	OPT_FLAG(0, "no-hostname", no_hostname, "it sees the image's own /etc/hostname"),
	OPT_FLAG(0, "no-hosts", no_hosts, "it sees the image's own /etc/hosts"),
	OPT_FLAG(0, "no-pivot", no_pivot, "kiln decides that itself", .is_hidden = true),
	RUN_FLAG_ROWS,
	OPT_END,
};
#undef OPTS

/* "/bin/sh -c ..." as Buildah's history has it. */
static char *history_text(const struct list *argv)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	for (size_t i = 0; i < argv->n; i++)
		strbuf_addf(&text, "%s%s", i ? " " : "", argv->p[i]);
	return strbuf_take(&text);
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
	if (is_valid(opts, result->status) || (result->status == 0 && !opts->valid_codes.n))
		return NULL;
	if (result->status == 0)
		return error_new(ERR_INVALID, "exit code 0 is not in the valid exit codes list");
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
	/* With --layers a terminal is nothing to read from: whoever wants it says -t. */
	bool is_given = !run->layers || run_stdin_has_input(STDIN_FILENO);
	if (run->layers && is_given)
		run->layers->unseen = "standard input may bring something; give it </dev/null";
	run->stdin_fd = is_given ? fds[0] : -1;
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

/* What a working_run is made of. */
struct parts {
	struct run_parts run;
	struct run_mounts mounts;
	struct list env;
	struct working_layers layers;
	char *created_by, *hostname;
	/* What --mount=from= shows. */
	struct shown_from {
		struct container *container;
		struct working_from *files;
	} * froms;
	size_t from_count;
};

static void parts_done(struct parts *parts)
{
	run_parts_done(&parts->run);
	run_mounts_done(&parts->mounts);
	list_done(&parts->env);
	free(parts->created_by);
	free(parts->hostname);
	for (size_t i = 0; i < parts->from_count; i++) {
		working_from_free(parts->froms[i].files);
		container_free(parts->froms[i].container);
	}
	free(parts->froms);
}

DEFINE_AUTO_VALUE(parts)

/* Images and containers that volumes are of. */
static FALLIBLE open_froms(struct work *work, struct parts *parts)
{
	struct volume_flags *flags = &parts->run.volumes;

	parts->froms = xcalloc(flags->volumes.n, sizeof(*parts->froms));
	for (size_t i = 0; i < flags->volumes.n; i++) {
		struct volume *volume = &flags->volumes.p[i];
		struct shown_from *from = &parts->froms[parts->from_count];
		AUTO_FREE char *image = NULL;

		if (!volume->from)
			continue;
		parts->from_count++;
		TRY(work_find_from(work, volume->from, false, &from->container, &image));
		if (from->container && text_equal(from->container->id, work->container->id))
			return error_usage("option '--mount': '%s' is the container itself",
					volume->from);
		TRY(working_from_open(work->working, from->container, image, &from->files));
		volume->layers = working_from_layers(from->files, &volume->n_layers);
	}
	return NULL;
}

static FALLIBLE set_umask(const char *text, struct working_run *run)
{
	uint64_t value = 0;
	struct error *error = parse_octal(str_of(text), UINT32_MAX, &value);

	if (error)
		return error_hint(usage_of_option(error, "--umask"), "as 022");
	if (value > 0777)
		return error_usage("umask value %05llo is out of range: it should be 0000 to 0777",
				(unsigned long long)value);
	run->has_umask = true;
	run->umask = (uint32_t)value;
	return NULL;
}

static FALLIBLE gather(struct work *work, const struct run_opts *opts, const struct list *argv,
		struct parts *parts)
{
	const struct config *config = work->call->config;
	const char *own = work->container->config.working_dir;
	const char *workdir = opts->workdir ? opts->workdir : own ? own : "/";
	struct working_run *run = &parts->run.run;

	TRY(run_conf_limits(work->call->program, &work->flags));
	for (size_t i = 0; i < opts->env.n; i++)
		config_add_variable(opts->env.p[i], &parts->env);
	TRY(run_parts_make(&work->flags, config, &parts->run));
	TRY(mounts_conf_read(work->call, &work->container->settings,
			work->session.podman.is_rootless, &parts->run.volumes));
	TRY(run_mounts_make(
			&opts->mounts, workdir, opts->context_dir, &parts->run, &parts->mounts));
	TRY(open_froms(work, parts));
	parts->created_by = history_text(argv);
	parts->layers = (struct working_layers){
		.no_cache = opts->no_cache,
		.declared = opts->layers_key,
		.created_by = parts->created_by,
	};
	run->argv = argv;
	run->env = &parts->env;
	run->quiet_env = work->flags.http_proxy ? &config->environment.proxies : NULL;
	run->user = opts->user;
	if (opts->umask)
		TRY(set_umask(opts->umask, run));
	run->workdir = opts->workdir;
	if (!opts->hostname)
		TRY(run_conf_hostname(
				work->call->program, work->container->name, &parts->hostname));
	run->hostname = opts->hostname ? opts->hostname : parts->hostname;
	run->no_hosts_file = opts->no_hosts;
	run->no_hostname_file = opts->no_hostname;
	run->layers = config->layers ? &parts->layers : NULL;
	run_parts_fill(&parts->run, &work->flags);
	return NULL;
}

static FALLIBLE run_one(struct work *work, const struct run_opts *opts, const char *name,
		const struct list *argv, struct parts *parts)
{
	struct sandbox_result result = { 0 };
	struct working_run *run = &parts->run.run;

	work->typed = &opts->run;
	TRY(work_take(work, name, true));
	TRY(gather(work, opts, argv, parts));
	TRY(run_in(work, opts, run, &result));
	layers_note(work->call, run->layers);
	if (result.notes[0])
		(void)fprintf(stderr, "%s: warning: %s\n", work->call->program, result.notes);
	/* A layer has its entry. */
	if (opts->add_history && (!run->layers || run->layers->uncached)) {
		struct image_config *config = &work->container->config;
		AUTO_FREE char *shell = history_text(&config->shell);
		AUTO_FREE char *text = xasprintf(
				"%s %s", shell[0] ? shell : "/bin/sh -c", parts->created_by);

		image_config_add_history(config, NULL, text, NULL, true);
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
	AUTO(parts) struct parts parts = { 0 };

	if (args->n == 0)
		return error_usage("container ID must be specified");
	for (size_t i = args->n > 1 && text_equal(args->p[1], "--") ? 2 : 1; i < args->n; i++)
		list_add(&argv, args->p[i]);
	if (argv.n == 0)
		return error_usage("command must be specified");
	TRY(run_flags_check(&opts->run));
	TRY(userns_flags_refuse(&opts->run));
	TRY(run_mounts_flags(&opts->secrets, &opts->agents, &parts.mounts));
	TRY(work_open(call, WORK_RUN, &work));
	return run_one(&work, opts, args->p[0], &argv, &parts);
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

#include "kiln/commands.h"

#include "base/str.h"
#include "build/enter.h"
#include "ui/config.h"
#include "ui/secret_flag.h"
#include "ui/session.h"
#include "ui/ssh_flag.h"
#include "verbs/terminal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct shell_opts {
	bool failed, after, quiet;
	char *step, *command;
	struct list secrets, agents;
};

#define OPTS shell_opts
static const struct option rows[] = {
	OPT_FLAG(0, "failed", failed, "where the last build that failed did so"),
	OPT_TEXT(0, "step", step, "[STAGE:]N", "before that step, as '[STAGE N/M]' numbers them"),
	OPT_FLAG(0, "after", after, "after that step"),
	OPT_TEXT('c', "command", command, "COMMAND",
			"run this in /bin/sh, and no shell for people"),
	OPT_LIST(0, "secret", secrets, "id=ID[,src=FILE|,env=NAME]",
			"for the step's mounts of type secret"),
	OPT_LIST(0, "ssh", agents, "ID[=SOCKET|KEYFILE,...]", "for those of type ssh"),
	OPT_FLAG('q', "quiet", quiet, "do not say where it is"),
	OPT_END,
};
#undef OPTS

/* "4", "build:4", "build" */
static FALLIBLE read_step(const char *text, char **ret_stage, struct enter_wish *ret)
{
	struct str stage, number;

	if (!text)
		return NULL;
	if (!str_cut(str_of(text), ':', &stage, &number)) {
		bool is_number = *text && strspn(text, "0123456789") == strlen(text);

		number = str_of(is_number ? text : "");
		stage = str_of(is_number ? "" : text);
	}
	if (number.n)
		TRY(usage_of_option(parse_u64(number, 1000000, &ret->number), "--step"));
	if (!number.n && !stage.n)
		return error_usage("option '--step': '%s' is not [STAGE:]N", text);
	*ret_stage = stage.n ? str_dup(stage) : NULL;
	ret->stage = *ret_stage;
	return NULL;
}

/* Ours, under numbers that are no standard stream's: 0 says "none" to a step. */
static FALLIBLE copy_streams(int fds[3])
{
	for (int i = 0; i < 3; i++) {
		fds[i] = fcntl(i, F_DUPFD_CLOEXEC, 3);
		if (fds[i] < 0)
			return error_sys("copy a standard stream");
	}
	return NULL;
}

static FALLIBLE enter(struct entrance *entrance, const char *command, int *ret_status)
{
	AUTO(terminal) struct terminal *terminal = NULL;
	const char *const argv[] = { "/bin/sh", "-c", command, NULL };
	bool has_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	int fds[3] = { -1, -1, -1 };

	if (!has_terminal) {
		TRY(copy_streams(fds));
	} else {
		TRY(terminal_open(&terminal, &fds[0]));
		fds[1] = fds[2] = fds[0];
	}
	struct error *error =
			enter_run(entrance, command ? argv : NULL, fds, has_terminal, ret_status);
	for (int i = 0; i < 3 && !has_terminal; i++)
		(void)close(fds[i]);
	return error;
}

/* Secrets and agents: what the step had is in no history, so they are given anew. */
struct given {
	struct secret_flags secrets;
	struct ssh_flags agents;
};

static void given_done(struct given *given)
{
	secret_flags_done(&given->secrets);
	ssh_flags_done(&given->agents);
}

DEFINE_AUTO_VALUE(given)

static FALLIBLE read_given(const struct shell_opts *opts, struct given *ret)
{
	for (size_t i = 0; i < opts->secrets.n; i++)
		TRY(secret_flags_add(&ret->secrets, opts->secrets.p[i], config_getenv));
	for (size_t i = 0; i < opts->agents.n; i++)
		TRY(ssh_flags_add(&ret->agents, opts->agents.p[i], config_getenv("SSH_AUTH_SOCK")));
	return NULL;
}

static struct error *run(const struct invocation *call)
{
	const struct shell_opts *opts = call->opts;
	struct enter_wish wish = { .build = call->args->n ? call->args->p[0] : NULL,
		.is_failed = opts->failed,
		.is_after = opts->after };
	AUTO(given) struct given given = { 0 };
	AUTO(session) struct session session = { 0 };
	AUTO(entrance) struct entrance *entrance = NULL;
	AUTO_FREE char *stage = NULL;
	int status = 0;

	TRY(read_step(opts->step, &stage, &wish));
	if (opts->failed && opts->step)
		return error_usage("'--failed' and '--step' contradict each other");
	if (opts->after && !wish.number)
		return error_usage("'--after' wants '--step N'");
	TRY(read_given(opts, &given));
	TRY(session_open(call->config,
			SESSION_STORE | SESSION_REGISTRY | SESSION_TREES | SESSION_SANDBOX,
			&session));
	TRY(secret_flags_load(&given.secrets, config_getenv));
	struct build_options options = { .store = session.store,
		.registry = session.registry,
		.trust = session.trust,
		.decryption = session.decryption,
		.podman = &session.podman,
		.sandbox = session.sandbox,
		.userns = &session.userns,
		.secrets = given.secrets.loaded.p,
		.secret_count = given.secrets.loaded.n,
		.agents = given.agents.agents.p,
		.agent_count = given.agents.agents.n,
		.cancel = session.cancel };
	TRY(enter_open(&options, &wish, &entrance));
	if (!opts->quiet)
		(void)fprintf(stderr, "%s; changes are thrown away\n", entrance_text(entrance));
	TRY(enter(entrance, opts->command, &status));
	if (status == 0 || !opts->command)
		return NULL;
	return error_code(ERR_EXIT, status, "the command '%s' failed with exit code %d",
			opts->command, status);
}

const struct command cmd_shell = {
	.name = "shell",
	.args = "[BUILD]",
	.summary = "Enter a step of a build",
	.description = "A shell in the files that a step of a build saw, as its user, in its "
		       "working directory, with its environment and its mounts; without a step: "
		       "where the build failed, else what it made. BUILD is an id of 'kiln explain "
		       "--list' or a name that the image got; the last build by default. What is "
		       "changed there is thrown away, in cache mounts too. Of the last step that "
		       "failed, what it had written is there until it is pruned.",
	.examples = "kiln shell --failed\n"
		    "kiln shell app --step build:4\tbefore step 4 of stage build\n"
		    "kiln shell --step 3 --after -c 'ls -l /out'\n",
	.options = rows,
	.opts_size = sizeof(struct shell_opts),
	.max_args = 1,
	.run = run,
};

/* executor login: keep a name and password in $DOCKER_CONFIG/config.json, as the program that it
 * names keeps them, without asking the registry. */
#include "kaniko/kaniko.h"

#include "base/str.h"
#include "registry/creds.h"
#include "sys/fd.h"
#include "ui/config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PASSWORD_BYTES = 64 * 1024 };

struct login_opts {
	char *username, *password;
	bool password_stdin;
};

#define OPTS login_opts
static const struct option rows[] = {
	OPT_TEXT('u', "username", username, "NAME", "the user's name"),
	OPT_TEXT('p', "password", password, "TEXT",
			"seen by every user of this machine; rather use --password-stdin"),
	OPT_FLAG(0, "password-stdin", password_stdin, "read the password from standard input"),
	OPT_END,
};
#undef OPTS

static FALLIBLE read_password(char **ret)
{
	size_t n = 0;

	TRY_WRAP(fd_read_all(STDIN_FILENO, PASSWORD_BYTES, ret, &n), "read the password");
	while (n > 0 && ((*ret)[n - 1] == '\n' || (*ret)[n - 1] == '\r'))
		(*ret)[--n] = '\0';
	return NULL;
}

static struct error *run(const struct invocation *call)
{
	const struct login_opts *opts = call->opts;
	const struct environment *environment = &call->config->environment;
	const char *dir = environment->docker_config;
	AUTO_FREE char *file = dir ? xasprintf("%s/config.json", dir)
				   : xasprintf("%s/.docker/config.json", environment->home);
	const struct creds_settings creds = { .auth_file = file,
		.helper_env = (const char *const *)environ };
	AUTO(credential) struct credential credential = { 0 };
	AUTO_FREE char *where = NULL;

	if (!opts->username || !opts->username[0])
		return error_usage("option '--username' is needed");
	if (opts->password && opts->password_stdin)
		return error_usage(
				"options '--password' and '--password-stdin' exclude each other");
	if (!opts->password && !opts->password_stdin)
		return error_hint(error_usage("no password given"),
				"'--password-stdin' reads it from standard input");
	credential.username = xstrdup(opts->username);
	if (opts->password)
		credential.password = xstrdup(opts->password);
	else
		TRY(read_password(&credential.password));
	if (!credential.password[0])
		return error_usage("the password is empty");
	TRY(creds_store(&creds, call->args->p[0], &credential, NULL, &where));
	(void)fprintf(stderr, "Logged in to %s; kept in %s\n", call->args->p[0], where);
	return NULL;
}

const struct command cmd_executor_login = {
	.name = "login",
	.args = "REGISTRY",
	.summary = "Keep a name and password for a registry",
	.options = rows,
	.opts_size = sizeof(struct login_opts),
	.min_args = 1,
	.max_args = 1,
	.examples = "executor login -u ci --password-stdin registry.example < token\n",
	.run = run,
};

#include "verbs/verbs.h"

#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "registry/registry.h"
#include "sys/fd.h"
#include "ui/session.h"

#include <stdio.h>
#include <termios.h>
#include <unistd.h>

struct login_opts {
	char *username, *password, *compat_file;
	bool password_stdin, get, verbose;
};

#define OPTS login_opts
static const struct option login_options[] = {
	OPT_TEXT('u', "username", username, "NAME", "the user's name; asked for otherwise"),
	OPT_TEXT('p', "password", password, "TEXT",
			"seen by every user of this machine; rather use --password-stdin"),
	OPT_FLAG(0, "password-stdin", password_stdin, "read the password from standard input"),
	OPT_FLAG(0, "get-login", get, "print the name that is logged in, and do nothing"),
	OPT_SETTING(0, "authfile", "PATH", "the file to keep credentials in", .is_path = true),
	OPT_TEXT(0, "compat-auth-file", compat_file, "PATH", "the same, a file of Docker's",
			.is_path = true),
	OPT_SETTING(0, "cert-dir", "DIR", "certificates for every registry, instead of certs.d",
			.is_path = true),
	OPT_FLAG('v', "verbose", verbose, "tell where they are kept"),
	OPT_SETTING(0, "insecure-registry", "HOST[:PORT]",
			"speak to it without TLS, or without checking it"),
	OPT_SETTING(0, "tls-verify", NULL, "check certificates of registries (the default)"),
	OPT_END,
};
#undef OPTS

/* Everything but the last line end. */
static FALLIBLE read_all(int fd, char **ret)
{
	char buf[4096];
	size_t n = 0;

	TRY(fd_read_full(fd, buf, sizeof(buf), &n));
	if (n == sizeof(buf))
		return error_new(ERR_LIMIT, "the password is longer than %zu bytes",
				sizeof(buf) - 1);
	while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == '\r'))
		n--;
	*ret = xstrndup(buf, n);
	explicit_bzero(buf, sizeof(buf));
	return NULL;
}

/* One line from the terminal, not echoed when it is a secret. */
static FALLIBLE ask(const char *question, bool is_secret, char **ret)
{
	struct termios before, quiet;
	char line[1024];

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) != 0)
		return error_hint(error_usage("no %s given, and no terminal to ask", question),
				"'--username NAME --password-stdin' reads the password from "
				"standard input");
	(void)fprintf(stderr, "%s: ", question);
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	if (is_secret)
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);

	char *got = fgets(line, sizeof(line), stdin);

	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	if (is_secret)
		(void)fputc('\n', stderr);
	if (!got)
		return error_new(ERR_CANCELED, "no %s given", question);
	*ret = xstrndup(line, strcspn(line, "\n"));
	explicit_bzero(line, sizeof(line));
	return NULL;
}

static FALLIBLE get_credential(const struct login_opts *opts, struct credential *ret)
{
	if (opts->password && opts->password_stdin)
		return error_usage(
				"options '--password' and '--password-stdin' exclude each other");
	if (opts->password_stdin && !opts->username)
		return error_usage("option '--password-stdin' needs '--username'");
	if (opts->username)
		ret->username = xstrdup(opts->username);
	else
		TRY(ask("user name", false, &ret->username));
	if (opts->password)
		ret->password = xstrdup(opts->password);
	else if (opts->password_stdin)
		TRY_WRAP(read_all(STDIN_FILENO, &ret->password), "read the password");
	else
		TRY(ask("password", true, &ret->password));
	if (!ret->username || !ret->username[0])
		return error_usage("an empty user name");
	if (!ret->password || !ret->password[0])
		return error_usage("an empty password");
	return NULL;
}

/* People paste URLs. Docker Hub has one name here. */
static char *host_of(const struct list *args)
{
	struct str text = str_of(args->n ? args->p[0] : "docker.io");

	if (str_starts(text, "https://"))
		text = str_slice(text, 8, text.n);
	else if (str_starts(text, "http://"))
		text = str_slice(text, 7, text.n);
	while (str_ends(text, "/"))
		text.n--;
	if (str_is(text, "index.docker.io/v1") || str_is(text, "index.docker.io") ||
			str_is(text, "registry-1.docker.io"))
		text = STR("docker.io");
	return str_dup(text);
}

static void creds_of(const struct config *config, struct creds_settings *ret)
{
	const struct environment *environment = &config->environment;

	*ret = (struct creds_settings){
		.auth_file = config->auth_file ? config->auth_file
					       : environment->registry_auth_file,
		.docker_config_dir = environment->docker_config,
		.docker_auth_config = environment->docker_auth_config,
		.runtime_dir = environment->runtime_dir,
		.config_home = environment->config_home,
		.home = environment->home,
		.helper_env = (const char *const *)environ,
	};
}

/* --compat-auth-file: Docker knows hosts alone. */
static FALLIBLE use_compat_file(const struct invocation *call, const char *file, const char *key,
		struct creds_settings *ret)
{
	if (!file)
		return NULL;
	if (ret->auth_file && text_equal(call->program, "buildah"))
		return error_usage(
				"options for paths to the credential file and to the "
				"Docker-compatible credential file can not be set simultaneously");
	if (ret->auth_file)
		return error_usage(
				"options '--authfile' and '--compat-auth-file' exclude each other");
	if (strchr(key, '/'))
		return error_usage("'%s': a file of Docker's has credentials of hosts alone", key);
	ret->auth_file = file;
	return NULL;
}

static FALLIBLE get_login(
		struct session *session, const struct creds_settings *creds, const char *host)
{
	AUTO(credential) struct credential found = { 0 };

	TRY(creds_find(creds, host, NULL, session->cancel, &found));
	if (!credential_known(&found))
		return error_new(ERR_NOT_FOUND, "not logged in to '%s'", host);
	(void)printf("%s\n", found.username ? found.username : "<token>");
	return NULL;
}

/* Scripts look for Buildah's words. */
static FALLIBLE check_login(const struct invocation *call, struct session *session,
		const char *host, const struct credential *credential)
{
	struct error *error = registry_check_login(session->registry, host, credential);

	if (!text_equal(call->program, "buildah") || !error_is(error, ERR_DENIED))
		return error;
	error_free(error);
	return error_new(ERR_DENIED, "logging into \"%s\": invalid username/password", host);
}

static struct error *run_login(const struct invocation *call)
{
	const struct login_opts *opts = call->opts;
	AUTO(session) struct session session = { 0 };
	AUTO(credential) struct credential credential = { 0 };
	AUTO_FREE char *key = host_of(call->args);
	AUTO_FREE char *where = NULL;
	struct creds_settings creds;

	creds_of(call->config, &creds);
	TRY(use_compat_file(call, opts->compat_file, key, &creds));
	if (!opts->get)
		TRY(get_credential(opts, &credential));
	TRY(session_open(call->config, SESSION_REGISTRY | SESSION_NEW_AUTH, &session));
	if (opts->get)
		return get_login(&session, &creds, key);

	struct str host, path;

	str_cut(str_of(key), '/', &host, &path);

	AUTO_FREE char *name = str_dup(host);

	TRY(check_login(call, &session, name, &credential));
	TRY(creds_store(&creds, key, &credential, session.cancel, &where));
	if (text_equal(call->program, "buildah"))
		(void)printf("%s%s%sLogin Succeeded!\n", opts->verbose ? "Used:  " : "",
				opts->verbose ? where : "", opts->verbose ? "\n" : "");
	else
		(void)printf("logged in to %s as %s; kept in %s\n", key, credential.username,
				where);
	return NULL;
}

const struct command cmd_login = {
	.name = "login",
	.args = "[REGISTRY]",
	.summary = "Keep a name and password for a registry",
	.description = "They are tried first, and kept where docker and podman find them too.",
	.options = login_options,
	.opts_size = sizeof(struct login_opts),
	.max_args = 1,
	.examples = "kiln login -u ci --password-stdin registry.example < token\n",
	.run = run_login,
};

struct logout_opts {
	char *compat_file;
	bool all;
};

#define OPTS logout_opts
static const struct option logout_options[] = {
	OPT_FLAG('a', "all", all, "every registry"),
	OPT_SETTING(0, "authfile", "PATH", "the file that credentials are kept in",
			.is_path = true),
	OPT_TEXT(0, "compat-auth-file", compat_file, "PATH", "the same, a file of Docker's",
			.is_path = true),
	OPT_END,
};
#undef OPTS

static struct error *run_logout(const struct invocation *call)
{
	const struct logout_opts *opts = call->opts;
	AUTO_FREE char *key = host_of(call->args);
	struct creds_settings creds;
	bool found = false;

	if (opts->all && call->args->n)
		return error_usage("option '--all' and a registry exclude each other");
	creds_of(call->config, &creds);
	TRY(use_compat_file(call, opts->compat_file, key, &creds));
	if (creds.auth_file && access(creds.auth_file, F_OK) != 0)
		return error_sys("credential file is not accessible: stat %s", creds.auth_file);
	if (opts->all)
		return creds_erase_all(&creds, NULL);
	TRY(creds_erase(&creds, key, NULL, &found));
	if (!found)
		return error_new(ERR_NOT_FOUND, "not logged in to '%s'", key);
	if (text_equal(call->program, "buildah"))
		(void)printf("Removed login credentials for %s\n", key);
	else
		(void)printf("logged out of %s\n", key);
	return NULL;
}

const struct command cmd_logout = {
	.name = "logout",
	.args = "[REGISTRY]",
	.summary = "Forget the name and password for a registry",
	.options = logout_options,
	.opts_size = sizeof(struct logout_opts),
	.max_args = 1,
	.run = run_logout,
};

/*
 * How the git program is run: what it sees of the world, and what becomes of what it says.
 */
#include "base/limits.h"
#include "base/xalloc.h"
#include "build/git.h"
#include "build/source_auth.h"
#include "registry/certs.h"
#include "sys/fd.h"
#include "sys/proc.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* What of the user's configuration is about getting to a repository. */
static bool is_wanted_key(const char *key)
{
	static const char *const prefixes[] = { "credential.", "http." };

	for (size_t i = 0; i < COUNT(prefixes); i++)
		if (strncasecmp(key, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	static const char instead[] = ".insteadof";
	size_t n = strlen(key);

	if (strncasecmp(key, "url.", 4) == 0 && n > sizeof(instead))
		return strcasecmp(key + n - (sizeof(instead) - 1), instead) == 0;
	return strcasecmp(key, "core.sshcommand") == 0;
}

/* Who gave none gets what a program needs to find others. */
static const struct list *environment_of(const struct git *git)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char *texts[] = { path };
	static const struct list usual = { texts, COUNT(texts), COUNT(texts) };

	return git->sources->environment ? git->sources->environment : &usual;
}

static void add_setting(struct list *settings, const char *key, const char *value)
{
	list_add(settings, key);
	list_add(settings, value);
}

/* "key\nvalue\0" again and again, as git config -z prints. */
static void take_settings(struct str text, struct list *settings)
{
	while (text.n) {
		struct str entry, key, value;

		(void)str_cut(text, '\0', &entry, &text);
		bool has_value = str_cut(entry, '\n', &key, &value);
		AUTO_FREE char *name = str_dup(key);
		AUTO_FREE char *what = has_value ? str_dup(value) : xstrdup("true");

		if (is_wanted_key(name))
			add_setting(settings, name, what);
	}
}

/* --system or --global; a file that is not there, or that git cannot read, has no settings. */
static FALLIBLE read_settings(const struct git *git, const char *scope, struct list *settings)
{
	AUTO(proc_result) struct proc_result result = { 0 };
	AUTO(list) struct list env = { 0 };

	list_add_all(&env, environment_of(git));
	list_env_unset(&env, "GIT_CONFIG_COUNT");
	*vec_add(&env) = NULL;
	struct proc_spec spec = {
		.argv = (const char *const[]){ "git", "config", scope, "--includes", "--list", "-z",
				NULL },
		.env = (const char *const *)env.p,
		.dir_fd = git->scratch.fd,
		.timeout_ms = GIT_TIMEOUT_MS,
	};

	TRY(proc_run(&spec, git->sources->cancel, &result));
	if (result.status == 0)
		take_settings(strbuf_str(&result.out), settings);
	return NULL;
}

/* GIT_CONFIG_COUNT and what it counts: how CI systems hand tokens to git. Taken out of env. */
static FALLIBLE take_given(struct list *env, struct list *settings)
{
	const char *count = list_env_get(env, "GIT_CONFIG_COUNT");
	uint64_t n = 0;

	if (count)
		TRY_WRAP(parse_u64(str_of(count), LIMIT_LIST_ENTRIES, &n), "GIT_CONFIG_COUNT");
	list_env_unset(env, "GIT_CONFIG_COUNT");
	for (uint64_t i = 0; i < n; i++) {
		AUTO_FREE char *key_name = xasprintf("GIT_CONFIG_KEY_%llu", (unsigned long long)i);
		AUTO_FREE char *value_name =
				xasprintf("GIT_CONFIG_VALUE_%llu", (unsigned long long)i);
		const char *key = list_env_get(env, key_name);
		const char *value = list_env_get(env, value_name);

		if (key && value && is_wanted_key(key))
			add_setting(settings, key, value);
		list_env_unset(env, key_name);
		list_env_unset(env, value_name);
	}
	return NULL;
}

static bool has_setting(const struct list *settings, const char *key)
{
	for (size_t i = 0; i < settings->n; i += 2)
		if (strcasecmp(settings->p[i], key) == 0)
			return true;
	return false;
}

/*
 * ssh looks for its files in the home directory of the user that it runs as. In a user namespace
 * that is root's, which is not the user's: so it is told where they are. It never asks.
 */
static char *ssh_command(const struct list *environment)
{
	AUTO(strbuf) struct strbuf command = { 0 };
	const char *home = list_env_get(environment, "HOME");
	static const char *const keys[] = { "id_ed25519", "id_ecdsa", "id_rsa" };

	strbuf_add(&command, "ssh -o BatchMode=yes");
	if (!home || strpbrk(home, "'\"\\ \t\n$`"))
		return strbuf_take(&command);
	AUTO_FREE char *config = xasprintf("%s/.ssh/config", home);
	if (access(config, R_OK) == 0)
		strbuf_addf(&command, " -F %s", config);
	strbuf_addf(&command, " -o UserKnownHostsFile=%s/.ssh/known_hosts", home);
	for (size_t i = 0; i < COUNT(keys); i++) {
		AUTO_FREE char *key = xasprintf("%s/.ssh/%s", home, keys[i]);

		if (access(key, R_OK) == 0)
			strbuf_addf(&command, " -o IdentityFile=%s", key);
	}
	return strbuf_take(&command);
}

/* For the address's own origin only. */
static void add_authorization(const struct git_url *url, const char *value, struct list *settings)
{
	const char *host = strstr(url->remote, "://");

	if (!host)
		return;
	AUTO_FREE char *key = xasprintf("http.%.*s/.extraHeader",
			(int)(host + 3 + strcspn(host + 3, "/") - url->remote), url->remote);
	AUTO_FREE char *header = xasprintf("Authorization: %s", value);
	add_setting(settings, key, header);
}

/* "name:password" of the address. */
static void add_password(const struct git_url *url, struct list *settings)
{
	AUTO_FREE char *pair = xasprintf("%s%s", url->user, strchr(url->user, ':') ? "" : ":");
	AUTO(source_auth) char *value = source_auth_basic(pair);

	add_authorization(url, value, settings);
}

static void add_own_settings(const struct git *git, struct list *settings)
{
	static const char *const own[] = { "core.hooksPath", "/dev/null", "core.fsmonitor", "false",
		"core.attributesFile", "/dev/null", "core.excludesFile", "/dev/null",
		"core.autocrlf", "false", "core.symlinks", "true", "core.logAllRefUpdates", "false",
		"core.fileMode", "true", "init.templateDir", "", "init.defaultBranch", "main",
		"gc.auto", "0", "maintenance.auto", "false", "safe.directory", "*",
		"fetch.recurseSubmodules", "false", "advice.detachedHead", "false",
		"credential.interactive", "never", "http.lowSpeedLimit", "1", "http.lowSpeedTime",
		"60" };

	if (!list_env_get(environment_of(git), "GIT_SSH_COMMAND") &&
			!list_env_get(environment_of(git), "GIT_SSH") &&
			!has_setting(settings, "core.sshCommand")) {
		AUTO_FREE char *ssh = ssh_command(environment_of(git));

		add_setting(settings, "core.sshCommand", ssh);
	}
	for (size_t i = 0; i < COUNT(own); i += 2)
		add_setting(settings, own[i], own[i + 1]);
	AUTO(source_auth) char *secret = source_auth_git(git->sources, git->url->remote);
	if (secret)
		add_authorization(git->url, secret, settings);
	else if (git->url->user)
		add_password(git->url, settings);
}

/*
 * git knows nothing of SSL_CERT_FILE and SSL_CERT_DIR, and takes one bundle in place of the
 * system's: which is made of both.
 */
static FALLIBLE add_authorities(struct git *git, struct list *settings)
{
	static const char bundle_name[] = "authorities.pem";
	const struct list *given = environment_of(git);
	AUTO(certs) struct certs certs = { 0 };
	AUTO(list) struct list paths = { 0 };
	AUTO_FREE char *system = NULL;

	if (list_env_get(given, "GIT_SSL_CAINFO") || has_setting(settings, "http.sslCAInfo"))
		return NULL;
	certs_add_paths(list_env_get(given, "SSL_CERT_FILE"), list_env_get(given, "SSL_CERT_DIR"),
			&paths);
	certs_add_authorities(&paths, &certs);
	if (!certs.authorities)
		return NULL;
	error_ignore(file_read(AT_FDCWD, "/etc/ssl/certs/ca-certificates.crt", LIMIT_SETTINGS_BYTES,
				     &system, NULL),
			"a system may have no authorities");
	AUTO_FREE char *bundle = xasprintf("%s\n%s", system ? system : "", certs.authorities);
	TRY(scratch_make(git->sources->store, &git->trust));
	TRY(file_write_atomic(git->trust.fd, bundle_name, bundle, strlen(bundle), 0600, false));
	AUTO_FREE char *path = xasprintf(
			"%s/%s/%s", store_root(git->sources->store), git->trust.path, bundle_name);
	add_setting(settings, "http.sslCAInfo", path);
	return NULL;
}

FALLIBLE git_environment(struct git *git)
{
	static const char *const fixed[] = { "LC_ALL=C.UTF-8", "GIT_TERMINAL_PROMPT=0",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1",
		"GIT_ALLOW_PROTOCOL=https:http:ssh:git", "GIT_NO_REPLACE_OBJECTS=1",
		"SSH_ASKPASS_REQUIRE=never" };
	AUTO(list) struct list settings = { 0 };
	struct list *env = &git->environment;

	struct error *error = read_settings(git, "--system", &settings);
	if (!error)
		error = read_settings(git, "--global", &settings);
	if (error_is(error, ERR_NOT_FOUND))
		return error_hint(error, "install git: kiln runs it to fetch repositories");
	TRY(error);
	list_add_all(env, environment_of(git));
	TRY(take_given(env, &settings));
	add_own_settings(git, &settings);
	TRY(add_authorities(git, &settings));
	list_env_unset(env, "GIT_CONFIG_GLOBAL");
	for (size_t i = 0; i < COUNT(fixed); i++)
		list_add(env, fixed[i]);
	for (size_t i = 0; i < settings.n; i += 2) {
		list_addf(env, "GIT_CONFIG_KEY_%zu=%s", i / 2, settings.p[i]);
		list_addf(env, "GIT_CONFIG_VALUE_%zu=%s", i / 2, settings.p[i + 1]);
	}
	list_addf(env, "GIT_CONFIG_COUNT=%zu", settings.n / 2);
	*vec_add(env) = NULL;
	return NULL;
}

/* Its last words on one line; "//name:password@" of an address that insteadOf wrote is left out. */
static char *words_of(struct str text)
{
	AUTO(strbuf) struct strbuf out = { 0 };
	enum { SHOWN = 600 };

	text = str_trim(text);
	if (text.n > SHOWN)
		text = str_slice(text, text.n - SHOWN, text.n);
	for (size_t i = 0; i < text.n; i++) {
		struct str rest = str_slice(text, i, text.n);
		size_t end = 0;

		if (str_starts(rest, "//")) {
			while (2 + end < rest.n && !strchr("/ \n'\"", rest.p[2 + end]))
				end++;
			size_t at = str_find_last(str_slice(rest, 2, 2 + end), '@');
			strbuf_add(&out, "//");
			i += at < end ? at + 2 : 1;
			continue;
		}
		if (text.p[i] == '\n')
			strbuf_add(&out, "; ");
		else
			strbuf_add_char(&out, text.p[i]);
	}
	return strbuf_take(&out);
}

static struct error *explain(const struct git *git, const char *what, struct str said)
{
	static const char *const refusals[] = { "Authentication failed", "could not read Username",
		"could not read Password", "Permission denied", "access denied",
		"Host key verification failed", "returned error: 403" };
	AUTO_FREE char *words = words_of(said);

	for (size_t i = 0; i < COUNT(refusals); i++)
		if (strstr(words, refusals[i]))
			return error_hint(error_new(ERR_DENIED, "git %s '%s': %s", what,
							  git->url->remote, words),
					"git's own credentials are used: credential helpers and "
					"~/.git-credentials, ~/.netrc, the ssh agent, ~/.ssh");
	return error_new(ERR_NETWORK, "git %s '%s': %s", what, git->url->remote,
			words[0] ? words : "it failed and said nothing");
}

FALLIBLE git_run(struct git *git, const char *const *args, struct strbuf *out)
{
	AUTO(proc_result) struct proc_result result = { 0 };
	const char *argv[16] = { "git" };
	size_t n = 1;

	for (; args[n - 1] && n + 1 < COUNT(argv); n++)
		argv[n] = args[n - 1];
	struct proc_spec spec = {
		.argv = argv,
		.env = (const char *const *)git->environment.p,
		.dir_fd = git->scratch.fd,
		.timeout_ms = GIT_TIMEOUT_MS,
		.output_limit = 16 * 1024 * 1024,
	};

	TRY_WRAP(proc_run(&spec, git->sources->cancel, &result), "git %s '%s'", args[0],
			git->url->remote);
	if (result.status != 0)
		return explain(git, args[0], strbuf_str(&result.err));
	if (out)
		strbuf_add_str(out, strbuf_str(&result.out));
	return NULL;
}

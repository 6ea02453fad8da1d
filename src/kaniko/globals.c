/*
 * What all commands share: how registries are reached and how the log looks. Registries are reached
 * by kiln's own settings, so the flags become settings here, checked before anything is done.
 */
#include "kaniko/kaniko.h"

#include "base/str.h"
#include "oci/reference.h"
#include "ui/config.h"
#include "ui/report.h"

#include <ctype.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RETRIES = 5, RETRIES_MAX = 1000 };

#define OPTS kaniko_globals
const struct option kaniko_global_options[] = {
	OPT_HEADING("Log"),
	OPT_CHOICE('v', "verbosity", verbosity, "trace|debug|info|warn|error|fatal|panic",
			"what is told (info)"),
	OPT_CHOICE(0, "log-format", log_format, "text|color|json", "how (color)"),
	OPT_FLAG(0, "log-timestamp", log_timestamp, "dates instead of seconds"),

	OPT_HEADING("Registries"),
	OPT_FLAG(0, "insecure", insecure, "push without TLS, or without checking it"),
	OPT_FLAG(0, "skip-tls-verify", skip_tls_verify, "the same"),
	OPT_FLAG(0, "insecure-pull", insecure_pull, "pull without TLS, or without checking it"),
	OPT_FLAG(0, "skip-tls-verify-pull", skip_tls_verify_pull, "the same"),
	OPT_LIST(0, "insecure-registry", insecure_registries, "HOST[:PORT]",
			"without TLS, or without checking it, both ways; may be repeated"),
	OPT_LIST(0, "skip-tls-verify-registry", skip_tls_registries, "HOST[:PORT]", "the same"),
	OPT_LIST(0, "registry-certificate", certificates, "HOST=PATH",
			"trust these authorities there; may be repeated"),
	OPT_LIST(0, "registry-client-cert", client_certs, "HOST=CERT,KEY",
			"show this certificate there; may be repeated"),
	OPT_LIST(0, "registry-map", maps, "FROM=TO[;FROM=TO]", "look there first; may be repeated"),
	OPT_LIST(0, "registry-mirror", mirrors, "HOST[/PATH]",
			"look there first for images of docker.io; may be repeated"),
	OPT_FLAG(0, "skip-default-registry-fallback", skip_fallback,
			"fail when the mirrors do not have it"),
	OPT_LIST(0, "credential-helpers", credential_helpers, "NAME[,NAME]",
			"env, google, ecr, acr, gitlab; all of them by default; '' for none"),
	OPT_INT(0, "push-retry", push_retry, 0, RETRIES_MAX, "N",
			"tries after the first (5, as kiln always does)"),
	OPT_INT(0, "image-download-retry", download_retry, 0, RETRIES_MAX, "N",
			"tries after the first (5, as kiln always does)"),
	OPT_FLAG(0, "push-ignore-immutable-tag-errors", ignore_immutable,
			"a tag that cannot be overwritten is no error"),
	OPT_FLAG(0, "skip-push-permission-check", skip_push_check,
			"do not ask before the build whether it may be pushed"),
	OPT_TEXT(0, "kaniko-dir", kaniko_dir, "DIR", "kiln's own folder (/kaniko)",
			.is_path = true),
	OPT_END,
};
#undef OPTS

int kaniko_exit_status(const struct error *error)
{
	int status = report_exit_status(error);

	return status == EXIT_USAGE && !error_is(error, ERR_EXIT) ? EXIT_FAILED : status;
}

const char *kaniko_dir(const struct kaniko_globals *globals)
{
	const char *variable = config_getenv("KANIKO_DIR");

	if (globals->kaniko_dir && globals->kaniko_dir[0])
		return globals->kaniko_dir;
	return variable ? variable : "/kaniko";
}

FALLIBLE kaniko_env_bool(const char *name, bool given, bool *ret)
{
	const char *value = config_getenv(name);

	*ret = given;
	if (!value)
		return NULL;

	struct error *error = parse_bool(value, ret);

	if (!error)
		return NULL;
	error_free(error);
	return error_usage(
			"environment variable '%s': '%s' is neither true nor false", name, value);
}

/* A host, or a host and a path, as the beginning of an image's name. */
static FALLIBLE check_host(const char *text, const char *option)
{
	AUTO(reference) struct reference reference = { 0 };
	struct str name = str_of(text);

	if (str_starts(name, "http://"))
		name = str_slice(name, 7, name.n);
	else if (str_starts(name, "https://"))
		name = str_slice(name, 8, name.n);
	while (str_ends(name, "/"))
		name.n--;

	AUTO_FREE char *whole = xasprintf("%.*s/x", STR_ARG(name));
	struct error *error = reference_parse(str_of(whole), &reference);
	bool has_host = !error &&
			(str_starts(name, reference.host) || str_starts(name, "index.docker.io"));

	if (!error && has_host)
		return NULL;
	error_free(error);
	return error_hint(error_usage("%s '%s': '%s' does not begin with a host",
					  option_kind(option), option, text),
			"a host has a dot or a port: mirror.example, mirror:5000");
}

static FALLIBLE check_hosts(const struct list *hosts, const char *option, struct list *ret)
{
	for (size_t i = 0; i < hosts->n; i++) {
		if (!*hosts->p[i])
			continue;
		TRY(check_host(hosts->p[i], option));
		if (strchr(hosts->p[i], '/') || strchr(hosts->p[i], ','))
			return error_usage("option '%s': '%s' is not a host", option, hosts->p[i]);
		list_addf(ret, "insecure-registry=%s", hosts->p[i]);
	}
	return NULL;
}

/* "a=b;c=d": one rule or several. */
static FALLIBLE add_maps(const char *text, const char *option, struct list *ret)
{
	struct str rest = str_of(text), one;

	do {
		struct str from, to;

		str_cut(rest, ';', &one, &rest);
		if (!str_cut(str_trim(one), '=', &from, &to) || !from.n || !to.n)
			return error_hint(error_usage("%s '%s': '%s' is not FROM=TO",
							  option_kind(option), option, text),
					"for example docker.io=mirror.example/hub");

		AUTO_FREE char *source = str_dup(from), *target = str_dup(to);

		TRY(check_host(source, option));
		TRY(check_host(target, option));
		list_addf(ret, "registry-mirror=%s=%s", source, target);
	} while (rest.n);
	return NULL;
}

static FALLIBLE add_mirrors(const struct kaniko_globals *globals, struct list *ret)
{
	const char *map = config_getenv("KANIKO_REGISTRY_MAP");
	const char *mirror = config_getenv("KANIKO_REGISTRY_MIRROR");
	size_t before = ret->n;

	for (size_t i = 0; i < globals->maps.n; i++)
		if (globals->maps.p[i][0])
			TRY(add_maps(globals->maps.p[i], "--registry-map", ret));
	if (map)
		TRY(add_maps(map, "KANIKO_REGISTRY_MAP", ret));
	for (size_t i = 0; i < globals->mirrors.n; i++) {
		if (!*globals->mirrors.p[i])
			continue;
		TRY(check_host(globals->mirrors.p[i], "--registry-mirror"));
		list_addf(ret, "registry-mirror=docker.io=%s", globals->mirrors.p[i]);
	}
	if (mirror) {
		TRY(check_host(mirror, "KANIKO_REGISTRY_MIRROR"));
		list_addf(ret, "registry-mirror=docker.io=%s", mirror);
	}
	if (globals->skip_fallback && ret->n > before)
		list_add(ret, "registry-fallback=false");
	return NULL;
}

static FALLIBLE check_file(const char *path, const char *option)
{
	struct stat st;

	if (strpbrk(path, ",:"))
		return error_usage("option '%s': a path with ',' or ':' cannot be given: '%s'",
				option, path);
	if (stat(path, &st) != 0 || access(path, R_OK) != 0)
		return usage_of_option(error_sys("read '%s'", path), option);
	if (!S_ISREG(st.st_mode))
		return error_usage("option '%s': '%s' is not a file", option, path);
	return NULL;
}

static FALLIBLE add_certificate(const char *text, struct list *ret)
{
	struct str host, path;

	if (!str_cut(str_of(text), '=', &host, &path) || !host.n || !path.n)
		return error_usage("option '--registry-certificate': '%s' is not HOST=PATH", text);

	AUTO_FREE char *file = str_dup(path);

	TRY(check_file(file, "--registry-certificate"));
	list_addf(ret, "registry-certificate=%s", text);
	return NULL;
}

static FALLIBLE add_client_cert(const char *text, struct list *ret)
{
	struct str host, files, cert, key;

	if (!str_cut(str_of(text), '=', &host, &files) || !host.n ||
			!str_cut(files, ',', &cert, &key) || !cert.n || !key.n)
		return error_usage(
				"option '--registry-client-cert': '%s' is not HOST=CERT,KEY", text);

	AUTO_FREE char *cert_file = str_dup(cert), *key_file = str_dup(key);

	TRY(check_file(cert_file, "--registry-client-cert"));
	TRY(check_file(key_file, "--registry-client-cert"));
	list_addf(ret, "registry-client-cert=%.*s=%s:%s", STR_ARG(host), cert_file, key_file);
	return NULL;
}

/* "--credential-helpers=env,gitlab", or the option several times; "" is none at all. */
static FALLIBLE add_helpers(const struct list *names, struct list *ret)
{
	static const char *const known[] = { "env", "google", "ecr", "acr", "gitlab", "default" };
	AUTO(strbuf) struct strbuf text = { 0 };

	for (size_t i = 0; i < names->n; i++) {
		struct str rest = str_of(names->p[i]), one;

		while (rest.n) {
			bool is_known = false;

			str_cut(rest, ',', &one, &rest);
			one = str_trim(one);
			for (size_t k = 0; k < COUNT(known); k++)
				is_known = is_known || str_is(one, known[k]);
			if (!is_known)
				return error_usage(
						"option '--credential-helpers' cannot be '%.*s'; "
						"it is any of env, google, ecr, acr, gitlab",
						STR_ARG(one));
			strbuf_addf(&text, "%s%.*s", text.n ? "," : "", STR_ARG(one));
		}
	}
	if (names->n)
		list_addf(ret, "credential-helpers=%s", strbuf_text(&text));
	return NULL;
}

static FALLIBLE add_user_agent(struct list *ret)
{
	const char *client = config_getenv("UPSTREAM_CLIENT_TYPE");

	for (const char *p = client; p && *p; p++)
		if (!isgraph((unsigned char)*p))
			return error_usage("environment variable 'UPSTREAM_CLIENT_TYPE' has a "
					   "character "
					   "that no header may have");
	if (client)
		list_addf(ret, "user-agent=kiln/" KILN_VERSION ",%s", client);
	return NULL;
}

/*
 * kiln's own files lie where Kaniko's do, in the folder that pipelines know and may mount a volume
 * over; where there is no such folder (a laptop), where kiln always has them. A folder that
 * somebody asks for is made, or it is an error.
 */
static void add_root(const struct kaniko_globals *globals, struct list *ret)
{
	const char *dir = kaniko_dir(globals);
	bool is_asked_for = !text_equal(dir, "/kaniko");

	if (!config_getenv("KILN_ROOT") && (is_asked_for || access(dir, W_OK | X_OK) == 0))
		list_addf(ret, "root=%s/store", dir);
}

struct error *kaniko_settings(const void *global_opts, struct list *ret)
{
	const struct kaniko_globals *globals = global_opts;
	int64_t retries = globals->push_retry > globals->download_retry ? globals->push_retry
									: globals->download_retry;

	TRY(check_hosts(&globals->insecure_registries, "--insecure-registry", ret));
	TRY(check_hosts(&globals->skip_tls_registries, "--skip-tls-verify-registry", ret));
	TRY(add_mirrors(globals, ret));
	for (size_t i = 0; i < globals->certificates.n; i++)
		TRY(add_certificate(globals->certificates.p[i], ret));
	for (size_t i = 0; i < globals->client_certs.n; i++)
		TRY(add_client_cert(globals->client_certs.p[i], ret));
	TRY(add_helpers(&globals->credential_helpers, ret));
	TRY(add_user_agent(ret));
	if (globals->insecure || globals->skip_tls_verify)
		list_add(ret, "insecure-push=true");
	if (globals->insecure_pull || globals->skip_tls_verify_pull)
		list_add(ret, "insecure-pull=true");
	if (retries > RETRIES)
		list_addf(ret, "registry-retries=%lld", (long long)retries);
	if (text_equal(globals->verbosity, "debug") || text_equal(globals->verbosity, "trace"))
		list_add(ret, "debug=true");
	add_root(globals, ret);
	return NULL;
}

#include "registry/creds_helper.h"

#include "base/limits.h"
#include "base/str.h"
#include "oci/json.h"
#include "sys/proc.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <string.h>

/* The name becomes part of a program's name: no path. */
static FALLIBLE check_name(const char *name)
{
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
			return error_new(ERR_INVALID, "credential helper '%.80s' has a bad name",
					name);
	return *name ? NULL : error_new(ERR_INVALID, "credential helper without a name");
}

/* What a program says goes to a terminal: one line, printable. */
static void add_shown(struct strbuf *out, struct str said)
{
	for (size_t i = 0; i < said.n && i < 200; i++) {
		char c = said.p[i];

		strbuf_add_char(out, c == '\n' || c == '\t' || c == '\r' ? ' '
				     : isprint((unsigned char)c)         ? c
									 : '?');
	}
}

static void wipe(struct strbuf *text)
{
	if (text->p)
		OPENSSL_cleanse(text->p, text->capacity);
}

/* Exit code 0, or an error with the start of what the program said. */
static FALLIBLE run(const struct creds_settings *settings, const char *name, const char *verb,
		struct str input, struct cancel *cancel, struct proc_result *ret)
{
	AUTO_FREE char *program = xasprintf("docker-credential-%s", name);
	const char *const argv[] = { program, verb, NULL };
	struct proc_spec spec = { .argv = argv,
		.env = settings->helper_env,
		.timeout_ms = settings->helper_timeout_ms ? settings->helper_timeout_ms
							  : HELPER_TIMEOUT_MS,
		.input = input.p,
		.input_bytes = input.n,
		.output_limit = LIMIT_TOKEN_BYTES };

	TRY(check_name(name));
	struct error *error = proc_run(&spec, cancel, ret);
	if (error_is(error, ERR_NOT_FOUND))
		return error_hint(error_wrap(error, "credential helper '%s'", name),
				"install %s, or remove it from credsStore or credHelpers in the "
				"configuration file",
				program);
	TRY_WRAP(error, "credential helper '%s'", name);
	return NULL;
}

static struct error *failed(const char *name, const char *verb, const struct proc_result *result)
{
	AUTO(strbuf) struct strbuf said = { 0 };

	add_shown(&said, str_trim(result->out.n ? strbuf_str(&result->out)
						: strbuf_str(&result->err)));
	return error_new(ERR_DENIED, "credential helper '%s' %s: exit code %d: %s", name, verb,
			result->status, strbuf_text(&said));
}

static FALLIBLE parse_answer(struct str text, const char *name, struct credential *ret)
{
	AUTO(credential) struct credential credential = { 0 };
	AUTO_FREE char *what = xasprintf("answer of credential helper '%s'", name);
	json_auto_t *value = NULL;
	struct json_field root;
	char *secret = NULL;

	TRY(json_parse(text, LIMIT_TOKEN_BYTES, what, &value));
	TRY(json_root(value, what, &root));
	TRY(json_get_text(&root, "Username", JSON_MUST, &credential.username));
	TRY(json_get_text(&root, "Secret", JSON_MUST, &secret));
	if (strcmp(credential.username, "<token>") == 0)
		credential.identity_token = secret;
	else
		credential.password = secret;
	credential.source = xasprintf("docker-credential-%s", name);
	*ret = TAKE_VALUE(credential);
	return NULL;
}

FALLIBLE creds_helper_get(const struct creds_settings *settings, const char *name,
		const char *server, struct cancel *cancel, struct credential *ret)
{
	AUTO(proc_result) struct proc_result result = { 0 };

	TRY(run(settings, name, "get", str_of(server), cancel, &result));
	struct str said = str_trim(strbuf_str(&result.out));
	bool is_unknown =
			result.status != 0 &&
			(strstr(strbuf_text(&result.out), "credentials not found") ||
					strstr(strbuf_text(&result.err), "credentials not found"));
	if (is_unknown)
		return NULL;
	if (result.status != 0)
		return failed(name, "get", &result);
	struct error *error = parse_answer(said, name, ret);
	wipe(&result.out);
	return error;
}

FALLIBLE creds_helper_store(const struct creds_settings *settings, const char *name,
		const char *server, const struct credential *credential, struct cancel *cancel)
{
	AUTO(proc_result) struct proc_result result = { 0 };
	AUTO(json_out) struct json_out out = { 0 };
	bool is_token = credential->identity_token != NULL;

	json_out_open(&out, NULL, '{');
	json_out_text(&out, "ServerURL", server);
	json_out_text(&out, "Username", is_token ? "<token>" : credential->username);
	json_out_text(&out, "Secret", is_token ? credential->identity_token : credential->password);
	json_out_close(&out, '}');
	struct error *error = run(settings, name, "store", strbuf_str(&out.text), cancel, &result);
	wipe(&out.text);
	TRY(error);
	return result.status ? failed(name, "store", &result) : NULL;
}

FALLIBLE creds_helper_erase(const struct creds_settings *settings, const char *name,
		const char *server, struct cancel *cancel)
{
	AUTO(proc_result) struct proc_result result = { 0 };

	TRY(run(settings, name, "erase", str_of(server), cancel, &result));
	return result.status ? failed(name, "erase", &result) : NULL;
}

#include "registry/google_subject.h"

#include "base/clock.h"
#include "base/limits.h"
#include "registry/aws.h"
#include "registry/sigv4.h"
#include "sys/fd.h"
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>

#define PROVIDER "the identity provider"

/* How long a program may take, in milliseconds, as the SDKs have it. */
enum { TIMEOUT_USUAL = 30000, TIMEOUT_SHORTEST = 5000, TIMEOUT_LONGEST = 120000 };

/* --- a file, an address --- */

static FALLIBLE pick(const struct json_field *source, struct str said, char **ret)
{
	struct json_field format, root;
	AUTO_FREE char *type = NULL, *field = NULL;
	json_auto_t *value = NULL;

	if (json_has(source, "format")) {
		TRY(json_get_object(source, "format", JSON_MUST, &format));
		TRY(json_get_text(&format, "type", JSON_MUST, &type));
		TRY(json_get_text(&format, "subject_token_field_name", JSON_MAY, &field));
	}
	if (!type || text_equal(type, "text")) {
		if (!str_trim(said).n)
			return error_new(ERR_INVALID, "the subject token is empty");
		*ret = str_dup(str_trim(said));
		return NULL;
	}
	if (!text_equal(type, "json") || !field)
		return error_new(ERR_INVALID, "credential_source: 'format' is neither text nor "
					      "json with 'subject_token_field_name'");
	TRY(json_parse(said, LIMIT_TOKEN_BYTES, "the subject token", &value));
	TRY(json_root(value, "the subject token", &root));
	return json_get_text(&root, field, JSON_MUST, ret);
}

static FALLIBLE add_headers(const struct json_field *source, struct list *ret)
{
	AUTO(list) struct list pairs = { 0 };

	if (!json_has(source, "headers"))
		return NULL;
	TRY(json_get_pairs(source, "headers", &pairs));
	for (size_t i = 0; i < pairs.n; i++) {
		const char *equals = strchr(pairs.p[i], '=');

		for (const char *p = pairs.p[i]; *p; p++)
			if ((unsigned char)*p < ' ' || *p == 0x7f || (*p == ':' && p < equals))
				return error_new(ERR_INVALID,
						"credential_source: a header that is none");
		list_addf(ret, "%.*s: %s", (int)(equals - pairs.p[i]), pairs.p[i], equals + 1);
	}
	return NULL;
}

/* The machine's own services are reached without TLS, and without a proxy. */
static bool is_machines(const char *address)
{
	AUTO(url) struct url url = { 0 };
	struct error *error = url_parse(str_of(address), &url);
	bool found = !error && !url.is_https &&
		     (text_starts(url.host, "169.254.") || host_is_loopback(url.host));

	error_ignore(error, "said by who asks");
	return found;
}

static FALLIBLE from_address(struct cloud *cloud, const struct json_field *source,
		const char *address, char **ret)
{
	AUTO(list) struct list headers = { 0 };
	AUTO(cloud_answer) struct cloud_answer answer = { 0 };

	TRY(add_headers(source, &headers));
	const struct cloud_request request = { .method = "GET",
		.url = address,
		.headers = &headers,
		.what = PROVIDER,
		.is_metadata = is_machines(address) };
	TRY(cloud_ask(cloud, &request, &answer));
	return pick(source, strbuf_str(&answer.body), ret);
}

static FALLIBLE from_file(const struct json_field *source, const char *path, char **ret)
{
	char *text = NULL;

	TRY_WRAP(cloud_read_file(path, &text), "credential_source");
	struct error *error = pick(source, str_of(text), ret);
	credential_text_free(text);
	TRY_WRAP(error, "'%s'", path);
	return NULL;
}

/* --- AWS --- */

/* The address of AWS's service that says who signed, in our region. */
static FALLIBLE verification_url(const struct json_field *source, const char *region, char **ret)
{
	AUTO_FREE char *given = NULL;
	AUTO(strbuf) struct strbuf address = { 0 };
	static const char mark[] = "{region}";

	TRY(json_get_text(source, "regional_cred_verification_url", JSON_MUST, &given));
	const char *at = strstr(given, mark);
	if (at)
		strbuf_addf(&address, "%.*s%s%s", (int)(at - given), given, region,
				at + strlen(mark));
	else
		strbuf_add(&address, given);
	if (!text_starts(given, "https://"))
		return error_new(ERR_INVALID, "credential_source: "
					      "'regional_cred_verification_url' is not https");
	*ret = strbuf_take(&address);
	return NULL;
}

/* The signed request as Google's service takes it: as JSON, and that as part of an address. */
static char *pack_request(const char *address, const char *host, const struct list *headers)
{
	AUTO(json_out) struct json_out out = { 0 };
	AUTO(strbuf) struct strbuf escaped = { 0 };

	json_out_open(&out, NULL, '{');
	json_out_text(&out, "url", address);
	json_out_text(&out, "method", "POST");
	json_out_open(&out, "headers", '[');
	for (size_t i = 0; i <= headers->n; i++) {
		const char *line = i < headers->n ? headers->p[i] : NULL;
		AUTO_FREE char *name = line ? xstrndup(line, strcspn(line, ":")) : xstrdup("host");

		json_out_open(&out, NULL, '{');
		json_out_text(&out, "key", name);
		json_out_text(&out, "value", line ? line + strlen(name) + 2 : host);
		json_out_close(&out, '}');
	}
	json_out_close(&out, ']');
	json_out_close(&out, '}');
	url_escape(&escaped, strbuf_text(&out.text));
	return strbuf_take(&escaped);
}

static FALLIBLE sign_request(const struct json_field *root, const struct json_field *source,
		const struct aws_credentials *who, const char *region, char **ret)
{
	AUTO_FREE char *audience = NULL, *address = NULL;
	AUTO(list) struct list headers = { 0 };
	AUTO(url) struct url url = { 0 };
	const struct sigv4 sigv4 = { .key_id = who->key_id,
		.secret = who->secret,
		.token = who->token,
		.region = region,
		.service = "sts" };
	struct digest nothing = digest_of("", 0);

	TRY(json_get_text(root, "audience", JSON_MUST, &audience));
	TRY(verification_url(source, region, &address));
	TRY(url_parse(str_of(address), &url));
	for (const char *p = audience; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return error_new(ERR_INVALID, "'audience' has a character that none has");
	list_addf(&headers, "x-goog-cloud-target-resource: %s", audience);
	sigv4_sign(&sigv4, "POST", &url, &nothing, clock_now_seconds(), &headers);
	*ret = pack_request(address, url.host, &headers);
	return NULL;
}

/* With credentials as they are found for AWS itself, which is more than the file speaks of. */
static FALLIBLE from_aws(struct cloud *cloud, const struct json_field *root,
		const struct json_field *source, char **ret)
{
	AUTO(aws_credentials) struct aws_credentials who = { 0 };
	AUTO_FREE char *environment = NULL, *region = NULL;

	TRY(json_get_text(source, "environment_id", JSON_MUST, &environment));
	if (!text_equal(environment, "aws1"))
		return error_new(ERR_UNSUPPORTED,
				"credential_source: 'environment_id' is '%.20s', not aws1",
				environment);
	TRY(aws_find_credentials(cloud, &who));
	if (!who.key_id)
		return error_hint(error_new(ERR_NOT_FOUND, "credential_source 'aws': there are no "
							   "credentials of AWS"),
				"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the pod "
				"or "
				"instance a role");
	TRY(aws_find_region(cloud, &who, &region));
	return sign_request(root, source, &who, region, ret);
}

/* --- a program --- */

/*
 * What it prints, or wrote into its file (must_end: it may lie there since long): *ret NULL when
 * that is a token that has ended.
 */
static FALLIBLE parse_program(struct str said, const char *what, bool must_end, char **ret)
{
	AUTO_FREE char *type = NULL;
	json_auto_t *value = NULL;
	struct json_field root;
	int64_t version = 0, expires = 0;
	bool success = false;

	TRY(json_parse(said, LIMIT_TOKEN_BYTES, what, &value));
	TRY(json_root(value, what, &root));
	TRY(json_get_i64(&root, "version", JSON_MUST, 0, &version));
	if (version != 1)
		return error_new(ERR_UNSUPPORTED, "%s is of version %lld, not 1", what,
				(long long)version);
	TRY(json_get_bool(&root, "success", &success));
	if (!success)
		return error_new(ERR_DENIED, "%s says that there is no token", what);
	TRY(json_get_text(&root, "token_type", JSON_MUST, &type));
	TRY(json_get_i64(&root, "expiration_time", JSON_MAY, 0, &expires));
	if (json_has(&root, "expiration_time") ? expires <= clock_now_seconds() : must_end)
		return NULL;
	return json_get_text(&root,
			text_equal(type, "urn:ietf:params:oauth:token-type:saml2") ? "saml_response"
										   : "id_token",
			JSON_MUST, ret);
}

/* The service account that the address of its token service names. */
static char *account_of(const char *address)
{
	const char *name = strrchr(address, '/');

	return name ? xstrndup(name + 1, strcspn(name + 1, ":")) : NULL;
}

/* Of the file's settings, what a program is told. */
static FALLIBLE program_env(struct cloud *cloud, const struct json_field *root, const char *file,
		struct list *ret)
{
	AUTO_FREE char *audience = NULL, *type = NULL, *address = NULL;
	const char *const *given = cloud_program_env(cloud);

	TRY(json_get_text(root, "audience", JSON_MUST, &audience));
	TRY(json_get_text(root, "subject_token_type", JSON_MUST, &type));
	TRY(json_get_text(root, "service_account_impersonation_url", JSON_MAY, &address));
	for (size_t i = 0; given && given[i]; i++)
		list_add(ret, given[i]);
	list_env_set(ret, "GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE", audience);
	list_env_set(ret, "GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE", type);
	list_env_set(ret, "GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE", "0");
	if (file)
		list_env_set(ret, "GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE", file);
	AUTO_FREE char *account = address ? account_of(address) : NULL;
	if (account)
		list_env_set(ret, "GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL", account);
	return NULL;
}

static const char *const *ended(struct list *list)
{
	vec_push(list, NULL);
	return (const char *const *)list->p;
}

static FALLIBLE run_program(struct cloud *cloud, const struct list *words, const struct list *env,
		unsigned timeout_ms, char **ret)
{
	AUTO(list) struct list argv = { 0 }, variables = { 0 };
	AUTO(proc_result) struct proc_result result = { 0 };

	list_add_all(&argv, words);
	list_add_all(&variables, env);
	const struct proc_spec spec = { .argv = ended(&argv),
		.env = ended(&variables),
		.timeout_ms = timeout_ms,
		.output_limit = LIMIT_TOKEN_BYTES };
	TRY(proc_run(&spec, cloud_cancel(cloud), &result));
	struct error *error = result.status ? error_new(ERR_DENIED, "it failed with exit code %d",
							      result.status)
					    : parse_program(strbuf_str(&result.out), "its output",
							      false, ret);
	if (result.out.p)
		OPENSSL_cleanse(result.out.p, result.out.capacity);
	return error || *ret ? error : error_new(ERR_DENIED, "its token has ended");
}

/* What an earlier run left; nothing that can be used is no error. */
static void look_at_file(const char *file, char **ret)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	struct error *error = file_read(AT_FDCWD, file, LIMIT_TOKEN_BYTES, &text, &n);

	if (!error)
		error = parse_program((struct str){ text, n }, file, true, ret);
	if (text)
		OPENSSL_cleanse(text, n);
	error_ignore(error, "the program is run instead");
}

/* As the SDKs have it: by blanks, without a shell and its quotes. */
static void add_words(const char *text, struct list *ret)
{
	static const char blanks[] = " \t\r\n";

	for (const char *p = text + strspn(text, blanks); *p; p += strspn(p, blanks)) {
		size_t n = strcspn(p, blanks);

		list_addf(ret, "%.*s", (int)n, p);
		p += n;
	}
}

static FALLIBLE from_program(struct cloud *cloud, const struct json_field *root,
		const struct json_field *source, char **ret)
{
	const char *allowed = cloud_env(cloud, "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES");
	AUTO(list) struct list words = { 0 }, env = { 0 };
	AUTO_FREE char *command = NULL, *file = NULL;
	int64_t timeout = TIMEOUT_USUAL;
	struct json_field program;

	TRY(json_get_object(source, "executable", JSON_MUST, &program));
	TRY(json_get_text(&program, "command", JSON_MUST, &command));
	TRY(json_get_text(&program, "output_file", JSON_MAY, &file));
	TRY(json_get_i64(&program, "timeout_millis", JSON_MAY, 0, &timeout));
	if (timeout < TIMEOUT_SHORTEST || timeout > TIMEOUT_LONGEST)
		return error_new(ERR_INVALID, "'timeout_millis' is not between %d and %d",
				TIMEOUT_SHORTEST, TIMEOUT_LONGEST);
	if (!text_equal(allowed ? allowed : "", "1"))
		return error_hint(error_new(ERR_DENIED, "programs are not allowed"),
				"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1 allows them: only "
				"with "
				"a file that you trust");
	add_words(command, &words);
	if (!words.n)
		return error_new(ERR_INVALID, "'command' is empty");
	if (file)
		look_at_file(file, ret);
	if (*ret)
		return NULL;
	TRY(program_env(cloud, root, file, &env));
	return run_program(cloud, &words, &env, (unsigned)timeout, ret);
}

/* --- whichever it is --- */

FALLIBLE google_subject_token(struct cloud *cloud, const struct json_field *root, char **ret)
{
	struct json_field source;
	AUTO_FREE char *file = NULL, *address = NULL;

	*ret = NULL;
	TRY(json_get_object(root, "credential_source", JSON_MUST, &source));
	if (json_has(&source, "environment_id"))
		return from_aws(cloud, root, &source, ret);
	if (json_has(&source, "executable")) {
		TRY_WRAP(from_program(cloud, root, &source, ret), "credential_source 'executable'");
		return NULL;
	}
	if (json_has(&source, "certificate"))
		return error_hint(error_new(ERR_UNSUPPORTED, "credential_source: 'certificate' is "
							     "not supported"),
				"there are 'file', 'url', 'executable' and AWS");
	TRY(json_get_text(&source, "file", JSON_MAY, &file));
	TRY(json_get_text(&source, "url", JSON_MAY, &address));
	if (file)
		return from_file(&source, file, ret);
	if (address)
		return from_address(cloud, &source, address, ret);
	return error_new(ERR_INVALID, "credential_source: neither 'file' nor 'url'");
}

#include "registry/creds_file.h"

#include "base/limits.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

static const char docker_server[] = "https://index.docker.io/v1/";

void creds_file_done(struct creds_file *file)
{
	free(file->source);
	json_decref(file->value);
	*file = (struct creds_file){ 0 };
}

char *creds_key(const char *written)
{
	struct str key = str_of(written);
	bool has_scheme = true;

	if (str_starts(key, "https://"))
		key = str_slice(key, 8, key.n);
	else if (str_starts(key, "http://"))
		key = str_slice(key, 7, key.n);
	else
		has_scheme = false;
	struct str host = str_slice(key, 0, str_find(key, '/'));
	struct str path = str_slice(key, host.n, key.n);
	if (has_scheme || str_is(path, "/v1/") || str_is(path, "/v1") || str_is(path, "/v2/") ||
			str_is(path, "/v2") || str_is(path, "/"))
		path.n = 0;
	bool is_hub = str_is(host, "index.docker.io") || str_is(host, "registry-1.docker.io");
	if (is_hub)
		host = STR("docker.io");
	return xasprintf("%.*s%.*s", STR_ARG(host), STR_ARG(path));
}

const char *creds_server(const char *key)
{
	return strcmp(key, "docker.io") == 0 ? docker_server : key;
}

FALLIBLE creds_file_parse(struct str text, const char *source, struct creds_file *ret)
{
	AUTO(creds_file) struct creds_file file = { .source = xstrdup(source) };
	AUTO_FREE char *what = xasprintf("'%s'", source);
	struct json_field root;

	if (str_trim(text).n)
		TRY(json_parse(text, LIMIT_SETTINGS_BYTES, what, &file.value));
	else
		file.value = json_object();
	TRY(json_root(file.value, what, &root));
	file.is_legacy = text_ends(source, ".dockercfg");
	*ret = TAKE_VALUE(file);
	return NULL;
}

FALLIBLE creds_file_read(const char *path, struct creds_file *ret, bool *ret_exists)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	struct error *error = file_read(AT_FDCWD, path, LIMIT_SETTINGS_BYTES, &text, &n);
	bool is_missing = error_is_errno(error, ENOENT) || error_is_errno(error, ENOTDIR);

	if (is_missing) {
		error_free(error);
		error = NULL;
	}
	TRY_WRAP(error, "read credentials");
	if (ret_exists)
		*ret_exists = !is_missing;
	error = creds_file_parse((struct str){ text ? text : "", n }, path, ret);
	if (text)
		OPENSSL_cleanse(text, n);
	return error;
}

static const char *text_member(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && *text ? text : NULL;
}

const char *creds_file_helper(const struct creds_file *file, const char *host)
{
	json_t *helpers = json_object_get(file->value, "credHelpers"), *value;
	const char *written;

	json_object_foreach(helpers, written, value)
	{
		AUTO_FREE char *key = creds_key(written);

		if (strcmp(key, host) == 0 && json_string_length(value))
			return json_string_value(value);
	}
	return NULL;
}

const char *creds_file_store(const struct creds_file *file)
{
	return text_member(file->value, "credsStore");
}

static json_t *auths_of(const struct creds_file *file)
{
	return file->is_legacy ? file->value : json_object_get(file->value, "auths");
}

/* "user:password" in base64; Docker once padded with NULs. */
static FALLIBLE decode_auth(const char *auth, const char *key, struct credential *ret)
{
	size_t n = strlen(auth);
	AUTO_FREE char *plain = xcalloc(n + 4, 1);
	int decoded = n % 4 == 0 && n < LIMIT_TOKEN_BYTES
				      ? EVP_DecodeBlock((unsigned char *)plain,
							(const unsigned char *)auth, (int)n)
				      : -1;
	char *colon = decoded > 0 ? strchr(plain, ':') : NULL;

	if (!colon)
		return error_new(ERR_INVALID, "'auth' of '%s' is not user:password in base64", key);
	ret->username = xstrndup(plain, (size_t)(colon - plain));
	ret->password = xstrdup(colon + 1);
	OPENSSL_cleanse(plain, n + 3);
	return NULL;
}

static FALLIBLE entry_credential(const struct creds_file *file, const char *key,
		const json_t *entry, struct credential *ret)
{
	AUTO(credential) struct credential credential = { 0 };
	const char *auth = text_member(entry, "auth");

	if (auth && strcmp(auth, "Og==") != 0) /* ":" */
		TRY_WRAP(decode_auth(auth, key, &credential), "'%s'", file->source);
	if (!credential.username)
		credential.username = xstrdup(text_member(entry, "username"));
	if (!credential.password)
		credential.password = xstrdup(text_member(entry, "password"));
	credential.identity_token = xstrdup(text_member(entry, "identitytoken"));
	credential.registry_token = xstrdup(text_member(entry, "registrytoken"));
	if (credential_known(&credential)) {
		credential.source = xstrdup(file->source);
		*ret = TAKE_VALUE(credential);
	}
	return NULL;
}

static FALLIBLE find_key(const struct creds_file *file, const char *wanted, struct credential *ret)
{
	const char *written;
	json_t *entry;

	json_object_foreach(auths_of(file), written, entry)
	{
		AUTO_FREE char *key = creds_key(written);

		if (strcmp(key, wanted) == 0 && !credential_known(ret))
			TRY(entry_credential(file, written, entry, ret));
	}
	return NULL;
}

FALLIBLE creds_file_find(const struct creds_file *file, const char *host, const char *repository,
		struct credential *ret)
{
	AUTO_FREE char *key = repository ? xasprintf("%s/%s", host, repository) : xstrdup(host);
	size_t shortest = strlen(host);

	for (;;) {
		TRY(find_key(file, key, ret));
		char *slash = strrchr(key, '/');
		if (credential_known(ret) || !slash || (size_t)(slash - key) < shortest)
			return NULL;
		*slash = '\0';
	}
}

bool creds_file_remove(struct creds_file *file, const char *wanted)
{
	json_t *auths = auths_of(file), *value;
	const char *written;
	void *next;
	bool found = false;

	json_object_foreach_safe(auths, next, written, value)
	{
		AUTO_FREE char *key = creds_key(written);

		if (strcmp(key, wanted) == 0) {
			(void)json_object_del(auths, written);
			found = true;
		}
	}
	return found;
}

static json_t *entry_of(const struct credential *credential)
{
	json_t *entry = json_object();

	if (!credential)
		return entry;
	if (credential->identity_token)
		(void)json_object_set_new(
				entry, "identitytoken", json_string(credential->identity_token));
	AUTO_FREE char *plain = xasprintf("%s:%s", credential->username ? credential->username : "",
			credential->password && !credential->identity_token ? credential->password
									    : "");
	size_t n = strlen(plain);
	AUTO_FREE char *encoded = xcalloc(n * 4 / 3 + 8, 1);
	(void)EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)plain, (int)n);
	(void)json_object_set_new(entry, "auth", json_string(encoded));
	OPENSSL_cleanse(plain, n);
	OPENSSL_cleanse(encoded, strlen(encoded));
	return entry;
}

void creds_file_set(struct creds_file *file, const char *key, const struct credential *credential)
{
	/* Docker looks for its hub under the old name only. */
	const char *written = text_ends(file->source, "/auth.json") ? key : creds_server(key);

	(void)creds_file_remove(file, key);
	if (!json_is_object(auths_of(file)))
		(void)json_object_set_new(file->value, "auths", json_object());
	(void)json_object_set_new(auths_of(file), written, entry_of(credential));
}

/* Where a link leads, so that it stays one: people keep such files elsewhere. New. */
static char *follow(const char *path)
{
	char real[PATH_MAX];

	return xstrdup(realpath(path, real) ? real : path);
}

FALLIBLE creds_file_write(const struct creds_file *file, const char *named)
{
	AUTO_FREE char *path = follow(named);
	AUTO_FREE char *dir = xstrdup(path), *text = NULL;
	char *slash = strrchr(dir, '/');

	if (slash && slash != dir) {
		*slash = '\0';
		TRY(file_make_dirs(dir, 0700));
	}
	text = json_dumps(file->value, JSON_INDENT(2));
	if (!text)
		return error_new(ERR_INVALID, "'%s' cannot be written as JSON", path);
	size_t n = strlen(text);
	text[n] = '\n'; /* json_dumps ends with a NUL, which is not needed any more */
	struct error *error = file_write_atomic(AT_FDCWD, path, text, n + 1, 0600, true);
	OPENSSL_cleanse(text, n);
	TRY_WRAP(error, "write credentials");
	return NULL;
}

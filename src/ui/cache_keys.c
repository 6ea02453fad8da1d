#include "ui/cache_keys.h"

#include "base/nearest.h"
#include "registry/url.h"
#include "ui/options.h"

#include <string.h>

#define KIND(name) (1U << CACHE_HOME_##name)
#define ALL        (~0U)
#define BLOBS      (KIND(S3) | KIND(AZBLOB))

static const struct {
	const char *name;
	enum cache_home_kind kind;
} types[] = {
	{ "registry", CACHE_HOME_REGISTRY },
	{ "inline", CACHE_HOME_INLINE },
	{ "local", CACHE_HOME_LOCAL },
	{ "s3", CACHE_HOME_S3 },
	{ "azblob", CACHE_HOME_AZBLOB },
	{ "gha", CACHE_HOME_GHA },
};

static const char twice[] = "a request that fails in passing is sent once more; leave it out";
static const char service_alone[] =
		"kiln asks the cache service itself and needs no other; leave it out";

static const struct cache_key keys[] = {
	{ "mode", ALL, CACHE_TO, KEY_COMMON },
	{ "ignore-error", ALL, CACHE_TO, KEY_COMMON },
	{ "compression", ALL, CACHE_TO, KEY_COMMON },
	{ "compression-level", ALL, CACHE_TO, KEY_COMMON },
	{ "force-compression", ALL, CACHE_TO, KEY_COMMON },
	{ "image-manifest", ALL, CACHE_TO, KEY_COMMON },
	{ "oci-mediatypes", ALL, CACHE_TO, KEY_COMMON },
	{ "mounts", ALL, CACHE_BOTH, KEY_COMMON },
	{ "mounts-max-size", ALL, CACHE_BOTH, KEY_COMMON },
	{ "mounts-max-age", ALL, CACHE_FROM, KEY_COMMON },
	{ "ref", KIND(REGISTRY), CACHE_BOTH, KEY_WHERE },
	{ "registry.insecure", KIND(REGISTRY), CACHE_BOTH, KEY_REFUSED,
			"'--insecure-registry HOST' does it" },
	{ "src", KIND(LOCAL), CACHE_FROM, KEY_WHERE },
	{ "dest", KIND(LOCAL), CACHE_TO, KEY_WHERE },
	{ "tag", KIND(LOCAL), CACHE_BOTH, KEY_NAME },
	{ "digest", KIND(LOCAL), CACHE_FROM, KEY_REFUSED,
			"a folder of kiln's has no manifests; 'tag=' tells its indexes apart" },
	{ "bucket", KIND(S3), CACHE_BOTH, KEY_WHERE },
	{ "region", KIND(S3), CACHE_BOTH, KEY_SETTING },
	{ "name", BLOBS, CACHE_BOTH, KEY_NAME },
	{ "prefix", BLOBS, CACHE_BOTH, KEY_SETTING },
	{ "blobs_prefix", BLOBS, CACHE_BOTH, KEY_SETTING },
	{ "manifests_prefix", BLOBS, CACHE_BOTH, KEY_SETTING },
	{ "secret_access_key", BLOBS, CACHE_BOTH, KEY_SETTING },
	{ "endpoint_url", KIND(S3), CACHE_BOTH, KEY_SETTING },
	{ "use_path_style", KIND(S3), CACHE_BOTH, KEY_BOOL },
	{ "access_key_id", KIND(S3), CACHE_BOTH, KEY_SETTING },
	{ "session_token", KIND(S3), CACHE_BOTH, KEY_SETTING },
	{ "upload_parallelism", KIND(S3), CACHE_BOTH, KEY_COUNT },
	/* It is never part of what kiln signs. */
	{ "disable_accept_encoding", KIND(S3), CACHE_BOTH, KEY_BOOL },
	{ "touch_refresh", KIND(S3), CACHE_BOTH, KEY_REFUSED,
			"kiln touches nothing: a build that finds an object gone runs its step "
			"again and puts it anew" },
	{ "retry_mode", KIND(S3), CACHE_BOTH, KEY_REFUSED, twice },
	{ "retry_max_attempts", KIND(S3), CACHE_BOTH, KEY_REFUSED, twice },
	{ "account_url", KIND(AZBLOB), CACHE_BOTH, KEY_WHERE },
	{ "account_name", KIND(AZBLOB), CACHE_BOTH, KEY_SETTING },
	{ "container", KIND(AZBLOB), CACHE_BOTH, KEY_SETTING },
	{ "scope", KIND(GHA), CACHE_BOTH, KEY_NAME },
	{ "url_v2", KIND(GHA), CACHE_BOTH, KEY_SETTING },
	{ "url", KIND(GHA), CACHE_BOTH, KEY_SETTING },
	{ "version", KIND(GHA), CACHE_BOTH, KEY_SETTING },
	{ "token", KIND(GHA), CACHE_BOTH, KEY_SETTING },
	{ "timeout", KIND(GHA), CACHE_BOTH, KEY_DURATION },
	{ "repository", KIND(GHA), CACHE_BOTH, KEY_REFUSED, service_alone },
	{ "ghtoken", KIND(GHA), CACHE_BOTH, KEY_REFUSED, service_alone },
};

/* What a service takes from the environment where the option does not say it. */
static const struct {
	const char *key;
	enum cache_home_kind kind;
	const char *variable;
} variables[] = {
	{ "region", CACHE_HOME_S3, "AWS_REGION" },
	{ "bucket", CACHE_HOME_S3, "AWS_BUCKET" },
	{ "access_key_id", CACHE_HOME_S3, "AWS_ACCESS_KEY_ID" },
	{ "secret_access_key", CACHE_HOME_S3, "AWS_SECRET_ACCESS_KEY" },
	{ "session_token", CACHE_HOME_S3, "AWS_SESSION_TOKEN" },
	{ "account_url", CACHE_HOME_AZBLOB, "BUILDKIT_AZURE_STORAGE_ACCOUNT_URL" },
	{ "account_name", CACHE_HOME_AZBLOB, "BUILDKIT_AZURE_STORAGE_ACCOUNT_NAME" },
	{ "container", CACHE_HOME_AZBLOB, "BUILDKIT_AZURE_STORAGE_CONTAINER" },
	{ "prefix", CACHE_HOME_AZBLOB, "BUILDKIT_AZURE_STORAGE_PREFIX" },
	{ "secret_access_key", CACHE_HOME_AZBLOB, "AZURE_STORAGE_ACCESS_KEY" },
	{ "token", CACHE_HOME_GHA, "ACTIONS_RUNTIME_TOKEN" },
	{ "url", CACHE_HOME_GHA, "ACTIONS_CACHE_URL" },
	{ "url_v2", CACHE_HOME_GHA, "ACTIONS_RESULTS_URL" },
};

FALLIBLE cache_kind_parse(const char *option, const char *word, enum cache_home_kind *ret)
{
	const char *names[COUNT(types)];

	for (size_t i = 0; i < COUNT(types); i++) {
		names[i] = types[i].name;
		if (text_equal(types[i].name, word)) {
			*ret = types[i].kind;
			return NULL;
		}
	}

	const char *nearest = text_nearest(word, names, COUNT(names));
	struct error *error = error_usage("option '%s': type '%s' is not one of registry, inline, "
					  "local, s3, azblob, gha",
			option, word);

	return nearest ? error_hint(error, "did you mean '%s'?", nearest) : error;
}

static bool fits(const struct cache_key *key, enum cache_home_kind kind, enum cache_where where)
{
	return (key->kinds & 1U << kind) && (key->where & where);
}

FALLIBLE cache_key_find(const char *option, const char *word, enum cache_home_kind kind,
		enum cache_where where, const struct cache_key **ret)
{
	const char *names[COUNT(keys) + 1] = { "type" };
	size_t n = 1;

	for (size_t i = 0; i < COUNT(keys); i++) {
		if (!fits(&keys[i], kind, where))
			continue;
		names[n++] = keys[i].name;
		if (!text_equal(keys[i].name, word))
			continue;
		if (keys[i].sort == KEY_REFUSED)
			return error_hint(error_usage("option '%s': kiln has no key '%s'", option,
							  word),
					"%s", keys[i].why);
		*ret = &keys[i];
		return NULL;
	}

	const char *nearest = text_nearest(word, names, n);
	struct error *error = error_usage(
			"option '%s': key '%s' is not there for this type", option, word);

	return nearest ? error_hint(error, "did you mean '%s'?", nearest) : error;
}

static bool is_true(const char *text)
{
	return text_equal(text, "1") || text_equal(text, "true") || text_equal(text, "True") ||
	       text_equal(text, "TRUE") || text_equal(text, "t") || text_equal(text, "T");
}

/*
 * Which version of the service, where version= does not say it: url_v2= is for the second, and a
 * runner that has it says so; else url= (or the runner's address) is for the first. On GitHub both
 * addresses can be that of the second.
 */
static void choose_gha(struct cache_spec *spec, const char *(*getenv)(const char *name))
{
	const char *given = list_env_get(&spec->settings, "url");
	const char *first = given ? given : getenv ? getenv("ACTIONS_CACHE_URL") : NULL;
	bool is_second = list_env_get(&spec->settings, "url_v2") || !first || !*first ||
			 (getenv && is_true(getenv("ACTIONS_CACHE_SERVICE_V2"))) ||
			 strstr(first, "results-receiver.actions.githubusercontent.com");

	if (!list_env_get(&spec->settings, "version"))
		list_env_set(&spec->settings, "version", is_second ? "2" : "1");
}

/* An access key that was given goes with no secret of another. */
void cache_spec_fill(struct cache_spec *spec, const char *(*getenv)(const char *name))
{
	bool has_id = list_env_get(&spec->settings, "access_key_id") != NULL;

	if (spec->kind == CACHE_HOME_GHA)
		choose_gha(spec, getenv);
	for (size_t i = 0; getenv && i < COUNT(variables); i++) {
		const char *key = variables[i].key, *value = getenv(variables[i].variable);
		bool is_where = text_equal(key, "bucket") || text_equal(key, "account_url");
		bool is_part = text_equal(key, "secret_access_key") ||
			       text_equal(key, "session_token");

		if (variables[i].kind != spec->kind || !value || !*value || (has_id && is_part))
			continue;
		if (is_where && !spec->where)
			spec->where = xstrdup(value);
		else if (!is_where && !list_env_get(&spec->settings, key))
			list_env_set(&spec->settings, key, value);
	}
}

static FALLIBLE missing(const char *option, const struct cache_spec *spec, const char *key)
{
	const char *type = "";

	for (size_t i = 0; i < COUNT(types); i++)
		if (types[i].kind == spec->kind)
			type = types[i].name;
	struct error *error = error_usage("option '%s': type=%s needs %s=", option, type, key);
	for (size_t i = 0; i < COUNT(variables); i++)
		if (variables[i].kind == spec->kind && text_equal(variables[i].key, key))
			error = error_hint(
					error, "or %s in the environment", variables[i].variable);
	return error;
}

static FALLIBLE check_s3(const char *option, const struct cache_spec *spec)
{
	bool has_id = list_env_get(&spec->settings, "access_key_id") != NULL;

	if (!list_env_get(&spec->settings, "region"))
		return missing(option, spec, "region");
	if (!spec->where)
		return missing(option, spec, "bucket");
	if (has_id != (list_env_get(&spec->settings, "secret_access_key") != NULL))
		return missing(option, spec, has_id ? "secret_access_key" : "access_key_id");
	return NULL;
}

static FALLIBLE check_azblob(const char *option, const struct cache_spec *spec)
{
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/=";
	const char *key = list_env_get(&spec->settings, "secret_access_key");
	AUTO(url) struct url url = { 0 };

	if (!spec->where)
		return missing(option, spec, "account_url");
	struct error *error = url_parse(str_of(spec->where), &url);
	if (error)
		return usage_of_option(error, option);
	/* 127.0.0.1:10000/account: an emulator's address does not begin with the account. */
	bool is_number = url.host[strspn(url.host, "0123456789.:[]")] == '\0' ||
			 text_starts(url.host, "localhost");
	if (is_number && !list_env_get(&spec->settings, "account_name"))
		return missing(option, spec, "account_name");
	if (key && (strlen(key) % 4 || key[strspn(key, base64)]))
		return error_usage("option '%s': secret_access_key is not a key in base64", option);
	return NULL;
}

/* As for BuildKit, an address of the other version is better than none. */
static FALLIBLE check_gha(const char *option, struct cache_spec *spec)
{
	const char *version = list_env_get(&spec->settings, "version");
	bool is_first = text_equal(version, "1");
	const char *own = is_first ? "url" : "url_v2", *other = is_first ? "url_v2" : "url";
	const char *where = list_env_get(&spec->settings, own);

	if (!is_first && !text_equal(version, "2"))
		return error_usage("option '%s': version '%s' is neither 1 nor 2", option, version);
	if (!where)
		where = list_env_get(&spec->settings, other);
	if (!where)
		return missing(option, spec, own);
	spec->where = xstrdup(where);
	if (!list_env_get(&spec->settings, "token"))
		return missing(option, spec, "token");
	return NULL;
}

FALLIBLE cache_spec_check(const char *option, enum cache_where where, struct cache_spec *spec)
{
	switch (spec->kind) {
	case CACHE_HOME_REGISTRY:
		return spec->where ? NULL
				   : error_usage("option '%s': type=registry needs ref=REFERENCE",
						     option);
	case CACHE_HOME_LOCAL:
		return spec->where ? NULL
				   : error_usage("option '%s': type=local needs %s=FOLDER", option,
						     where == CACHE_FROM ? "src" : "dest");
	case CACHE_HOME_INLINE:
		return NULL;
	case CACHE_HOME_S3:
		return check_s3(option, spec);
	case CACHE_HOME_AZBLOB:
		return check_azblob(option, spec);
	case CACHE_HOME_GHA:
		return check_gha(option, spec);
	}
	return NULL;
}

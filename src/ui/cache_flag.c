#include "ui/cache_flag.h"

#include "base/clock.h"
#include "base/nearest.h"
#include "base/str.h"
#include "oci/reference.h"
#include "ui/csv.h"
#include "ui/options.h"

#include <string.h>

enum { FROM = 1, TO = 2, BOTH = 3 };

static const struct cache_type {
	const char *name;
	enum cache_home_kind kind;
} types[] = {
	{ "registry", CACHE_HOME_REGISTRY },
	{ "inline", CACHE_HOME_INLINE },
	{ "local", CACHE_HOME_LOCAL },
	{ "s3", CACHE_HOME_S3 },
	{ "gha", CACHE_HOME_GHA },
};

/* Which keys a type has, in which option. kind 0: every type. */
static const struct cache_key {
	const char *name;
	enum cache_home_kind kind;
	unsigned where;
} keys[] = {
	{ "mode", 0, TO },
	{ "ignore-error", 0, TO },
	{ "compression", 0, TO },
	{ "compression-level", 0, TO },
	{ "force-compression", 0, TO },
	{ "image-manifest", 0, TO },
	{ "oci-mediatypes", 0, TO },
	{ "mounts", 0, BOTH },
	{ "mounts-max-size", 0, BOTH },
	{ "mounts-max-age", 0, FROM },
	{ "ref", CACHE_HOME_REGISTRY, BOTH },
	{ "src", CACHE_HOME_LOCAL, FROM },
	{ "dest", CACHE_HOME_LOCAL, TO },
	{ "tag", CACHE_HOME_LOCAL, BOTH },
	{ "bucket", CACHE_HOME_S3, BOTH },
	{ "region", CACHE_HOME_S3, BOTH },
	{ "name", CACHE_HOME_S3, BOTH },
	{ "prefix", CACHE_HOME_S3, BOTH },
	{ "blobs_prefix", CACHE_HOME_S3, BOTH },
	{ "manifests_prefix", CACHE_HOME_S3, BOTH },
	{ "endpoint_url", CACHE_HOME_S3, BOTH },
	{ "use_path_style", CACHE_HOME_S3, BOTH },
	{ "access_key_id", CACHE_HOME_S3, BOTH },
	{ "secret_access_key", CACHE_HOME_S3, BOTH },
	{ "session_token", CACHE_HOME_S3, BOTH },
	{ "scope", CACHE_HOME_GHA, BOTH },
	{ "url_v2", CACHE_HOME_GHA, BOTH },
	{ "token", CACHE_HOME_GHA, BOTH },
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
	{ "token", CACHE_HOME_GHA, "ACTIONS_RUNTIME_TOKEN" },
	{ "url_v2", CACHE_HOME_GHA, "ACTIONS_RESULTS_URL" },
};

/* One value being read. */
struct parsing {
	const char *option, *value;
	unsigned where;
	struct cache_flags *flags;
	struct cache_spec spec;
	bool has_mode;
	const char *bound; /* "mounts-max-size" when one was given */
};

/* Without a word: enough for a compiler's cache, and a month without use. */
enum { MOUNTS_AGE_SECONDS = 30 * 24 * 3600 };
#define MOUNTS_BYTES     (2ull << 30)
#define MOUNTS_BYTES_MAX (16ull << 30)

static FALLIBLE set_type(struct parsing *parsing, const char *value)
{
	const char *names[COUNT(types)];

	for (size_t i = 0; i < COUNT(types); i++) {
		names[i] = types[i].name;
		if (text_equal(types[i].name, value)) {
			parsing->spec.kind = types[i].kind;
			return NULL;
		}
	}

	const char *nearest = text_nearest(value, names, COUNT(names));
	struct error *error = error_usage("option '%s': type '%s' is not one of registry, inline, "
					  "local, s3, gha",
			parsing->option, value);

	return nearest ? error_hint(error, "did you mean '%s'?", nearest) : error;
}

static FALLIBLE set_bool(struct parsing *parsing, const char *key, const char *value, bool *ret)
{
	struct error *error = parse_bool(value, ret);

	if (!error)
		return NULL;
	error_free(error);
	return error_usage("option '%s': '%s' is neither true nor false", parsing->option, key);
}

/* A wish that kiln fulfils always, or never. */
static FALLIBLE check_always(struct parsing *parsing, const char *key, const char *value)
{
	bool truth = false;

	TRY(set_bool(parsing, key, value, &truth));
	if (truth)
		return NULL;
	return error_hint(error_usage("option '%s': %s=false is not there", parsing->option, key),
			"caches of kiln are OCI image manifests; leave it out");
}

static FALLIBLE set_compression(struct parsing *parsing, const char *value)
{
	if (text_equal(value, "gzip"))
		parsing->flags->compression = COMPRESSION_GZIP;
	else if (text_equal(value, "zstd"))
		parsing->flags->compression = COMPRESSION_ZSTD;
	else if (text_equal(value, "uncompressed") || text_equal(value, "none"))
		parsing->flags->compression = COMPRESSION_NONE;
	else
		return error_usage("option '%s': compression '%s' is not one of gzip, zstd, "
				   "uncompressed",
				parsing->option, value);
	return NULL;
}

static FALLIBLE set_mode(struct parsing *parsing, const char *value)
{
	parsing->spec.is_max = text_equal(value, "max");
	parsing->has_mode = true;
	if (parsing->spec.is_max || text_equal(value, "min"))
		return NULL;
	return error_usage("option '%s': mode '%s' is neither min nor max", parsing->option, value);
}

static void set_text(char **to, const char *value)
{
	free(*to);
	*to = xstrdup(value);
}

static FALLIBLE set_mounts_size(struct parsing *parsing, const char *key, const char *value)
{
	uint64_t *bytes = &parsing->spec.mounts.max_bytes;

	TRY(usage_of_option(parse_size(str_of(value), bytes), parsing->option));
	if (!*bytes || *bytes > MOUNTS_BYTES_MAX)
		return error_usage("option '%s': %s is between 1 byte and 16 GiB, and '%s' is not",
				parsing->option, key, value);
	return NULL;
}

static FALLIBLE set_mounts(struct parsing *parsing, const struct cache_key *key, const char *value)
{
	struct cache_mounts *mounts = &parsing->spec.mounts;
	int64_t ns = 0;

	if (text_equal(key->name, "mounts"))
		return set_bool(parsing, key->name, value, &mounts->is_wanted);
	parsing->bound = key->name;
	if (text_equal(key->name, "mounts-max-size"))
		return set_mounts_size(parsing, key->name, value);
	TRY(usage_of_option(clock_parse_duration(str_of(value), &ns), parsing->option));
	mounts->max_age_seconds = ns / 1000000000;
	if (ns < 0)
		return error_usage("option '%s': %s is negative", parsing->option, key->name);
	return NULL;
}

static FALLIBLE set_common(struct parsing *parsing, const char *key, const char *value)
{
	bool truth = false;

	if (text_equal(key, "mode"))
		return set_mode(parsing, value);
	if (text_equal(key, "ignore-error")) {
		TRY(set_bool(parsing, key, value, &truth));
		parsing->spec.keeps_error = !truth;
		return NULL;
	}
	if (text_equal(key, "compression"))
		return set_compression(parsing, value);
	if (text_equal(key, "image-manifest") || text_equal(key, "oci-mediatypes"))
		return check_always(parsing, key, value);
	return error_hint(error_usage("option '%s': key '%s' is not there", parsing->option, key),
			"a cache holds the layers as the image has them: --compression and "
			"--compression-level say how");
}

static FALLIBLE set_field(struct parsing *parsing, const struct cache_key *key, const char *value)
{
	if (text_starts(key->name, "mounts"))
		return set_mounts(parsing, key, value);
	if (!key->kind)
		return set_common(parsing, key->name, value);
	if (!*value)
		return error_usage("option '%s': '%s' is empty", parsing->option, key->name);
	if (text_equal(key->name, "ref") || text_equal(key->name, "src") ||
			text_equal(key->name, "dest") || text_equal(key->name, "bucket") ||
			text_equal(key->name, "url_v2"))
		set_text(&parsing->spec.where, value);
	else if (text_equal(key->name, "tag") || text_equal(key->name, "name") ||
			text_equal(key->name, "scope"))
		set_text(&parsing->spec.name, value);
	else
		list_env_set(&parsing->spec.settings, key->name, value);
	return NULL;
}

static FALLIBLE unknown_key(const struct parsing *parsing, const char *word)
{
	const char *names[COUNT(keys) + 1] = { "type" };
	size_t n = 1;

	for (size_t i = 0; i < COUNT(keys); i++) {
		bool is_of_type = !keys[i].kind || keys[i].kind == parsing->spec.kind;

		if (is_of_type && (keys[i].where & parsing->where))
			names[n++] = keys[i].name;
	}

	const char *nearest = text_nearest(word, names, n);
	struct error *error = error_usage(
			"option '%s': key '%s' is not there for this type", parsing->option, word);

	return nearest ? error_hint(error, "did you mean '%s'?", nearest) : error;
}

/* Keys mean what the type says, which may come behind them: "ref=r/app,type=registry". */
static FALLIBLE set_fields(struct parsing *parsing)
{
	struct str rest = str_of(parsing->value);

	while (rest.n > 0) {
		AUTO_FREE char *field = NULL;
		const struct cache_key *found = NULL;
		struct str name, text;

		TRY(csv_next_field(&rest, parsing->option, &field));
		(void)str_cut(str_of(field), '=', &name, &text);
		AUTO_FREE char *word = str_dup(str_trim(name));

		if (text_equal(word, "type"))
			continue;
		for (size_t i = 0; i < COUNT(keys); i++) {
			bool is_of_type = !keys[i].kind || keys[i].kind == parsing->spec.kind;

			if (is_of_type && (keys[i].where & parsing->where) &&
					text_equal(keys[i].name, word))
				found = &keys[i];
		}
		if (!found)
			return unknown_key(parsing, word);
		TRY(set_field(parsing, found, text.p));
	}
	return NULL;
}

static FALLIBLE find_type(struct parsing *parsing)
{
	struct str rest = str_of(parsing->value);

	while (rest.n > 0) {
		AUTO_FREE char *field = NULL;
		struct str name, text;

		TRY(csv_next_field(&rest, parsing->option, &field));
		if (!str_cut(str_of(field), '=', &name, &text))
			return error_usage("option '%s': '%s' is not KEY=VALUE", parsing->option,
					field);
		if (str_is(str_trim(name), "type"))
			TRY(set_type(parsing, text.p));
	}
	if (!parsing->spec.kind)
		return error_hint(error_usage("option '%s': '%s' has no type", parsing->option,
						  parsing->value),
				"for example: type=registry,ref=registry.example/app/cache");
	return NULL;
}

/* An access key that was given goes with no secret of another. */
static void fill_from_environment(struct parsing *parsing)
{
	struct cache_spec *spec = &parsing->spec;
	bool has_id = list_env_get(&spec->settings, "access_key_id") != NULL;

	for (size_t i = 0; parsing->flags->getenv && i < COUNT(variables); i++) {
		const char *key = variables[i].key;
		const char *value = parsing->flags->getenv(variables[i].variable);
		bool is_where = text_equal(key, "bucket") || text_equal(key, "url_v2");
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

static FALLIBLE check_service(struct parsing *parsing)
{
	const struct cache_spec *spec = &parsing->spec;
	bool is_s3 = spec->kind == CACHE_HOME_S3, truth = false;
	const char *style = list_env_get(&spec->settings, "use_path_style");
	const char *missing = is_s3 && !list_env_get(&spec->settings, "region")   ? "region"
			      : is_s3 && !spec->where                             ? "bucket"
			      : !is_s3 && !spec->where                            ? "url_v2"
			      : !is_s3 && !list_env_get(&spec->settings, "token") ? "token"
										  : NULL;

	if (style) {
		TRY(set_bool(parsing, "use_path_style", style, &truth));
		list_env_set(&parsing->spec.settings, "use_path_style", truth ? "true" : "false");
	}
	if (!missing)
		return NULL;
	struct error *error = error_usage("option '%s': type=%s needs %s=", parsing->option,
			is_s3 ? "s3" : "gha", missing);
	for (size_t i = 0; i < COUNT(variables); i++)
		if (text_equal(variables[i].key, missing))
			error = error_hint(
					error, "or %s in the environment", variables[i].variable);
	return error;
}

static FALLIBLE check_mounts(struct parsing *parsing)
{
	const struct cache_spec *spec = &parsing->spec;

	if (parsing->bound && !spec->mounts.is_wanted)
		return error_hint(error_usage("option '%s': %s bounds what mounts=true brings",
						  parsing->option, parsing->bound),
				"add mounts=true, or leave it out");
	if (!spec->mounts.is_wanted)
		return NULL;
	if (spec->kind == CACHE_HOME_INLINE)
		return error_hint(error_usage("option '%s': an image has no place for cache mounts",
						  parsing->option),
				"mounts=true goes with type=registry, local and s3");
	if (spec->kind == CACHE_HOME_GHA)
		return error_hint(error_usage("option '%s': type=gha has no cache mounts: they are "
					      "thousands of entries, which GitHub's service counts "
					      "and limits",
						  parsing->option),
				"mounts=true goes with type=registry, local and s3");
	return NULL;
}

static FALLIBLE check_whole(struct parsing *parsing)
{
	const struct cache_spec *spec = &parsing->spec;

	TRY(check_mounts(parsing));
	switch (spec->kind) {
	case CACHE_HOME_REGISTRY:
		if (!spec->where)
			return error_usage("option '%s': type=registry needs ref=REFERENCE",
					parsing->option);
		break;
	case CACHE_HOME_LOCAL:
		if (!spec->where)
			return error_usage("option '%s': type=local needs %s=FOLDER",
					parsing->option, parsing->where == FROM ? "src" : "dest");
		break;
	case CACHE_HOME_INLINE:
		if (parsing->where == FROM)
			return error_hint(error_usage("option '--cache-from': type=inline is for "
						      "--cache-to"),
					"an image with a cache in it is read by "
					"type=registry,ref=IMAGE");
		if (spec->is_max)
			return error_hint(error_usage("option '--cache-to': an inline cache knows "
						      "the image's own layers only"),
					"mode=max needs type=registry");
		break;
	case CACHE_HOME_S3:
	case CACHE_HOME_GHA:
		fill_from_environment(parsing);
		return check_service(parsing);
	}
	if (spec->kind == CACHE_HOME_REGISTRY) {
		AUTO(reference) struct reference reference = { 0 };

		TRY(usage_of_option(
				reference_parse(str_of(spec->where), &reference), parsing->option));
		if (digest_known(&reference.digest) && parsing->where == TO)
			return error_usage("option '%s': '%s' is a digest, which cannot be "
					   "written to",
					parsing->option, spec->where);
	}
	return NULL;
}

static FALLIBLE parse(struct parsing *parsing)
{
	if (!strchr(parsing->value, '=')) {
		parsing->spec.kind = CACHE_HOME_REGISTRY;
		set_text(&parsing->spec.where, parsing->value);
		return check_whole(parsing);
	}
	TRY(find_type(parsing));
	TRY(set_fields(parsing));
	return check_whole(parsing);
}

/* S3's name=a;b is two. Takes what spec holds. */
static void add_spec(struct cache_spec *spec, struct cache_specs *to)
{
	AUTO_FREE char *names = spec->kind == CACHE_HOME_S3 ? TAKE(spec->name) : NULL;
	struct str rest = str_of(names), name;

	while (rest.n) {
		struct cache_spec one = *spec;

		(void)str_cut(rest, ';', &name, &rest);
		one.name = str_dup(str_trim(name));
		one.where = xstrdup(spec->where);
		one.settings = (struct list){ 0 };
		list_add_all(&one.settings, &spec->settings);
		vec_push(to, one);
	}
	if (names)
		cache_spec_done(spec);
	else
		vec_push(to, *spec);
}

static FALLIBLE add(struct cache_flags *flags, const char *option, const char *value,
		unsigned where, struct cache_specs *to)
{
	struct parsing parsing = { .option = option,
		.value = value,
		.where = where,
		.flags = flags,
		.spec.mounts = { .max_bytes = MOUNTS_BYTES,
				.max_age_seconds = MOUNTS_AGE_SECONDS } };
	struct error *error = parse(&parsing);

	if (error) {
		cache_spec_done(&parsing.spec);
		return error;
	}
	if (parsing.spec.kind == CACHE_HOME_INLINE)
		flags->is_inline = true;
	add_spec(&parsing.spec, to);
	return NULL;
}

FALLIBLE cache_flags_add_from(struct cache_flags *flags, const char *value)
{
	return add(flags, "--cache-from", value, FROM, &flags->from);
}

FALLIBLE cache_flags_add_to(struct cache_flags *flags, const char *value)
{
	return add(flags, "--cache-to", value, TO, &flags->to);
}

FALLIBLE cache_flags_add_repo(struct cache_flags *flags, const char *value)
{
	if (strchr(value, '='))
		return error_hint(
				error_usage("option '--cache-repo': '%s' is no repository", value),
				"'--cache-from' and '--cache-to' take type=...");
	TRY(add(flags, "--cache-repo", value, FROM, &flags->from));
	TRY(add(flags, "--cache-repo", value, TO, &flags->to));
	flags->to.p[flags->to.n - 1].is_max = true;
	return NULL;
}

void cache_flags_done(struct cache_flags *flags)
{
	cache_specs_done(&flags->from);
	cache_specs_done(&flags->to);
}

FALLIBLE cache_ttl_parse(const char *text, int64_t *ret_seconds)
{
	int64_t ns = 0;

	TRY(usage_of_option(clock_parse_duration(str_of(text), &ns), "--cache-ttl"));
	if (ns < 0)
		return error_usage("option '--cache-ttl': '%s' is negative", text);
	*ret_seconds = ns / 1000000000;
	return NULL;
}

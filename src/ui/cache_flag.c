#include "ui/cache_flag.h"
#include "base/clock.h"
#include "base/str.h"
#include "build/build.h"
#include "oci/reference.h"
#include "stream/codec.h"
#include "ui/cache_keys.h"
#include "ui/csv.h"
#include "ui/options.h"

#include <string.h>

/* One value being read. */
struct parsing {
	const char *option, *value;
	enum cache_where where;
	struct cache_flags *flags;
	struct cache_spec spec;
	struct list seen;  /* keys with their values */
	const char *bound; /* "mounts-max-size" when one was given */
};

/* Without a word: enough for a compiler's cache, and a month without use. */
enum { MOUNTS_AGE_SECONDS = 30 * 24 * 3600 };
#define MOUNTS_BYTES     (2ull << 30)
#define MOUNTS_BYTES_MAX (8ull << 30)

static FALLIBLE set_bool(struct parsing *parsing, const char *key, const char *value, bool *ret)
{
	struct error *error = parse_bool(value, ret);

	if (!error)
		return NULL;
	error_free(error);
	return error_usage("option '%s': '%s' is neither true nor false", parsing->option, key);
}

/* A wish that kiln fulfils always, or never. */
static FALLIBLE check_always(
		struct parsing *parsing, const char *key, const char *value, const char *why)
{
	bool truth = false;

	TRY(set_bool(parsing, key, value, &truth));
	if (truth)
		return NULL;
	return error_hint(error_usage("option '%s': %s=false is not there", parsing->option, key),
			"%s; leave it out, or say %s=true", why, key);
}

static FALLIBLE set_compression(struct parsing *parsing, const char *value)
{
	if (text_equal(value, "gzip"))
		parsing->spec.compression = COMPRESSION_GZIP;
	else if (text_equal(value, "zstd"))
		parsing->spec.compression = COMPRESSION_ZSTD;
	else if (text_equal(value, "uncompressed") || text_equal(value, "none"))
		parsing->spec.compression = COMPRESSION_NONE;
	else
		return error_usage("option '%s': compression '%s' is not one of gzip, zstd, "
				   "uncompressed",
				parsing->option, value);
	return NULL;
}

static FALLIBLE set_level(struct parsing *parsing, const char *value)
{
	int64_t level = 0;
	struct error *error = parse_i64(str_of(value), 0, 22, &level);

	if (error) {
		error_free(error);
		return error_usage("option '%s': compression-level '%s' is not a number from 0 "
				   "to 22",
				parsing->option, value);
	}
	parsing->spec.level = (int)level;
	return NULL;
}

static FALLIBLE set_mode(struct parsing *parsing, const char *value)
{
	parsing->spec.is_max = text_equal(value, "max");
	if (parsing->spec.is_max || text_equal(value, "min"))
		return NULL;
	return error_usage("option '%s': mode '%s' is neither min nor max", parsing->option, value);
}

static bool key_is_secret(const char *key)
{
	return text_equal(key, "secret_access_key") || text_equal(key, "session_token") ||
	       text_equal(key, "token");
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
		return error_usage("option '%s': %s is between 1 byte and 8 GiB, and '%s' is not",
				parsing->option, key, value);
	return NULL;
}

static FALLIBLE set_mounts(struct parsing *parsing, const char *key, const char *value)
{
	struct cache_mounts *mounts = &parsing->spec.mounts;
	int64_t ns = 0;

	if (text_equal(key, "mounts"))
		return set_bool(parsing, key, value, &mounts->is_wanted);
	parsing->bound = key;
	if (text_equal(key, "mounts-max-size"))
		return set_mounts_size(parsing, key, value);
	TRY(usage_of_option(clock_parse_duration(str_of(value), &ns), parsing->option));
	mounts->max_age_seconds = ns / 1000000000;
	if (ns < 0)
		return error_usage("option '%s': %s is negative", parsing->option, key);
	return NULL;
}

static FALLIBLE set_common(struct parsing *parsing, const char *key, const char *value)
{
	bool truth = false;

	if (text_starts(key, "mounts"))
		return set_mounts(parsing, key, value);
	if (text_equal(key, "mode"))
		return set_mode(parsing, value);
	if (text_equal(key, "ignore-error")) {
		TRY(set_bool(parsing, key, value, &truth));
		parsing->spec.keeps_error = !truth;
		return NULL;
	}
	if (text_equal(key, "compression"))
		return set_compression(parsing, value);
	if (text_equal(key, "compression-level"))
		return set_level(parsing, value);
	if (text_equal(key, "force-compression"))
		return set_bool(parsing, key, value, &parsing->spec.forces);
	if (text_equal(key, "oci-mediatypes"))
		return check_always(parsing, key, value,
				"Docker's manifests have no annotations, where kiln's records are");
	TRY(set_bool(parsing, key, value, &truth));
	parsing->spec.is_index = !truth;
	return NULL;
}

/* A setting that is a number, a duration or a boolean is written as its home reads it. */
static FALLIBLE set_setting(struct parsing *parsing, const struct cache_key *key, const char *value)
{
	AUTO_FREE char *text = NULL;
	bool truth = false;
	uint64_t number = 0;
	int64_t ns = 0;
	struct error *error = NULL;

	if (key->sort == KEY_BOOL) {
		TRY(set_bool(parsing, key->name, value, &truth));
		text = xstrdup(truth ? "true" : "false");
	} else if (key->sort == KEY_COUNT) {
		error = parse_u64(str_of(value), 1000, &number);
		if (error || !number) {
			error_ignore(error, "the value is what matters");
			return error_usage("option '%s': %s '%s' is not a number from 1 to 1000",
					parsing->option, key->name, value);
		}
		text = xasprintf("%llu", (unsigned long long)number);
	} else if (key->sort == KEY_DURATION) {
		TRY(usage_of_option(clock_parse_duration(str_of(value), &ns), parsing->option));
		if (ns <= 0)
			return error_usage("option '%s': %s '%s' is not longer than nothing",
					parsing->option, key->name, value);
		text = xasprintf("%lld", (long long)ns);
	}
	list_env_set(&parsing->spec.settings, key->name, text ? text : value);
	return NULL;
}

static FALLIBLE set_field(struct parsing *parsing, const struct cache_key *key, const char *value)
{
	if (list_env_get(&parsing->seen, key->name) &&
			!text_equal(list_env_get(&parsing->seen, key->name), value))
		return error_usage("option '%s': '%s' is given twice, as '%s' and '%s'",
				parsing->option, key->name,
				key_is_secret(key->name) ? "..."
							 : list_env_get(&parsing->seen, key->name),
				key_is_secret(key->name) ? "..." : value);
	list_env_set(&parsing->seen, key->name, value);
	if (key->sort == KEY_COMMON)
		return set_common(parsing, key->name, value);
	if (!*value)
		return error_usage("option '%s': '%s' is empty", parsing->option, key->name);
	if (key->sort == KEY_WHERE)
		set_text(&parsing->spec.where, value);
	else if (key->sort == KEY_NAME)
		set_text(&parsing->spec.name, value);
	else
		return set_setting(parsing, key, value);
	return NULL;
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
		TRY(cache_key_find(
				parsing->option, word, parsing->spec.kind, parsing->where, &found));
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
		enum cache_home_kind before = parsing->spec.kind;
		if (!str_is(str_trim(name), "type"))
			continue;
		TRY(cache_kind_parse(parsing->option, text.p, &parsing->spec.kind));
		if (before && before != parsing->spec.kind)
			return error_usage("option '%s': '%s' has two types", parsing->option,
					parsing->value);
	}
	if (!parsing->spec.kind)
		return error_hint(error_usage("option '%s': '%s' has no type", parsing->option,
						  parsing->value),
				"for example: type=registry,ref=registry.example/app/cache");
	return NULL;
}

static FALLIBLE check_compression(const struct parsing *parsing)
{
	const struct cache_spec *spec = &parsing->spec;
	bool has_level = spec->level != CODEC_LEVEL_DEFAULT;

	if (has_level && spec->compression == COMPRESSION_NONE)
		return error_usage("option '%s': uncompressed layers have no compression-level",
				parsing->option);
	if (has_level && spec->compression == COMPRESSION_GZIP && spec->level > 9)
		return error_usage("option '%s': gzip has no compression-level %d", parsing->option,
				spec->level);
	if (has_level && spec->compression == COMPRESSION_ZSTD && spec->level == 0)
		return error_usage("option '%s': zstd has no compression-level 0", parsing->option);
	return NULL;
}

static FALLIBLE check_inline(const struct parsing *parsing)
{
	if (parsing->where == CACHE_FROM)
		return error_hint(error_usage("option '--cache-from': type=inline is for "
					      "--cache-to"),
				"an image with a cache in it is read by type=registry,ref=IMAGE");
	if (parsing->spec.is_max)
		return error_hint(error_usage("option '--cache-to': an inline cache knows the "
					      "image's own layers only"),
				"mode=max needs type=registry");
	return NULL;
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
				"mounts=true goes with type=registry, local, s3 and azblob");
	if (spec->kind == CACHE_HOME_GHA)
		return error_hint(error_usage("option '%s': type=gha has no cache mounts: they are "
					      "thousands of entries, which GitHub's service counts "
					      "and limits",
						  parsing->option),
				"mounts=true goes with type=registry, local, s3 and azblob");
	return NULL;
}

static FALLIBLE check_whole(struct parsing *parsing)
{
	const struct cache_spec *spec = &parsing->spec;
	AUTO(reference) struct reference reference = { 0 };

	cache_spec_fill(&parsing->spec, parsing->flags->getenv);
	TRY(cache_spec_check(parsing->option, parsing->where, &parsing->spec));
	TRY(check_compression(parsing));
	TRY(check_mounts(parsing));
	if (spec->kind == CACHE_HOME_INLINE)
		return check_inline(parsing);
	if (spec->kind != CACHE_HOME_REGISTRY)
		return NULL;
	TRY(usage_of_option(reference_parse(str_of(spec->where), &reference), parsing->option));
	if (digest_known(&reference.digest) && parsing->where == CACHE_TO)
		return error_usage("option '%s': '%s' is a digest, which cannot be written to",
				parsing->option, spec->where);
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

/* name=a;b of S3 and Azure is two. Takes what spec holds. */
static void add_spec(struct cache_spec *spec, struct cache_specs *to)
{
	bool is_list = spec->kind == CACHE_HOME_S3 || spec->kind == CACHE_HOME_AZBLOB;
	AUTO_FREE char *names = is_list ? TAKE(spec->name) : NULL;
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
		enum cache_where where, struct cache_specs *to)
{
	struct parsing parsing = { .option = option,
		.value = value,
		.where = where,
		.flags = flags,
		.spec = { .level = CODEC_LEVEL_DEFAULT,
				.mounts = { .max_bytes = MOUNTS_BYTES,
						.max_age_seconds = MOUNTS_AGE_SECONDS } } };
	struct error *error = parse(&parsing);

	list_done(&parsing.seen);
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
	return add(flags, "--cache-from", value, CACHE_FROM, &flags->from);
}

FALLIBLE cache_flags_add_to(struct cache_flags *flags, const char *value)
{
	return add(flags, "--cache-to", value, CACHE_TO, &flags->to);
}

FALLIBLE cache_flags_add_repo(struct cache_flags *flags, const char *value)
{
	if (strchr(value, '='))
		return error_hint(
				error_usage("option '--cache-repo': '%s' is no repository", value),
				"'--cache-from' and '--cache-to' take type=...");
	TRY(add(flags, "--cache-repo", value, CACHE_FROM, &flags->from));
	TRY(add(flags, "--cache-repo", value, CACHE_TO, &flags->to));
	flags->to.p[flags->to.n - 1].is_max = true;
	return NULL;
}

void cache_flags_done(struct cache_flags *flags)
{
	cache_specs_done(&flags->from);
	cache_specs_done(&flags->to);
}

FALLIBLE cache_ttl_set(const char *text, struct build_options *ret)
{
	int64_t ns = 0;

	if (!text)
		return NULL;
	TRY(usage_of_option(clock_parse_duration(str_of(text), &ns), "--cache-ttl"));
	if (ns < 0)
		return error_usage("option '--cache-ttl': '%s' is negative", text);
	ret->cache_ttl_seconds = ns / 1000000000;
	ret->no_cache = ret->no_cache || !ret->cache_ttl_seconds;
	return NULL;
}

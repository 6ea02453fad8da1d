#include "ui/attest_flag.h"

#include "base/nearest.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "ui/csv.h"
#include "ui/options.h"

#include <string.h>

/* buildx's own. */
#define DEFAULT_GENERATOR "docker/buildkit-syft-scanner:stable-1"

/* What one option says. */
struct said {
	const char *option;
	struct list *texts;
	char *type;
	bool is_disabled;
	struct list others; /* "KEY=VALUE": an SBOM's */
	struct build_attest attest;
};

static void said_done(struct said *said)
{
	free(said->type);
	list_done(&said->others);
}

DEFINE_AUTO_VALUE(said)

static const char *const fields[] = { "builder-id", "disabled", "filename", "inline-only", "mode",
	"reproducible", "type", "version" };

void attest_flags_done(struct attest_flags *flags)
{
	list_done(&flags->texts);
	list_done(&flags->seen);
	list_done(&flags->params);
}

static FALLIBLE set_bool(const struct said *said, const char *key, const char *value, bool *ret)
{
	struct error *error = parse_bool(value, ret);

	if (!error)
		return NULL;
	error_free(error);
	return error_usage(
			"option '%s': '%s=%s' is neither true nor false", said->option, key, value);
}

static const char *keep(struct said *said, const char *text)
{
	list_add(said->texts, text);
	return said->texts->p[said->texts->n - 1];
}

static FALLIBLE set_mode(struct said *said, const char *value)
{
	if (text_equal(value, "min"))
		said->attest.provenance = PROVENANCE_MIN;
	else if (text_equal(value, "max") || text_equal(value, "full"))
		said->attest.provenance = PROVENANCE_MAX;
	else
		return error_usage("option '%s': invalid mode '%s': it is min or max", said->option,
				value);
	return NULL;
}

static FALLIBLE set_version(struct said *said, const char *value)
{
	if (!text_equal(value, "v1") && !text_equal(value, "v0.2"))
		return error_usage("option '%s': invalid version '%s': it is v1 or v0.2",
				said->option, value);
	said->attest.is_slsa_02 = text_equal(value, "v0.2");
	return NULL;
}

/* It becomes a file among those of the result. */
static FALLIBLE set_file_name(struct said *said, const char *value)
{
	if (!*value || strchr(value, '/') || text_equal(value, ".") || text_equal(value, ".."))
		return error_usage(
				"option '%s': '%s' is not the name of a file", said->option, value);
	said->attest.file_name = keep(said, value);
	return NULL;
}

static FALLIBLE set_field(struct said *said, const char *key, const char *value)
{
	if (text_equal(key, "mode"))
		return set_mode(said, value);
	if (text_equal(key, "version"))
		return set_version(said, value);
	if (text_equal(key, "filename"))
		return set_file_name(said, value);
	if (text_equal(key, "reproducible"))
		return set_bool(said, key, value, &said->attest.reproducible);
	if (text_equal(key, "inline-only"))
		return set_bool(said, key, value, &said->attest.inline_only);
	if (text_equal(key, "builder-id")) {
		said->attest.builder_id = keep(said, value);
		return NULL;
	}
	const char *nearest = text_nearest(key, fields, COUNT(fields));
	struct error *error = error_usage("option '%s': unknown field '%s'", said->option, key);

	return nearest ? error_hint(error, "did you mean '%s'?", nearest) : error;
}

static FALLIBLE read_fields(struct said *said, const char *value)
{
	struct str rest = str_of(value);

	while (rest.n > 0) {
		AUTO_FREE char *field = NULL;
		struct str key, text;

		TRY(csv_next_field(&rest, said->option, &field));
		if (!str_cut(str_of(field), '=', &key, &text))
			return error_usage(
					"option '%s': '%s' is not KEY=VALUE", said->option, field);
		if (str_is(key, "type")) {
			free(said->type);
			said->type = str_dup(text);
		} else if (str_is(key, "disabled")) {
			TRY(set_bool(said, "disabled", text.p, &said->is_disabled));
		} else {
			list_add(&said->others, field);
		}
	}
	return NULL;
}

static bool is_truth(const char *text, bool *ret)
{
	struct error *error = parse_bool(text, ret);
	bool is = !error;

	error_free(error);
	return is;
}

static FALLIBLE read_value(struct said *said, const char *type, const char *value)
{
	bool truth = false;

	said->type = xstrdup(type);
	if (!type || !is_truth(value, &truth))
		return read_fields(said, value);
	said->is_disabled = !truth;
	return NULL;
}

static FALLIBLE add_provenance(struct said *said, struct build_attest *ret)
{
	const char *generator = ret->generator;
	const struct list *params = ret->generator_params;

	for (size_t i = 0; i < said->others.n; i++) {
		struct str key, value;

		(void)str_cut(str_of(said->others.p[i]), '=', &key, &value);
		AUTO_FREE char *name = str_dup(key);
		TRY(set_field(said, name, value.p));
	}
	*ret = said->is_disabled ? (struct build_attest){ 0 } : said->attest;
	ret->generator = generator;
	ret->generator_params = params;
	return NULL;
}

/* As BuildKit hands them on: the type, too. */
static FALLIBLE add_sbom(struct said *said, struct attest_flags *flags)
{
	const char *generator = list_env_get(&said->others, "generator");

	if (said->is_disabled)
		return NULL;
	if (generator && !*generator)
		return error_usage("option '%s': the generator has no name", said->option);
	flags->attest.generator = keep(said, generator ? generator : DEFAULT_GENERATOR);
	list_env_unset(&said->others, "generator");
	list_add(&flags->params, "type=sbom");
	list_add_all(&flags->params, &said->others);
	flags->attest.generator_params = &flags->params;
	return NULL;
}

FALLIBLE attest_flags_add(
		struct attest_flags *flags, const char *option, const char *type, const char *value)
{
	AUTO(said)
	struct said said = {
		.option = option, .texts = &flags->texts, .attest = { .provenance = PROVENANCE_MAX }
	};

	TRY(read_value(&said, type, value));
	if (!said.type)
		return error_usage("option '%s': attestation type not specified", option);
	if (list_has(&flags->seen, said.type))
		return error_usage(
				"option '%s': duplicate attestation field %s", option, said.type);
	list_add(&flags->seen, said.type);
	if (text_equal(said.type, "provenance"))
		return add_provenance(&said, &flags->attest);
	if (text_equal(said.type, "sbom"))
		return add_sbom(&said, flags);
	return error_hint(error_usage("option '%s': unknown attestation '%s'", option, said.type),
			"there are provenance and sbom");
}

#include "ui/attest_flag.h"

#include "base/nearest.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "ui/csv.h"
#include "ui/options.h"

#include <string.h>

/* What one option says. */
struct said {
	const char *option;
	struct list *texts;
	char *type;
	bool is_disabled;
	struct build_attest attest;
};

static void said_done(struct said *said)
{
	free(said->type);
}

DEFINE_AUTO_VALUE(said)

static const char *const fields[] = { "builder-id", "disabled", "filename", "generator",
	"inline-only", "mode", "reproducible", "type", "version" };

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
	if (text_equal(key, "type")) {
		free(said->type);
		said->type = xstrdup(value);
		return NULL;
	}
	if (text_equal(key, "disabled"))
		return set_bool(said, key, value, &said->is_disabled);
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
	if (text_equal(key, "generator"))
		return NULL; /* an SBOM's, which is refused as a whole */
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
		AUTO_FREE char *name = str_dup(key), *copy = str_dup(text);
		TRY(set_field(said, name, copy));
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

FALLIBLE attest_flag_add(const char *option, const char *type, const char *value,
		struct list *texts, struct list *seen, struct build_attest *ret)
{
	AUTO(said)
	struct said said = {
		.option = option, .texts = texts, .attest = { .provenance = PROVENANCE_MAX }
	};

	TRY(read_value(&said, type, value));
	if (!said.type)
		return error_usage("option '%s': attestation type not specified", option);
	if (list_has(seen, said.type))
		return error_usage(
				"option '%s': duplicate attestation field %s", option, said.type);
	list_add(seen, said.type);
	if (text_equal(said.type, "provenance")) {
		*ret = said.is_disabled ? (struct build_attest){ 0 } : said.attest;
		return NULL;
	}
	if (!text_equal(said.type, "sbom"))
		return error_hint(error_usage("option '%s': unknown attestation '%s'", option,
						  said.type),
				"there are provenance and sbom");
	return said.is_disabled ? NULL
				: error_hint(error_usage("option '%s' is not there yet: an SBOM",
							     option),
						  "scan the image once it is made; '--sbom=false' "
						  "is taken");
}

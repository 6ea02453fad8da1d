/* What an SBOM's generator wrote below PLAN_SCAN_OUT. It is an image of somebody's. */
#include "base/limits.h"
#include "base/strbuf.h"
#include "build/attested.h"
#include "oci/json.h"
#include "sys/dir.h"
#include "sys/fd.h"
#include "sys/rootfs.h"

#include <fcntl.h>
#include <string.h>

/*
 * Each becomes a layer of one manifest, which has the provenance besides and names the types, and
 * all are in memory until they are written.
 */
enum {
	MOST_STATEMENTS = LIMIT_LAYERS - 1,
	STATEMENT_BYTES = 64 * 1024 * 1024,
	ALL_BYTES = 256 * 1024 * 1024,
	TYPE_BYTES = 1024,
	/* Each takes a hundred bytes while it is read: "[]," is three in the file. What scanners
	   write has some forty. */
	MOST_VALUES = 4 * 1000 * 1000,
};

/* It would speak for the builder. */
#define PROVENANCE_TYPES "https://slsa.dev/provenance/"

static char *json_of(const struct json_field *field)
{
	return json_dumps(field->value, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* Of what begins one or stands between two, also inside of strings: no SBOM has as many. */
static bool has_too_many_values(const char *text, size_t n)
{
	size_t values = 0;

	for (size_t i = 0; i < n; i++)
		values += text[i] == ',' || text[i] == '[' || text[i] == '{';
	return values > MOST_VALUES;
}

static FALLIBLE parse(const char *text, size_t n, const char *name, struct attested_one *ret)
{
	json_auto_t *value = NULL;
	struct json_field root, predicate, subjects;

	if (has_too_many_values(text, n))
		return error_new(ERR_LIMIT, "it has more than %d values", MOST_VALUES);
	TRY(json_parse((struct str){ text, n }, STATEMENT_BYTES, name, &value));
	TRY(json_root(value, name, &root));
	TRY(json_get_text(&root, "predicateType", JSON_MUST, &ret->type));
	if (strlen(ret->type) > TYPE_BYTES)
		return error_new(
				ERR_LIMIT, "its predicateType is longer than %d bytes", TYPE_BYTES);
	if (text_starts(ret->type, PROVENANCE_TYPES))
		return error_new(ERR_INVALID,
				"'%s' says how the image was made, which is not the generator's "
				"to say",
				ret->type);
	TRY(json_get_object(&root, "predicate", JSON_MUST, &predicate));
	TRY(json_get_array(&root, "subject", JSON_MAY, &subjects));
	ret->predicate = json_of(&predicate);
	if (json_count(&subjects))
		ret->subjects = json_of(&subjects);
	return ret->predicate ? NULL : json_complain(&predicate, "cannot be written again");
}

/* all: what was read before, too. */
static FALLIBLE read_one(int dir, const char *name, struct attested *ret, size_t *all)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	TRY(rootfs_read_file(dir, name, STATEMENT_BYTES, &text, &n));
	*all += n;
	if (*all > ALL_BYTES)
		return error_new(ERR_LIMIT, "with those before it, it has more than %d bytes",
				ALL_BYTES);
	struct attested_one *one = vec_add(ret);
	one->file_name = xstrdup(name);
	return parse(text, n, name, one);
}

/* What is said of the result itself goes first. */
static bool is_core(const char *name)
{
	return text_starts(name, "sbom.");
}

static FALLIBLE read_all(int root_fd, struct attested *ret)
{
	AUTO(list) struct list names = { 0 };
	AUTO_FD int fd = -1;
	size_t all = 0;

	TRY(rootfs_open(root_fd, PLAN_SCAN_OUT, O_RDONLY | O_DIRECTORY, 0, &fd));
	TRY(dir_names(fd, ".", &names));
	if (names.n > MOST_STATEMENTS)
		return error_new(ERR_LIMIT, "%zu files in " PLAN_SCAN_OUT "; at most %d are read",
				names.n, MOST_STATEMENTS);
	for (int core = 1; core >= 0; core--)
		for (size_t i = 0; i < names.n; i++)
			if (is_core(names.p[i]) == core)
				TRY_WRAP(read_one(fd, names.p[i], ret, &all), "the statement '%s'",
						names.p[i]);
	return NULL;
}

FALLIBLE sbom_read(struct build *build, struct attested *ret)
{
	int fd = -1;

	TRY(stage_view(build, build_stage(build, build->plan->scan), &fd));
	TRY_WRAP(read_all(fd, ret), "read what '%s' wrote as SBOM",
			build->options->attest.generator);
	if (ret->n)
		return NULL;
	return error_hint(error_new(ERR_INVALID, "the SBOM generator '%s' wrote nothing",
					  build->options->attest.generator),
			"it is to write statements into $BUILDKIT_SCAN_DESTINATION");
}

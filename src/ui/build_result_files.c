#include "ui/build_result_files.h"

#include "sys/fd.h"
#include "ui/options.h"

#include <fcntl.h>
#include <jansson.h>

static FALLIBLE check(const char *path, const char *option)
{
	return path ? usage_of_option(file_can_make(path, false, false), option) : NULL;
}

FALLIBLE build_result_files_check(const char *iid_file, const char *metadata_file)
{
	TRY(check(iid_file, "--iidfile"));
	return check(metadata_file, "--metadata-file");
}

FALLIBLE build_result_write_id(const struct build_result *result, const char *path)
{
	char id[DIGEST_TEXT];

	if (!digest_known(&result->image_id))
		return error_hint(error_new(ERR_INVALID, "write '%s': this build makes no image",
						  path),
				"leave --iidfile out, or add an output that is an image");
	(void)digest_text(&result->image_id, id);
	return file_write_named(path, id, strlen(id), 0644);
}

/* As buildx calls it: of several platforms each by its name. */
static void add_provenances(const struct build_result *result, json_t *document)
{
	for (size_t i = 0; i < result->provenances.n; i++) {
		AUTO_FREE char *key = xasprintf("buildx.build.provenance%s%s",
				result->provenances.n > 1 ? "/" : "",
				result->provenances.n > 1 ? result->provenance_platforms.p[i] : "");

		json_object_set_new(document, key, json_loads(result->provenances.p[i], 0, NULL));
	}
}

FALLIBLE build_result_write_metadata(const struct build_result *result, const char *path)
{
	char id[DIGEST_TEXT], manifest[DIGEST_TEXT];
	AUTO(strbuf) struct strbuf names = { 0 };
	json_auto_t *document = json_object();

	if (digest_known(&result->image_id) && !result->is_index)
		json_object_set_new(document, "containerimage.config.digest",
				json_string(digest_text(&result->image_id, id)));
	if (digest_known(&result->manifest)) {
		(void)digest_text(&result->manifest, manifest);
		json_object_set_new(document, "containerimage.descriptor",
				json_pack("{s:s?, s:s, s:I}", "mediaType",
						result->manifest_media_type, "digest", manifest,
						"size", (json_int_t)result->manifest_bytes));
		json_object_set_new(document, "containerimage.digest", json_string(manifest));
	}
	if (result->vcs_source)
		json_object_set_new(document, "vcs",
				json_pack("{s:s, s:s}", "source", result->vcs_source, "revision",
						result->vcs_revision));
	add_provenances(result, document);
	for (size_t i = 0; i < result->names.n; i++)
		strbuf_addf(&names, "%s%s", i ? "," : "", result->names.p[i]);
	if (names.n)
		json_object_set_new(document, "image.name", json_string(strbuf_text(&names)));

	AUTO_FREE char *text = json_dumps(document, JSON_INDENT(2));

	return file_write_named(path, text, strlen(text), 0644);
}

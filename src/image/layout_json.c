#include "image/layout_json.h"
#include "oci/json.h"

#include <string.h>

struct descriptor layout_entry(const struct image *image)
{
	struct descriptor entry = descriptor_make(
			image->manifest.media_type, image->digest, image->manifest_bytes);

	entry.has_platform = image->config.platform.os[0] != '\0';
	entry.platform = image->config.platform;
	list_add_all(&entry.annotations, &image->entry_annotations);
	return entry;
}

struct descriptor layout_set_entry(const struct image_set *set)
{
	struct descriptor entry = descriptor_make(set->media_type, set->digest, set->n);

	list_add_all(&entry.annotations, &set->entry_annotations);
	return entry;
}

/* A name that is none is a word like any other. */
static void name_entry(struct descriptor *entry, const char *name)
{
	AUTO(reference) struct reference reference = { 0 };
	struct error *error = reference_parse(str_of(name), &reference);

	if (error) {
		error_ignore(error, "what is no image's name is a tag as it is");
		list_env_set(&entry->annotations, LAYOUT_NAME, name);
		return;
	}
	AUTO_FREE char *whole = reference_text(&reference);
	list_env_set(&entry->annotations, LAYOUT_IMAGE_NAME, whole);
	list_env_set(&entry->annotations, LAYOUT_NAME, reference.tag ? reference.tag : "latest");
}

void layout_add_entries(struct descriptor *entry, const struct layout_names *names,
		struct image_index *index)
{
	static const struct list none = { 0 };
	const struct list *images = names && names->images ? names->images : &none;
	AUTO(descriptor) struct descriptor plain = TAKE_VALUE(*entry);
	AUTO(list) struct list seen = { 0 };

	if (names && names->word)
		list_env_set(&plain.annotations, LAYOUT_NAME, names->word);
	for (size_t i = 0; i < images->n; i++) {
		if (list_has(&seen, images->p[i]))
			continue;
		list_add(&seen, images->p[i]);
		struct descriptor *named = vec_add(&index->manifests);
		descriptor_copy(&plain, named);
		name_entry(named, images->p[i]);
	}
	if (!images->n)
		*vec_add(&index->manifests) = TAKE_VALUE(plain);
}

char *layout_index(struct descriptor *entry, const struct layout_names *names)
{
	AUTO(image_index) struct image_index index = { .format = FORMAT_OCI };

	layout_add_entries(entry, names, &index);
	return image_index_print(&index);
}

char *docker_manifest(const struct image *image, const struct list *names)
{
	AUTO(json_out) struct json_out out = { 0 };
	AUTO(list) struct list layers = { 0 }, tags = { 0 };
	char hex[DIGEST_HEX];

	for (size_t i = 0; i < image->manifest.layers.n; i++)
		list_addf(&layers, "blobs/sha256/%s",
				digest_hex(&image->manifest.layers.p[i].digest, hex));
	for (size_t i = 0; names && i < names->n; i++) {
		AUTO(reference) struct reference reference = { 0 };
		struct error *error = reference_parse(str_of(names->p[i]), &reference);

		if (error) {
			error_ignore(error, "a name that is none is left out");
			continue;
		}
		AUTO_FREE char *text = reference_familiar(&reference);
		list_add(&tags, text);
	}
	AUTO_FREE char *config = xasprintf(
			"blobs/sha256/%s", digest_hex(&image->manifest.config.digest, hex));
	json_out_open(&out, NULL, '[');
	json_out_open(&out, NULL, '{');
	json_out_text(&out, "Config", config);
	json_out_list(&out, "RepoTags", &tags);
	json_out_list(&out, "Layers", &layers);
	json_out_close(&out, '}');
	json_out_close(&out, ']');
	return json_out_take(&out);
}

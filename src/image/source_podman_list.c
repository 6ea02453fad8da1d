/*
 * A list of Podman's store, whole: its images are others of that store, found by their manifests.
 */
#include "image/source_podman.h"

#include "stream/hash.h"

#include <string.h>

struct instance {
	struct document document;
	struct image_source *source; /* it shares the list's podman */
};

struct podman_list {
	struct image_source source;
	struct podman *podman;
	struct {
		struct instance *p;
		size_t n, capacity;
	} instances;
};

/* Layers are in whichever image has them. */
static FALLIBLE open_of_any(
		const struct podman_list *self, const struct descriptor *blob, struct reader **ret)
{
	char text[DIGEST_TEXT];
	struct error *first = NULL;

	for (size_t i = 0; i < self->instances.n; i++) {
		struct image_source *source = self->instances.p[i].source;
		struct error *error = source->ops->open_blob(source, blob, ret);

		if (!error_is(error, ERR_NOT_FOUND)) {
			error_free(first);
			return error;
		}
		first = error_first(first, error);
	}
	return first ? first
		     : error_new(ERR_NOT_FOUND, "Podman's store has no '%s'",
				       digest_text(&blob->digest, text));
}

static struct error *open_blob(
		struct image_source *source, const struct descriptor *blob, struct reader **ret)
{
	const struct podman_list *self = (const struct podman_list *)source;

	for (size_t i = 0; i < self->instances.n; i++) {
		const struct document *document = &self->instances.p[i].document;

		if (digest_equal(&document->digest, &blob->digest)) {
			*ret = verify_reader(reader_from_bytes(document->json, document->n),
					&blob->digest, blob->size);
			return NULL;
		}
	}
	return open_of_any(self, blob, ret);
}

static const char *repository(const struct image_source *source)
{
	(void)source;
	return NULL;
}

static void podman_list_free(struct image_source *source)
{
	struct podman_list *self = (struct podman_list *)source;

	for (size_t i = 0; i < self->instances.n; i++) {
		document_done(&self->instances.p[i].document);
		image_source_unref(self->instances.p[i].source);
	}
	vec_done(&self->instances);
	podman_free(self->podman);
	free(self);
}

/* The entry becomes what the image is that comes out; *changed when that is another. */
static FALLIBLE add_instance(struct podman_list *self, const struct image_homes *homes,
		struct podman *podman, struct descriptor *entry, bool *changed)
{
	struct instance *instance = vec_add(&self->instances);
	char text[DIGEST_TEXT];

	TRY_WRAP(error_hint(source_podman_instance(homes, podman, &entry->digest,
					    &instance->document, &instance->source),
				 "a list names images that may be elsewhere: pull it, or push it "
				 "with all of them"),
			"'%s' of the list", digest_text(&entry->digest, text));
	if (digest_equal(&instance->document.digest, &entry->digest))
		return NULL;
	entry->digest = instance->document.digest;
	entry->size = instance->document.n;
	*changed = true;
	return NULL;
}

static FALLIBLE add_all(struct podman_list *self, const struct image_homes *homes,
		struct podman *podman, struct document *document)
{
	AUTO(image_index) struct image_index index = { 0 };
	bool changed = false;

	TRY(image_index_parse((struct str){ document->json, document->n }, NULL, &index));
	for (size_t i = 0; i < index.manifests.n; i++)
		TRY(add_instance(self, homes, podman, &index.manifests.p[i], &changed));
	if (!changed)
		return NULL;
	free(document->json);
	document->json = image_index_print(&index);
	document->n = strlen(document->json);
	document->digest = digest_of(document->json, document->n);
	return NULL;
}

FALLIBLE source_podman_list(const struct image_homes *homes, struct podman **podman,
		struct document *document, struct image_source **ret_source)
{
	static const struct image_source_ops ops = {
		.open_blob = open_blob,
		.repository = repository,
		.free = podman_list_free,
	};
	struct podman_list *self = xcalloc(1, sizeof(*self));

	self->source = (struct image_source){ &ops, 1 };
	struct error *error = add_all(self, homes, *podman, document);
	if (!error) {
		self->podman = TAKE(*podman);
		*ret_source = image_source_ref(&self->source);
	}
	image_source_unref(&self->source);
	return error;
}

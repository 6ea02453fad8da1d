/*
 * An image into Podman's store: each layer that is not there is unpacked beside it, then all
 * becomes visible at once (podman/write.h). When what was there is removed meanwhile, it begins
 * anew. Of a list each image goes there like that, without a name, and then the list
 * (podman/list.h).
 */
#include "base/clock.h"
#include "image/decrypt.h"
#include "image/set_sink.h"
#include "podman/list.h"

#include <stdio.h>
#include <string.h>

enum { TRIES = 4 };

struct podman_sink {
	const struct image *image;
	const struct podman_settings *settings;
	const struct podman_place *place;
	const struct list *names;
	struct cancel *cancel;
	const struct image_progress *progress;
};

static void tell(const struct podman_sink *sink, const struct descriptor *layer)
{
	char text[DIGEST_TEXT], what[32];

	if (!sink->progress)
		return;
	(void)snprintf(what, sizeof(what), "%.19s", digest_text(&layer->digest, text));
	sink->progress->report(sink->progress->user, what, layer->size, layer->size, true);
}

static FALLIBLE put_layer(const struct podman_sink *sink, struct podman_writer *writer, size_t i)
{
	const struct descriptor *layer = &sink->image->manifest.layers.p[i];
	const struct podman_new_layer facts = { sink->image->config.diff_ids.p[i], layer->digest,
		layer->size, mediatype_compression(layer->media_type) };
	struct reader *blob = NULL;
	bool here = false;

	TRY(cancel_check(sink->cancel));
	TRY(podman_writer_has(writer, &facts, &here));
	if (!here) {
		TRY(image_open_layer(sink->image, i, &blob));
		TRY(podman_writer_add(writer, &facts, blob));
	}
	tell(sink, layer);
	return NULL;
}

static FALLIBLE put_image(const struct podman_sink *sink, char **ret_id)
{
	const struct image *image = sink->image;
	struct podman_new_image new = {
		.manifest = { image->manifest_json, image->manifest_bytes },
		.config = { image->config_json, image->config_bytes },
		.manifest_digest = image->digest,
		.config_digest = image->manifest.config.digest,
		.names = sink->names,
	};
	AUTO(podman_writer) struct podman_writer *writer = NULL;

	TRY(podman_writer_open(sink->place, sink->settings, sink->cancel, &writer));
	for (size_t i = 0; i < image->manifest.layers.n; i++)
		TRY_WRAP(put_layer(sink, writer, i), "layer %zu of %zu", i + 1,
				image->manifest.layers.n);
	if (image->config.created) {
		struct error *error = clock_parse_rfc3339(image->config.created, &new.created);

		new.has_created = !error;
		error_ignore(error, "Podman takes no other times");
	}
	return podman_writer_commit(writer, &new, ret_id);
}

/* "localhost/app:latest" of "app", as Podman names what it builds. */
static FALLIBLE complete(const struct list *names, struct list *ret)
{
	for (size_t i = 0; i < names->n; i++) {
		const char *name = names->p[i];
		AUTO_FREE char *text = xasprintf(
				"%s%s", reference_has_host(str_of(name)) ? "" : "localhost/", name);
		AUTO(reference) struct reference reference = { 0 };

		TRY_WRAP(reference_parse(str_of(text), &reference), "name '%s'", name);
		AUTO_FREE char *full = reference_text(&reference);
		list_add(ret, full);
	}
	return NULL;
}

static FALLIBLE put_image_again(const struct podman_sink *sink, char **ret_id)
{
	struct error *error = NULL;

	TRY(image_check_plain(sink->image));
	for (int i = 0; i < TRIES; i++) {
		error_free(error);
		error = put_image(sink, ret_id);
		if (!error_is(error, ERR_BUSY))
			break;
	}
	return error;
}

static FALLIBLE find_place(
		const struct podman_settings *settings, const char *where, struct podman_place *ret)
{
	const char *rest = NULL;

	if (!settings)
		return error_new(ERR_UNSUPPORTED, "Podman's store cannot be used here");
	return podman_place_find(settings, where ? where : "", ret, &rest);
}

FALLIBLE image_save_podman(const struct image *image, const struct podman_settings *settings,
		const char *where, const struct list *names, struct cancel *cancel,
		const struct image_progress *progress, char **ret_id)
{
	AUTO(podman_place) struct podman_place place = { 0 };
	AUTO(list) struct list complete_names = { 0 };

	TRY(find_place(settings, where, &place));
	TRY(complete(names, &complete_names));
	const struct podman_sink sink = { image, settings, &place, &complete_names, cancel,
		progress };
	return put_image_again(&sink, ret_id);
}

/* --- a list, and every image of it --- */

struct podman_set_sink {
	struct set_sink sink;
	const struct image_set *set;
	struct podman_sink to;
	struct {
		struct podman_instance *p;
		size_t n, capacity;
	} instances;
	struct list texts; /* what they borrow */
};

static void podman_set_sink_done(struct podman_set_sink *self)
{
	vec_done(&self->instances);
	list_done(&self->texts);
}

DEFINE_AUTO_VALUE(podman_set_sink)

/* Where a manifest stays that is no image: what Podman's 'manifest add docker://' does. */
static FALLIBLE leave_there(struct podman_set_sink *self, const struct digest *digest)
{
	const char *from = self->set->fetched_as;
	AUTO(reference) struct reference reference = { 0 };
	char text[DIGEST_TEXT];

	(void)digest_text(digest, text);
	if (!from)
		return error_hint(
				error_new(ERR_UNSUPPORTED,
						"'%s' of the list is no image: Podman's store has "
						"no place for it",
						text),
				"oci:DIR and registries take it");
	TRY(reference_parse(str_of(from), &reference));
	AUTO_FREE char *where =
			xasprintf("docker://%s/%s@%s", reference.host, reference.repository, text);
	list_add(&self->texts, where);
	vec_push(&self->instances, ((struct podman_instance){ *digest, NULL,
						   self->texts.p[self->texts.n - 1] }));
	return NULL;
}

static struct error *put_instance(
		struct set_sink *sink, const struct descriptor *what, struct str json)
{
	struct podman_set_sink *self = (struct podman_set_sink *)sink;
	AUTO(image) struct image *image = NULL;
	AUTO_FREE char *id = NULL;
	struct podman_sink to = self->to;
	char text[DIGEST_TEXT];

	if (manifest_sniff(json, what->media_type) == MEDIA_INDEX)
		return error_new(ERR_UNSUPPORTED,
				"'%s' is a list within the list, which Podman does not read",
				digest_text(&what->digest, text));
	TRY_WRAP(set_open_image(self->set, what->media_type, json, &image), "manifest '%s'",
			digest_text(&what->digest, text));
	if (!image)
		return leave_there(self, &what->digest);
	to.image = image;
	TRY(put_image_again(&to, &id));
	list_add(&self->texts, id);
	vec_push(&self->instances, ((struct podman_instance){ what->digest,
						   self->texts.p[self->texts.n - 1], NULL }));
	return NULL;
}

static FALLIBLE put_list(
		struct podman_set_sink *self, const struct list *names, struct cancel *cancel)
{
	const struct image_set *set = self->set;
	AUTO(podman_writer) struct podman_writer *writer = NULL;
	AUTO_FREE char *id = NULL;

	self->instances.n = 0;
	TRY(set_copy(set, &self->sink, cancel));
	const struct podman_new_list list = {
		.json = { set->json, set->n },
		.digest = set->digest,
		.instances = self->instances.p,
		.instance_count = self->instances.n,
		.names = names,
	};
	TRY(podman_writer_open(self->to.place, self->to.settings, cancel, &writer));
	return podman_writer_commit_list(writer, &list, &id);
}

/* --all of what is one image. */
static FALLIBLE put_alone(struct podman_set_sink *self, struct cancel *cancel)
{
	const struct image_set *set = self->set;
	AUTO(image) struct image *image = NULL;
	AUTO_FREE char *id = NULL;

	TRY(set_copy(set, &self->sink, cancel));
	TRY(set_open_image(set, set->media_type, (struct str){ set->json, set->n }, &image));
	if (!image)
		return error_new(ERR_UNSUPPORTED,
				"'%s' is no image: Podman's store has no place for it", set->name);
	self->to.image = image;
	return put_image_again(&self->to, &id);
}

FALLIBLE image_set_save_podman(const struct image_set *set, const struct podman_settings *settings,
		const char *where, const struct list *names, struct cancel *cancel,
		const struct image_progress *progress)
{
	static const struct list none = { 0 };
	AUTO(podman_place) struct podman_place place = { 0 };
	AUTO(list) struct list complete_names = { 0 };
	AUTO(podman_set_sink)
	struct podman_set_sink self = { { .put_document = put_instance }, set };
	struct error *error = NULL;

	TRY(find_place(settings, where, &place));
	TRY(complete(names, &complete_names));
	/* The images of a list have no names, as in Podman's own. */
	self.to = (struct podman_sink){ NULL, settings, &place,
		set->is_index ? &none : &complete_names, cancel, progress };
	if (!set->is_index)
		return put_alone(&self, cancel);
	for (int i = 0; i < TRIES; i++) {
		error_free(error);
		error = put_list(&self, &complete_names, cancel);
		if (!error_is(error, ERR_BUSY))
			break;
	}
	return error;
}

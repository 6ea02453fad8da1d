/*
 * An image into Podman's store: each layer that is not there is unpacked beside it, then all
 * becomes visible at once (podman/write.h). When what was there is removed meanwhile, it begins
 * anew.
 */
#include "base/clock.h"
#include "image/decrypt.h"
#include "image/set_sink.h"
#include "podman/write.h"

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

FALLIBLE image_save_podman(const struct image *image, const struct podman_settings *settings,
		const char *where, const struct list *names, struct cancel *cancel,
		const struct image_progress *progress, char **ret_id)
{
	AUTO(podman_place) struct podman_place place = { 0 };
	AUTO(list) struct list complete_names = { 0 };
	const char *rest = NULL;
	struct error *error = NULL;

	TRY(image_check_plain(image));
	if (!settings)
		return error_new(ERR_UNSUPPORTED, "Podman's store cannot be used here");
	TRY(podman_place_find(settings, where ? where : "", &place, &rest));
	TRY(complete(names, &complete_names));
	const struct podman_sink sink = { image, settings, &place, &complete_names, cancel,
		progress };
	for (int i = 0; i < TRIES; i++) {
		error_free(error);
		error = put_image(&sink, ret_id);
		if (!error_is(error, ERR_BUSY))
			break;
	}
	return error;
}

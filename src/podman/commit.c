/*
 * The moment in which an image becomes visible in Podman's store, under its locks. The order of
 * what is written is Podman's own, so that whatever is left by who is killed is what Podman knows
 * how to remove.
 */
#include "base/clock.h"
#include "base/str.h"
#include "podman/image_record.h"
#include "podman/write.h"
#include "podman/write_inner.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* --- a layer's record --- */

static void set_ids(json_t *object, const char *key, const struct ids *ids)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ids->n; i++)
		(void)json_array_append_new(list, json_integer(ids->p[i]));
	(void)json_object_set_new(object, key, list);
}

/* containers/storage's numbers of compressions. */
static int compression_number(enum compression compression)
{
	switch (compression) {
	case COMPRESSION_GZIP:
		return 2;
	case COMPRESSION_ZSTD:
		return 4;
	case COMPRESSION_NONE:
		break;
	}
	return 0;
}

static json_t *layer_record(const struct podman_writer *writer, size_t i)
{
	const struct new_layer *layer = &writer->layers.p[i];
	json_t *record = json_object();
	json_t *flags = json_object();
	int compression = compression_number(layer->facts.compression);

	(void)json_object_set_new(record, "id", json_string(layer->id));
	if (i)
		(void)json_object_set_new(
				record, "parent", json_string(writer->layers.p[i - 1].id));
	(void)json_object_set_new(record, "created", image_record_now());
	image_record_set_digest(record, "compressed-diff-digest", &layer->facts.digest);
	(void)json_object_set_new(
			record, "compressed-size", json_integer((json_int_t)layer->facts.bytes));
	image_record_set_digest(record, "diff-digest", &layer->facts.diff_id);
	(void)json_object_set_new(record, "diff-size", json_integer((json_int_t)layer->tar_bytes));
	if (compression)
		(void)json_object_set_new(record, "compression", json_integer(compression));
	set_ids(record, "uidset", &layer->uids);
	set_ids(record, "gidset", &layer->gids);
	(void)json_object_set_new(flags, PODMAN_INCOMPLETE, json_true());
	(void)json_object_set_new(record, "flags", flags);
	return record;
}

/* --- layers --- */

/* What Podman removes of a layer. */
static void remove_files(const struct podman_root *root, const char *id)
{
	AUTO_FREE char *dir = xasprintf("overlay/%s", id);
	AUTO_FREE char *link_file = xasprintf("overlay/%s/link", id);
	AUTO_FREE char *split = xasprintf("overlay-layers/%s.tar-split.gz", id);
	AUTO_FREE char *link = NULL;
	struct error *error = file_read(root->fd, link_file, 64, &link, NULL);

	if (!error && !strchr(link, '/')) {
		AUTO_FREE char *path = xasprintf("overlay/l/%s", link);

		(void)unlinkat(root->fd, path, 0);
	}
	error_ignore(error, "it has no short name");
	error_ignore(file_remove_tree(root->fd, dir), "the next one removes it");
	(void)unlinkat(root->fd, split, 0);
}

static void drop_record(struct podman_root *root, const char *id)
{
	for (size_t i = json_array_size(root->layers); i-- > 0;)
		if (text_equal(member_text(json_array_get(root->layers, i), "id"), id))
			(void)json_array_remove(root->layers, i);
}

static FALLIBLE move_layer(const struct podman_writer *writer, const struct new_layer *layer)
{
	const struct podman_root *root = &writer->roots[0];
	AUTO_FREE char *dir = xasprintf("overlay/%s", layer->id);
	AUTO_FREE char *split = xasprintf("overlay-layers/%s.tar-split.gz", layer->id);
	AUTO_FREE char *split_now = xasprintf("%s.tar-split.gz", layer->scratch);
	AUTO_FREE char *link = xasprintf("overlay/l/%s", layer->link);
	AUTO_FREE char *target = xasprintf("../%s/diff", layer->id);

	/* Without a record it is what somebody's death left. */
	remove_files(root, layer->id);
	if (renameat(writer->scratch.fd, split_now, root->fd, split) != 0 ||
			renameat(writer->scratch.fd, layer->scratch, root->fd, dir) != 0 ||
			symlinkat(target, root->fd, link) != 0)
		return error_sys("put layer '%.12s' into Podman's store '%s'", layer->id,
				root->path);
	return NULL;
}

/*
 * A layer of ours knows those below by their short names. They are others' when somebody else wrote
 * the same layer meanwhile, or removed it and wrote it anew.
 */
static FALLIBLE check_link(const struct podman_writer *writer, const struct new_layer *below)
{
	AUTO_FREE char *link = NULL;

	TRY(layer_word(&writer->roots[below->root], below->id, "link", true, &link));
	if (text_equal(link, below->link))
		return NULL;
	return error_new(ERR_BUSY, "somebody else wrote layer '%.12s' meanwhile", below->id);
}

/* Which of ours are still needed: others may have been faster, or have removed what was there. */
static FALLIBLE look_again(struct podman_writer *writer)
{
	struct podman_root *root = &writer->roots[0];

	for (size_t i = 0; i < writer->layers.n; i++) {
		struct new_layer *layer = &writer->layers.p[i];
		const json_t *there = layer->root ? NULL : root_layer(root, layer->id);

		if (layer->root)
			continue;
		/* We are alone: whoever was at it is dead. */
		if (there && layer_is_incomplete(there)) {
			drop_record(root, layer->id);
			there = NULL;
		}
		if (there)
			free(TAKE(layer->scratch));
		else if (!layer->scratch)
			return error_new(ERR_BUSY, "layer '%.12s' was removed from Podman's store",
					layer->id);
	}
	for (size_t i = 1; i < writer->layers.n; i++)
		if (writer->layers.p[i].scratch && !writer->layers.p[i - 1].scratch)
			TRY(check_link(writer, &writer->layers.p[i - 1]));
	return NULL;
}

static void undo(struct podman_writer *writer)
{
	struct podman_root *root = &writer->roots[0];

	for (size_t i = writer->layers.n; i-- > 0;) {
		if (!writer->layers.p[i].scratch)
			continue;
		remove_files(root, writer->layers.p[i].id);
		drop_record(root, writer->layers.p[i].id);
	}
	error_ignore(root_save_layers(root), "Podman removes what is incomplete");
}

static FALLIBLE move_layers(struct podman_writer *writer)
{
	for (size_t i = 0; i < writer->layers.n; i++)
		if (writer->layers.p[i].scratch)
			TRY(move_layer(writer, &writer->layers.p[i]));
	for (size_t i = 0; i < writer->layers.n; i++)
		if (writer->layers.p[i].scratch)
			(void)json_object_del(root_layer(&writer->roots[0], writer->layers.p[i].id),
					"flags");
	return root_save_layers(&writer->roots[0]);
}

static FALLIBLE commit_layers(struct podman_writer *writer)
{
	struct podman_root *root = &writer->roots[0];
	size_t new = 0;

	for (size_t i = 0; i < writer->layers.n; i++) {
		if (!writer->layers.p[i].scratch)
			continue;
		(void)json_array_append_new(root->layers, layer_record(writer, i));
		new ++;
	}
	if (!new)
		return NULL;
	struct error *error = root_save_layers(root);
	if (!error)
		error = move_layers(writer);
	if (error)
		undo(writer);
	return error;
}

/* --- the image --- */

static FALLIBLE put_data(const struct podman_root *root, json_t *record,
		const struct podman_new_image *image)
{
	char digest[DIGEST_TEXT];
	AUTO_FREE char *manifest =
			xasprintf("manifest-%s", digest_text(&image->manifest_digest, digest));

	TRY(image_record_make_place(root, record));
	TRY(image_record_put(root, record, digest_text(&image->config_digest, digest),
			image->config, &image->config_digest));
	TRY(image_record_put(root, record, manifest, image->manifest, &image->manifest_digest));
	return image_record_put(root, record, "manifest", image->manifest, &image->manifest_digest);
}

static json_t *new_record(const struct podman_writer *writer, const char *id,
		const struct podman_new_image *image)
{
	char text[CLOCK_RFC3339_TEXT];
	json_t *record = image_record_new(id, &image->manifest_digest);

	if (writer->layers.n)
		(void)json_object_set_new(record, "layer",
				json_string(writer->layers.p[writer->layers.n - 1].id));
	(void)json_object_set_new(record, "metadata", json_string("{}"));
	if (image->has_created)
		(void)json_object_set_new(record, "created",
				json_string(clock_rfc3339(image->created, 0, text)));
	return record;
}

static FALLIBLE commit_image(
		struct podman_writer *writer, const struct podman_new_image *image, const char *id)
{
	struct podman_root *root = &writer->roots[0];
	json_t *record = root_image(root, id);

	if (!record) {
		record = new_record(writer, id, image);
		(void)json_array_append_new(root->images, record);
	}
	TRY(put_data(root, record, image));
	image_record_move_names(root, record, image->names);
	return root_save_images(root);
}

/* The same config has the same files, whatever the layers of an image there are called. */
static bool needs_layers(const struct podman_writer *writer, const json_t *there)
{
	return !there ||
	       (writer->layers.n && text_equal(member_text(there, "layer"),
						    writer->layers.p[writer->layers.n - 1].id));
}

FALLIBLE podman_writer_commit(
		struct podman_writer *writer, const struct podman_new_image *image, char **ret_id)
{
	struct podman_root *root = &writer->roots[0];
	char hex[DIGEST_HEX];

	(void)digest_hex(&image->config_digest, hex);
	TRY(root_lock(root, writer->cancel));
	struct error *error = look_again(writer);
	if (!error && needs_layers(writer, root_image(root, hex)))
		error = commit_layers(writer);
	if (!error)
		error = commit_image(writer, image, hex);
	root_unlock(root);
	TRY(error);
	*ret_id = xstrdup(hex);
	return NULL;
}

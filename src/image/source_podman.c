/*
 * Images of Podman's store. It keeps layers unpacked, so they come uncompressed, made again byte
 * for byte; where kiln's store has the blob that the manifest speaks of, that one counts, and the
 * manifest stays as it is.
 *
 * A layer without its tar-split cannot be made again: its directory is written as a new layer into
 * the store, and the config names that one. The image is then another, with the same files.
 */
#include "image/source_podman.h"
#include "base/limits.h"
#include "image/source.h"
#include "layer/diff.h"
#include "layer/layer.h"
#include "oci/json.h"
#include "podman/tree.h"
#include "store/blob.h"
#include "stream/hash.h"

#include <string.h>

struct podman_source {
	struct image_source source;
	struct podman *podman;
	bool shares_podman; /* it is the list's that the image is of */
	struct podman_image image;
	const struct podman_settings *settings;
	struct cancel *cancel;
	char *config;
	size_t config_n;
	struct digest config_digest;
};

static FALLIBLE open_layer(const struct podman_source *self, const struct descriptor *blob,
		struct reader **ret)
{
	struct reader *tar = NULL;
	char text[DIGEST_TEXT];

	for (size_t i = 0; i < self->image.layers.n; i++) {
		const struct podman_layer *layer = &self->image.layers.p[i];

		if (!layer->has_split || !digest_equal(&layer->diff_id, &blob->digest))
			continue;
		TRY_WRAP(podman_open_layer(self->podman, &self->image, i, &tar),
				"layer '%.12s' of Podman's store", layer->id);
		*ret = verify_reader(tar, &blob->digest, blob->size);
		return NULL;
	}
	return error_new(ERR_NOT_FOUND, "Podman's store has no '%s'",
			digest_text(&blob->digest, text));
}

static struct error *open_blob(
		struct image_source *source, const struct descriptor *blob, struct reader **ret)
{
	const struct podman_source *self = (const struct podman_source *)source;

	if (!digest_equal(&blob->digest, &self->config_digest))
		return open_layer(self, blob, ret);
	char *copy = xmalloc(self->config_n + 1);
	memcpy(copy, self->config, self->config_n);
	*ret = verify_reader(
			reader_from_owned(copy, self->config_n), &blob->digest, self->config_n);
	return NULL;
}

static struct error *tree(
		struct image_source *source, const struct digest *diff_id, struct podman_tree **ret)
{
	const struct podman_source *self = (const struct podman_source *)source;

	for (size_t i = 0; i < self->image.layers.n; i++)
		if (digest_equal(&self->image.layers.p[i].diff_id, diff_id))
			return podman_tree_find(self->podman, self->settings, &self->image, i,
					self->cancel, ret);
	return NULL;
}

static const char *repository(const struct image_source *source)
{
	(void)source;
	return NULL;
}

static void podman_source_free(struct image_source *source)
{
	struct podman_source *self = (struct podman_source *)source;

	podman_image_done(&self->image);
	if (!self->shares_podman)
		podman_free(self->podman);
	free(self->config);
	free(self);
}

static const struct image_source_ops ops = {
	.open_blob = open_blob,
	.repository = repository,
	.tree = tree,
	.free = podman_source_free,
};

/* --- a layer from its directory --- */

struct dirs {
	int *p;
	size_t n;
};

static void dirs_done(struct dirs *dirs)
{
	for (size_t i = 0; i < dirs->n; i++)
		(void)close(dirs->p[i]);
	free(dirs->p);
}

DEFINE_AUTO_VALUE(dirs)

/* Its directory first, then those below. */
static FALLIBLE open_dirs(const struct podman_source *self, size_t i, struct dirs *ret)
{
	AUTO(dirs) struct dirs below = { 0 };

	TRY(podman_layer_dirs(self->podman, &self->image, i, &ret->p, &ret->n));
	if (i)
		TRY(podman_layer_dirs(self->podman, &self->image, i - 1, &below.p, &below.n));
	if (ret->n != below.n + 1)
		return error_new(
				ERR_UNSUPPORTED, "its owners were mapped, and it has no tar-split");
	return NULL;
}

static FALLIBLE remake(const struct podman_source *self, const struct image_homes *homes, size_t i,
		struct layer_result *ret)
{
	const struct layer_format plain = { .compression = COMPRESSION_NONE };
	AUTO(blob_writer) struct blob_writer *blob = NULL;
	AUTO(entry_sink) struct entry_sink *sink = NULL;
	AUTO(dirs) struct dirs dirs = { 0 };
	AUTO_FD int lock = -1;
	struct diff_counts counts = { 0 };

	TRY(podman_hold(self->podman, &self->image, i, &lock));
	TRY(open_dirs(self, i, &dirs));
	TRY(blob_writer_open(homes->store, BLOB_HASHED_BY_CALLER, &blob));
	TRY(layer_writer(blob_writer_stream(blob), &plain, NULL, ret, &sink));
	const struct diff_options diff = { .policy = { .kind = OWNER_PLAIN },
		.lowers = { dirs.p + 1, dirs.n - 1 },
		.cancel = homes->cancel };
	TRY(diff_upper(dirs.p[0], &diff, sink, &counts));
	TRY(entry_sink_close(TAKE(sink)));
	return blob_commit(TAKE(blob), &ret->digest, ret->size, NULL, NULL);
}

/* The config with the diffID of that layer. */
static FALLIBLE name_layer(struct podman_source *self, size_t i, const struct digest *diff_id)
{
	json_auto_t *config = NULL;
	char text[DIGEST_TEXT];

	TRY(json_parse((struct str){ self->config, self->config_n }, LIMIT_CONFIG_BYTES,
			"the config", &config));
	json_t *ids = json_object_get(json_object_get(config, "rootfs"), "diff_ids");
	if (json_array_set_new(ids, i, json_string(digest_text(diff_id, text))) != 0)
		return error_new(ERR_INVALID, "the config has no diff_ids");
	free(self->config);
	self->config = json_dumps(config, JSON_COMPACT);
	self->config_n = strlen(self->config);
	return NULL;
}

/* --- manifest and config --- */

/* What the manifest says of layer i becomes what can be had; *changed when that is another. */
static FALLIBLE take_layer(struct podman_source *self, const struct image_homes *homes, size_t i,
		struct manifest *manifest, bool *changed)
{
	const struct podman_layer *layer = &self->image.layers.p[i];
	struct descriptor *as_it_was = &manifest->layers.p[i];
	struct digest diff_id = layer->diff_id;
	uint64_t bytes = layer->bytes;
	bool here = false;

	TRY(blob_has(homes->store, &as_it_was->digest, &here, NULL));
	if (here || (layer->has_split && digest_equal(&as_it_was->digest, &diff_id)))
		return NULL;
	if (!layer->has_split) {
		struct layer_result result = { 0 };

		TRY_WRAP(remake(self, homes, i, &result), "layer '%.12s' of Podman's store",
				layer->id);
		TRY(name_layer(self, i, &result.diff_id));
		diff_id = result.diff_id;
		bytes = result.size;
	}
	*changed = true;
	descriptor_done(as_it_was);
	*as_it_was = descriptor_make(
			mediatype_layer(manifest->format, COMPRESSION_NONE), diff_id, bytes);
	return NULL;
}

static FALLIBLE check_digest(const char *what, struct str bytes, const struct digest *wanted)
{
	struct digest digest = digest_of(bytes.p, bytes.n);
	char is[DIGEST_TEXT], says[DIGEST_TEXT];

	if (digest_equal(&digest, wanted))
		return NULL;
	return error_hint(error_new(ERR_DIGEST, "its %s hashes to '%s', not '%s'", what,
					  digest_text(&digest, is), digest_text(wanted, says)),
			"Podman's store is damaged or was altered: 'podman rmi' the image and pull "
			"or build it again");
}

/* The pinned document may be the list that the image was chosen from when it was pulled. */
static FALLIBLE check_list(struct str pinned, const struct digest *manifest)
{
	AUTO(image_index) struct image_index index = { 0 };
	char text[DIGEST_TEXT];

	TRY(image_index_parse(pinned, NULL, &index));
	for (size_t i = 0; i < index.manifests.n; i++)
		if (digest_equal(&index.manifests.p[i].digest, manifest))
			return NULL;
	return error_new(ERR_DIGEST, "its manifest '%s' is not one of the list that was asked for",
			digest_text(manifest, text));
}

/* The manifest. What was asked for by its digest is that, whatever Podman's lists claim. */
static FALLIBLE read_manifest(const struct podman_source *self, char **ret, size_t *ret_n)
{
	const struct digest *wanted = &self->image.wanted;
	AUTO_FREE char *pinned = NULL;
	AUTO_FREE char *json = NULL;
	char text[DIGEST_TEXT];
	struct error *error = NULL;
	size_t pinned_n = 0, n = 0;

	if (digest_known(wanted)) {
		AUTO_FREE char *name = xasprintf("manifest-%s", digest_text(wanted, text));

		error = podman_datum(self->podman, &self->image, name, LIMIT_MANIFEST_BYTES,
				&pinned, &pinned_n);
		if (error && !error_is(error, ERR_NOT_FOUND))
			return error;
		error_ignore(error, "an older Podman has the one manifest alone");
	}
	if (pinned)
		TRY(check_digest("manifest", (struct str){ pinned, pinned_n }, wanted));
	bool is_list = pinned &&
		       manifest_sniff((struct str){ pinned, pinned_n }, NULL) == MEDIA_INDEX;
	if (pinned && !is_list) {
		*ret = TAKE(pinned);
		*ret_n = pinned_n;
		return NULL;
	}
	TRY(podman_datum(self->podman, &self->image, "manifest", LIMIT_MANIFEST_BYTES, &json, &n));
	if (is_list) {
		struct digest digest = digest_of(json, n);

		/* Podman's own lists have themselves as manifest: told by who reads on. */
		if (!digest_equal(&digest, wanted))
			TRY(check_list((struct str){ pinned, pinned_n }, &digest));
	} else if (digest_known(wanted)) {
		TRY(check_digest("manifest", (struct str){ json, n }, wanted));
	}
	*ret = TAKE(json);
	*ret_n = n;
	return NULL;
}

/* Of a list that Podman made: the image for the platform, which is another of its images. */
static FALLIBLE choose(struct podman_source *self, const struct image_homes *homes,
		struct str list_json, char **ret, size_t *ret_n)
{
	AUTO(image_index) struct image_index index = { 0 };
	AUTO(podman_image) struct podman_image list = TAKE_VALUE(self->image);
	struct platform host = platform_host();
	const struct platform *platform = homes->platform ? homes->platform : &host;
	char text[PLATFORM_TEXT];

	TRY(image_index_parse(list_json, NULL, &index));
	const struct descriptor *chosen = image_index_select(&index, platform);
	if (!chosen)
		return error_hint(error_new(ERR_NOT_FOUND, "the list has no image for %s",
						  platform_text(platform, text)),
				"'podman manifest inspect' tells what it has");
	TRY_WRAP(error_hint(podman_find_manifest(self->podman, &chosen->digest, &self->image),
				 "a list names images that may be elsewhere: pull it, or push it "
				 "with all of them"),
			"the image for %s of the list", platform_text(platform, text));
	free(self->image.name);
	self->image.name = TAKE(list.name);
	return read_manifest(self, ret, ret_n);
}

/* Of an image's manifest (takes it): all that is needed to read on. */
static FALLIBLE read_image(struct podman_source *self, const struct image_homes *homes, char *taken,
		size_t n, struct document *document)
{
	AUTO(manifest) struct manifest manifest = { 0 };
	AUTO_FREE char *json = taken;
	char text[DIGEST_TEXT];
	bool changed = false;

	TRY(manifest_parse((struct str){ json, n }, NULL, &manifest));
	TRY(podman_datum(self->podman, &self->image, digest_text(&manifest.config.digest, text),
			LIMIT_CONFIG_BYTES, &self->config, &self->config_n));
	TRY(check_digest("config", (struct str){ self->config, self->config_n },
			&manifest.config.digest));
	if (manifest.layers.n != self->image.layers.n)
		return error_new(ERR_INVALID,
				"its manifest has %zu layers, and Podman's store has %zu of it",
				manifest.layers.n, self->image.layers.n);
	for (size_t i = 0; i < manifest.layers.n; i++)
		TRY(take_layer(self, homes, i, &manifest, &changed));
	self->config_digest = digest_of(self->config, self->config_n);
	if (changed) {
		manifest.config.digest = self->config_digest;
		manifest.config.size = self->config_n;
		free(json);
		json = manifest_print(&manifest);
		n = strlen(json);
	}
	document->digest = digest_of(json, n);
	document->json = TAKE(json);
	document->n = n;
	return NULL;
}

/* whole: of a list itself, not its image for the platform. */
static FALLIBLE read_documents(struct podman_source *self, const struct image_homes *homes,
		bool whole, struct document *document)
{
	AUTO_FREE char *json = NULL;
	size_t n = 0;

	TRY(read_manifest(self, &json, &n));
	if (manifest_sniff((struct str){ json, n }, NULL) == MEDIA_INDEX) {
		AUTO_FREE char *list = TAKE(json);

		if (whole) {
			*document = (struct document){ .digest = digest_of(list, n), .n = n };
			document->json = TAKE(list);
			return NULL;
		}
		TRY(choose(self, homes, (struct str){ list, n }, &json, &n));
	}
	return read_image(self, homes, TAKE(json), n, document);
}

static struct podman_source *podman_source_new(const struct image_homes *homes)
{
	struct podman_source *self = xcalloc(1, sizeof(*self));

	self->source = (struct image_source){ &ops, 1 };
	self->settings = homes->podman;
	self->cancel = homes->cancel;
	return self;
}

static FALLIBLE open_instance(const struct image_homes *homes, const struct digest *manifest,
		struct podman_source *self, struct document *document)
{
	AUTO_FREE char *json = NULL;
	size_t n = 0;

	TRY(podman_find_manifest(self->podman, manifest, &self->image));
	TRY(read_manifest(self, &json, &n));
	if (manifest_sniff((struct str){ json, n }, NULL) == MEDIA_INDEX)
		return error_new(ERR_UNSUPPORTED, "it is a list within the list");
	return read_image(self, homes, TAKE(json), n, document);
}

FALLIBLE source_podman_instance(const struct image_homes *homes, struct podman *podman,
		const struct digest *manifest, struct document *ret,
		struct image_source **ret_source)
{
	struct podman_source *self = podman_source_new(homes);

	self->podman = podman;
	self->shares_podman = true;
	struct error *error = open_instance(homes, manifest, self, ret);
	if (!error)
		*ret_source = image_source_ref(&self->source);
	image_source_unref(&self->source);
	return error;
}

static FALLIBLE open_source(const struct image_homes *homes, const char *text, bool whole,
		struct podman_source *self, struct document *document)
{
	AUTO(podman_place) struct podman_place place = { 0 };
	const char *name = NULL;

	if (!homes->podman)
		return error_new(ERR_UNSUPPORTED, "'containers-storage:%s' cannot be used here",
				text);
	TRY(podman_place_find(homes->podman, text, &place, &name));
	TRY(podman_open(&place, homes->cancel, &self->podman));
	TRY(podman_find(self->podman, name, &self->image));
	TRY_WRAP(read_documents(self, homes, whole, document), "'%s' in Podman's store", name);
	return NULL;
}

/* What blobs are read from: of a list each of its images. */
static FALLIBLE source_of(const struct image_homes *homes, struct podman_source *self,
		struct document *document, struct image_source **ret)
{
	struct image_source *list = NULL;

	if (manifest_sniff((struct str){ document->json, document->n }, NULL) != MEDIA_INDEX) {
		*ret = image_source_store(homes->store, &self->source);
		return NULL;
	}
	TRY(source_podman_list(homes, &self->podman, document, &list));
	*ret = image_source_store(homes->store, list);
	image_source_unref(list);
	return NULL;
}

/* *ret_name (may be NULL; new): what the image is called there, else "@ID". */
static FALLIBLE open_named(const struct image_homes *homes, const char *text, bool whole,
		struct document *document, struct image_source **ret, char **ret_name,
		struct image_origin *ret_origin)
{
	struct podman_source *self = podman_source_new(homes);
	struct error *error = open_source(homes, text, whole, self, document);

	if (!error) {
		*ret_origin = image_origin_podman(podman_path(self->podman, &self->image),
				self->image.name, self->image.id);
		if (ret_name)
			*ret_name = self->image.name ? xstrdup(self->image.name)
						     : xasprintf("@%s", self->image.id);
		error = source_of(homes, self, document, ret);
	}
	image_source_unref(&self->source);
	return error;
}

FALLIBLE source_podman_document(const struct image_homes *homes, const char *text,
		struct document *ret, struct image_source **ret_source,
		struct image_origin *ret_origin)
{
	return open_named(homes, text, true, ret, ret_source, NULL, ret_origin);
}

/* is_shared: nobody named the transport. */
static FALLIBLE open_image(const struct image_homes *homes, const char *text, bool is_shared,
		struct image **ret)
{
	static const struct image_origin here = { 0 };
	AUTO(document) struct document document = { 0 };
	AUTO(image_origin) struct image_origin origin = { 0 };
	AUTO_FREE char *found = NULL;
	struct image_source *source = NULL;

	TRY(open_named(homes, text, false, &document, &source, &found, &origin));
	AUTO_FREE char *name = xasprintf("containers-storage:%s", found);
	/* As one's own: the policy was asked when it came there, and Buildah asks no more. */
	return image_from_document(
			homes, is_shared ? &here : &origin, name, &document, source, ret);
}

FALLIBLE source_podman_shared(const struct image_homes *homes, const char *name, struct image **ret)
{
	struct error *error = open_image(homes, name, true, ret);

	if (error_is(error, ERR_NOT_FOUND) || error_is(error, ERR_UNSUPPORTED)) {
		error_ignore(error, "nobody spoke of Podman");
		return NULL;
	}
	return error;
}

FALLIBLE source_podman_open(const struct image_homes *homes, const char *text, struct image **ret)
{
	return open_image(homes, text, false, ret);
}

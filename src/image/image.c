#include "image/image.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "image/decrypt.h"
#include "image/source.h"
#include "podman/place.h"
#include "registry/registry.h"

#include <string.h>

void document_done(struct document *document)
{
	free(document->json);
	free(document->media_type);
	*document = (struct document){ 0 };
}

struct image_source *image_source_ref(struct image_source *source)
{
	if (source)
		__atomic_add_fetch(&source->refs, 1, __ATOMIC_RELAXED);
	return source;
}

void image_source_unref(struct image_source *source)
{
	if (source && __atomic_sub_fetch(&source->refs, 1, __ATOMIC_ACQ_REL) == 0)
		source->ops->free(source);
}

const char *image_source_repository(
		const struct image_source *source, const struct digest *digest, bool *ret_sure)
{
	*ret_sure = false;
	return source->ops->repository_of ? source->ops->repository_of(source, digest, ret_sure)
					  : source->ops->repository(source);
}

void image_source_doubt(
		struct image_source *source, const struct descriptor *blob, const struct error *why)
{
	if (source->ops->doubt)
		source->ops->doubt(source, blob, why);
}

FALLIBLE image_source_tree(
		struct image_source *source, const struct digest *diff_id, struct podman_tree **ret)
{
	*ret = NULL;
	return source && source->ops->tree ? source->ops->tree(source, diff_id, ret) : NULL;
}

FALLIBLE image_source_check_size(
		struct image_source *source, const struct descriptor *blob, uint64_t bytes)
{
	char text[DIGEST_TEXT];

	if (blob->size == bytes)
		return NULL;
	struct error *error = error_new(ERR_DIGEST,
			"blob '%s' has %llu bytes, and not the %llu that are said of it",
			digest_text(&blob->digest, text), (unsigned long long)bytes,
			(unsigned long long)blob->size);
	image_source_doubt(source, blob, error);
	return error;
}

void image_free(struct image *image)
{
	if (!image)
		return;
	free(image->name);
	free(image->manifest_json);
	free(image->config_json);
	manifest_done(&image->manifest);
	image_config_done(&image->config);
	list_done(&image->entry_annotations);
	free(image->fetched_as);
	image_source_unref(image->source);
	free(image);
}

static FALLIBLE check_layers(const struct image *image)
{
	if (image->manifest.layers.n != image->config.diff_ids.n)
		return error_new(ERR_INVALID,
				"the manifest has %zu layers and the config speaks of %zu",
				image->manifest.layers.n, image->config.diff_ids.n);
	if (image->manifest.layers.n > LIMIT_LAYERS)
		return error_new(ERR_LIMIT, "the image has %zu layers (at most %d)",
				image->manifest.layers.n, LIMIT_LAYERS);
	return NULL;
}

static FALLIBLE read_config(struct image *image)
{
	const struct descriptor *config = &image->manifest.config;
	AUTO(reader) struct reader *reader = NULL;

	if (mediatype_role(config->media_type) != MEDIA_CONFIG)
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "this is no image but an artifact ('%s')",
						  config->media_type),
				"a base needs a config of type %s", MEDIA_OCI_CONFIG);
	if (config->size > LIMIT_CONFIG_BYTES)
		return error_new(ERR_LIMIT, "the config has %llu bytes (at most %d)",
				(unsigned long long)config->size, LIMIT_CONFIG_BYTES);
	TRY(image->source->ops->open_blob(image->source, config, &reader));
	TRY(reader_read_all(reader, LIMIT_CONFIG_BYTES, &image->config_json, &image->config_bytes));
	return image_config_parse(
			(struct str){ image->config_json, image->config_bytes }, &image->config);
}

static struct error *no_platform(const struct image_index *index, const struct platform *platform)
{
	AUTO(strbuf) struct strbuf have = { 0 };
	char text[PLATFORM_TEXT];

	for (size_t i = 0; i < index->manifests.n; i++) {
		const struct descriptor *entry = &index->manifests.p[i];
		bool is_shown = entry->has_platform && image_index_is_image(entry);

		if (is_shown)
			strbuf_addf(&have, "%s%s", have.n ? ", " : "",
					platform_text(&entry->platform, text));
	}
	return error_hint(error_new(ERR_NOT_FOUND, "no image found in manifest list for %s",
					  platform_text(platform, text)),
			"there are: %s", have.n ? strbuf_text(&have) : "none");
}

/* Replace an index by the manifest that serves the platform; indexes may nest once. */
static FALLIBLE select_manifest(struct document *document, const struct platform *platform,
		struct image_source *source, struct digest *ret_index)
{
	for (unsigned depth = 0; depth < 2; depth++) {
		AUTO(image_index) struct image_index index = { 0 };
		AUTO(reader) struct reader *reader = NULL;
		struct str json = { document->json, document->n };
		struct document inner = { 0 };

		if (manifest_sniff(json, document->media_type) != MEDIA_INDEX)
			return NULL;
		TRY(image_index_parse(json, document->media_type, &index));
		const struct descriptor *chosen = image_index_select(&index, platform);
		if (!chosen)
			return no_platform(&index, platform);
		if (chosen->size > LIMIT_MANIFEST_BYTES)
			return error_new(ERR_LIMIT, "the manifest has %llu bytes (at most %d)",
					(unsigned long long)chosen->size, LIMIT_MANIFEST_BYTES);
		TRY(source->ops->open_blob(source, chosen, &reader));
		TRY(reader_read_all(reader, LIMIT_MANIFEST_BYTES, &inner.json, &inner.n));
		inner.media_type = xstrdup(chosen->media_type);
		inner.digest = chosen->digest;
		if (!digest_known(ret_index))
			*ret_index = document->digest;
		document_done(document);
		*document = inner;
	}
	return NULL;
}

/* Before anything but the manifest is read. */
static FALLIBLE vouch(const struct image_homes *homes, const struct image_origin *origin,
		const struct document *manifest, struct image *image)
{
	const struct digest digests[] = { manifest->digest, image->index_digest };

	TRY(image_vouch(homes->trust, homes->store, origin, digests,
			digest_known(&image->index_digest) ? 2 : 1));
	if (origin->has_reference)
		image->fetched_as = reference_text(&origin->reference);
	return NULL;
}

FALLIBLE image_from_document(const struct image_homes *homes, const struct image_origin *origin,
		const char *name, struct document *document, struct image_source *source,
		struct image **ret)
{
	AUTO(image) struct image *image = xcalloc(1, sizeof(*image));
	AUTO(document) struct document owned = *document;
	struct platform host = platform_host();

	*document = (struct document){ 0 };
	image->name = xstrdup(name);
	image->source = source;
	TRY(select_manifest(&owned, homes->platform ? homes->platform : &host, source,
			&image->index_digest));
	TRY(vouch(homes, origin, &owned, image));
	image->manifest_json = TAKE(owned.json);
	image->manifest_bytes = owned.n;
	image->digest = owned.digest;
	TRY(manifest_parse((struct str){ image->manifest_json, image->manifest_bytes },
			owned.media_type, &image->manifest));
	TRY(read_config(image));
	TRY(check_layers(image));
	if (homes->decryption && image_is_encrypted(image)) {
		TRY(image_decrypt(image, homes->decryption, homes->store));
		TRY(image_vouch_derived(
				homes->trust, homes->store, origin, &owned.digest, &image->digest));
	}
	*ret = TAKE(image);
	return NULL;
}

FALLIBLE image_make(const char *name, const char *manifest_json, const char *config_json,
		struct image_source *source, struct image **ret)
{
	AUTO(image) struct image *image = xcalloc(1, sizeof(*image));

	image->name = xstrdup(name);
	image->source = image_source_ref(source);
	image->manifest_json = xstrdup(manifest_json);
	image->manifest_bytes = strlen(manifest_json);
	image->digest = digest_of(manifest_json, image->manifest_bytes);
	image->config_json = xstrdup(config_json);
	image->config_bytes = strlen(config_json);
	TRY(manifest_parse(str_of(manifest_json), NULL, &image->manifest));
	TRY(image_config_parse(str_of(config_json), &image->config));
	TRY(check_layers(image));
	*ret = TAKE(image);
	return NULL;
}

FALLIBLE image_open_layer(const struct image *image, size_t i, struct reader **ret)
{
	return image->source->ops->open_blob(image->source, &image->manifest.layers.p[i], ret);
}

/* --- by name --- */

/* What each place said, one a line, as Podman and Buildah tell it. */
static struct error *tell_all(struct error *first, size_t n, const struct strbuf *lines)
{
	if (n < 2 || error_is(first, ERR_CANCELED))
		return first;
	struct error *error = error_code(first->kind, first->code,
			"%zu errors occurred while pulling:%s", n, strbuf_text(lines));
	if (first->hint)
		error = error_hint(error, "%s", first->hint);
	error_free(first);
	return error;
}

/* Each place that a short name may mean, until one has it. */
static FALLIBLE open_candidates(
		const struct image_homes *homes, const char *name, struct image **ret)
{
	AUTO(list) struct list names = { 0 };
	AUTO(strbuf) struct strbuf lines = { 0 };
	struct error *first = NULL;

	TRY(registry_short_names(homes->registry, name, &names));
	for (size_t i = 0; i < names.n; i++) {
		AUTO(reference) struct reference reference = { 0 };
		struct error *error = reference_parse(str_of(names.p[i]), &reference);

		if (!error)
			error = source_registry_open(homes, &reference, ret);
		if (!error) {
			error_free(first);
			return NULL;
		}
		strbuf_add(&lines, "\n * ");
		error_text(error, &lines);
		first = error_first(first, error);
		if (error_is(first, ERR_CANCELED))
			break;
	}
	return tell_all(first, names.n, &lines);
}

FALLIBLE image_open_shared(const struct image_homes *homes, const char *name, struct image **ret)
{
	AUTO(list) struct list names = { 0 };
	bool is_bare = !reference_has_host(str_of(name));

	*ret = NULL;
	if (!homes->podman || !homes->podman->is_shared)
		return NULL;
	list_add(&names, name);
	if (is_bare && homes->short_names && homes->registry)
		TRY(registry_short_names(homes->registry, name, &names));
	for (size_t i = 0; i < names.n && !*ret; i++)
		TRY(source_podman_shared(homes, names.p[i], ret));
	return NULL;
}

/* What is here already of all that a short name may mean. ERR_NOT_FOUND. */
static FALLIBLE find_candidate(
		const struct image_homes *homes, const char *name, struct image **ret)
{
	AUTO(list) struct list names = { 0 };
	struct error *error = error_new(ERR_NOT_FOUND, "image '%s' is not in the store", name);

	if (!homes->short_names || !homes->registry)
		return error;
	error_ignore(registry_short_names(homes->registry, name, &names),
			"whoever asks the registry is told");
	for (size_t i = 0; i < names.n && error_is(error, ERR_NOT_FOUND); i++) {
		error_free(error);
		error = source_store_open(homes, names.p[i], false, ret);
	}
	return error;
}

bool image_may_be_id(const char *name)
{
	const char *hex = text_starts(name, "sha256:") ? name + strlen("sha256:") : name;

	return strlen(hex) >= 12 && hex[strspn(hex, "0123456789abcdef")] == '\0';
}

/* All 64 digits of one can be nothing else. */
static bool is_whole_id(const char *name)
{
	return strlen(name) == DIGEST_HEX - 1 && image_may_be_id(name);
}

/* What no registry knows, whatever the policy is. */
static FALLIBLE open_id(const struct image_homes *homes, const char *name, struct image **ret)
{
	struct image *shared = NULL;
	struct error *error = source_store_open(homes, name, true, ret);

	if (!error_is(error, ERR_NOT_FOUND))
		return error;
	struct error *worse = image_open_shared(homes, name, &shared);
	if (worse || shared) {
		error_free(error);
		*ret = shared;
		return worse;
	}
	return error;
}

/* What is here under that name may have been fetched for another platform. */
static bool serves(const struct image_homes *homes, const struct image *image)
{
	return !homes->short_names || !homes->registry || !homes->platform ||
	       platform_match(homes->platform, &image->config.platform) > 0;
}

static FALLIBLE open_reference(const struct image_homes *homes, const char *name,
		enum pull_policy policy, struct image **ret);

static FALLIBLE open_newer(const struct image_homes *homes, const char *name, struct image **ret)
{
	struct error *error = open_reference(homes, name, PULL_ALWAYS, ret);

	if (!error || error_is(error, ERR_CANCELED))
		return error;
	struct error *worse = open_reference(homes, name, PULL_NEVER, ret);
	if (worse) {
		error_free(worse);
		return error;
	}
	error_ignore(error, "the image that is here will do");
	return NULL;
}

/*
 * The name is the store's, and its manifest or config got lost there: that image is what the
 * registry may give, not what the name means there by now, or to somebody else.
 */
static FALLIBLE open_lost(const struct image_homes *homes, enum pull_policy policy,
		const struct reference *reference, const struct digest *lost, struct image **ret)
{
	AUTO(reference) struct reference exact = { 0 };
	AUTO_FREE char *name = reference_text(reference);

	reference_copy(reference, &exact);
	exact.digest = *lost;
	struct error *error = policy == PULL_MISSING && homes->registry
					      ? source_registry_open(homes, &exact, ret)
					      : error_new(ERR_NOT_FOUND, "it is not whole");
	if (!error || error_is(error, ERR_CANCELED))
		return error;
	return error_hint(error_wrap(error, "the store has lost some of '%s'", name),
			"make it again, fetch it anew (kiln pull), or remove it (kiln rmi)");
}

/* By the whole name, which the store may know although the image is lost. */
static FALLIBLE open_here(const struct image_homes *homes, const char *full,
		enum pull_policy policy, const struct reference *reference, struct image **ret,
		bool *ret_is_lost)
{
	struct digest lost = { 0 };
	struct error *error = source_store_open(homes, full, false, ret);

	if (!error && policy == PULL_MISSING && !serves(homes, *ret)) {
		image_free(TAKE(*ret));
		return source_registry_open(homes, reference, ret);
	}
	if (!error && policy == PULL_MISSING && homes->registry)
		source_store_refill(*ret, homes->registry, reference);
	if (!error_is(error, ERR_NOT_FOUND))
		return error;
	struct error *worse = source_store_lost(homes, full, &lost);
	*ret_is_lost = worse || digest_known(&lost);
	if (!*ret_is_lost)
		return error;
	error_free(error);
	return worse ? worse : open_lost(homes, policy, reference, &lost, ret);
}

static FALLIBLE open_reference(const struct image_homes *homes, const char *name,
		enum pull_policy policy, struct image **ret)
{
	AUTO(reference) struct reference reference = { 0 };

	if (homes->short_names && is_whole_id(name))
		return open_id(homes, name, ret);
	if (policy == PULL_NEWER)
		return open_newer(homes, name, ret);
	TRY(reference_parse(str_of(name), &reference));
	AUTO_FREE char *full = reference_text(&reference);
	/* What was named without a registry is localhost's under Buildah's name. */
	bool is_bare = !reference_has_host(str_of(name));
	if (policy != PULL_ALWAYS) {
		bool is_lost = false;
		struct error *error = open_here(homes, full, policy, &reference, ret, &is_lost);

		if (is_lost || !error_is(error, ERR_NOT_FOUND))
			return error;
		error_free(error);
		AUTO_FREE char *local = xasprintf("localhost/%s", name);
		AUTO(reference) struct reference own = { 0 };
		if (is_bare)
			TRY(reference_parse(str_of(local), &own));
		AUTO_FREE char *own_text = is_bare ? reference_text(&own) : xstrdup(full);
		error = source_store_open(homes, own_text, false, ret);
		if (error_is(error, ERR_NOT_FOUND) && homes->short_names && image_may_be_id(name)) {
			error_free(error);
			error = source_store_open(homes, name, true, ret);
		}
		if (error_is(error, ERR_NOT_FOUND) && is_bare) {
			error_free(error);
			error = find_candidate(homes, name, ret);
		}
		if (!error_is(error, ERR_NOT_FOUND))
			return error;
		struct image *shared = NULL;
		struct error *worse = image_open_shared(homes, name, &shared);
		if (worse || shared) {
			error_free(error);
			*ret = shared;
			return worse;
		}
		if (policy == PULL_NEVER)
			return error_find_hint(error) ? error
						      : error_hint(error, "--pull=never forbids to "
									  "ask the registry");
		error_free(error);
	}
	if (!homes->registry)
		return error_new(ERR_NOT_FOUND, "'%s' is not in the store", full);
	return is_bare && homes->short_names ? open_candidates(homes, name, ret)
					     : source_registry_open(homes, &reference, ret);
}

FALLIBLE image_names_inside(const char *name, struct list *ret)
{
	if (text_starts(name, "oci-archive:"))
		return source_archive_names(IMPORT_OCI, name + strlen("oci-archive:"), ret);
	if (text_starts(name, "docker-archive:"))
		return source_archive_names(IMPORT_DOCKER, name + strlen("docker-archive:"), ret);
	return NULL;
}

bool image_is_transport(const char *name)
{
	static const char *const transports[] = { "containers-storage:", "dir:", "docker-archive:",
		"docker-daemon:", "docker://", "oci-archive:", "oci:", "rootfs:", "store:" };

	for (size_t i = 0; i < COUNT(transports); i++)
		if (text_starts(name, transports[i]))
			return true;
	return false;
}

FALLIBLE image_open(const struct image_homes *homes, const char *name, enum pull_policy policy,
		struct image **ret)
{
	static const struct {
		const char *prefix;
		enum archive_kind kind;
	} archives[] = { { "oci-archive:", IMPORT_OCI }, { "docker-archive:", IMPORT_DOCKER },
		{ "rootfs:", IMPORT_ROOTFS } };

	for (size_t i = 0; i < COUNT(archives); i++)
		if (text_starts(name, archives[i].prefix))
			return source_archive_open(homes, archives[i].kind,
					name + strlen(archives[i].prefix), ret);
	if (text_starts(name, "oci:"))
		return source_layout_open(homes, name + strlen("oci:"), ret);
	if (text_starts(name, "dir:"))
		return source_dir_open(homes, name + strlen("dir:"), ret);
	if (text_starts(name, "store:"))
		return source_store_open(homes, name + strlen("store:"), true, ret);
	if (text_starts(name, "containers-storage:"))
		return source_podman_open(homes, name + strlen("containers-storage:"), ret);
	if (text_starts(name, "docker://"))
		return open_reference(homes, name + strlen("docker://"), PULL_ALWAYS, ret);
	if (text_starts(name, "docker-daemon:"))
		return error_hint(
				error_new(ERR_UNSUPPORTED, "'%s': kiln speaks to no daemon", name),
				"'docker save' the image and use docker-archive:FILE");
	return open_reference(homes, name, policy, ret);
}

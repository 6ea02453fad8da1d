#include "trust/attached.h"

#include "base/limits.h"
#include "base/log.h"
#include "oci/json.h"
#include "oci/manifest.h"
#include "registry/registry.h"
#include "trust/base64.h"

#include <string.h>

#define MEDIA_PAYLOAD  "application/vnd.dev.cosign.simplesigning.v1+json"
#define TYPE_SIGNATURE "application/vnd.dev.cosign.artifact.sig.v1+json"
#define NOTE_SIGNATURE "dev.cosignproject.cosign/signature"

/* Tries to get a signature in beside others that sign at the same moment. */
enum { TRIES = 5 };

void attached_done(struct attached *attached)
{
	for (size_t i = 0; i < attached->n; i++) {
		free(attached->p[i].payload);
		free(attached->p[i].signature);
	}
	vec_done(attached);
}

/* The image's repository, and the tag with that ending: ".sig", or "" for its referrers. */
static void tag_of(const struct reference *reference, const struct digest *manifest,
		const char *ending, struct reference *ret)
{
	char hex[DIGEST_HEX];

	*ret = (struct reference){ .host = xstrdup(reference->host),
		.repository = xstrdup(reference->repository),
		.tag = xasprintf("sha256-%s%s", digest_hex(manifest, hex), ending) };
}

/* --- reading --- */

static FALLIBLE read_payload(struct registry_client *client, const struct reference *reference,
		const struct descriptor *layer, struct attached *ret)
{
	const char *note = list_env_get(&layer->annotations, NOTE_SIGNATURE);
	AUTO(reader) struct reader *reader = NULL;
	AUTO_FREE unsigned char *signature = NULL;
	AUTO_FREE char *payload = NULL;
	size_t n = 0, signature_n = 0;

	if (strcmp(layer->media_type, MEDIA_PAYLOAD) != 0)
		return NULL;
	if (!note || !base64_decode(str_of(note), &signature, &signature_n))
		return error_new(ERR_INVALID, "a payload without a signature");
	if (layer->size > LIMIT_SIGNATURE_BYTES)
		return error_new(ERR_LIMIT, "a payload of %llu bytes",
				(unsigned long long)layer->size);
	TRY(registry_open_blob(client, reference, layer, &reader));
	TRY(reader_read_all(reader, LIMIT_SIGNATURE_BYTES, &payload, &n));
	*vec_add(ret) = (struct attached_signature){ TAKE(payload), n, TAKE(signature),
		signature_n };
	return NULL;
}

/* A signature that cannot be read must not hide the next one; no answer is no verdict. */
static FALLIBLE read_payloads(struct registry_client *client, const struct reference *reference,
		const struct manifest *manifest, struct attached *ret)
{
	for (size_t i = 0; i < manifest->layers.n && ret->looked++ < LIMIT_SIGNATURES; i++) {
		struct error *error = read_payload(client, reference, &manifest->layers.p[i], ret);

		if (error_is(error, ERR_INVALID) || error_is(error, ERR_LIMIT) ||
				error_is(error, ERR_NOT_FOUND) || error_is(error, ERR_DIGEST)) {
			error_ignore(error, "a signature that cannot be read is none");
			error = NULL;
		}
		TRY(error);
	}
	return NULL;
}

/* *ret is empty when the name does not exist. */
static FALLIBLE get(struct registry_client *client, const struct reference *reference,
		const struct digest *digest, struct registry_manifest *ret)
{
	struct error *error = registry_get_manifest(client, reference, digest, ret);

	if (!error_is(error, ERR_NOT_FOUND))
		return error;
	error_free(error);
	return NULL;
}

static FALLIBLE read_manifest(struct registry_client *client, const struct reference *reference,
		const struct digest *digest, struct attached *ret)
{
	AUTO(registry_manifest) struct registry_manifest document = { 0 };
	AUTO(manifest) struct manifest manifest = { 0 };

	TRY(get(client, reference, digest, &document));
	if (!document.json)
		return NULL;
	struct error *error = manifest_parse(
			(struct str){ document.json, document.n }, document.media_type, &manifest);
	if (error) {
		error_ignore(error, "no manifest of signatures");
		return NULL;
	}
	return read_payloads(client, reference, &manifest, ret);
}

static FALLIBLE read_referrers(struct registry_client *client, const struct reference *reference,
		const struct digest *manifest, struct attached *ret)
{
	AUTO(registry_manifest) struct registry_manifest document = { 0 };
	AUTO(image_index) struct image_index index = { 0 };

	TRY(registry_get_referrers(client, reference, manifest, TYPE_SIGNATURE, &document));
	struct error *error = image_index_parse(
			(struct str){ document.json, document.n }, document.media_type, &index);
	if (error) {
		error_ignore(error, "no index of referrers");
		return NULL;
	}
	for (size_t i = 0; i < index.manifests.n && ret->looked < LIMIT_SIGNATURES; i++) {
		const struct descriptor *entry = &index.manifests.p[i];

		if (!text_equal(entry->artifact_type, TYPE_SIGNATURE))
			continue;
		ret->looked++;
		TRY(read_manifest(client, reference, &entry->digest, ret));
	}
	return NULL;
}

FALLIBLE attached_read(struct registry_client *client, const struct reference *reference,
		const struct digest *manifest, enum attached_where where, struct attached *ret)
{
	AUTO(reference) struct reference tagged = { 0 };

	tag_of(reference, manifest, ".sig", &tagged);
	TRY_WRAP(where == ATTACHED_BY_TAG ? read_manifest(client, &tagged, NULL, ret)
					  : read_referrers(client, reference, manifest, ret),
			"signatures of '%s/%s'", reference->host, reference->repository);
	return NULL;
}

/* --- adding --- */

static struct error *open_bytes(void *user, uint64_t offset, struct reader **ret)
{
	const struct str *bytes = user;

	*ret = reader_from_bytes(bytes->p + offset, bytes->n - (size_t)offset);
	return NULL;
}

static FALLIBLE put_bytes(
		struct registry_client *client, const struct reference *to, struct str bytes)
{
	const struct registry_blob blob = { .digest = digest_of(bytes.p, bytes.n),
		.size = bytes.n,
		.open = open_bytes,
		.user = &bytes };

	return registry_put_blob(client, to, &blob, NULL);
}

static bool holds(const struct manifest *manifest, const struct digest *payload, const char *note)
{
	for (size_t i = 0; i < manifest->layers.n; i++)
		if (digest_equal(&manifest->layers.p[i].digest, payload) &&
				text_equal(list_env_get(&manifest->layers.p[i].annotations,
							   NOTE_SIGNATURE),
						note))
			return true;
	return false;
}

/* What is under the tag, empty when nothing is. */
static FALLIBLE read_present(struct registry_client *client, const struct reference *tagged,
		struct manifest *ret, struct digest *ret_digest)
{
	AUTO(registry_manifest) struct registry_manifest document = { 0 };
	struct error *error = registry_get_own_manifest(client, tagged, &document);

	if (error_is(error, ERR_NOT_FOUND)) {
		error_free(error);
		return NULL;
	}
	TRY(error);
	*ret_digest = document.digest;
	return manifest_parse((struct str){ document.json, document.n }, document.media_type, ret);
}

static void add_layer(struct manifest *manifest, const struct attached_signature *signature,
		const char *note)
{
	struct descriptor *layer = vec_add(&manifest->layers);

	*layer = descriptor_make(
			MEDIA_PAYLOAD, digest_of(signature->payload, signature->n), signature->n);
	list_env_set(&layer->annotations, NOTE_SIGNATURE, note);
}

static FALLIBLE put_manifest(struct registry_client *client, const struct reference *tagged,
		struct manifest *manifest, const struct descriptor *subject, struct digest *ret,
		size_t *ret_n)
{
	AUTO_FREE char *config = manifest_print_config("", manifest);
	struct str bytes = str_of(config);

	TRY(put_bytes(client, tagged, bytes));
	descriptor_done(&manifest->config);
	manifest->config = descriptor_make(MEDIA_OCI_CONFIG, digest_of(bytes.p, bytes.n), bytes.n);
	manifest->format = FORMAT_OCI;
	free(TAKE(manifest->media_type));
	free(manifest->artifact_type);
	manifest->artifact_type = xstrdup(TYPE_SIGNATURE);
	if (!manifest->has_subject)
		manifest->subject = descriptor_make(
				subject->media_type, subject->digest, subject->size);
	manifest->has_subject = true;
	AUTO_FREE char *json = manifest_print(manifest);
	*ret_n = strlen(json);
	*ret = digest_of(json, *ret_n);
	return registry_put_manifest(client, tagged, MEDIA_OCI_MANIFEST, str_of(json), NULL);
}

/* Whether the registry itself lists the signature as a referrer. */
static FALLIBLE is_listed(struct registry_client *client, const struct reference *reference,
		const struct digest *subject, const struct digest *signature, bool *ret,
		struct image_index *ret_index)
{
	AUTO(registry_manifest) struct registry_manifest document = { 0 };

	TRY(registry_get_referrers(client, reference, subject, NULL, &document));
	TRY(image_index_parse(
			(struct str){ document.json, document.n }, document.media_type, ret_index));
	*ret = false;
	for (size_t i = 0; i < ret_index->manifests.n; i++)
		*ret |= digest_equal(&ret_index->manifests.p[i].digest, signature);
	return NULL;
}

/* The index that stands in for the referrers API; the manifest before this one leaves it. */
static FALLIBLE list_by_tag(struct registry_client *client, const struct reference *reference,
		const struct digest *subject, const struct digest *old, const struct digest *made,
		size_t made_n)
{
	AUTO(image_index) struct image_index index = { 0 };
	AUTO(reference) struct reference tagged = { 0 };
	bool listed = false;

	TRY(is_listed(client, reference, subject, made, &listed, &index));
	if (listed)
		return NULL;
	for (size_t i = 0; i < index.manifests.n;) {
		if (!digest_known(old) || !digest_equal(&index.manifests.p[i].digest, old)) {
			i++;
			continue;
		}
		descriptor_done(&index.manifests.p[i]);
		index.manifests.p[i] = index.manifests.p[--index.manifests.n];
	}
	struct descriptor *entry = vec_add(&index.manifests);
	*entry = descriptor_make(MEDIA_OCI_MANIFEST, *made, made_n);
	entry->artifact_type = xstrdup(TYPE_SIGNATURE);
	index.format = FORMAT_OCI;
	tag_of(reference, subject, "", &tagged);
	AUTO_FREE char *json = image_index_print(&index);
	return registry_put_manifest(client, &tagged, MEDIA_OCI_INDEX, str_of(json), NULL);
}

static FALLIBLE add_once(struct registry_client *client, const struct reference *reference,
		const struct descriptor *subject, const struct attached_signature *signature,
		const char *note, bool *ret_done)
{
	AUTO(manifest) struct manifest manifest = { 0 };
	AUTO(reference) struct reference tagged = { 0 };
	struct digest old = { 0 }, made;
	struct digest payload = digest_of(signature->payload, signature->n);
	size_t made_n = 0;

	tag_of(reference, &subject->digest, ".sig", &tagged);
	TRY_WRAP(read_present(client, &tagged, &manifest, &old), "the signatures that are there");
	*ret_done = holds(&manifest, &payload, note);
	if (*ret_done)
		return NULL;
	if (manifest.layers.n >= LIMIT_SIGNATURES)
		return error_new(ERR_LIMIT, "there are %zu signatures already", manifest.layers.n);
	add_layer(&manifest, signature, note);
	TRY(put_bytes(client, &tagged, (struct str){ signature->payload, signature->n }));
	TRY(put_manifest(client, &tagged, &manifest, subject, &made, &made_n));
	return list_by_tag(client, reference, &subject->digest, &old, &made, made_n);
}

/*
 * A registry has no "unless somebody else did": two that sign at once can lose one of the
 * signatures. So we look again whether ours is there.
 */
FALLIBLE attached_add(struct registry_client *client, const struct reference *reference,
		const struct descriptor *manifest, const struct attached_signature *signature)
{
	AUTO_FREE char *note = base64_encode(signature->signature, signature->signature_n);

	for (unsigned i = 0; i < TRIES; i++) {
		bool done = false;

		TRY_WRAP(add_once(client, reference, manifest, signature, note, &done),
				"sign '%s/%s'", reference->host, reference->repository);
		if (done)
			return NULL;
	}
	return error_new(ERR_BUSY, "sign '%s/%s': others sign the same image all the time",
			reference->host, reference->repository);
}

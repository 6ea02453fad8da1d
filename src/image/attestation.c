#include "image/attestation.h"

#include "oci/json.h"
#include "oci/purl.h"
#include "store/blob.h"

#include <string.h>

#define STATEMENT_TYPE  "https://in-toto.io/Statement/v1"
#define STATEMENT_MEDIA "application/vnd.in-toto+json"

void attestation_subjects_done(struct attestation_subjects *subjects)
{
	for (size_t i = 0; i < subjects->n; i++)
		free(subjects->p[i].name);
	vec_done(subjects);
}

void attestation_subjects_add(struct attestation_subjects *subjects, const char *name,
		const struct digest *digest)
{
	vec_push(subjects, ((struct attestation_subject){ xstrdup(name), *digest }));
}

FALLIBLE attestation_subjects_of_image(const struct image *image, const struct list *names,
		struct attestation_subjects *ret)
{
	for (size_t i = 0; i < names->n; i++) {
		AUTO(reference) struct reference reference = { 0 };

		TRY(reference_parse(str_of(names->p[i]), &reference));
		AUTO_FREE char *purl = purl_of(&reference, &image->config.platform);
		attestation_subjects_add(ret, purl, &image->digest);
	}
	if (!names->n)
		attestation_subjects_add(ret, "_", &image->digest);
	return NULL;
}

static void print_subjects(const struct attestation_subjects *subjects, struct json_out *out)
{
	char hex[DIGEST_HEX];

	json_out_open(out, "subject", '[');
	for (size_t i = 0; i < subjects->n; i++) {
		json_out_open(out, NULL, '{');
		json_out_text(out, "name", subjects->p[i].name);
		json_out_open(out, "digest", '{');
		json_out_text(out, "sha256", digest_hex(&subjects->p[i].digest, hex));
		json_out_close(out, '}');
		json_out_close(out, '}');
	}
	json_out_close(out, ']');
}

char *attestation_statement(
		const struct attestation *attestation, const struct attestation_subjects *subjects)
{
	AUTO(json_out) struct json_out out = { 0 };

	json_out_open(&out, NULL, '{');
	json_out_text(&out, "_type", STATEMENT_TYPE);
	json_out_text(&out, "predicateType", attestation->predicate_type);
	if (attestation->subjects)
		json_out_raw(&out, "subject", attestation->subjects);
	else
		print_subjects(subjects, &out);
	json_out_raw(&out, "predicate", attestation->predicate);
	json_out_close(&out, '}');
	return json_out_take(&out);
}

static FALLIBLE put(struct store *store, const char *media_type, const char *text,
		struct descriptor *ret)
{
	struct digest digest;

	TRY(blob_put(store, text, strlen(text), &digest));
	*ret = descriptor_make(media_type, digest, strlen(text));
	return NULL;
}

FALLIBLE attestation_keep(struct store *store, const struct image *image,
		const struct attestation *attestations, size_t n,
		const struct attestation_subjects *subjects, struct descriptor *ret)
{
	AUTO(manifest) struct manifest manifest = { .format = FORMAT_OCI };
	char digest[DIGEST_TEXT];

	manifest.media_type = xstrdup(mediatype_manifest(FORMAT_OCI));
	for (size_t i = 0; i < n; i++) {
		AUTO_FREE char *statement = attestation_statement(&attestations[i], subjects);
		struct descriptor *layer = vec_add(&manifest.layers);

		TRY(put(store, STATEMENT_MEDIA, statement, layer));
		list_addf(&layer->annotations, "in-toto.io/predicate-type=%s",
				attestations[i].predicate_type);
	}
	AUTO_FREE char *config = manifest_print_config("unknown", &manifest);
	TRY(put(store, mediatype_config(FORMAT_OCI), config, &manifest.config));
	AUTO_FREE char *json = manifest_print(&manifest);
	TRY(put(store, manifest.media_type, json, ret));
	ret->has_platform = true;
	ret->platform = (struct platform){ .os = "unknown", .architecture = "unknown" };
	list_addf(&ret->annotations, "vnd.docker.reference.digest=%s",
			digest_text(&image->digest, digest));
	list_add(&ret->annotations, "vnd.docker.reference.type=attestation-manifest");
	return NULL;
}

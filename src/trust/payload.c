#include "trust/payload.h"

#include "base/limits.h"
#include "oci/json.h"

#include <string.h>

static const char *const types[] = { [PAYLOAD_SIMPLE] = "atomic container signature",
	[PAYLOAD_SIGSTORE] = "cosign container image signature" };

void payload_done(struct payload *payload)
{
	free(payload->reference);
	*payload = (struct payload){ 0 };
}

/* keys of the object, and no others. */
static FALLIBLE exact_keys(
		const struct json_field *object, const char *const *keys, size_t n, size_t required)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		bool is_there = json_object_get(object->value, keys[i]) != NULL;

		if (i < required && !is_there)
			return json_complain(&(struct json_field){ .up = object, .key = keys[i] },
					"is missing");
		found += is_there;
	}
	if (found != json_object_size(object->value))
		return json_complain(object, "has keys that do not belong there");
	return NULL;
}

static FALLIBLE read_critical(
		const struct json_field *critical, enum payload_kind kind, struct payload *ret)
{
	static const char *const keys[] = { "type", "image", "identity" },
				 *const image_keys[] = { "docker-manifest-digest" },
				 *const identity_keys[] = { "docker-reference" };
	struct json_field image, identity;
	AUTO_FREE char *type = NULL;

	TRY(exact_keys(critical, keys, COUNT(keys), COUNT(keys)));
	TRY(json_get_text(critical, "type", JSON_MUST, &type));
	if (strcmp(type, types[kind]) != 0)
		return error_new(ERR_INVALID, "signature: its type is '%.80s', not '%s'", type,
				types[kind]);
	TRY(json_get_object(critical, "image", JSON_MUST, &image));
	TRY(exact_keys(&image, image_keys, 1, 1));
	TRY(json_get_digest(&image, "docker-manifest-digest", JSON_MUST, &ret->manifest));
	TRY(json_get_object(critical, "identity", JSON_MUST, &identity));
	TRY(exact_keys(&identity, identity_keys, 1, 1));
	return json_get_text(&identity, "docker-reference", JSON_MUST, &ret->reference);
}

FALLIBLE payload_parse(struct str json, enum payload_kind kind, struct payload *ret)
{
	static const char *const keys[] = { "critical", "optional" };
	AUTO(payload) struct payload payload = { 0 };
	json_auto_t *value = NULL;
	struct json_field root, critical;

	TRY(json_parse(json, LIMIT_SIGNATURE_BYTES, "signature", &value));
	TRY(json_root(value, "signature", &root));
	TRY(exact_keys(&root, keys, COUNT(keys), 1));
	TRY(json_get_object(&root, "critical", JSON_MUST, &critical));
	TRY(read_critical(&critical, kind, &payload));
	*ret = TAKE_VALUE(payload);
	return NULL;
}

char *payload_print(const struct payload *payload, enum payload_kind kind, const char *creator,
		int64_t created)
{
	AUTO(json_out) struct json_out out = { 0 };

	json_out_open(&out, NULL, '{');
	json_out_open(&out, "critical", '{');
	json_out_open(&out, "identity", '{');
	json_out_text(&out, "docker-reference", payload->reference);
	json_out_close(&out, '}');
	json_out_open(&out, "image", '{');
	json_out_digest(&out, "docker-manifest-digest", &payload->manifest);
	json_out_close(&out, '}');
	json_out_text(&out, "type", types[kind]);
	json_out_close(&out, '}');
	json_out_open(&out, "optional", '{');
	json_out_text(&out, "creator", creator);
	json_out_i64(&out, "timestamp", created);
	json_out_close(&out, '}');
	json_out_close(&out, '}');
	return json_out_take(&out);
}

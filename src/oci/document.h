/*
 * document: the checks that manifests and indexes share (inside oci/ only).
 *
 * Floor: oci (pure).
 */
#pragma once
#include "oci/descriptor_json.h"
#include "oci/mediatype.h"

/*
 * schemaVersion and mediaType. media_type is what the transport said, or NULL; *ret_media_type
 * (new) is what the document or the transport states, or NULL when neither does.
 */
FALLIBLE document_check(const struct json_field *root, const char *media_type,
		enum media_role wanted, char **ret_media_type);

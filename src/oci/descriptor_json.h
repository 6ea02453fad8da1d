/*
 * descriptor_json: descriptors in and out of documents (inside oci/ only).
 *
 * Floor: oci (pure).
 */
#pragma once
#include "oci/descriptor.h"
#include "oci/json.h"

/* field is the descriptor object. */
FALLIBLE descriptor_from_json(const struct json_field *field, struct descriptor *ret);
void descriptor_to_json(const struct descriptor *descriptor, const char *key, struct json_out *out);
/* "application/json; charset=utf-8" without what follows the type; new, NULL gives NULL. */
char *mediatype_bare(const char *content_type);
/* RFC 6838 form: type/subtype, at most 255 bytes. */
bool mediatype_is_wellformed(const char *name);
/* Types that say nothing about the document: JSON, octets, plain text, or NULL. */
bool mediatype_is_vague(const char *name);

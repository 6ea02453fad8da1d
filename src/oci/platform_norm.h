/*
 * platform_norm: one spelling for platforms that come out of documents (inside oci/ only).
 *
 * Floor: oci (pure).
 */
#pragma once
#include "oci/json.h"
#include "oci/platform.h"

void platform_normalise(struct platform *platform);
/*
 * The members os, architecture, variant, os.version of an object, normalised. All may be missing
 * (base configs in the wild); an overlong one is ERR_LIMIT.
 */
FALLIBLE platform_from_json(const struct json_field *object, struct platform *ret);
/* os_features: or NULL. */
void platform_to_json(const struct platform *platform, const struct list *os_features,
		struct json_out *out);

/*
 * vouch: which images came from elsewhere, and which rules they were found to meet. What has no
 * name here was made here.
 *
 * A rule is a digest of all that a verdict depends on besides the image (trust/trust.h): other
 * rules, and the image is asked about again.
 *
 * Floor: store. Any thread.
 */
#pragma once
#include "base/vec.h"
#include "oci/digest.h"
#include "store/store.h"

/*
 * The manifest or index was fetched from a registry under that name. index: the one that it was
 * chosen from there, known or not.
 */
FALLIBLE vouch_add_name(struct store *store, const struct digest *manifest, const char *name,
		const struct digest *index);
/* Added to *ret: "NAME", "NAME sha256:…" with the index. */
FALLIBLE vouch_names(struct store *store, const struct digest *manifest, struct list *ret);

FALLIBLE vouch_put(struct store *store, const struct digest *manifest, const struct digest *rule);
FALLIBLE vouch_get(struct store *store, const struct digest *manifest, const struct digest *rule,
		bool *ret);

/*
 * squash: several overlay uppers, one above the other, as the entries of one layer that changes
 * what lies below them in the same way.
 *
 * A name counts as its topmost upper has it; directories merge; what was made and removed again
 * leaves a whiteout, since a layer further down may have the name too, unless it is said that there
 * is none.
 *
 * Floor: layer. The uppers must not change meanwhile.
 */
#pragma once
#include "layer/apply.h"
#include "layer/entry.h"
#include "sys/cancel.h"

struct squash_options {
	struct owner_policy policy;
	struct lowers uppers;    /* topmost first */
	struct owner below_root; /* of the root directory below: sent only when ours differs */
	bool is_lowest;          /* nothing lies below: there is nothing to hide */
	struct cancel *cancel;
	const struct list *ignore; /* paths to leave out with all below them, cleaned; or NULL */
};

/* Sends entries to sink (borrows it; does not close it); *ret_entries counts them. */
FALLIBLE squash_uppers(const struct squash_options *options, struct entry_sink *sink,
		uint64_t *ret_entries);

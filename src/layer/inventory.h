/*
 * inventory: what a layer holds, as a sorted list; and what two of them differ in.
 *
 *	AUTO(inventory) struct inventory a = { 0 };
 *	struct entry_sink *sink = inventory_sink(&a);
 *	send entries, entry_sink_close(sink)
 *
 * Times are told apart from the rest: a step that makes the same files a second later is the same
 * to everybody but a digest.
 *
 * Floor: layer. One thread at a time.
 */
#pragma once
#include "base/vec.h"
#include "layer/entry.h"
#include "oci/digest.h"

struct inventory_item {
	char *path;
	enum inventory_kind { INVENTORY_ENTRY = 1, INVENTORY_WHITEOUT, INVENTORY_OPAQUE } kind;
	struct owner owner;
	int64_t mtime;
	uint32_t mtime_ns;
	uint64_t size;
	struct digest content; /* of a regular file; of the xattrs below */
	struct digest xattrs;
	char *link;
	bool is_hardlink;
};

struct inventory {
	struct inventory_item *p;
	size_t n, capacity;
};

/* Fills *ret, which must live until the sink is closed, and is sorted then. */
struct entry_sink *inventory_sink(struct inventory *ret);
void inventory_done(struct inventory *inventory);

struct inventory_difference {
	uint64_t files;    /* that differ in more than times */
	uint64_t times;    /* that differ in times alone */
	struct list texts; /* "out: content (7 bytes before, 9 now)": the first `most` of them */
};

/* Both sorted. before: what was kept; now: what was made again. */
void inventory_compare(const struct inventory *before, const struct inventory *now, size_t most,
		struct inventory_difference *ret);
void inventory_difference_done(struct inventory_difference *difference);

DEFINE_AUTO_VALUE(inventory)
DEFINE_AUTO_VALUE(inventory_difference)

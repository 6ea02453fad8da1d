/*
 * toc: a layer's table of contents: every entry with its metadata and the digest of its content,
 * small enough to be fetched where the layer is not wanted. It answers what a COPY must know of the
 * files below it.
 *
 * It travels as a blob, packed with zstd (docs/cache-format.md). Reading it is bounded, and refuses
 * what no layer can say: paths that are not clean, types that are none, more text than there is.
 *
 * Floor: cache. A toc is a value of one thread until it is made, read-only afterwards.
 */
#pragma once
#include "base/arena.h"
#include "layer/entry.h"
#include "oci/digest.h"
#include "stream/reader.h"
#include "sys/cancel.h"

enum toc_kind { TOC_ENTRY = 1, TOC_WHITEOUT, TOC_OPAQUE };

struct toc_entry {
	enum toc_kind kind;
	struct entry entry;   /* TOC_ENTRY; else only its path counts */
	struct digest digest; /* of a regular file's content */
};

struct toc {
	struct arena *arena;
	struct toc_entry *p;
	size_t n, capacity;
};

/*
 * Makes the packed table of what it is given: *ret (free()) and *ret_n once it was closed, NULL for
 * more than a table can have. It is no reason for others of the same entries to stop.
 */
struct entry_sink *toc_sink(char **ret, size_t *ret_n);
/* Read a layer's blob (takes it; compressed or not) and make its packed table. *ret: free(). */
FALLIBLE toc_make(struct reader *blob, struct cancel *cancel, char **ret, size_t *ret_n);
/* The other way (takes packed). */
FALLIBLE toc_read(struct reader *packed, struct toc **ret);
void toc_free(struct toc *toc);

DEFINE_AUTO_PTR(toc, toc_free)

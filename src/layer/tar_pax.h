/*
 * tar_pax: the records of a pax header ("27 path=a/b\n"), as far as layers need them.
 *
 * Each field has three states: not said, said, and taken back (an empty value: the header counts).
 *
 * Records for all entries (type 'g') count for nothing, and of two record blocks before one entry
 * the last counts: that is how Docker, containerd, BuildKit and Podman read a layer, and a layer
 * must not be another file tree here than there.
 *
 * Floor: layer (private to tar_*.c and podman/split_write, pure). Spec: POSIX.1-2017 pax, "pax
 * Header Block"; GNU tar manual, "PAX" sparse formats.
 */
#pragma once
#include "base/auto.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "layer/tar_format.h"
#include "sys/xattrs.h"
#include <stdint.h>

/* A piece of a sparse file that has data. */
struct extent {
	uint64_t offset, n;
};

/* Pieces of one sparse file: a hundred times what file systems make of a virtual disk. */
enum { EXTENTS_MAX = 1024 * 1024 };

struct extents {
	struct extent *p;
	size_t n, capacity;
};

enum pax_state { PAX_UNSAID = 0, PAX_SAID, PAX_TAKEN_BACK };

struct pax_number {
	enum pax_state state;
	uint64_t value;
};

struct pax {
	char *path, *link; /* NULL: not said; "": taken back */
	char *sparse_name; /* GNU.sparse.name */
	struct pax_number size, uid, gid;
	struct pax_number major; /* GNU.sparse.major; said: format 1.x, the map is in the data */
	struct pax_number real_size; /* GNU.sparse.size, GNU.sparse.realsize */
	enum pax_state mtime_state;
	int64_t mtime;
	uint32_t mtime_ns;
	struct xattrs xattrs;
	struct extents map; /* GNU.sparse.offset/numbytes, GNU.sparse.map */
	bool has_map;
	bool has_offset; /* an offset that waits for its numbytes */
};

/* Add the records to *pax; what they say again replaces. */
FALLIBLE pax_parse(struct str records, struct pax *pax);
void pax_clear(struct pax *pax);
void pax_done(struct pax *pax);

/* The value that counts: a record's, else the header's. */
const char *pax_text(const char *said, const char *header);
uint64_t pax_value(struct pax_number said, uint64_t header);
/* Add the name of an entry: of a GNU header before it ("" is none), else a record's, else its own.
 */
void pax_entry_name(const struct pax *pax, const struct tar_header *header, const char *long_name,
		struct strbuf *out);

DEFINE_AUTO_VALUE(pax)

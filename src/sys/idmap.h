/*
 * idmap: which ids are ours to give away, and how a user namespace maps them.
 *
 * A struct idmap is a plain value: up to IDMAP_RANGES lines of /proc/PID/uid_map. Subordinate
 * ranges come from /etc/subuid and /etc/subgid (by name or number); where nsswitch.conf names
 * another source for them, the getsubids program is asked.
 *
 * Floor: sys. Spec: user_namespaces(7), subuid(5).
 */
#pragma once
#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"
#include <stdint.h>
#include <sys/types.h>

enum { IDMAP_RANGES = 16, IDMAP_WIDTH = 65536 };

struct id_range {
	uint32_t inside, outside, count;
};

struct idmap {
	struct id_range range[IDMAP_RANGES];
	unsigned n;
};

/* Of users and of groups. */
struct id_maps {
	struct idmap uids, gids;
};

/* Parse a uid_map's text ("0 1000 1\n1 100000 65535\n"). */
FALLIBLE idmap_parse(struct str text, struct idmap *ret);
/* How the namespace we live in maps ids: /proc/self/uid_map, /proc/self/gid_map. */
FALLIBLE idmap_read(const char *path, struct idmap *ret);
/* The text that a map file takes. */
void idmap_text(const struct idmap *map, struct strbuf *out);
/* How many ids it maps. */
uint64_t idmap_count(const struct idmap *map);
/* Without what is inside at width and above. */
void idmap_cut(struct idmap *map, uint32_t width);
/* True when every id of [first, first + count) is mapped inside. */
bool idmap_covers(const struct idmap *map, uint64_t first, uint64_t count);

bool idmap_equal(const struct idmap *a, const struct idmap *b);
/* One id from inside to outside, and back; false: it is not mapped. */
bool idmap_out(const struct idmap *map, uint32_t id, uint32_t *ret);
bool idmap_in(const struct idmap *map, uint32_t id, uint32_t *ret);
/*
 * "0:1000:1:1:100000:65535": triples as Buildah has them, added to *map; whatever is no digit parts
 * numbers. ERR_INVALID: no whole triples, or no number; ERR_LIMIT.
 */
FALLIBLE idmap_add_triples(struct str text, struct idmap *map);
/* ERR_INVALID: two ranges have an id in common, inside or outside, or one has none. */
FALLIBLE idmap_check(const struct idmap *map);
/* Back to triples, one text for all: "0:1000:1,1:100000:65535". */
void idmap_triples(const struct idmap *map, struct strbuf *out);

/*
 * Ranges of subid text ("name:start:count" lines) that belong to name or to its number, in file
 * order, as ranges with inside = 0. Lines that do not parse are skipped, as newuidmap does.
 */
void idmap_parse_subids(struct str text, const char *name, uid_t uid, struct idmap *ret);
/* The same from path (/etc/subuid); a missing file is an empty map. */
FALLIBLE idmap_subids(const char *path, const char *name, uid_t uid, struct idmap *ret);
/* 0.. are the subordinate ranges, one after the other; what is in two of them is there once. */
void idmap_of_subids(const struct idmap *subids, struct idmap *ret);
/* 0 is id, and 1.. are the subordinate ranges as above, without that id. */
void idmap_with_self(uint32_t id, const struct idmap *subids, struct idmap *ret);

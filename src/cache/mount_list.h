/*
 * mount_list: what a cache mount holds, as it travels: every file with its metadata, in the order
 * of a tree walk, and the chunks that the files' contents are cut into, one after the other in that
 * order (cutter.h). docs/cache-format.md has the format.
 *
 * The tree's digest is that of files and plain chunks: the same tree has the same one on every
 * machine, however its chunks were packed. Where chunks lie (their blobs) stands behind it.
 *
 * Reading a list is bounded, and refuses what no directory can be: paths that are not clean or not
 * in order, a parent that is no directory of the list, a hard link that leads anywhere but to an
 * earlier file, devices, contents and chunks that do not add up. Links may say what they like:
 * nothing of kiln follows them.
 *
 * Floor: cache (pure). A value of one thread until it is made, read-only afterwards.
 */
#pragma once
#include "base/arena.h"
#include "cache/cutter.h"
#include "cache/record.h"
#include "layer/entry.h"
#include "stream/reader.h"

enum {
	/* A registry takes 4 MiB of manifest, with 150 bytes for each chunk. */
	MOUNT_CHUNKS = 20000,
	MOUNT_FILES = 1000 * 1000,
	/* A chunk that cannot be packed any smaller, with what zstd puts around it. */
	MOUNT_CHUNK_PACKED_BYTES = CUT_MAX_BYTES + 64 * 1024,
};

struct mount_chunk {
	struct digest plain;
	uint64_t bytes;
	struct cached_blob blob; /* packed with zstd; not known while a list is made */
};

struct mount_list {
	struct arena *arena;
	struct digest tree;
	uint64_t bytes; /* of all contents */
	struct {
		struct entry *p; /* the first is the directory itself: path "" */
		size_t n, capacity;
	} files;
	struct {
		struct mount_chunk *p;
		size_t n, capacity;
	} chunks;
};

struct mount_list *mount_list_new(void);
void mount_list_free(struct mount_list *list);
/* A file whose content is in the chunks. */
bool mount_file_has_content(const struct entry *entry);
/* Once files and plain chunks are complete: sets tree. ERR_LIMIT: more than a list can say. */
FALLIBLE mount_list_seal(struct mount_list *list);
/* As a blob. *ret: free(). */
FALLIBLE mount_list_pack(const struct mount_list *list, char **ret, size_t *ret_n);
/*
 * The other way (takes packed). Contents of more than max_bytes are ERR_LIMIT, what is wrong
 * ERR_INVALID.
 */
FALLIBLE mount_list_read(struct reader *packed, uint64_t max_bytes, struct mount_list **ret);

DEFINE_AUTO_PTR(mount_list, mount_list_free)

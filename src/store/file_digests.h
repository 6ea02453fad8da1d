/*
 * file_digests: contents of build context files by (device, inode, size, mtime, ctime), so that an
 * unchanged tree is not read again; and that a file has no extended attributes, which take longer
 * to ask for than all else.
 *
 * One packed file for each context root (digests/<hex of the root's path>), read whole at open,
 * written whole at close when something was learnt: 50,000 files are looked up in milliseconds. It
 * is a memory aid: a damaged or foreign file is empty, and the last of two writers wins.
 *
 * A file that changed so shortly before it was read that its ctime could stay the same through
 * another change is not remembered (git's "racy" entries).
 *
 * Floor: store. get and put from any thread.
 */
#pragma once
#include "base/auto.h"
#include "oci/digest.h"
#include "store/store.h"

struct stat;
struct file_digests;

struct file_key {
	uint64_t dev, ino, bytes;
	int64_t mtime_ns, ctime_ns;
};

struct file_key file_key_of(const struct stat *st);
bool file_key_equal(const struct file_key *a, const struct file_key *b);

/* scope: the context root, any text that is the same next time. Never fails: empty at worst. */
struct file_digests *file_digests_open(struct store *store, const char *scope);
/* False: not known, or changed since. */
bool file_digests_get(struct file_digests *digests, const struct file_key *key, struct digest *ret);
/* Known, unchanged, and without extended attributes that count. */
bool file_digests_is_bare(struct file_digests *digests, const struct file_key *key);
/*
 * Remember. is_bare: it has no extended attributes that count, and setting one would change its
 * ctime (not so on every file system). read_began_ns: clock_now_ns() before the file was opened;
 * the caller's fstat after the last read gave this key again.
 */
void file_digests_put(struct file_digests *digests, const struct file_key *key,
		const struct digest *digest, bool is_bare, uint64_t read_began_ns);
size_t file_digests_count(const struct file_digests *digests);
/* Write what was learnt (takes digests, also when it fails). A read-only store forgets it. */
FALLIBLE file_digests_close(struct file_digests *digests);
void file_digests_free(struct file_digests *digests); /* without writing; NULL is fine */

DEFINE_AUTO_PTR(file_digests, file_digests_free)

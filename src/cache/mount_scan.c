#include "cache/mount_scan.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "cache/mount_files.h"
#include "layer/entry_disk.h"
#include "layer/tree.h"
#include "stream/codec.h"
#include "stream/hash.h"
#include "sys/fd.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 256 * 1024 };

/* --- files --- */

struct scan {
	const struct mount_scan_options *options;
	struct mount_list *list;
	struct map *inodes; /* "device:inode" -> the first path, in the list's arena */
	struct entry_disk disk;
};

static void scan_done(struct scan *scan)
{
	map_free(scan->inodes);
	entry_disk_done(&scan->disk);
	mount_list_free(scan->list);
}

DEFINE_AUTO_VALUE(scan)

/* A copy that lives as long as the list. */
static void keep(struct scan *scan, const struct entry *entry)
{
	struct arena *arena = scan->list->arena;
	struct xattr *xattrs = arena_array(arena, entry->n_xattrs + 1, sizeof(*xattrs));
	struct entry *kept = vec_add(&scan->list->files);

	*kept = *entry;
	kept->path = arena_text(arena, entry->path);
	kept->link = entry->is_hardlink ? entry->link : arena_text(arena, entry->link);
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		const struct xattr *from = &entry->xattrs[i];

		xattrs[i].name = arena_text(arena, from->name);
		xattrs[i].value = arena_str(
				arena, (struct str){ (const char *)from->value, from->n });
		xattrs[i].n = from->n;
	}
	kept->xattrs = xattrs;
	scan->list->bytes += kept->size;
}

/* Later names of one file are links to the first. */
static void find_link(struct scan *scan, const struct stat *st, struct entry *entry)
{
	char key[48];

	if (st->st_nlink < 2 || !S_ISREG(entry->owner.mode))
		return;
	(void)snprintf(key, sizeof(key), "%llx:%llx", (unsigned long long)st->st_dev,
			(unsigned long long)st->st_ino);
	char *first = map_get(scan->inodes, key);
	if (!first) {
		map_set(scan->inodes, key, arena_text(scan->list->arena, entry->path));
		return;
	}
	entry->link = first;
	entry->is_hardlink = true;
	entry->size = 0;
}

static FALLIBLE add_file(struct scan *scan, int dir_fd, const char *name, const struct stat *st,
		const char *path)
{
	TRY(entry_disk_read(&scan->disk, scan->options->policy, dir_fd, name, st, path));
	struct entry entry = scan->disk.entry;
	uint32_t mode = entry.owner.mode;

	if (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode))
		return NULL;
	find_link(scan, st, &entry);
	keep(scan, &entry);
	if (scan->list->bytes > scan->options->max_bytes)
		return error_new(ERR_LIMIT, "it holds more than %llu bytes",
				(unsigned long long)scan->options->max_bytes);
	if (scan->list->files.n > MOUNT_FILES)
		return error_new(ERR_LIMIT, "it holds more than %d files", MOUNT_FILES);
	return cancel_check(scan->options->cancel);
}

static struct error *visit(void *state, const struct tree_item *item, enum tree_step *step)
{
	(void)step;
	return add_file(state, item->dir_fd, item->name, item->st, item->path);
}

static FALLIBLE scan_files(struct scan *scan, int tree_fd)
{
	struct tree_visitor visitor = { .visit = visit, .state = scan };
	struct stat st;

	if (fstat(tree_fd, &st) < 0)
		return error_sys("look at a cache mount");
	TRY(add_file(scan, tree_fd, "", &st, ""));
	return tree_walk(tree_fd, &visitor);
}

/* --- chunks --- */

static void add_chunk(struct mount_list *list, struct hash *hash, uint64_t *bytes)
{
	vec_push(&list->chunks,
			((struct mount_chunk){ .plain = hash_finish(hash), .bytes = *bytes }));
	*bytes = 0;
}

static FALLIBLE scan_chunks(struct scan *scan, int tree_fd)
{
	AUTO(mount_files) struct mount_files files = { tree_fd, scan->list, 0, -1, 0, 0 };
	AUTO(hash) struct hash *hash = hash_new();
	AUTO_FREE struct cutter *cutter = xmalloc(sizeof(*cutter));
	AUTO_FREE char *buf = xmalloc(READ_BYTES);
	uint64_t bytes = 0;

	cutter_init(cutter);
	for (;;) {
		size_t n = 0;

		TRY(cancel_check(scan->options->cancel));
		TRY(mount_files_read(&files, buf, READ_BYTES, &n));
		if (!n)
			break;
		for (size_t at = 0; at < n;) {
			bool ends = false;
			size_t some = cutter_feed(cutter, buf + at, n - at, &ends);

			hash_update(hash, buf + at, some);
			at += some;
			bytes += some;
			if (ends)
				add_chunk(scan->list, hash, &bytes);
		}
	}
	if (bytes)
		add_chunk(scan->list, hash, &bytes);
	return NULL;
}

FALLIBLE mount_scan(int tree_fd, const struct mount_scan_options *options, struct mount_list **ret)
{
	AUTO(scan)
	struct scan scan = {
		.options = options, .list = mount_list_new(), .inodes = map_new(NULL)
	};

	TRY(scan_files(&scan, tree_fd));
	TRY(scan_chunks(&scan, tree_fd));
	TRY(mount_list_seal(scan.list));
	*ret = TAKE(scan.list);
	return NULL;
}

/* --- packing --- */

void mount_known_add(struct map *known, const struct mount_list *list)
{
	char text[DIGEST_TEXT];

	for (size_t i = 0; i < list->chunks.n; i++)
		map_set(known, digest_text(&list->chunks.p[i].plain, text), &list->chunks.p[i]);
}

struct packing {
	const struct mount_scan_options *options;
	struct mount_files files;
	int fd;
	uint64_t offset;
	char *buf;
	struct mount_parcels *parcels;
};

static FALLIBLE read_chunk(struct packing *packing, const struct mount_chunk *chunk)
{
	for (size_t at = 0; at < chunk->bytes;) {
		size_t n = 0;

		TRY(mount_files_read(&packing->files, packing->buf + at, chunk->bytes - at, &n));
		if (!n)
			return error_new(ERR_INVALID, "fewer contents than there were");
		at += n;
	}
	struct digest digest = digest_of(packing->buf, chunk->bytes);
	if (digest_equal(&digest, &chunk->plain))
		return NULL;
	return error_new(ERR_INVALID, "its contents changed while they were read");
}

static FALLIBLE pack_chunk(struct packing *packing, struct mount_chunk *chunk)
{
	AUTO(strbuf) struct strbuf packed = { 0 };
	AUTO(writer) struct writer *writer = NULL;

	TRY(read_chunk(packing, chunk));
	TRY(codec_writer(writer_to_strbuf(&packed), COMPRESSION_ZSTD, CODEC_LEVEL_DEFAULT,
			packing->options->pool, &writer));
	TRY(writer_write(writer, packing->buf, chunk->bytes));
	TRY(writer_close(TAKE(writer)));
	TRY(fd_write_all(packing->fd, strbuf_text(&packed), packed.n));
	chunk->blob = (struct cached_blob){ digest_of(strbuf_text(&packed), packed.n), packed.n };
	vec_push(packing->parcels, ((struct mount_parcel){ chunk->blob, packing->offset }));
	packing->offset += packed.n;
	return NULL;
}

FALLIBLE mount_pack(int tree_fd, const struct mount_scan_options *options, const struct map *known,
		int fd, struct mount_list *list, struct mount_parcels *ret)
{
	AUTO_FREE char *buf = xmalloc(CUT_MAX_BYTES);
	AUTO(map) struct map *ours = map_new(NULL);
	struct packing packing = { options, { tree_fd, list, 0, -1, 0, 0 }, fd, 0, buf, ret };
	struct error *error = NULL;
	char text[DIGEST_TEXT];

	for (size_t i = 0; i < list->chunks.n && !error; i++) {
		struct mount_chunk *chunk = &list->chunks.p[i];
		const struct mount_chunk *same = map_get(known, digest_text(&chunk->plain, text));

		if (!same)
			same = map_get(ours, text);
		if (same && same->bytes == chunk->bytes) {
			chunk->blob = same->blob;
			error = mount_files_skip(&packing.files, chunk->bytes);
			continue;
		}
		error = cancel_check(options->cancel);
		if (!error)
			error = pack_chunk(&packing, chunk);
		map_set(ours, text, chunk);
	}
	mount_files_done(&packing.files);
	return error;
}

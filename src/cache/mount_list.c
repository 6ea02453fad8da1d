/*
 * A magic line; the files, each behind an 'f', and the end with their number; the plain chunks,
 * each behind a 'c', and the end with theirs; then a 'b' for each chunk's blob. The tree's digest
 * is that of everything before the first 'b'.
 */
#include "cache/mount_list.h"
#include "base/limits.h"
#include "base/map.h"
#include "cache/packed.h"
#include "stream/codec.h"
#include "stream/hash.h"
#include "sys/path.h"

#include <string.h>
#include <sys/stat.h>

static const char magic[] = "kiln mount 1\n";

enum { LETTER_FILE = 'f', LETTER_CHUNK = 'c', LETTER_BLOB = 'b', LETTER_END = '.' };

struct mount_list *mount_list_new(void)
{
	struct mount_list *list = xcalloc(1, sizeof(*list));

	list->arena = arena_new();
	return list;
}

void mount_list_free(struct mount_list *list)
{
	if (!list)
		return;
	arena_free(list->arena);
	vec_done(&list->files);
	vec_done(&list->chunks);
	free(list);
}

bool mount_file_has_content(const struct entry *entry)
{
	return S_ISREG(entry->owner.mode) && !entry->is_hardlink;
}

/* --- out --- */

static void put_digest(struct strbuf *out, const struct digest *digest)
{
	strbuf_add_bytes(out, digest->bytes, DIGEST_BYTES);
}

static void put_end(struct strbuf *out, uint64_t n)
{
	strbuf_add_char(out, LETTER_END);
	packed_put_number(out, n);
}

static FALLIBLE put_tree(struct strbuf *out, const struct mount_list *list)
{
	strbuf_add_bytes(out, magic, sizeof(magic) - 1);
	for (size_t i = 0; i < list->files.n; i++) {
		strbuf_add_char(out, LETTER_FILE);
		packed_put_entry(out, &list->files.p[i]);
		if (out->n > LIMIT_TOC_PLAIN_BYTES)
			return error_new(ERR_LIMIT, "the list of its files has more than %d bytes",
					LIMIT_TOC_PLAIN_BYTES);
	}
	put_end(out, list->files.n);
	for (size_t i = 0; i < list->chunks.n; i++) {
		strbuf_add_char(out, LETTER_CHUNK);
		put_digest(out, &list->chunks.p[i].plain);
		packed_put_number(out, list->chunks.p[i].bytes);
	}
	put_end(out, list->chunks.n);
	return NULL;
}

FALLIBLE mount_list_seal(struct mount_list *list)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	if (list->files.n > MOUNT_FILES)
		return error_new(ERR_LIMIT, "it holds more than %d files", MOUNT_FILES);
	if (list->chunks.n > MOUNT_CHUNKS)
		return error_new(ERR_LIMIT, "it holds more than %d chunks", MOUNT_CHUNKS);
	TRY(put_tree(&text, list));
	list->tree = digest_of(strbuf_text(&text), text.n);
	return NULL;
}

FALLIBLE mount_list_pack(const struct mount_list *list, char **ret, size_t *ret_n)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	TRY(put_tree(&text, list));
	for (size_t i = 0; i < list->chunks.n; i++) {
		strbuf_add_char(&text, LETTER_BLOB);
		put_digest(&text, &list->chunks.p[i].blob.digest);
		packed_put_number(&text, list->chunks.p[i].blob.bytes);
	}
	return packed_compress(strbuf_str(&text), LIMIT_TOC_BYTES, "a list of files", ret, ret_n);
}

/* --- in --- */

/* What is known of the files read so far. */
struct checking {
	struct mount_list *list;
	struct packed_cursor at;
	struct map *regular;    /* paths that a hard link may lead to */
	VEC(const char *) open; /* the directories that the last file lies in, outermost first */
};

static void checking_done(struct checking *checking)
{
	map_free(checking->regular);
	vec_done(&checking->open);
}

DEFINE_AUTO_VALUE(checking)

static FALLIBLE complain(const struct entry *entry, const char *problem)
{
	return error_new(ERR_INVALID, "'%s' %s", entry->path, problem);
}

static bool has_long_name(const char *path)
{
	for (const char *name = path; name; name = strchr(name, '/')) {
		name += *name == '/';
		if (strcspn(name, "/") > LIMIT_NAME_BYTES)
			return true;
	}
	return false;
}

/* In order, and in a directory that is there. */
static FALLIBLE check_place(struct checking *checking, const struct entry *entry)
{
	size_t n = checking->list->files.n;
	struct str parent = path_parent(entry->path);

	if (n == 1)
		return *entry->path || !S_ISDIR(entry->owner.mode) || entry->is_hardlink
				       ? complain(entry, "comes first, which is for the directory")
				       : NULL;
	if (path_compare(checking->list->files.p[n - 2].path, entry->path) >= 0)
		return complain(entry, "is not where it belongs in the order of files");
	while (checking->open.n > 1 && !str_is(parent, checking->open.p[checking->open.n - 1]))
		checking->open.n--;
	if (!str_is(parent, checking->open.p[checking->open.n - 1]))
		return complain(entry, "lies in no directory of the list");
	if (checking->open.n > LIMIT_PATH_DEPTH || has_long_name(entry->path))
		return complain(entry, "is too deep, or has too long a name");
	return NULL;
}

static FALLIBLE check_file(struct checking *checking, const struct entry *entry)
{
	uint32_t mode = entry->owner.mode;

	TRY(check_place(checking, entry));
	if (entry->is_hardlink)
		return S_ISREG(mode) && entry->size == 0 && map_has(checking->regular, entry->link)
				       ? NULL
				       : complain(entry, "is a hard link to no file before it");
	if (S_ISDIR(mode))
		vec_push(&checking->open, entry->path);
	else if (S_ISREG(mode))
		map_set(checking->regular, entry->path, checking);
	else if (!S_ISLNK(mode))
		return complain(entry, "is neither file nor directory nor link");
	else if (!*entry->link)
		return complain(entry, "is a link to nothing");
	if (entry->size && !S_ISREG(mode))
		return complain(entry, "has a content, and is no file");
	return NULL;
}

static bool take_letter(struct packed_cursor *at, char letter)
{
	if (at->is_bad || !at->rest.n || at->rest.p[0] != letter)
		return false;
	(void)packed_take_bytes(at, 1);
	return true;
}

static void take_end(struct packed_cursor *at, uint64_t n)
{
	at->is_bad = !take_letter(at, LETTER_END) || packed_take_number(at) != n || at->is_bad;
}

static void take_digest(struct packed_cursor *at, struct digest *ret)
{
	struct str bytes = packed_take_bytes(at, DIGEST_BYTES);

	ret->algo = DIGEST_SHA256;
	if (!at->is_bad)
		memcpy(ret->bytes, bytes.p, DIGEST_BYTES);
}

static FALLIBLE take_files(struct checking *checking, uint64_t max_bytes)
{
	struct mount_list *list = checking->list;

	while (take_letter(&checking->at, LETTER_FILE)) {
		struct entry *entry = vec_add(&list->files);

		packed_take_entry(&checking->at, list->arena, entry);
		if (checking->at.is_bad)
			return NULL;
		if (list->files.n > MOUNT_FILES)
			return error_new(ERR_LIMIT, "more than %d files", MOUNT_FILES);
		TRY(check_file(checking, entry));
		if (entry->size > max_bytes - list->bytes)
			return error_new(ERR_LIMIT, "contents of more than %llu bytes",
					(unsigned long long)max_bytes);
		list->bytes += entry->size;
	}
	take_end(&checking->at, list->files.n);
	return NULL;
}

static FALLIBLE take_chunks(struct checking *checking)
{
	struct mount_list *list = checking->list;
	struct packed_cursor *at = &checking->at;
	uint64_t sum = 0;

	while (take_letter(at, LETTER_CHUNK) && !at->is_bad) {
		struct mount_chunk *chunk = vec_add(&list->chunks);

		take_digest(at, &chunk->plain);
		chunk->bytes = packed_take_number(at);
		at->is_bad = at->is_bad || !chunk->bytes || chunk->bytes > CUT_MAX_BYTES;
		sum += chunk->bytes;
		if (list->chunks.n > MOUNT_CHUNKS)
			return error_new(ERR_LIMIT, "more than %d chunks", MOUNT_CHUNKS);
	}
	take_end(at, list->chunks.n);
	if (!at->is_bad && sum != list->bytes)
		return error_new(ERR_INVALID, "its chunks have %llu bytes, its files %llu",
				(unsigned long long)sum, (unsigned long long)list->bytes);
	return NULL;
}

static void take_blobs(struct checking *checking)
{
	struct packed_cursor *at = &checking->at;

	for (size_t i = 0; i < checking->list->chunks.n && !at->is_bad; i++) {
		struct cached_blob *blob = &checking->list->chunks.p[i].blob;

		at->is_bad = !take_letter(at, LETTER_BLOB);
		take_digest(at, &blob->digest);
		blob->bytes = packed_take_number(at);
		at->is_bad = at->is_bad || !blob->bytes || blob->bytes > MOUNT_CHUNK_PACKED_BYTES;
	}
	at->is_bad = at->is_bad || at->rest.n;
}

static FALLIBLE parse(struct str text, uint64_t max_bytes, struct mount_list *list)
{
	AUTO(checking)
	struct checking checking = {
		.list = list, .at = { text, false }, .regular = map_new(NULL)
	};

	if (!str_starts(text, magic))
		return error_new(ERR_INVALID, "not the list of a cache mount");
	(void)packed_take_bytes(&checking.at, sizeof(magic) - 1);
	TRY(take_files(&checking, max_bytes));
	if (!checking.at.is_bad)
		TRY(take_chunks(&checking));
	struct digest tree = digest_of(text.p, text.n - checking.at.rest.n);
	take_blobs(&checking);
	if (checking.at.is_bad || !list->files.n)
		return error_new(ERR_INVALID, "the list of a cache mount that is damaged");
	/* One tree has one list: what could be said in another way was said in this one. */
	TRY(mount_list_seal(list));
	if (!digest_equal(&tree, &list->tree))
		return error_new(ERR_INVALID, "the list of a cache mount that says it strangely");
	return NULL;
}

FALLIBLE mount_list_read(struct reader *packed, uint64_t max_bytes, struct mount_list **ret)
{
	AUTO(reader) struct reader *plain = NULL;
	AUTO(mount_list) struct mount_list *list = mount_list_new();
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	TRY(codec_reader(packed, &plain, NULL));
	TRY(reader_read_all(plain, LIMIT_TOC_PLAIN_BYTES, &text, &n));
	TRY(parse((struct str){ text, n }, max_bytes, list));
	*ret = TAKE(list);
	return NULL;
}

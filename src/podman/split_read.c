/* The tar again, from its lines and the files of a directory. */
#include "podman/split.h"

#include "base/limits.h"
#include "base/str.h"
#include "oci/json.h"
#include "stream/codec.h"
#include "sys/rootfs.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

enum { BUF_BYTES = 128 * 1024, TYPE_FILE = 1, TYPE_SEGMENT = 2 };

struct split {
	struct reader reader;
	struct reader *lines;
	int *dirs;
	size_t n_dirs;
	char *buf; /* of lines */
	size_t at, n, capacity;
	bool lines_end;

	char *segment; /* what comes next: bytes, or a file */
	size_t segment_at, segment_n;
	int file;
	char *name;
	uint64_t left;
	bool is_hollow; /* zeros stand for what files hold */
};

/* The next line without its end; *ret_n is 0 at the end of all. Valid until the next call. */
static FALLIBLE next_line(struct split *split, const char **ret, size_t *ret_n)
{
	for (size_t seen = 0;;) {
		char *from = split->buf + split->at;
		size_t have = split->n - split->at, got = 0;
		char *end = have > seen ? memchr(from + seen, '\n', have - seen) : NULL;

		if (end || (split->lines_end && have)) {
			*ret = from;
			*ret_n = end ? (size_t)(end - from) : have;
			split->at += *ret_n + (end ? 1 : 0);
			return NULL;
		}
		*ret_n = 0;
		if (split->lines_end)
			return NULL;
		seen = have;
		memmove(split->buf, from, have);
		split->at = 0;
		split->n = have;
		if (split->n == split->capacity) {
			if (split->capacity >= LIMIT_SPLIT_LINE_BYTES)
				return error_new(ERR_LIMIT, "a line is longer than %d bytes",
						LIMIT_SPLIT_LINE_BYTES);
			split->capacity *= 2;
			split->buf = xrealloc(split->buf, split->capacity, 1);
		}
		TRY(reader_read(split->lines, split->buf + split->n, split->capacity - split->n,
				&got));
		split->n += got;
		split->lines_end = got == 0;
	}
}

static FALLIBLE decode(const char *text, char **ret, size_t *ret_n)
{
	size_t n = strlen(text);
	size_t padding = n && text[n - 1] == '=' ? (n > 1 && text[n - 2] == '=' ? 2 : 1) : 0;
	AUTO_FREE char *plain = xmalloc(n / 4 * 3 + 1);
	int got = n % 4 == 0 ? EVP_DecodeBlock((unsigned char *)plain, (const unsigned char *)text,
					       (int)n)
			     : -1;

	if (got < 0 || (size_t)got < padding)
		return error_new(ERR_INVALID, "a payload is not base64");
	*ret_n = (size_t)got - padding;
	*ret = TAKE(plain);
	return NULL;
}

static bool is_missing(const struct error *error)
{
	return error_is_errno(error, ENOENT) || error_is_errno(error, ENOTDIR);
}

/* The first directory that has the name as a file of the size. */
static FALLIBLE open_file(struct split *split)
{
	for (size_t i = 0; i < split->n_dirs; i++) {
		AUTO_FD int fd = -1;
		struct stat st;
		struct error *error = rootfs_open(
				split->dirs[i], split->name, O_RDONLY | O_NONBLOCK, 0, &fd);

		if (is_missing(error)) {
			error_free(error);
			continue;
		}
		TRY_WRAP(error, "file '%s'", split->name);
		if (fstat(fd, &st) != 0)
			return error_sys("look at '%s'", split->name);
		if (!S_ISREG(st.st_mode))
			continue;
		if ((uint64_t)st.st_size != split->left)
			return error_new(ERR_INVALID, "file '%s' has %lld bytes, not %llu",
					split->name, (long long)st.st_size,
					(unsigned long long)split->left);
		split->file = TAKE_FD(fd);
		return NULL;
	}
	return error_new(ERR_INVALID, "file '%s' is gone", split->name);
}

/* What a name that is not UTF-8 has instead: base64. */
static FALLIBLE take_name(const struct json_field *line, char **ret)
{
	AUTO_FREE char *raw = NULL;
	size_t n = 0;

	free(TAKE(*ret));
	TRY(json_get_text(line, "name_raw", JSON_MAY, &raw));
	if (!raw)
		return json_get_text(line, "name", JSON_MUST, ret);
	TRY(decode(raw, ret, &n));
	(*ret)[n] = '\0';
	if (strlen(*ret) != n)
		return error_new(ERR_INVALID, "a name with a zero byte");
	return NULL;
}

static FALLIBLE take_line(struct split *split, struct str text)
{
	json_auto_t *document = NULL;
	AUTO_FREE char *payload = NULL;
	struct json_field line;
	int64_t type = 0, size = 0;

	TRY(json_parse(text, LIMIT_SPLIT_LINE_BYTES, "a line", &document));
	TRY(json_root(document, "a line", &line));
	TRY(json_get_i64(&line, "type", JSON_MUST, 0, &type));
	if (type == TYPE_SEGMENT) {
		TRY(json_get_text(&line, "payload", JSON_MAY, &payload));
		split->segment_at = 0;
		split->segment_n = 0;
		free(TAKE(split->segment));
		return payload ? decode(payload, &split->segment, &split->segment_n) : NULL;
	}
	if (type != TYPE_FILE)
		return error_new(ERR_INVALID, "a line of type %lld", (long long)type);
	TRY(json_get_i64(&line, "size", JSON_MAY, 0, &size));
	if (size == 0)
		return NULL;
	TRY(take_name(&line, &split->name));
	split->left = (uint64_t)size;
	return split->is_hollow ? NULL : open_file(split);
}

static size_t read_zeros(struct split *split, void *buf, size_t n)
{
	size_t part = n < split->left ? n : (size_t)split->left;

	memset(buf, 0, part);
	split->left -= part;
	return part;
}

static FALLIBLE read_file(struct split *split, void *buf, size_t n, size_t *ret_n)
{
	ssize_t got = read(split->file, buf, n < split->left ? n : (size_t)split->left);

	if (got < 0)
		return error_sys("read '%s'", split->name);
	if (got == 0)
		return error_new(ERR_INVALID, "file '%s' became shorter", split->name);
	split->left -= (uint64_t)got;
	*ret_n = (size_t)got;
	if (split->left == 0) {
		(void)close(split->file);
		split->file = -1;
	}
	return NULL;
}

static struct error *split_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct split *split = (struct split *)reader;

	for (;;) {
		const char *line = NULL;
		size_t length = 0, left = split->segment_n - split->segment_at;

		if (left) {
			*ret_n = left < n ? left : n;
			memcpy(buf, split->segment + split->segment_at, *ret_n);
			split->segment_at += *ret_n;
			return NULL;
		}
		if (split->file >= 0)
			return read_file(split, buf, n, ret_n);
		if (split->is_hollow && split->left) {
			*ret_n = read_zeros(split, buf, n);
			return NULL;
		}
		TRY_WRAP(next_line(split, &line, &length), "tar-split");
		*ret_n = 0;
		if (length == 0)
			return NULL;
		TRY_WRAP(take_line(split, (struct str){ line, length }), "tar-split");
	}
}

static void split_free(struct reader *reader)
{
	struct split *split = (struct split *)reader;

	reader_free(split->lines);
	for (size_t i = 0; i < split->n_dirs; i++)
		(void)close(split->dirs[i]);
	free(split->dirs);
	free(split->buf);
	free(split->segment);
	free(split->name);
	if (split->file >= 0)
		(void)close(split->file);
	free(split);
}

static FALLIBLE open_split(
		struct reader *lines, int *dirs, size_t n_dirs, bool is_hollow, struct reader **ret)
{
	static const struct reader_ops ops = { .read = split_read, .free = split_free };
	AUTO(reader) struct reader *reader = NULL;
	struct split *split = xcalloc(1, sizeof(*split));

	*split = (struct split){ .reader = { &ops },
		.dirs = dirs,
		.n_dirs = n_dirs,
		.capacity = BUF_BYTES,
		.file = -1,
		.is_hollow = is_hollow };
	split->buf = xmalloc(BUF_BYTES);
	reader = &split->reader;
	TRY_WRAP(codec_reader(lines, &split->lines, NULL), "tar-split");
	*ret = TAKE(reader);
	return NULL;
}

FALLIBLE split_reader(struct reader *lines, int *dirs, size_t n_dirs, struct reader **ret)
{
	return open_split(lines, dirs, n_dirs, false, ret);
}

FALLIBLE split_outline(struct reader *lines, struct reader **ret)
{
	return open_split(lines, NULL, 0, true, ret);
}

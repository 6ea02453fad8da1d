#include "stream/reader.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

enum { DRAIN_BYTES = 128 * 1024, READ_ALL_START_BYTES = 16 * 1024 };

static FALLIBLE failed_before(const struct reader *reader)
{
	return error_code(reader->failed, reader->failed_code, "an earlier read failed");
}

/* Remember how a read went. */
static FALLIBLE note(struct reader *reader, struct error *error, size_t n, const size_t *ret_n)
{
	if (error) {
		reader->failed = error->kind;
		reader->failed_code = error->code;
		return error;
	}
	assert(*ret_n <= n);
	reader->ended = *ret_n == 0;
	return NULL;
}

FALLIBLE reader_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	assert(n > 0);
	if (reader->failed)
		return failed_before(reader);
	if (reader->ended) {
		*ret_n = 0;
		return NULL;
	}
	return note(reader, reader->ops->read(reader, buf, n, ret_n), n, ret_n);
}

FALLIBLE reader_next(struct reader *reader, void *buf, size_t n, const void **ret, size_t *ret_n)
{
	*ret = buf;
	if (!reader->ops->next || reader->failed || reader->ended)
		return reader_read(reader, buf, n, ret_n);
	assert(n > 0);
	return note(reader, reader->ops->next(reader, buf, n, ret, ret_n), n, ret_n);
}

struct hash *reader_give_hash(struct reader *reader)
{
	return reader->ops->give_hash ? reader->ops->give_hash(reader) : NULL;
}

FALLIBLE reader_read_full(struct reader *reader, void *buf, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t got = 0;

		TRY(reader_read(reader, (char *)buf + done, n - done, &got));
		if (got == 0)
			return error_new(ERR_INVALID, "unexpected end after %zu of %zu bytes", done,
					n);
		done += got;
	}
	return NULL;
}

FALLIBLE reader_read_all(struct reader *reader, size_t limit, char **ret, size_t *ret_n)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	size_t piece = READ_ALL_START_BYTES;

	for (;;) {
		size_t got = 0;

		strbuf_reserve(&text, piece);
		TRY(reader_read(reader, text.p + text.n, piece, &got));
		if (got == 0)
			break;
		if (got > limit - text.n)
			return error_new(ERR_LIMIT, "more than %zu bytes", limit);
		text.n += got;
		if (piece < DRAIN_BYTES && got == piece)
			piece *= 2;
	}
	strbuf_add_char(&text, '\0');
	*ret_n = text.n - 1;
	*ret = TAKE(text.p);
	return NULL;
}

FALLIBLE reader_drain(struct reader *reader)
{
	AUTO_FREE char *buf = xmalloc(DRAIN_BYTES);
	size_t got = 0;

	do {
		TRY(reader_read(reader, buf, DRAIN_BYTES, &got));
	} while (got > 0);
	return NULL;
}

void reader_free(struct reader *reader)
{
	if (reader)
		reader->ops->free(reader);
}

/* An fd at its own position. */

struct fd_reader {
	struct reader base;
	int fd;
};

static FALLIBLE fd_reader_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	const struct fd_reader *self = (struct fd_reader *)reader;
	ssize_t got;

	do {
		got = read(self->fd, buf, n);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_sys("read");
	*ret_n = (size_t)got;
	return NULL;
}

static void fd_reader_free(struct reader *reader)
{
	struct fd_reader *self = (struct fd_reader *)reader;

	(void)close(self->fd);
	free(self);
}

static const struct reader_ops fd_reader_ops = { fd_reader_read, fd_reader_free };

struct reader *reader_from_fd(int fd)
{
	struct fd_reader *self = xcalloc(1, sizeof(*self));

	self->base.ops = &fd_reader_ops;
	self->fd = fd;
	return &self->base;
}

/* A range of an fd. */

struct range_reader {
	struct reader base;
	int fd;
	uint64_t offset, left;
};

static FALLIBLE range_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct range_reader *self = (struct range_reader *)reader;
	ssize_t got;

	if (self->left == 0) {
		*ret_n = 0;
		return NULL;
	}
	if (n > self->left)
		n = (size_t)self->left;
	do {
		got = pread(self->fd, buf, n, (off_t)self->offset);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_sys("read at %llu", (unsigned long long)self->offset);
	if (got == 0)
		return error_new(ERR_INVALID, "unexpected end, %llu bytes too early",
				(unsigned long long)self->left);
	self->offset += (uint64_t)got;
	self->left -= (uint64_t)got;
	*ret_n = (size_t)got;
	return NULL;
}

static void range_free(struct reader *reader)
{
	free(reader);
}

static const struct reader_ops range_ops = { range_read, range_free };

struct reader *reader_from_range(int fd, uint64_t offset, uint64_t n)
{
	struct range_reader *self = xcalloc(1, sizeof(*self));

	self->base.ops = &range_ops;
	self->fd = fd;
	self->offset = offset;
	self->left = n;
	return &self->base;
}

/* Memory. */

struct bytes_reader {
	struct reader base;
	const char *at;
	size_t left;
	char *owned;
};

static FALLIBLE bytes_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct bytes_reader *self = (struct bytes_reader *)reader;

	if (n > self->left)
		n = self->left;
	if (n > 0) {
		memcpy(buf, self->at, n);
		self->at += n;
		self->left -= n;
	}
	*ret_n = n;
	return NULL;
}

static FALLIBLE bytes_next(
		struct reader *reader, void *buf, size_t n, const void **ret, size_t *ret_n)
{
	struct bytes_reader *self = (struct bytes_reader *)reader;

	*ret_n = n < self->left ? n : self->left;
	*ret = self->at;
	self->at += *ret_n;
	self->left -= *ret_n;
	return NULL;
}

static void bytes_free(struct reader *reader)
{
	struct bytes_reader *self = (struct bytes_reader *)reader;

	free(self->owned);
	free(self);
}

static const struct reader_ops bytes_ops = { bytes_read, bytes_free, bytes_next };

struct reader *reader_from_bytes(const void *bytes, size_t n)
{
	struct bytes_reader *self = xcalloc(1, sizeof(*self));

	self->base.ops = &bytes_ops;
	self->at = bytes;
	self->left = n;
	return &self->base;
}

struct reader *reader_from_owned(char *bytes, size_t n)
{
	struct reader *reader = reader_from_bytes(bytes, n);

	((struct bytes_reader *)reader)->owned = bytes;
	return reader;
}

/* At most so many bytes. */

struct limit_reader {
	struct reader base;
	struct reader *below;
	uint64_t limit, left;
	const char *what;
};

/* One byte more than allowed is asked for, to tell "exactly the limit" from "beyond". */
static size_t limit_ask(const struct limit_reader *self, size_t n)
{
	return self->left < n ? (size_t)self->left + 1 : n;
}

static FALLIBLE limit_count(struct limit_reader *self, size_t got)
{
	if (got > self->left)
		return error_new(ERR_LIMIT, "%s is larger than %llu bytes", self->what,
				(unsigned long long)self->limit);
	self->left -= got;
	return NULL;
}

static FALLIBLE limit_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct limit_reader *self = (struct limit_reader *)reader;

	TRY(reader_read(self->below, buf, limit_ask(self, n), ret_n));
	return limit_count(self, *ret_n);
}

static FALLIBLE limit_next(
		struct reader *reader, void *buf, size_t n, const void **ret, size_t *ret_n)
{
	struct limit_reader *self = (struct limit_reader *)reader;

	TRY(reader_next(self->below, buf, limit_ask(self, n), ret, ret_n));
	return limit_count(self, *ret_n);
}

static void limit_free(struct reader *reader)
{
	struct limit_reader *self = (struct limit_reader *)reader;

	reader_free(self->below);
	free(self);
}

static const struct reader_ops limit_ops = { limit_read, limit_free, limit_next };

struct reader *reader_limit(struct reader *below, uint64_t limit, const char *what)
{
	struct limit_reader *self = xcalloc(1, sizeof(*self));

	self->base.ops = &limit_ops;
	self->below = below;
	self->limit = limit;
	self->left = limit;
	self->what = what;
	return &self->base;
}

#include "stream/writer.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

#include <poll.h>
#include <unistd.h>

enum { COPY_BYTES = 128 * 1024 };

static FALLIBLE failed_before(void)
{
	return error_new(ERR_CANCELED, "an earlier write failed");
}

FALLIBLE writer_write(struct writer *writer, const void *bytes, size_t n)
{
	if (writer->failed)
		return failed_before();
	if (n == 0)
		return NULL;
	struct error *error = writer->ops->write(writer, bytes, n);
	if (error)
		writer->failed = true;
	return error;
}

FALLIBLE writer_space(struct writer *writer, void **ret, size_t *ret_n)
{
	*ret_n = 0;
	if (writer->failed)
		return failed_before();
	if (!writer->ops->space)
		return NULL;
	struct error *error = writer->ops->space(writer, ret, ret_n);
	if (error)
		writer->failed = true;
	return error;
}

FALLIBLE writer_close(struct writer *writer)
{
	struct error *error = writer->failed ? failed_before() : writer->ops->close(writer);

	writer->ops->free(writer);
	return error;
}

void writer_free(struct writer *writer)
{
	if (writer)
		writer->ops->free(writer);
}

void writer_tell_failed(struct writer *writer, const struct error *cause)
{
	if (!writer)
		return;
	writer->failed = true;
	if (writer->ops->fail)
		writer->ops->fail(writer, cause);
}

void writer_fail(struct writer *writer, const struct error *cause)
{
	writer_tell_failed(writer, cause);
	writer_free(writer);
}

/* An fd. */

struct fd_writer {
	struct writer base;
	int fd;
};

/* Standard output may have been made non-blocking by whoever shares it with us. */
static FALLIBLE wait_writable(int fd)
{
	struct pollfd wanted = { .fd = fd, .events = POLLOUT };

	while (poll(&wanted, 1, -1) < 0)
		if (errno != EINTR)
			return error_sys("wait until writable");
	return NULL;
}

static FALLIBLE fd_writer_write(struct writer *writer, const void *bytes, size_t n)
{
	const struct fd_writer *self = (struct fd_writer *)writer;
	const char *at = bytes;

	while (n > 0) {
		ssize_t done = write(self->fd, at, n);

		if (done < 0 && errno == EAGAIN) {
			TRY(wait_writable(self->fd));
			continue;
		}
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return error_sys("write");
		at += done;
		n -= (size_t)done;
	}
	return NULL;
}

static FALLIBLE fd_writer_close(struct writer *writer)
{
	struct fd_writer *self = (struct fd_writer *)writer;

	/* Linux frees the fd whatever close says; EINTR is no loss of bytes. */
	if (close(TAKE_FD(self->fd)) != 0 && errno != EINTR)
		return error_sys("close");
	return NULL;
}

static void fd_writer_free(struct writer *writer)
{
	struct fd_writer *self = (struct fd_writer *)writer;

	if (self->fd >= 0)
		(void)close(self->fd);
	free(self);
}

static const struct writer_ops fd_writer_ops = { fd_writer_write, fd_writer_close, fd_writer_free,
	NULL };

struct writer *writer_to_fd(int fd)
{
	struct fd_writer *self = xcalloc(1, sizeof(*self));

	self->base.ops = &fd_writer_ops;
	self->fd = fd;
	return &self->base;
}

/* Memory. */

struct strbuf_writer {
	struct writer base;
	struct strbuf *buf;
};

static FALLIBLE strbuf_write(struct writer *writer, const void *bytes, size_t n)
{
	const struct strbuf_writer *self = (struct strbuf_writer *)writer;

	strbuf_add_bytes(self->buf, bytes, n);
	return NULL;
}

static FALLIBLE nothing_to_close(struct writer *writer)
{
	return NULL;
}

static void plain_free(struct writer *writer)
{
	free(writer);
}

static const struct writer_ops strbuf_ops = { strbuf_write, nothing_to_close, plain_free, NULL };

struct writer *writer_to_strbuf(struct strbuf *buf)
{
	struct strbuf_writer *self = xcalloc(1, sizeof(*self));

	self->base.ops = &strbuf_ops;
	self->buf = buf;
	return &self->base;
}

/* Nowhere. */

static FALLIBLE nowhere_write(struct writer *writer, const void *bytes, size_t n)
{
	return NULL;
}

static const struct writer_ops nowhere_ops = { nowhere_write, nothing_to_close, plain_free, NULL };

struct writer *writer_to_nowhere(void)
{
	struct writer *writer = xcalloc(1, sizeof(*writer));

	writer->ops = &nowhere_ops;
	return writer;
}

/* Two at once. */

struct tee_writer {
	struct writer base;
	struct writer *a, *b;
};

static FALLIBLE tee_write(struct writer *writer, const void *bytes, size_t n)
{
	const struct tee_writer *self = (struct tee_writer *)writer;

	TRY(writer_write(self->a, bytes, n));
	return writer_write(self->b, bytes, n);
}

static FALLIBLE tee_close(struct writer *writer)
{
	struct tee_writer *self = (struct tee_writer *)writer;
	struct error *error = writer_close(TAKE(self->a));

	/* What a did not finish must not become visible through b either. */
	if (error) {
		writer_fail(TAKE(self->b), error);
		return error;
	}
	return writer_close(TAKE(self->b));
}

static void tee_free(struct writer *writer)
{
	struct tee_writer *self = (struct tee_writer *)writer;

	writer_free(self->a);
	writer_free(self->b);
	free(self);
}

static void tee_fail(struct writer *writer, const struct error *cause)
{
	const struct tee_writer *self = (struct tee_writer *)writer;

	writer_tell_failed(self->a, cause);
	writer_tell_failed(self->b, cause);
}

static const struct writer_ops tee_ops = { tee_write, tee_close, tee_free, tee_fail };

struct writer *writer_tee(struct writer *a, struct writer *b)
{
	struct tee_writer *self = xcalloc(1, sizeof(*self));

	self->base.ops = &tee_ops;
	self->a = a;
	self->b = b;
	return &self->base;
}

/* One read and one write; *ret_n is 0 at the end. buf serves a writer that has no memory of its
 * own.
 */
static FALLIBLE copy_some(struct reader *reader, struct writer *writer, char **buf, size_t *ret_n)
{
	const void *bytes = NULL;
	void *space = NULL;
	size_t room = 0;

	TRY(writer_space(writer, &space, &room));
	if (room == 0) {
		if (!*buf)
			*buf = xmalloc(COPY_BYTES);
		space = *buf;
		room = COPY_BYTES;
	}
	TRY(reader_next(reader, space, room < COPY_BYTES ? room : COPY_BYTES, &bytes, ret_n));
	return *ret_n ? writer_write(writer, bytes, *ret_n) : NULL;
}

FALLIBLE stream_copy(struct reader *reader, struct writer *writer, uint64_t *ret_n)
{
	AUTO_FREE char *buf = NULL;
	uint64_t total = 0;
	size_t got = 0;

	do {
		TRY(copy_some(reader, writer, &buf, &got));
		total += got;
	} while (got > 0);
	if (ret_n)
		*ret_n = total;
	return NULL;
}

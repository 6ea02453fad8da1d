#include "stream/meter.h"
#include "base/xalloc.h"

#include <stdatomic.h>

uint64_t meter_bytes(const struct meter *meter)
{
	return atomic_load_explicit(&meter->bytes, memory_order_relaxed);
}

static void count(struct meter *meter, size_t n)
{
	atomic_fetch_add_explicit(&meter->bytes, n, memory_order_relaxed);
}

struct meter_reader {
	struct reader base;
	struct reader *below;
	struct meter *meter;
};

static FALLIBLE metered_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	const struct meter_reader *self = (struct meter_reader *)reader;

	TRY(reader_read(self->below, buf, n, ret_n));
	count(self->meter, *ret_n);
	return NULL;
}

static FALLIBLE metered_next(
		struct reader *reader, void *buf, size_t n, const void **ret, size_t *ret_n)
{
	const struct meter_reader *self = (struct meter_reader *)reader;

	TRY(reader_next(self->below, buf, n, ret, ret_n));
	count(self->meter, *ret_n);
	return NULL;
}

static void meter_reader_free(struct reader *reader)
{
	struct meter_reader *self = (struct meter_reader *)reader;

	reader_free(self->below);
	free(self);
}

static const struct reader_ops meter_reader_ops = { metered_read, meter_reader_free, metered_next };

struct reader *meter_reader(struct reader *below, struct meter *meter)
{
	struct meter_reader *self = xcalloc(1, sizeof(*self));

	self->base.ops = &meter_reader_ops;
	self->below = below;
	self->meter = meter;
	return &self->base;
}

struct meter_writer {
	struct writer base;
	struct writer *below;
	struct meter *meter;
};

static FALLIBLE metered_write(struct writer *writer, const void *bytes, size_t n)
{
	const struct meter_writer *self = (struct meter_writer *)writer;

	TRY(writer_write(self->below, bytes, n));
	count(self->meter, n);
	return NULL;
}

static FALLIBLE meter_close(struct writer *writer)
{
	return writer_close(TAKE(((struct meter_writer *)writer)->below));
}

static void meter_writer_free(struct writer *writer)
{
	struct meter_writer *self = (struct meter_writer *)writer;

	writer_free(self->below);
	free(self);
}

static void meter_fail(struct writer *writer, const struct error *cause)
{
	writer_tell_failed(((struct meter_writer *)writer)->below, cause);
}

static const struct writer_ops meter_writer_ops = { metered_write, meter_close, meter_writer_free,
	meter_fail };

struct writer *meter_writer(struct writer *below, struct meter *meter)
{
	struct meter_writer *self = xcalloc(1, sizeof(*self));

	self->base.ops = &meter_writer_ops;
	self->below = below;
	self->meter = meter;
	return &self->base;
}

#include "faults.h"
#include "stream/hash.h"
#include "stream/pipe.h"
#include "stream/pool.h"
#include "unit.h"

#include <sched.h>
#include <stdatomic.h>

/* One thread that copies bytes into a pipe in pieces, then ends it in some way. */
struct feed {
	struct writer *writer;
	const char *bytes;
	size_t n, step;
	enum { FEED_CLOSE = 1, FEED_FREE, FEED_FAIL } how;
};

static struct error *feed_run(void *argument)
{
	struct feed *feed = argument;

	for (size_t at = 0; at < feed->n;) {
		size_t part = feed->n - at < feed->step ? feed->n - at : feed->step;
		struct error *error = writer_write(feed->writer, feed->bytes + at, part);

		if (error) {
			writer_free(feed->writer);
			return error;
		}
		at += part;
	}
	switch (feed->how) {
	case FEED_CLOSE:
		return writer_close(feed->writer);
	case FEED_FREE:
		writer_free(feed->writer);
		return NULL;
	case FEED_FAIL: {
		struct error *error = error_hint(error_code(ERR_HTTP, 503, "no service"), "wait");

		error = error_wrap(error, "upload");
		writer_fail(feed->writer, error);
		return error;
	}
	}
	return NULL;
}

static void carries_bytes_in_order(void **state)
{
	static const size_t sizes[] = { 0, 1, PIPE_BLOCK_BYTES - 1, PIPE_BLOCK_BYTES,
		PIPE_BLOCK_BYTES + 1, 5 * PIPE_BLOCK_BYTES, 3 * 1000 * 1000 };
	static const size_t steps[] = { 511, 4096, PIPE_BLOCK_BYTES, 1000 * 1000 };
	AUTO(group) struct group *group = group_new();
	AUTO_FREE char *bytes = mixed_bytes(3 * 1000 * 1000);

	for (size_t i = 0; i < COUNT(sizes) * COUNT(steps); i++) {
		struct reader *reader = NULL;
		struct feed feed = { NULL, bytes, sizes[i % COUNT(sizes)], steps[i / COUNT(sizes)],
			FEED_CLOSE };
		char *got = NULL;
		size_t n = 0;

		pipe_open((unsigned)(i % 4), &reader, &feed.writer);
		assert_true(group_start(group, "feed", feed_run, &feed));
		assert_ok(reader_read_all(reader, feed.n, &got, &n));
		assert_int_equal(n, feed.n);
		assert_memory_equal(got, bytes, n);
		assert_ok(group_join(group));
		free(got);
		reader_free(reader);
	}
}

/* What the writer gave up with comes behind its bytes. */
static void carries_the_writers_end(void **state)
{
	AUTO_FREE char *bytes = mixed_bytes(400 * 1000);
	AUTO(group) struct group *group = group_new();

	for (int how = FEED_FREE; how <= FEED_FAIL; how++) {
		struct reader *reader = NULL;
		struct feed feed = { NULL, bytes, 400 * 1000, 1000, how };
		AUTO_FREE char *got = xmalloc(feed.n);

		pipe_open(2, &reader, &feed.writer);
		assert_true(group_start(group, "feed", feed_run, &feed));
		assert_ok(reader_read_full(reader, got, feed.n));
		assert_memory_equal(got, bytes, feed.n);
		if (how == FEED_FREE) {
			assert_error(reader_drain(reader), ERR_CANCELED, "gave up");
			assert_error(reader_drain(reader), ERR_CANCELED, "earlier");
			assert_ok(group_join(group));
		} else {
			struct error *error = reader_drain(reader);

			assert_true(error_is(error, ERR_HTTP));
			assert_int_equal(error->code, 503);
			assert_string_equal(error_find_hint(error), "wait");
			assert_string_equal(error->message, "upload");
			assert_string_equal(error->cause->message, "no service");
			error_free(error);
			assert_error(reader_drain(reader), ERR_HTTP, "earlier");
			assert_error(group_join(group), ERR_HTTP, "upload: no service");
		}
		reader_free(reader);
	}
}

/* Filters on top hand the reason down. */
static void fails_through_a_stack(void **state)
{
	struct reader *reader = NULL;
	struct writer *writer = NULL;
	struct hash_result result = { .size = 99 };
	struct error *cause = error_new(ERR_DIGEST, "wrong bytes");
	char byte;

	pipe_open(2, &reader, &writer);
	writer = writer_tee(hash_writer(writer, &result), writer_to_nowhere());
	assert_ok(writer_write(writer, "x", 1));
	writer_fail(writer, cause);
	error_free(cause);
	assert_ok(reader_read_full(reader, &byte, 1));
	assert_error(reader_drain(reader), ERR_DIGEST, "wrong bytes");
	assert_int_equal(result.size, 99);
	reader_free(reader);
}

/* A writer that waits for room is woken by the reader's end. */
static void writer_sees_the_reader_go(void **state)
{
	AUTO_FREE char *bytes = mixed_bytes(3 * 1000 * 1000);
	AUTO(group) struct group *group = group_new();
	static const size_t reads[] = { 0, 1, PIPE_BLOCK_BYTES, 1000 * 1000 };

	for (size_t i = 0; i < COUNT(reads); i++) {
		struct reader *reader = NULL;
		struct feed feed = { NULL, bytes, 3 * 1000 * 1000, 10000, FEED_CLOSE };
		AUTO_FREE char *got = xmalloc(feed.n);

		pipe_open(2, &reader, &feed.writer);
		assert_true(group_start(group, "feed", feed_run, &feed));
		assert_ok(reader_read_full(reader, got, reads[i]));
		reader_free(reader);
		assert_error(group_join(group), ERR_CANCELED, "the reader of the pipe is gone");
	}
}

/* A reader that knows the length may leave before the end is told. */
static void all_read_is_success(void **state)
{
	struct reader *reader = NULL;
	struct writer *writer = NULL;
	AUTO_FREE char *bytes = mixed_bytes(PIPE_BLOCK_BYTES);

	pipe_open(2, &reader, &writer);
	assert_ok(writer_write(writer, bytes, PIPE_BLOCK_BYTES));
	assert_ok(reader_read_full(reader, bytes, PIPE_BLOCK_BYTES));
	reader_free(reader);
	assert_ok(writer_close(writer));

	pipe_open(2, &reader, &writer);
	assert_ok(writer_write(writer, bytes, 10));
	reader_free(reader);
	assert_error(writer_close(writer), ERR_CANCELED, "gone");

	pipe_open(2, &reader, &writer);
	assert_ok(writer_close(writer));
	assert_ok(reader_drain(reader));
	reader_free(reader);

	pipe_open(2, &reader, &writer);
	writer_free(writer);
	reader_free(reader);
}

/* Lent blocks stay whole until the next call, and a pipe of pipes loses nothing. */
static void lends_its_blocks(void **state)
{
	AUTO_FREE char *bytes = mixed_bytes(3 * 1000 * 1000);
	AUTO(group) struct group *group = group_new();
	struct hash_result before = { 0 }, after = { 0 };
	struct reader *reader = NULL, *second = NULL;
	struct writer *writer = NULL;
	struct feed feed = { NULL, bytes, 3 * 1000 * 1000, 70000, FEED_CLOSE };
	uint64_t n = 0;

	pipe_open(2, &reader, &feed.writer);
	feed.writer = hash_writer(feed.writer, &before);
	assert_true(group_start(group, "feed", feed_run, &feed));
	pipe_open(100, &second, &writer);
	assert_ok(stream_copy(reader, writer, &n));
	assert_ok(writer_close(writer));
	assert_ok(group_join(group));
	assert_int_equal(n, feed.n);
	second = hash_reader(second, &after);
	for (size_t at = 0; at < feed.n; at += n) {
		const void *lent = NULL;
		char buf[1];

		assert_ok(reader_next(second, buf, 50000, &lent, &n));
		assert_true(n > 0 && lent != buf);
		assert_memory_equal(lent, bytes + at, n);
	}
	assert_ok(reader_drain(second));
	assert_true(digest_equal(&before.digest, &after.digest));
	reader_free(reader);
	reader_free(second);
}

UNIT_TESTS(carries_bytes_in_order, carries_the_writers_end, fails_through_a_stack,
		writer_sees_the_reader_go, all_read_is_success, lends_its_blocks)

#include "faults.h"
#include "stream/hash.h"
#include "stream/meter.h"
#include "stream/writer.h"
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static void writes_to_everything(void **state)
{
	AUTO(strbuf) struct strbuf a = { 0 }, b = { 0 };
	struct writer *writer = writer_tee(writer_to_strbuf(&a), writer_to_strbuf(&b));
	struct meter meter = { 0 };
	AUTO_FD int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int taken = dup(fd);
	char buf[10];

	writer = meter_writer(writer, &meter);
	assert_ok(writer_write(writer, "one ", 4));
	assert_ok(writer_write(writer, "", 0));
	assert_ok(writer_write(writer, "two", 3));
	assert_int_equal(meter_bytes(&meter), 7);
	assert_ok(writer_close(writer));
	assert_string_equal(strbuf_text(&a), "one two");
	assert_string_equal(strbuf_text(&b), "one two");

	writer = writer_to_fd(taken);
	assert_ok(writer_write(writer, "bytes", 5));
	assert_ok(writer_close(writer));
	assert_int_equal(fcntl(taken, F_GETFD), -1);
	assert_int_equal(pread(fd, buf, sizeof(buf), 0), 5);
	assert_memory_equal(buf, "bytes", 5);

	writer = writer_to_nowhere();
	assert_ok(writer_write(writer, "lost", 4));
	assert_ok(writer_close(writer));
}

static void reports_system_errors(void **state)
{
	struct writer *writer = writer_to_fd(open("/dev/full", O_WRONLY | O_CLOEXEC));

	assert_error(writer_write(writer, "x", 1), ERR_SYS, "write: No space left on device");
	assert_error(writer_write(writer, "x", 1), ERR_CANCELED, "an earlier write failed");
	assert_error(writer_close(writer), ERR_CANCELED, "an earlier write failed");
}

/* A non-blocking pipe that is full: wait, do not fail. */
static void waits_for_a_slow_reader(void **state)
{
	size_t size = 300 * 1000;
	AUTO_FREE char *bytes = mixed_bytes(size);
	AUTO_FREE char *got = xmalloc(size);
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	pid_t child = fork();
	if (child == 0) {
		struct writer *writer = writer_to_fd(ends[1]);
		struct error *error = writer_write(writer, bytes, size);

		_exit(error || writer_close(writer));
	}
	assert_true(child > 0);
	(void)close(ends[1]);
	assert_int_equal(fcntl(ends[0], F_SETFL, 0), 0);
	struct reader *reader = reader_from_fd(ends[0]);
	assert_ok(reader_read_full(reader, got, size));
	assert_memory_equal(got, bytes, size);
	reader_free(reader);
}

static struct writer *stack(struct fates *fates, size_t fail_at, bool fail_close,
		struct hash_result *result, struct meter *meter)
{
	return meter_writer(hash_writer(fault_writer(fates, fail_at, fail_close), result), meter);
}

/* Closing goes down; failing anywhere leaves nothing closed; freeing closes nothing. */
static void closes_or_abandons(void **state)
{
	static const struct {
		const char *why;
		size_t fail_at;
		bool fail_close, is_freed;
		unsigned closed;
	} cases[] = {
		{ "all is well", SIZE_MAX, false, false, 1 },
		{ "freed without close", SIZE_MAX, false, true, 0 },
		{ "close fails", SIZE_MAX, true, false, 0 },
		{ "first write fails", 2, false, false, 0 },
		{ "second write fails", 4, false, false, 0 },
		{ "a write fails, then freed", 4, false, true, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fates fates = { 0 };
		struct hash_result result = { .size = 99 };
		struct meter meter = { 0 };
		struct writer *writer = stack(
				&fates, cases[i].fail_at, cases[i].fail_close, &result, &meter);

		note("%s", cases[i].why);
		struct error *first = writer_write(writer, "abc", 3);
		struct error *second = writer_write(writer, "def", 3);
		struct error *error = error_first(first, second);
		if (cases[i].is_freed)
			writer_free(writer);
		else
			error = error_first(error, writer_close(writer));
		assert_int_equal(fates.closed, cases[i].closed);
		assert_int_equal(fates.freed, 1);
		assert_int_equal(fates.writes_after_failure, 0);
		assert_int_equal(result.size, cases[i].closed ? 6 : 99);
		if (cases[i].fail_at != SIZE_MAX)
			assert_true(error_is_errno(error, ENOSPC));
		else if (cases[i].fail_close)
			assert_true(error_is_errno(error, EIO));
		else
			assert_null(error);
		error_free(error);
		strbuf_done(&fates.bytes);
	}
}

static void tee_stops_both(void **state)
{
	for (int which = 0; which < 4; which++) {
		struct fates a = { 0 }, b = { 0 };
		bool is_close = which >= 2, is_a = which % 2 == 0;
		struct writer *writer =
				writer_tee(fault_writer(&a, is_a && !is_close ? 4 : SIZE_MAX,
							   is_a && is_close),
						fault_writer(&b, !is_a && !is_close ? 4 : SIZE_MAX,
								!is_a && is_close));
		struct error *error = writer_write(writer, "abc", 3);

		error = error_first(error, writer_write(writer, "def", 3));
		error = error_first(error, writer_close(writer));
		assert_true(error_is(error, ERR_SYS));
		error_free(error);
		/* When b fails in close, a was closed already; nothing can take that back. */
		assert_int_equal(a.closed, is_close && !is_a ? 1 : 0);
		assert_int_equal(b.closed, 0);
		assert_int_equal(a.freed + b.freed, 2);
		strbuf_done(&a.bytes);
		strbuf_done(&b.bytes);
	}
}

static void tells_why_it_failed(void **state)
{
	struct fates a = { 0 }, b = { 0 };
	struct hash_result result = { .size = 99 };
	struct meter meter = { 0 };
	struct error *cause = error_new(ERR_DENIED, "not for you");
	struct writer *writer = writer_tee(stack(&a, SIZE_MAX, false, &result, &meter),
			stack(&b, SIZE_MAX, false, &result, &meter));

	assert_ok(writer_write(writer, "x", 1));
	writer_fail(writer, cause);
	assert_int_equal(a.told + b.told, 2);
	assert_int_equal(a.closed + b.closed, 0);
	assert_int_equal(a.freed + b.freed, 2);
	error_free(cause);
	strbuf_done(&a.bytes);
	strbuf_done(&b.bytes);
	writer_free(NULL);
	writer_tell_failed(NULL, NULL);
}

static void copies(void **state)
{
	size_t size = 700 * 1000;
	AUTO_FREE char *bytes = mixed_bytes(size);
	static const size_t fails[] = { 0, 1, 300 * 1000, 699999, SIZE_MAX };

	for (size_t i = 0; i < COUNT(fails); i++) {
		struct fates fates = { 0 };
		AUTO(reader) struct reader *reader = fault_reader(bytes, size, 0, SIZE_MAX, NULL);
		AUTO(writer) struct writer *writer = fault_writer(&fates, fails[i], false);
		uint64_t n = 1;

		if (fails[i] == SIZE_MAX) {
			assert_ok(stream_copy(reader, writer, &n));
			assert_int_equal(n, size);
			assert_memory_equal(fates.bytes.p, bytes, size);
		} else {
			assert_error(stream_copy(reader, writer, &n), ERR_SYS, "No space left");
			assert_int_equal(n, 1);
			reader_free(reader);
			reader = fault_reader(bytes, size, 0, fails[i], NULL);
			writer_free(writer);
			writer = writer_to_nowhere();
			assert_error(stream_copy(reader, writer, NULL), ERR_SYS, "read at byte");
		}
		strbuf_done(&fates.bytes);
	}
}

UNIT_TESTS(writes_to_everything, reports_system_errors, waits_for_a_slow_reader, closes_or_abandons,
		tee_stops_both, tells_why_it_failed, copies)

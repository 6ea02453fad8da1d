#include "faults.h"
#include "stream/hash.h"
#include "stream/meter.h"
#include "stream/reader.h"
#include "unit.h"

#include <fcntl.h>
#include <unistd.h>

static const char ten[] = "0123456789";

static int file_with(const char *bytes, size_t n)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void expect_all(struct reader *reader, const char *wanted)
{
	char *bytes = NULL;
	size_t n = 0;

	assert_ok(reader_read_all(reader, 1000, &bytes, &n));
	assert_int_equal(n, strlen(wanted));
	assert_string_equal(bytes, wanted);
	free(bytes);
	reader_free(reader);
}

static void reads_from_everything(void **state)
{
	int fd = file_with(ten, 10);

	expect_all(reader_from_bytes(ten, 10), ten);
	expect_all(reader_from_bytes(NULL, 0), "");
	expect_all(reader_from_owned(xstrdup(ten), 10), ten);
	expect_all(reader_from_range(fd, 3, 4), "3456");
	expect_all(reader_from_range(fd, 10, 0), "");
	expect_all(reader_limit(reader_from_bytes(ten, 10), 10, "ten"), ten);
	expect_all(fault_reader(ten, 10, 3, SIZE_MAX, NULL), ten);
	assert_int_equal(lseek(fd, 5, SEEK_SET), 5);
	expect_all(reader_from_fd(fd), "56789");
	assert_int_equal(fcntl(fd, F_GETFD), -1); /* was taken */
}

static void refuses_early_ends(void **state)
{
	AUTO(reader) struct reader *reader = reader_from_bytes(ten, 10);
	AUTO(reader) struct reader *range = NULL;
	AUTO_FD int fd = file_with(ten, 10);
	char buf[20];

	assert_ok(reader_read_full(reader, buf, 4));
	assert_memory_equal(buf, "0123", 4);
	assert_error(reader_read_full(reader, buf, 7), ERR_INVALID, "unexpected end after 6 of 7");
	range = reader_from_range(fd, 8, 5);
	assert_error(reader_drain(range), ERR_INVALID, "unexpected end, 3 bytes too early");
}

static void reports_system_errors(void **state)
{
	AUTO(reader) struct reader *reader = reader_from_fd(open("/tmp", O_RDONLY | O_CLOEXEC));
	char byte;
	size_t n;

	assert_error(reader_read(reader, &byte, 1, &n), ERR_SYS, "read: Is a directory");
}

static void bounds_read_all(void **state)
{
	for (size_t limit = 0; limit < 12; limit++) {
		AUTO(reader) struct reader *reader = reader_from_bytes(ten, 10);
		AUTO_FREE char *bytes = NULL;
		size_t n = 77;

		if (limit < 10) {
			assert_error(reader_read_all(reader, limit, &bytes, &n), ERR_LIMIT,
					"more than");
			assert_int_equal(n, 77);
			assert_null(bytes);
		} else {
			assert_ok(reader_read_all(reader, limit, &bytes, &n));
		}
	}
}

static void reads_all_of_much(void **state)
{
	size_t size = 1000 * 1000, n = 0;
	AUTO_FREE char *bytes = mixed_bytes(size);
	AUTO_FREE char *got = NULL;
	AUTO(reader) struct reader *reader = fault_reader(bytes, size, 40000, SIZE_MAX, NULL);

	assert_ok(reader_read_all(reader, size, &got, &n));
	assert_int_equal(n, size);
	assert_memory_equal(got, bytes, size);
	assert_int_equal(got[n], 0);
}

static void limits(void **state)
{
	for (size_t step = 1; step < 12; step++) {
		struct reader *reader = fault_reader(ten, 10, step, SIZE_MAX, NULL);
		AUTO(reader) struct reader *limited = reader_limit(reader, 9, "the list");

		assert_error(reader_drain(limited), ERR_LIMIT, "the list is larger than 9 bytes");
		assert_error(reader_drain(limited), ERR_LIMIT, "an earlier read failed");
	}
}

/* A kind's read is not called again after its end or its failure. */
static void ends_and_failures_stick(void **state)
{
	unsigned freed = 0;
	struct reader *reader = fault_reader(ten, 10, 0, SIZE_MAX, &freed);
	char buf[20];
	size_t n = 1;

	assert_ok(reader_drain(reader));
	assert_ok(reader_read(reader, buf, sizeof(buf), &n));
	assert_int_equal(n, 0);
	assert_int_equal(((struct fault_reader *)reader)->reads_after_end, 0);
	reader_free(reader);
	assert_int_equal(freed, 1);

	reader = fault_reader(ten, 10, 0, 4, &freed);
	assert_error(reader_drain(reader), ERR_SYS, "read at byte 4");
	struct error *again = reader_drain(reader);
	assert_true(error_is_errno(again, EIO));
	error_free(again);
	assert_int_equal(((struct fault_reader *)reader)->reads_after_end, 0);
	reader_free(reader);
	assert_int_equal(freed, 2);
	reader_free(NULL);
}

static void filters_free_what_is_below(void **state)
{
	unsigned freed = 0;
	struct meter meter = { 0 };
	struct reader *reader = fault_reader(ten, 10, 3, SIZE_MAX, &freed);

	reader = meter_reader(reader_limit(reader, 100, "it"), &meter);
	assert_ok(reader_drain(reader));
	assert_int_equal(meter_bytes(&meter), 10);
	reader_free(reader);
	assert_int_equal(freed, 1);
}

/* Filters hand memory on as it lies; a kind that has none fills the buffer. */
static void lends_memory(void **state)
{
	struct hash_result result = { 0 };
	struct meter meter = { 0 };
	struct digest wanted = digest_of(ten, 10);

	for (int is_lent = 0; is_lent < 2; is_lent++) {
		struct reader *reader = is_lent ? reader_from_bytes(ten, 10)
						: fault_reader(ten, 10, 4, SIZE_MAX, NULL);
		AUTO(reader)
		struct reader *top = verify_reader(
				hash_reader(meter_reader(reader_limit(reader, 10, "it"), &meter),
						&result),
				&wanted, 10);
		const void *bytes = NULL;
		char buf[20];
		size_t n = 0;

		assert_ok(reader_next(top, buf, 4, &bytes, &n));
		assert_int_equal(n, 4);
		assert_ptr_equal(bytes, is_lent ? ten : buf);
		assert_memory_equal(bytes, ten, 4);
		assert_ok(reader_read_full(top, buf, 4)); /* may be mixed */
		assert_memory_equal(buf, ten + 4, 4);
		assert_ok(reader_next(top, buf, 20, &bytes, &n));
		assert_int_equal(n, 2);
		assert_memory_equal(bytes, ten + 8, 2);
		assert_ok(reader_next(top, buf, 20, &bytes, &n));
		assert_int_equal(n, 0);
		assert_ok(reader_next(top, buf, 20, &bytes, &n));
		assert_int_equal(n, 0);
		assert_int_equal(result.size, 10);
		assert_true(digest_equal(&result.digest, &wanted));
	}
	assert_int_equal(meter_bytes(&meter), 20);

	AUTO(reader) struct reader *short_one = reader_limit(reader_from_bytes(ten, 10), 9, "it");
	const void *bytes = NULL;
	char buf[20];
	size_t n = 0;

	assert_error(reader_next(short_one, buf, 20, &bytes, &n), ERR_LIMIT, "larger than 9");
	assert_error(reader_next(short_one, buf, 20, &bytes, &n), ERR_LIMIT, "earlier");
}

UNIT_TESTS(reads_from_everything, refuses_early_ends, reports_system_errors, bounds_read_all,
		reads_all_of_much, limits, ends_and_failures_stick, filters_free_what_is_below,
		lends_memory)

#include "faults.h"
#include "stream/codec.h"
#include "stream/hash.h"
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

enum { GZIP_BLOCK = 256 * 1024, ZSTD_BLOCK = 4 * 1024 * 1024, NO_POOL = 0 };

static FALLIBLE pack(const char *bytes, size_t n, size_t step, enum compression compression,
		int level, struct pool *pool, struct strbuf *out)
{
	AUTO(writer) struct writer *writer = NULL;

	TRY(codec_writer(writer_to_strbuf(out), compression, level, pool, &writer));
	for (size_t at = 0; at < n; at += step)
		TRY(writer_write(writer, bytes + at, n - at < step ? n - at : step));
	return writer_close(TAKE(writer));
}

static void expect_expands(
		const struct strbuf *packed, const char *bytes, size_t n, enum codec_kind wanted)
{
	struct reader *reader = NULL;
	enum codec_kind kind;
	char *got = NULL;
	size_t got_n = 0;

	assert_ok(codec_reader(reader_from_bytes(packed->p, packed->n), &reader, &kind));
	assert_int_equal(kind, wanted);
	assert_ok(reader_read_all(reader, n, &got, &got_n));
	assert_int_equal(got_n, n);
	assert_memory_equal(got, bytes, n);
	free(got);
	reader_free(reader);
}

/* A decoder that is not ours: exactly one member, nothing behind it. */
static void expect_one_member(const struct strbuf *packed, const char *bytes, size_t n)
{
	AUTO_FREE char *got = xmalloc(n + 1);
	z_stream stream = { .next_in = (Bytef *)packed->p, .avail_in = (uInt)packed->n };

	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	stream.next_out = (Bytef *)got;
	stream.avail_out = (uInt)n + 1;
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	assert_int_equal(stream.total_out, n);
	assert_memory_equal(got, bytes, n);
	assert_int_equal(inflateEnd(&stream), Z_OK);
}

/* Some other program: true, false, or -1 when it is not installed. */
static int program_accepts(const char *const *argv, const struct strbuf *packed)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int status = 0;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, packed->p, packed->n), packed->n);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	pid_t child = fork();
	if (child == 0) {
		(void)dup2(fd, 0);
		(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	(void)close(fd);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void every_size_comes_back(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 1000, 32768, GZIP_BLOCK - 1, GZIP_BLOCK,
		GZIP_BLOCK + 1, 2 * GZIP_BLOCK, 5 * GZIP_BLOCK + 77, ZSTD_BLOCK - 1, ZSTD_BLOCK,
		ZSTD_BLOCK + 1, 2 * ZSTD_BLOCK + 99 };
	AUTO(pool) struct pool *pool = pool_new(2);
	AUTO_FREE char *bytes = mixed_bytes(3 * ZSTD_BLOCK);

	for (size_t i = 0; i < COUNT(sizes); i++) {
		AUTO(strbuf) struct strbuf gzip = { 0 }, zstd = { 0 };

		assert_ok(pack(bytes, sizes[i], 100000, COMPRESSION_GZIP, CODEC_LEVEL_DEFAULT, pool,
				&gzip));
		expect_expands(&gzip, bytes, sizes[i], CODEC_GZIP);
		expect_one_member(&gzip, bytes, sizes[i]);
		assert_ok(pack(bytes, sizes[i], 100000, COMPRESSION_ZSTD, CODEC_LEVEL_DEFAULT, pool,
				&zstd));
		expect_expands(&zstd, bytes, sizes[i], CODEC_ZSTD);
	}
}

/* Noise must not outgrow the blocks' buffers, whatever the level. */
static void every_level_comes_back(void **state)
{
	AUTO(pool) struct pool *pool = pool_new(2);
	size_t size = 2 * GZIP_BLOCK + 5;
	AUTO_FREE char *bytes = mixed_bytes(size);
	AUTO_FREE char *noise = xmalloc(size);

	fill_noise(noise, size, 7);
	/* zstd's slowest are tens of times slower, on noise and on text. */
	for (int level = -1; level <= 19; level += level < 9 ? 1 : 10) {
		for (int is_noise = 0; is_noise < 2; is_noise++) {
			const char *input = is_noise ? noise : bytes;
			AUTO(strbuf) struct strbuf gzip = { 0 }, zstd = { 0 };

			if (level <= 9) {
				assert_ok(pack(input, size, 77777, COMPRESSION_GZIP, level, pool,
						&gzip));
				expect_one_member(&gzip, input, size);
				assert_true(gzip.n < size + size / 100);
			}
			if (level != 0) {
				assert_ok(pack(input, size, 77777, COMPRESSION_ZSTD, level, pool,
						&zstd));
				expect_expands(&zstd, input, size, CODEC_ZSTD);
			}
		}
	}
}

static void refuses_other_levels(void **state)
{
	static const struct {
		enum compression compression;
		int level;
		const char *error;
	} cases[] = {
		{ COMPRESSION_GZIP, 10, "gzip has no compression level 10 (0 to 9)" },
		{ COMPRESSION_GZIP, -2, "gzip has no compression level -2" },
		{ COMPRESSION_ZSTD, 0, "zstd has no compression level 0 (1 to 22)" },
		{ COMPRESSION_ZSTD, 23, "zstd has no compression level 23" },
		{ COMPRESSION_ZSTD, -2, "zstd has no compression level -2" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fates fates = { 0 };
		struct writer *writer = NULL;

		assert_error(codec_writer(fault_writer(&fates, SIZE_MAX, false),
					     cases[i].compression, cases[i].level, NULL, &writer),
				ERR_INVALID, cases[i].error);
		assert_int_equal(fates.freed, 1);
		assert_int_equal(fates.closed, 0);
		assert_null(writer);
	}
}

static void none_is_below_itself(void **state)
{
	struct writer *below = writer_to_nowhere(), *writer = NULL;

	assert_ok(codec_writer(below, COMPRESSION_NONE, 3, NULL, &writer));
	assert_ptr_equal(writer, below);
	writer_free(writer);
}

/* The bytes depend on input and level; not on workers, not on how they were written. */
static void bytes_are_determined(void **state)
{
	static const unsigned workers[] = { NO_POOL, 1, 2, 8 };
	static const struct {
		enum compression compression;
		int level;
		size_t size;
	} cases[] = {
		{ COMPRESSION_GZIP, -1, 9 * GZIP_BLOCK + 123 },
		{ COMPRESSION_GZIP, 1, 9 * GZIP_BLOCK },
		{ COMPRESSION_GZIP, 2, 3 * GZIP_BLOCK + 1 },
		{ COMPRESSION_GZIP, 0, 3 * GZIP_BLOCK + 1 },
		{ COMPRESSION_ZSTD, -1, ZSTD_BLOCK + 5 },
		{ COMPRESSION_ZSTD, 1, 2 * ZSTD_BLOCK },
	};
	static const size_t steps[] = { 511, GZIP_BLOCK, SIZE_MAX / 2 };
	AUTO_FREE char *bytes = mixed_bytes(2 * ZSTD_BLOCK);

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(strbuf) struct strbuf first = { 0 };

		for (size_t k = 0; k < COUNT(workers) * COUNT(steps); k++) {
			unsigned n = workers[k % COUNT(workers)];
			AUTO(pool) struct pool *pool = n == NO_POOL ? NULL : pool_new(n);
			AUTO(strbuf) struct strbuf other = { 0 };

			assert_ok(pack(bytes, cases[i].size, steps[k / COUNT(workers)],
					cases[i].compression, cases[i].level, pool,
					k == 0 ? &first : &other));
			if (k > 0) {
				assert_int_equal(other.n, first.n);
				assert_memory_equal(other.p, first.p, first.n);
			}
		}
	}
}

/* Fixed to the byte: a change here changes the digest of every layer and must be meant. */
static void digests_are_fixed(void **state)
{
	static const struct {
		enum compression compression;
		int level;
		const char *digest;
	} cases[] = {
#ifdef __x86_64__ /* ISA-L has other code, and finds other matches, elsewhere */
		{ COMPRESSION_GZIP, -1,
				"sha256:"
				"2f06a45876866895d8e282bf9587611ca1b81a2f0760b880c002be6fa801b74"
				"c" },
		{ COMPRESSION_GZIP, 1,
				"sha256:"
				"53f86366aa0ad6a9b3524c6d760c00b52549a0c6180f576d8fdc32f3901a8da"
				"7" },
#endif
		{ COMPRESSION_GZIP, 6,
				"sha256:"
				"ebea43bac95115f5f2b97207fd5949eb01cde57fb96f65bedbe52d03df91650"
				"5" },
		{ COMPRESSION_ZSTD, -1,
				"sha256:"
				"368abb4e0cb729d46fee8502b246d3ffdff664fa2f694fd7ac8198f374baace"
				"0" },
	};
	size_t size = 3 * GZIP_BLOCK + 12345;
	AUTO_FREE char *bytes = mixed_bytes(size);

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(strbuf) struct strbuf packed = { 0 };
		char text[DIGEST_TEXT];

		assert_ok(pack(bytes, size, 5000, cases[i].compression, cases[i].level, NULL,
				&packed));
		struct digest digest = digest_of(packed.p, packed.n);
		assert_string_equal(digest_text(&digest, text), cases[i].digest);
	}
}

static void header_tells_nothing(void **state)
{
	AUTO(strbuf) struct strbuf packed = { 0 };

	assert_ok(pack("x", 1, 1, COMPRESSION_GZIP, CODEC_LEVEL_DEFAULT, NULL, &packed));
	assert_memory_equal(packed.p, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
}

static void other_programs_agree(void **state)
{
	static const char *const gzip[] = { "gzip", "-t", NULL };
	static const char *const zstd[] = { "zstd", "-q", "-t", NULL };
	static const char *const python[] = { "python3", "-c",
		"import sys,zlib\n"
		"d=zlib.decompressobj(31)\n"
		"n=len(d.decompress(sys.stdin.buffer.read()))\n"
		"assert d.eof and not d.unused_data and n==9000001",
		NULL };
	size_t size = 9000001;
	AUTO(pool) struct pool *pool = pool_new(2);
	AUTO_FREE char *bytes = mixed_bytes(size);
	AUTO(strbuf) struct strbuf packed = { 0 }, frames = { 0 };

	assert_ok(pack(bytes, size, 10000, COMPRESSION_GZIP, -1, pool, &packed));
	assert_ok(pack(bytes, size, 10000, COMPRESSION_ZSTD, -1, pool, &frames));
	int by_gzip = program_accepts(gzip, &packed), by_zstd = program_accepts(zstd, &frames);
	int by_python = program_accepts(python, &packed);
	note("gzip %d, zstd %d, python %d (-1: not installed)", by_gzip, by_zstd, by_python);
	assert_int_not_equal(by_gzip, 0);
	assert_int_not_equal(by_zstd, 0);
	assert_int_not_equal(by_python, 0);
	/* The check itself notices damage. */
	packed.p[packed.n / 2] ^= 1;
	assert_int_not_equal(program_accepts(gzip, &packed), 1);
}

/* A failing below stops all, at whatever byte it fails, and nothing is closed. */
static void failures_below_stop_all(void **state)
{
	AUTO_FREE char *bytes = mixed_bytes(ZSTD_BLOCK + 12345);
	AUTO(pool) struct pool *pool = pool_new(2);

	for (int k = 0; k < 4; k++) {
		enum compression compression = k % 2 ? COMPRESSION_ZSTD : COMPRESSION_GZIP;
		size_t size = k % 2 ? ZSTD_BLOCK + 12345 : 6 * GZIP_BLOCK + 12345;
		AUTO(strbuf) struct strbuf whole = { 0 };

		assert_ok(pack(bytes, size, 50000, compression, -1, pool, &whole));
		/* In the header, in the midst, in the trailer. */
		const size_t places[] = { 0, 1, 9, 10, 11, whole.n / 4, whole.n / 2, whole.n - 9,
			whole.n - 2, whole.n - 1 };

		for (size_t i = 0; i < COUNT(places); i++) {
			struct fates fates = { 0 };
			struct writer *writer = NULL;
			struct error *error = NULL;

			assert_ok(codec_writer(fault_writer(&fates, places[i], false), compression,
					-1, k < 2 ? pool : NULL, &writer));
			for (size_t at = 0; at < size && !error; at += 100000)
				error = writer_write(writer, bytes + at,
						size - at < 100000 ? size - at : 100000);
			error = error_first(error, writer_close(writer));
			assert_true(error_is_errno(error, ENOSPC));
			error_free(error);
			assert_int_equal(fates.closed, 0);
			assert_int_equal(fates.freed, 1);
			assert_int_equal(fates.writes_after_failure, 0);
			assert_memory_equal(
					fates.bytes.p ? fates.bytes.p : "", whole.p, fates.bytes.n);
			strbuf_done(&fates.bytes);
		}
	}
}

static void may_be_abandoned(void **state)
{
	AUTO_FREE char *bytes = mixed_bytes(20 * GZIP_BLOCK);
	AUTO(pool) struct pool *pool = pool_new(2);

	for (size_t n = 0; n < 20; n++) {
		struct fates fates = { 0 };
		struct writer *writer = NULL;
		struct error *cause = error_new(ERR_DENIED, "no");

		assert_ok(codec_writer(fault_writer(&fates, SIZE_MAX, false), COMPRESSION_GZIP, -1,
				pool, &writer));
		assert_ok(writer_write(writer, bytes, n * GZIP_BLOCK + 17));
		if (n % 2)
			writer_free(writer);
		else
			writer_fail(writer, cause);
		assert_int_equal(fates.told, n % 2 ? 0 : 1);
		assert_int_equal(fates.closed, 0);
		assert_int_equal(fates.freed, 1);
		error_free(cause);
		strbuf_done(&fates.bytes);
	}
}

/* Bytes that are put where the writer says, in parts of at most `part`. */
static FALLIBLE pack_in_place(const char *bytes, size_t n, size_t part, struct pool *pool,
		struct hash_result *result, struct strbuf *out)
{
	AUTO(writer) struct writer *codec = NULL;
	AUTO(writer) struct writer *writer = NULL;

	TRY(codec_writer(writer_to_strbuf(out), COMPRESSION_GZIP, -1, pool, &codec));
	writer = hash_writer(TAKE(codec), result);
	for (size_t at = 0; at < n;) {
		void *space = NULL;
		size_t room = 0;

		TRY(writer_space(writer, &space, &room));
		assert_in_range(room, 1, GZIP_BLOCK);
		room = room < part ? room : part;
		room = room < n - at ? room : n - at;
		memcpy(space, bytes + at, room);
		TRY(writer_write(writer, space, room));
		at += room;
	}
	return writer_close(TAKE(writer));
}

static void lends_its_blocks(void **state)
{
	const size_t sizes[] = { 0, 1, GZIP_BLOCK - 1, GZIP_BLOCK, GZIP_BLOCK + 1, 9 * GZIP_BLOCK };
	AUTO_FREE char *bytes = mixed_bytes(9 * GZIP_BLOCK);
	AUTO(pool) struct pool *pool = pool_new(2);

	for (size_t i = 0; i < COUNT(sizes); i++) {
		AUTO(strbuf) struct strbuf wanted = { 0 };
		struct digest digest = digest_of(bytes, sizes[i]);

		assert_ok(pack(bytes, sizes[i], 77777, COMPRESSION_GZIP, -1, NULL, &wanted));
		for (int k = 0; k < 4; k++) {
			AUTO(strbuf) struct strbuf got = { 0 };
			struct hash_result result = { 0 };

			assert_ok(pack_in_place(bytes, sizes[i], k % 2 ? SIZE_MAX : 100001,
					k < 2 ? pool : NULL, &result, &got));
			assert_int_equal(got.n, wanted.n);
			assert_memory_equal(got.p, wanted.p, got.n);
			assert_true(digest_equal(&result.digest, &digest));
		}
	}
}

/* Several streams share one pool, each from its own thread. */
static struct error *share_run(void *argument)
{
	AUTO(strbuf) struct strbuf packed = { 0 };
	AUTO_FREE char *bytes = mixed_bytes(6 * GZIP_BLOCK);
	AUTO(reader) struct reader *reader = NULL;
	struct hash_result result = { 0 };
	struct digest wanted = digest_of(bytes, 6 * GZIP_BLOCK);

	TRY(pack(bytes, 6 * GZIP_BLOCK, 30000, COMPRESSION_GZIP, -1, argument, &packed));
	TRY(codec_reader(reader_from_bytes(packed.p, packed.n), &reader, NULL));
	reader = hash_reader(TAKE(reader), &result);
	TRY(reader_drain(reader));
	return digest_equal(&result.digest, &wanted) ? NULL : error_new(ERR_DIGEST, "differs");
}

static void streams_share_a_pool(void **state)
{
	AUTO(pool) struct pool *pool = pool_new(2);
	AUTO(group) struct group *group = group_new();

	for (int i = 0; i < 6; i++)
		assert_true(group_start(group, "stream", share_run, pool));
	assert_ok(group_join(group));
}

UNIT_TESTS(every_size_comes_back, every_level_comes_back, refuses_other_levels,
		none_is_below_itself, bytes_are_determined, digests_are_fixed, header_tells_nothing,
		other_programs_agree, failures_below_stop_all, may_be_abandoned, lends_its_blocks,
		streams_share_a_pool)

/* A tar taken apart and put together again. */
#include "scratch.h"

#include "layer/tar_write.h"
#include "podman/split.h"

static void add(struct entry_sink *sink, const char *path, uint32_t mode, const char *text)
{
	struct entry entry = { .path = path, .owner = { .mode = mode } };
	AUTO(reader) struct reader *content = NULL;

	if (text) {
		entry.size = strlen(text);
		content = reader_from_bytes(text, strlen(text));
	}
	assert_ok(entry_sink_add(sink, &entry, S_ISREG(mode) ? content : NULL));
}

/* The tar in *tar, its lines (plain) in *lines; the tar comes in pieces of step bytes. */
static struct error *take_apart(const struct strbuf *tar, size_t step, struct strbuf *lines)
{
	struct writer *split = split_writer(writer_to_strbuf(lines));

	for (size_t at = 0; at < tar->n; at += step) {
		size_t n = tar->n - at < step ? tar->n - at : step;
		struct error *error = writer_write(split, tar->p + at, n);

		if (error) {
			writer_free(split);
			return error;
		}
	}
	return writer_close(split);
}

static struct error *put_together(const struct strbuf *lines, int dir_fd, char **ret, size_t *ret_n)
{
	int *dirs = xcalloc(1, sizeof(*dirs));
	struct reader *tar = NULL;

	dirs[0] = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	TRY(split_reader(reader_from_bytes(lines->p, lines->n), dirs, 1, &tar));
	struct error *error = reader_read_all(tar, 1 << 24, ret, ret_n);
	reader_free(tar);
	return error;
}

#define LONG                                                                                     \
	"a-name-that-is-longer-than-the-hundred-bytes-that-a-header-of-the-old-form-has-for-it-" \
	"so-that-another-one-speaks-for-it"
#define ODD "odd-\xff\xfe"

static const struct {
	const char *path, *text;
} files[] = { { "d/five", "12345" }, { "d/empty", "" }, { LONG, "long" }, { ODD, "odd" },
	{ "quote\"\\", "q" }, { "123456789", "123456789" } };

static void make_tar(struct strbuf *tar, int dir_fd)
{
	struct entry_sink *sink = tar_writer(writer_to_strbuf(tar), &(struct entry_times){ 0 });
	struct entry link = {
		.path = "link", .owner = { .mode = S_IFLNK | 0777 }, .link = "d/five"
	};

	(void)mkdirat(dir_fd, "d", 0755);
	add(sink, "", S_IFDIR | 0755, NULL);
	add(sink, "d", S_IFDIR | 0755, NULL);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		add(sink, files[i].path, S_IFREG | 0644, files[i].text);
		assert_ok(file_write_atomic(dir_fd, files[i].path, files[i].text,
				strlen(files[i].text), 0644, false));
	}
	assert_ok(entry_sink_add(sink, &link, NULL));
	assert_ok(entry_sink_whiteout(sink, "d/gone"));
	assert_ok(entry_sink_close(sink));
}

static void comes_together_again(void **state)
{
	static const size_t steps[] = { 1, 511, 512, 4096, 1 << 20 };
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(strbuf) struct strbuf tar = { 0 };

	(void)state;
	make_tar(&tar, scratch.fd);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		AUTO(strbuf) struct strbuf lines = { 0 };
		AUTO_FREE char *again = NULL;
		size_t n = 0;

		assert_ok(take_apart(&tar, steps[i], &lines));
		assert_ok(put_together(&lines, scratch.fd, &again, &n));
		assert_int_equal(n, tar.n);
		assert_memory_equal(again, tar.p, n);
		/* CRC-64 of ISO: the check value of its catalogue. */
		assert_non_null(strstr(strbuf_text(&lines),
				"\"name\":\"123456789\",\"size\":9,\"payload\":\"uQlWx3WkEAE=\""));
		assert_non_null(strstr(strbuf_text(&lines), "\"name_raw\":\"b2RkLf/+\""));
	}
}

static void keeps_what_follows_the_end(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(strbuf) struct strbuf lines = { 0 };
	AUTO_FREE char *again = NULL;
	size_t n = 0;

	(void)state;
	make_tar(&tar, scratch.fd);
	for (int i = 0; i < 700 * 1024; i++)
		strbuf_add_char(&tar, i % 7 ? '\0' : 'x');
	assert_ok(take_apart(&tar, 5000, &lines));
	assert_ok(put_together(&lines, scratch.fd, &again, &n));
	assert_int_equal(n, tar.n);
	assert_memory_equal(again, tar.p, n);
}

static void holds_a_name_once(void **state)
{
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(strbuf) struct strbuf lines = { 0 };
	struct entry_sink *sink = tar_writer(writer_to_strbuf(&tar), &(struct entry_times){ 0 });

	(void)state;
	add(sink, "f", S_IFREG | 0644, "1");
	add(sink, "f", S_IFREG | 0644, "2");
	assert_ok(entry_sink_close(sink));
	assert_error(take_apart(&tar, 512, &lines), ERR_UNSUPPORTED, "'f' twice");
}

/* The first has no content that could be lost: the second stays in the lines. */
static void takes_an_empty_name_again(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(strbuf) struct strbuf lines = { 0 };
	struct entry_sink *sink = tar_writer(writer_to_strbuf(&tar), &(struct entry_times){ 0 });
	AUTO_FREE char *again = NULL;
	size_t n = 0;

	(void)state;
	add(sink, "d", S_IFDIR | 0755, NULL);
	add(sink, "d", S_IFDIR | 0700, NULL);
	add(sink, "f", S_IFREG | 0644, "");
	add(sink, "f", S_IFREG | 0644, "2");
	assert_ok(entry_sink_close(sink));
	assert_ok(take_apart(&tar, 512, &lines));
	assert_ok(put_together(&lines, scratch.fd, &again, &n));
	assert_int_equal(n, tar.n);
	assert_memory_equal(again, tar.p, n);
}

static void says_which_file(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(strbuf) struct strbuf lines = { 0 };
	AUTO_FREE char *again = NULL;
	size_t n = 0;

	(void)state;
	make_tar(&tar, scratch.fd);
	assert_ok(take_apart(&tar, 512, &lines));
	assert_ok(file_write_atomic(scratch.fd, "d/five", "123", 3, 0644, false));
	assert_error(put_together(&lines, scratch.fd, &again, &n), ERR_INVALID,
			"'d/five' has 3 bytes, not 5");
	assert_int_equal(unlinkat(scratch.fd, "d/five", 0), 0);
	assert_int_equal(mkfifoat(scratch.fd, "d/five", 0644), 0);
	assert_error(put_together(&lines, scratch.fd, &again, &n), ERR_INVALID, "'d/five' is gone");
}

static void refuses_bad_lines(void **state)
{
	static const struct {
		const char *lines;
		enum error_kind kind;
		const char *says;
	} cases[] = {
		{ "{", ERR_INVALID, "JSON" },
		{ "[]\n", ERR_INVALID, "a line" },
		{ "{\"type\":3}\n", ERR_INVALID, "type 3" },
		{ "{\"type\":2,\"payload\":\"***\"}\n", ERR_INVALID, "base64" },
		{ "{\"type\":2,\"payload\":7}\n", ERR_INVALID, "payload" },
		{ "{\"type\":1,\"size\":-1,\"name\":\"a\"}\n", ERR_INVALID, "size" },
		{ "{\"type\":1,\"size\":5}\n", ERR_INVALID, "name" },
		{ "{\"type\":1,\"size\":5,\"name_raw\":\"AAAA\"}\n", ERR_INVALID, "zero byte" },
		{ "{\"type\":1,\"size\":5,\"name\":\"../../etc/passwd\"}\n", ERR_INVALID, "gone" },
	};
	AUTO(scratch) struct scratch scratch = scratch_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(strbuf) struct strbuf lines = { 0 };
		AUTO_FREE char *again = NULL;
		size_t n = 0;

		strbuf_add(&lines, cases[i].lines);
		assert_error(put_together(&lines, scratch.fd, &again, &n), cases[i].kind,
				cases[i].says);
	}
}

UNIT_TESTS(comes_together_again, keeps_what_follows_the_end, holds_a_name_once,
		takes_an_empty_name_again, says_which_file, refuses_bad_lines)

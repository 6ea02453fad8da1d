#include "cache/toc.h"
#include "layer/layer.h"
#include "stream/writer.h"
#include "unit.h"

#include <sys/stat.h>

static void add(struct entry_sink *sink, const char *path, uint32_t mode, const char *text)
{
	struct entry entry = {
		.path = path, .owner = { .mode = mode, .uid = 7, .gid = 8 }, .mtime = 12345
	};
	AUTO(reader) struct reader *content = NULL;

	if (S_ISREG(mode)) {
		entry.size = strlen(text);
		content = reader_from_bytes(text, strlen(text));
	} else if (S_ISLNK(mode)) {
		entry.link = text;
	}
	assert_ok(entry_sink_add(sink, &entry, content));
}

static void make_layer(struct strbuf *out)
{
	struct layer_format format = { COMPRESSION_GZIP, CODEC_LEVEL_DEFAULT, { 0 } };
	struct layer_result result;
	struct entry_sink *sink = NULL;
	struct entry hard = { .path = "d/hard",
		.owner.mode = S_IFREG | 0644,
		.is_hardlink = true,
		.link = "d/file" };

	assert_ok(layer_writer(writer_to_strbuf(out), &format, NULL, &result, &sink));
	add(sink, "d", S_IFDIR | 0750, NULL);
	assert_ok(entry_sink_opaque(sink, "d"));
	add(sink, "d/file", S_IFREG | 04755, "hello");
	assert_ok(entry_sink_add(sink, &hard, NULL));
	add(sink, "d/link", S_IFLNK | 0777, "../elsewhere");
	assert_ok(entry_sink_whiteout(sink, "gone"));
	assert_ok(entry_sink_close(sink));
}

static void pack(char **ret, size_t *ret_n)
{
	AUTO(strbuf) struct strbuf layer = { 0 };

	make_layer(&layer);
	assert_ok(toc_make(reader_from_bytes(layer.p, layer.n), NULL, ret, ret_n));
}

static void says_what_the_layer_holds(void **state)
{
	AUTO_FREE char *packed = NULL;
	AUTO(toc) struct toc *toc = NULL;
	size_t n = 0;
	struct digest hello = digest_of("hello", 5);

	pack(&packed, &n);
	assert_ok(toc_read(reader_from_bytes(packed, n), &toc));
	assert_int_equal(toc->n, 6);
	assert_string_equal(toc->p[0].entry.path, "d");
	assert_int_equal(toc->p[0].entry.owner.mode, S_IFDIR | 0750);
	assert_int_equal(toc->p[1].kind, TOC_OPAQUE);
	assert_int_equal(toc->p[2].entry.owner.mode, S_IFREG | 04755);
	assert_int_equal(toc->p[2].entry.owner.gid, 8);
	assert_int_equal(toc->p[2].entry.mtime, 12345);
	assert_int_equal(toc->p[2].entry.size, 5);
	assert_true(digest_equal(&toc->p[2].digest, &hello));
	assert_true(toc->p[3].entry.is_hardlink);
	assert_string_equal(toc->p[3].entry.link, "d/file");
	assert_string_equal(toc->p[4].entry.link, "../elsewhere");
	assert_int_equal(toc->p[5].kind, TOC_WHITEOUT);
	assert_string_equal(toc->p[5].entry.path, "gone");
}

/* Beside another sink, as a layer is unpacked; closed or not. */
static void is_made_beside_something_else(void **state)
{
	AUTO(strbuf) struct strbuf layer = { 0 };
	AUTO_FREE char *packed = NULL, *beside = NULL, *other = NULL, *none = NULL;
	size_t n = 0, beside_n = 0, other_n = 0, none_n = 0;
	struct layer_result result;
	struct layer_unpack_options options = { 0 };

	make_layer(&layer);
	assert_ok(toc_make(reader_from_bytes(layer.p, layer.n), NULL, &packed, &n));
	assert_ok(layer_unpack_into(reader_from_bytes(layer.p, layer.n),
			entry_sink_tee(toc_sink(&other, &other_n), toc_sink(&beside, &beside_n)),
			&options, &result));
	assert_int_equal(beside_n, n);
	assert_memory_equal(beside, packed, n);
	assert_int_equal(other_n, n);
	entry_sink_free(toc_sink(&none, &none_n));
	assert_null(none);
}

/* Cut anywhere, it is no table; with any byte changed, reading ends, with or without an error. */
static void survives_damage(void **state)
{
	AUTO_FREE char *packed = NULL, *plain = NULL;
	size_t n = 0, plain_n = 0;
	struct reader *reader = NULL;

	pack(&packed, &n);
	assert_ok(codec_reader(reader_from_bytes(packed, n), &reader, NULL));
	assert_ok(reader_read_all(reader, 100000, &plain, &plain_n));
	reader_free(reader);
	for (size_t i = 0; i < plain_n; i++) {
		AUTO(toc) struct toc *cut = NULL, *changed = NULL;
		struct error *error = toc_read(reader_from_bytes(plain, i), &cut);

		assert_non_null(error);
		error_free(error);
		for (unsigned bit = 0; bit < 8; bit++) {
			AUTO(toc) struct toc *toc = NULL;

			plain[i] ^= (char)(1 << bit);
			error_free(toc_read(reader_from_bytes(plain, plain_n), &toc));
			plain[i] ^= (char)(1 << bit);
		}
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *why, *text;
		size_t n;
	} cases[] = {
		{ "another kind of file", "kiln toc 2\n.\0", 13 },
		{ "a path that climbs", "kiln toc 1\nw\4../a.\1", 20 },
		{ "a path that is not clean", "kiln toc 1\nw\3a//.\1", 19 },
		{ "a length beyond the end", "kiln toc 1\nw\xff\xff\xff\xff\x7f", 17 },
		{ "a number without end", "kiln toc 1\nw\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
				22 },
		{ "an unknown letter", "kiln toc 1\nx", 12 },
		{ "another count", "kiln toc 1\nw\1a.\2", 17 },
		{ "text behind the end", "kiln toc 1\n.\0x", 14 },
		{ "nothing", "", 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(toc) struct toc *toc = NULL;

		note("%s", cases[i].why);
		assert_error(toc_read(reader_from_bytes(cases[i].text, cases[i].n), &toc),
				ERR_INVALID, "table of contents");
	}
}

UNIT_TESTS(says_what_the_layer_holds, is_made_beside_something_else, survives_damage, refuses)

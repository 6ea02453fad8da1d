#include "layer/layer.h"
#include "listing.h"
#include "stream/hash.h"
#include "sys/proc.h"

static const struct owner_policy recorded = { .kind = OWNER_RECORDED };
static const struct apply_options alone = { APPLY_LAYER, { .kind = OWNER_RECORDED }, NULL };

static FALLIBLE add_tree(struct entry_sink *sink)
{
	AUTO_FREE char *large = xmalloc(3000001);

	for (size_t i = 0; i < 3000000; i++)
		large[i] = (char)('a' + i * i % 23);
	large[3000000] = '\0';
	TRY(add_dir(sink, "d", 0755));
	TRY(add_file(sink, "d/a", "hello"));
	TRY(add_symlink(sink, "d/l", "a"));
	TRY(add_file(sink, "large", large));
	TRY(entry_sink_whiteout(sink, "old"));
	return entry_sink_opaque(sink, "d");
}

static void export_tree(enum compression compression, struct pool *pool, struct strbuf *blob,
		struct layer_result *ret)
{
	const struct layer_format format = { compression, CODEC_LEVEL_DEFAULT, { 0 } };
	struct entry_sink *sink = NULL;

	assert_ok(layer_writer(writer_to_strbuf(blob), &format, pool, ret, &sink));
	assert_ok(add_tree(sink));
	assert_ok(entry_sink_close(sink));
}

static void goes_out_and_in(void **state)
{
	static const enum compression kinds[] = { COMPRESSION_NONE, COMPRESSION_GZIP,
		COMPRESSION_ZSTD };
	AUTO(pool) struct pool *pool = pool_new(2);
	struct digest diff_id = { 0 };

	for (size_t i = 0; i < COUNT(kinds); i++) {
		AUTO(scratch) struct scratch scratch = scratch_new();
		AUTO(strbuf) struct strbuf blob = { 0 };
		AUTO(strbuf) struct strbuf alone_blob = { 0 };
		struct layer_result out = { 0 };
		struct layer_result again = { 0 };
		struct layer_result in = { 0 };

		export_tree(kinds[i], pool, &blob, &out);
		assert_int_equal(out.size, blob.n);
		struct digest digest = digest_of(blob.p, blob.n);
		assert_true(digest_equal(&digest, &out.digest));
		assert_int_equal(out.entries, 6);
		if (i == 0)
			diff_id = out.diff_id;
		assert_true(digest_equal(&diff_id, &out.diff_id));
		/* Without a pool the same bytes. */
		export_tree(kinds[i], NULL, &alone_blob, &again);
		assert_true(digest_equal(&out.digest, &again.digest));

		const struct layer_unpack_options options = { .apply = alone, .diff_id = &diff_id };
		assert_ok(layer_unpack(
				reader_from_bytes(blob.p, blob.n), scratch.fd, &options, &in));
		assert_true(digest_equal(&diff_id, &in.diff_id));
		assert_int_equal(in.diff_size, out.diff_size);
		assert_int_equal(in.compression, kinds[i]);
		assert_int_equal(in.entries, 6);
		assert_listing(&recorded, scratch.fd,
				"d 755 0:0 @5 d opaque\nf 644 0:0 @5 d/a \"hello\"\n"
				"l 777 0:0 @5 d/l -> a\nf 644 0:0 @5 large <3000000>\nw old\n");
	}
}

static void notices_wrong_content(void **state)
{
	AUTO(strbuf) struct strbuf blob = { 0 };
	struct layer_result out = { 0 };
	struct layer_result in = { 0 };

	export_tree(COMPRESSION_GZIP, NULL, &blob, &out);
	struct digest wrong = out.diff_id;
	wrong.bytes[0] ^= 1;
	const struct layer_unpack_options options = { .apply = alone, .diff_id = &wrong };
	const struct layer_unpack_options any = { .apply = alone };
	AUTO(scratch) struct scratch a = scratch_new();
	assert_error(layer_unpack(reader_from_bytes(blob.p, blob.n), a.fd, &options, &in),
			ERR_DIGEST, "the layer's content is 'sha256:");

	/* Cut anywhere, or with one bit turned, a blob is an error and never a hang. */
	for (size_t n = 0; n < blob.n; n += blob.n / 17 + 1) {
		AUTO(scratch) struct scratch scratch = scratch_new();
		struct error *error =
				layer_unpack(reader_from_bytes(blob.p, n), scratch.fd, &any, &in);

		assert_true(n == 0 ? error == NULL : error != NULL);
		error_free(error);
		blob.p[n] ^= 0x10;
		const struct layer_unpack_options checked = { .apply = alone,
			.diff_id = &out.diff_id };
		error = layer_unpack(reader_from_bytes(blob.p, blob.n), a.fd, &checked, &in);
		/* Only a few bits of a gzip header mean nothing. */
		assert_true(error != NULL || n < 10);
		error_free(error);
		blob.p[n] ^= 0x10;
	}
}

static void says_that_it_needs_lowers(void **state)
{
	static const struct entry_times keep = { TIMES_KEEP, 0 };
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(entry_sink) struct entry_sink *sink = tar_writer(writer_to_strbuf(&tar), &keep);
	AUTO_FREE char *large = xcalloc(1, 5000001);
	const struct layer_unpack_options options = { .apply = alone };
	struct layer_result in = { 0 };

	memset(large, 'x', 5000000);
	assert_ok(add_file(sink, "a/b", ""));
	assert_ok(add_file(sink, "large", large));
	assert_ok(entry_sink_close(TAKE(sink)));
	struct error *error =
			layer_unpack(reader_from_bytes(tar.p, tar.n), scratch.fd, &options, &in);
	assert_true(apply_needs_lowers(error));
	error_free(error);
}

static void says_what_a_bad_layer_is(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *says;
	} cases[] = {
		{ "hello", 5, "the archive is cut off" },
		{ "\x1f\x8b\x08\0\0\0\0\0\0\3garbage", 17, "" },
		{ "\x28\xb5\x2f\xfd garbage", 12, "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(scratch) struct scratch scratch = scratch_new();
		const struct layer_unpack_options options = { .apply = alone };
		struct layer_result in = { 0 };

		assert_error(layer_unpack(reader_from_bytes(cases[i].bytes, cases[i].n), scratch.fd,
					     &options, &in),
				ERR_INVALID, cases[i].says);
	}
}

/* A writer that has room for some bytes only, as a full disk or a closed connection. */
struct full {
	struct writer writer;
	size_t room;
};

static struct error *full_write(struct writer *writer, const void *bytes, size_t n)
{
	struct full *full = (struct full *)writer;

	(void)bytes;
	if (n > full->room)
		return error_errno(ENOSPC, "write the blob");
	full->room -= n;
	return NULL;
}

static struct error *full_close(struct writer *writer)
{
	(void)writer;
	return NULL;
}

static void full_free(struct writer *writer)
{
	free(writer);
}

static void tells_the_real_reason(void **state)
{
	static const struct writer_ops ops = { full_write, full_close, full_free, NULL };
	static const enum compression kinds[] = { COMPRESSION_NONE, COMPRESSION_GZIP,
		COMPRESSION_ZSTD };

	for (size_t i = 0; i < COUNT(kinds); i++) {
		const struct layer_format format = { kinds[i], CODEC_LEVEL_DEFAULT, { 0 } };
		struct layer_result result = { 0 };
		struct full *full = xcalloc(1, sizeof(*full));
		struct entry_sink *sink = NULL;
		struct error *error = NULL;

		full->writer.ops = &ops;
		full->room = 1000;
		assert_ok(layer_writer(&full->writer, &format, NULL, &result, &sink));
		for (int j = 0; j < 20 && !error; j++)
			error = add_tree(sink);
		if (error)
			entry_sink_free(sink);
		else
			error = entry_sink_close(sink);
		assert_error(error, ERR_SYS, "write the blob: No space left");
	}
}

static void can_be_abandoned(void **state)
{
	const struct layer_format format = { COMPRESSION_GZIP, CODEC_LEVEL_DEFAULT, { 0 } };
	const struct layer_format wrong = { COMPRESSION_GZIP, 99, { 0 } };
	AUTO(strbuf) struct strbuf blob = { 0 };
	struct layer_result result = { 0 };
	struct entry_sink *sink = NULL;

	assert_ok(layer_writer(writer_to_strbuf(&blob), &format, NULL, &result, &sink));
	assert_ok(add_tree(sink));
	entry_sink_free(sink);
	assert_error(layer_writer(writer_to_strbuf(&blob), &wrong, NULL, &result, &sink),
			ERR_INVALID, "99");
}

static void stops_when_asked(void **state)
{
	AUTO(cancel) struct cancel *cancel = cancel_new();
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(strbuf) struct strbuf blob = { 0 };
	struct layer_result out = { 0 };
	struct layer_result in = { 0 };
	const struct layer_unpack_options options = { .apply = alone, .cancel = cancel };

	export_tree(COMPRESSION_GZIP, NULL, &blob, &out);
	cancel_set(cancel);
	assert_error(layer_unpack(reader_from_bytes(blob.p, blob.n), scratch.fd, &options, &in),
			ERR_CANCELED, "cancel");
}

/* Names that mean something in a layer are files in an archive. */
static void archives_are_no_layers(void **state)
{
	static const char *const names[] = { "a", ".wh.a", "d/.wh..wh..opq", "d/.wh..wh.plnk" };
	static const struct entry_times keep = { TIMES_KEEP, 0 };
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(strbuf) struct strbuf layer = { 0 };
	AUTO(strbuf) struct strbuf archive = { 0 };
	AUTO(entry_sink) struct entry_sink *out = tar_writer(writer_to_strbuf(&tar), &keep);

	assert_ok(add_file(out, "a", ""));
	assert_ok(entry_sink_whiteout(out, "a"));
	assert_ok(entry_sink_opaque(out, "d"));
	assert_ok(entry_sink_whiteout(out, "d/.wh.plnk"));
	assert_ok(entry_sink_close(TAKE(out)));
	for (int i = 0; i < 2; i++) {
		AUTO(tar_reader)
		struct tar_reader *reader = tar_reader_new(reader_from_bytes(tar.p, tar.n));
		AUTO(entry_sink) struct entry_sink *sink = recorder_new(i ? &archive : &layer);
		uint64_t n = 0;

		assert_ok(i ? layer_replay_archive(reader, sink, NULL, &n)
			    : layer_replay(reader, sink, NULL, &n));
		assert_int_equal(n, 4);
	}
	assert_string_equal(strbuf_text(&layer), "f 644 0:0 @5 a \"\"\nwhiteout a\nopaque d\n");
	for (size_t i = 0; i < COUNT(names); i++)
		assert_non_null(strstr(strbuf_text(&archive), names[i]));
}

/* ".." above the root: no name of a layer's; in an archive it stops there. */
static void refuses_names_that_climb(void **state)
{
	static const char *const names[] = { "../../f", "d/../../f" };
	static const struct entry_times keep = { TIMES_KEEP, 0 };

	for (size_t i = 0; i < 2 * COUNT(names); i++) {
		AUTO(strbuf) struct strbuf tar = { 0 };
		AUTO(strbuf) struct strbuf got = { 0 };
		AUTO(entry_sink) struct entry_sink *out = tar_writer(writer_to_strbuf(&tar), &keep);
		AUTO(entry_sink) struct entry_sink *sink = recorder_new(&got);
		const char *name = names[i / 2];

		assert_ok(i % 2 ? add_hardlink(out, "h", name) : add_file(out, name, ""));
		assert_ok(entry_sink_close(TAKE(out)));
		AUTO(tar_reader)
		struct tar_reader *layer = tar_reader_new(reader_from_bytes(tar.p, tar.n));
		assert_error(layer_replay(layer, sink, NULL, NULL), ERR_INVALID,
				"climbs out of it");
		assert_int_equal(got.n, 0);
		AUTO(tar_reader)
		struct tar_reader *archive = tar_reader_new(reader_from_bytes(tar.p, tar.n));
		assert_ok(layer_replay_archive(archive, sink, NULL, NULL));
		assert_string_equal(
				strbuf_text(&got), i % 2 ? "h h = f\n" : "f 644 0:0 @5 f \"\"\n");
	}
}

static void refuses_whiteouts_of_nothing(void **state)
{
	static const char *const names[] = { ".wh.", "d/.wh..", ".wh..." };

	for (size_t i = 0; i < COUNT(names); i++) {
		enum whiteout kind = WHITEOUT_NO;
		char *target = NULL;

		assert_error(whiteout_parse(names[i], &kind, &target), ERR_INVALID,
				"names no file");
	}
}

UNIT_TESTS(goes_out_and_in, notices_wrong_content, says_that_it_needs_lowers,
		says_what_a_bad_layer_is, tells_the_real_reason, can_be_abandoned, stops_when_asked,
		archives_are_no_layers, refuses_names_that_climb, refuses_whiteouts_of_nothing)

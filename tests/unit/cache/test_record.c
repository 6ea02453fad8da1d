#include "base/limits.h"
#include "cache/record.h"
#include "unit.h"

static struct digest digest_named(const char *name)
{
	return digest_of(name, strlen(name));
}

static void fill(struct cached_steps *steps)
{
	struct cached_step layer = {
		.key = digest_named("key"),
		.definition = digest_named("definition"),
		.kind = CACHED_LAYER,
		.diff_id = digest_named("diff"),
		.blob = { digest_named("blob"), 1234 },
		.compression = COMPRESSION_ZSTD,
		.level = 3,
		.toc = { digest_named("toc"), 99 },
		.content = digest_named("content"),
		.created = 1700000000,
		.slot = xstrdup("build/3"),
		.ingredients = xstrdup("{\"kind\":\"copy\"}"),
	};
	struct cached_step empty = {
		.key = digest_named("other"), .kind = CACHED_EMPTY, .created = 5
	};

	vec_push(steps, layer);
	vec_push(steps, empty);
}

static void comes_back_as_it_was(void **state)
{
	AUTO(cached_steps) struct cached_steps steps = { 0 }, back = { 0 };

	fill(&steps);
	AUTO_FREE char *text = cached_steps_print(&steps);
	assert_ok(cached_steps_parse(str_of(text), "test", &back));
	AUTO_FREE char *again = cached_steps_print(&back);
	assert_string_equal(text, again);
	assert_int_equal(back.n, 2);
	assert_int_equal(back.p[0].compression, COMPRESSION_ZSTD);
	assert_int_equal(back.p[0].blob.bytes, 1234);
	assert_int_equal(back.p[1].kind, CACHED_EMPTY);
}

/* Every byte of a document matters: cut anywhere, or changed anywhere, it is not read. */
static void damage_is_found(void **state)
{
	AUTO(cached_steps) struct cached_steps steps = { 0 };

	fill(&steps);
	AUTO_FREE char *text = cached_steps_print(&steps);
	size_t n = strlen(text);
	for (size_t i = 0; i < n; i++) {
		AUTO(cached_steps) struct cached_steps back = { 0 };
		struct error *error = cached_steps_parse((struct str){ text, i }, "test", &back);

		assert_non_null(error);
		assert_int_equal(back.n, 0);
		error_free(error);
		text[i] ^= 1;
		error = cached_steps_parse((struct str){ text, n }, "test", &back);
		text[i] ^= 1;
		assert_non_null(error);
		assert_int_equal(back.n, 0);
		error_free(error);
	}
}

static char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	assert_non_null(at);
	return xasprintf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void refuses(void **state)
{
	static const struct {
		const char *from, *to, *part;
	} cases[] = {
		{ "\"version\":1", "\"version\":2", "it has version 2, this kiln reads 1" },
		{ "\"kind\":\"layer\"", "\"kind\":\"leyer\"", "unknown kind" },
		{ "\"size\":1234", "\"size\":-1", "steps[0].blob.size" },
		{ "\"size\":1234", "\"size\":2199023255552", "more than" },
		{ "\"size\":99", "\"size\":1999999999", "more than" },
		{ "\"size\":1234", "\"size\":1235", "its sum does not fit" },
		{ "\"compression\":\"zstd\"", "\"compression\":\"lzma\"", "unknown compression" },
		{ "\"level\":3", "\"level\":99", "the level 99" },
		{ "\"created\":5", "\"created\":253402300800", "after the year 9999" },
		{ "\"created\":5", "\"created\":\"5\"", "created" },
		{ "\"steps\":[", "\"steps\":[[[", "steps[0]" },
		{ "\"steps\":[", "\"steps\":{\"a\":[", "test" },
	};
	AUTO(cached_steps) struct cached_steps steps = { 0 };

	fill(&steps);
	AUTO_FREE char *text = cached_steps_print(&steps);
	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(cached_steps) struct cached_steps back = { 0 };
		AUTO_FREE char *bad = replaced(text, cases[i].from, cases[i].to);

		note("%s", cases[i].to);
		if (strstr(cases[i].to, "[[[") || strstr(cases[i].to, "{\"a\"")) {
			struct error *error = cached_steps_parse(str_of(bad), "test", &back);

			assert_non_null(error);
			error_free(error);
			continue;
		}
		assert_error(cached_steps_parse(str_of(bad), "test", &back), ERR_INVALID,
				cases[i].part);
	}
}

static void a_key_comes_once(void **state)
{
	AUTO(cached_steps) struct cached_steps steps = { 0 }, back = { 0 };

	fill(&steps);
	steps.p[1].key = steps.p[0].key;
	AUTO_FREE char *text = cached_steps_print(&steps);
	assert_error(cached_steps_parse(str_of(text), "test", &back), ERR_INVALID,
			"a key that was there before");
}

static void is_bounded(void **state)
{
	AUTO(cached_steps) struct cached_steps back = { 0 };
	AUTO(strbuf) struct strbuf deep = { 0 };
	AUTO_FREE char *long_text = xcalloc(1, LIMIT_MANIFEST_BYTES + 2);

	strbuf_add(&deep, "{\"version\":1,\"steps\":");
	for (unsigned i = 0; i < 100000; i++)
		strbuf_add_char(&deep, '[');
	assert_error(cached_steps_parse(strbuf_str(&deep), "test", &back), ERR_LIMIT, "test");
	memset(long_text, ' ', LIMIT_MANIFEST_BYTES + 1);
	assert_error(cached_steps_parse(str_of(long_text), "test", &back), ERR_LIMIT, "test");
}

UNIT_TESTS(comes_back_as_it_was, damage_is_found, refuses, a_key_comes_once, is_bounded)

#include "base/clock.h"
#include "base/map.h"
#include "base/nearest.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "unit.h"

static void sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = { { "0", 0 }, { "64m", 64u << 20 }, { "2G", 2ull << 30 }, { "1KiB", 1024 },
		{ "10b", 10 }, { "3kb", 3072 } };
	static const char *const bad[] = { "", "m", "-1", "1x", "1 m", "99999999999999999999",
		"1mbb" };

	for (size_t i = 0; i < COUNT(good); i++) {
		uint64_t value = 1;

		assert_ok(parse_size(str_of(good[i].text), &value));
		assert_int_equal(value, good[i].value);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		uint64_t value = 7;

		note("%s", bad[i]);
		assert_error(parse_size(str_of(bad[i]), &value), ERR_INVALID, bad[i]);
		assert_int_equal(value, 7);
	}
}

static void numbers(void **state)
{
	uint64_t u = 0;
	int64_t i = 0;

	assert_ok(parse_octal(STR("0755"), 07777, &u));
	assert_int_equal(u, 0755);
	assert_error(parse_octal(STR("8"), 07777, &u), ERR_INVALID, "not a number");
	assert_error(parse_octal(STR("10000"), 07777, &u), ERR_INVALID, "too large");
	assert_ok(parse_u64(STR("18446744073709551615"), UINT64_MAX, &u));
	assert_true(u == UINT64_MAX);
	assert_error(parse_u64(STR("18446744073709551616"), UINT64_MAX, &u), ERR_INVALID,
			"too large");
	assert_ok(parse_i64(STR("-5"), -10, 10, &i));
	assert_int_equal(i, -5);
	assert_error(parse_i64(STR("11"), -10, 10, &i), ERR_INVALID, "between");
}

static void environment_lists(void **state)
{
	AUTO(list) struct list env = { 0 };

	list_env_set(&env, "A", "1");
	list_env_set(&env, "AB", "2");
	list_env_set(&env, "A", "3");
	assert_int_equal(env.n, 2);
	assert_string_equal(env.p[0], "A=3");
	assert_string_equal(list_env_get(&env, "AB"), "2");
	list_env_unset(&env, "A");
	assert_null(list_env_get(&env, "A"));
}

static void maps_keep_order(void **state)
{
	AUTO(map) struct map *map = map_new(free);
	const char *key = NULL;
	void *at = NULL, *value = NULL;

	map_set(map, "b", xstrdup("1"));
	map_set(map, "a", xstrdup("2"));
	map_set(map, "b", xstrdup("3"));
	assert_int_equal(map_count(map), 2);
	assert_true(map_next(map, &at, &key, &value));
	assert_string_equal(key, "b");
	assert_string_equal(value, "3");
	assert_true(map_remove(map, "b"));
	assert_false(map_has(map, "b"));
}

static void times(void **state)
{
	char buf[CLOCK_RFC3339_TEXT];
	int64_t seconds = 0;

	assert_string_equal(clock_rfc3339(0, 0, buf), "1970-01-01T00:00:00Z");
	assert_ok(clock_parse_rfc3339("2026-11-23T13:00:00.5+01:00", &seconds));
	assert_string_equal(clock_rfc3339(seconds, 0, buf), "2026-11-23T12:00:00Z");
	assert_error(clock_parse_rfc3339("yesterday", &seconds), ERR_INVALID, "yesterday");
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = { { "0", 0 }, { "5s", 5000000000 }, { "1h30m", 5400000000000 },
		{ "1.5s", 1500000000 }, { ".5m", 30000000000 }, { "-250ms", -250000000 },
		{ "1\xc2\xb5s", 1000 }, { "2us3ns", 2003 }, { "+0.000000001s", 1 },
		{ "2562047h47m16.854775807s", INT64_MAX } };
	static const char *const bad[] = { "", "-", "5", "s", "1 s", "1x", "1s2", ".s", "1h-2m",
		"2562047h47m16.854775808s", "99999999999999999999s" };

	for (size_t i = 0; i < COUNT(good); i++) {
		int64_t ns = 1;

		note("%s", good[i].text);
		assert_ok(clock_parse_duration(str_of(good[i].text), &ns));
		assert_true(ns == good[i].ns);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		int64_t ns = 7;

		note("%s", bad[i]);
		assert_error(clock_parse_duration(str_of(bad[i]), &ns), ERR_INVALID, bad[i]);
		assert_int_equal(ns, 7);
	}
}

static void nearest_names(void **state)
{
	static const char *const names[] = { "FROM", "RUN", "COPY", NULL, "CMD" };

	assert_string_equal(text_nearest("FORM", names, COUNT(names)), "FROM");
	assert_string_equal(text_nearest("frm", names, COUNT(names)), "FROM");
	assert_string_equal(text_nearest("COPYY", names, COUNT(names)), "COPY");
	assert_string_equal(text_nearest("RNU", names, COUNT(names)), "RUN");
	assert_null(text_nearest("xx", names, COUNT(names)));
	assert_null(text_nearest("", names, COUNT(names)));
	assert_null(text_nearest("ENTRYPOINT", names, COUNT(names)));
}

/* Of every length, into a buffer that is full, nearly full, and not there yet. */
static void formats_as_it_grows(void **state)
{
	AUTO(strbuf) struct strbuf want = { 0 };

	for (size_t used = 0; used < 200; used++) {
		AUTO(strbuf) struct strbuf buf = { 0 };

		for (size_t i = 0; i < used; i++)
			strbuf_add_char(&buf, 'x');
		strbuf_addf(&buf, "%s", "");
		assert_int_equal(buf.n, used);
		strbuf_addf(&buf, "%s|%d|", strbuf_text(&want), 7);
		assert_int_equal(buf.n, used + want.n + 3);
		assert_memory_equal(buf.p + used, strbuf_text(&want), want.n);
		assert_string_equal(buf.p + used + want.n, "|7|");
		strbuf_add_char(&want, 'y');
	}
}

UNIT_TESTS(formats_as_it_grows, sizes, numbers, environment_lists, maps_keep_order, times,
		durations, nearest_names)

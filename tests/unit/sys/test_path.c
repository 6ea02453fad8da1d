#include "base/auto.h"
#include "sys/path.h"
#include "unit.h"

static void cleans(void **state)
{
	static const struct {
		const char *in, *out;
		bool climbs;
	} cases[] = {
		{ "", "", false },
		{ "/", "", false },
		{ ".", "", false },
		{ "./", "", false },
		{ "..", "", true },
		{ "a", "a", false },
		{ "./a/./b//c/", "a/b/c", false },
		{ "/a/b", "a/b", false },
		{ "a/../b", "b", false },
		{ "a/b/../../..", "", true },
		{ "../../etc/passwd", "etc/passwd", true },
		{ "a/../../b/c/..", "b", true },
		{ "...", "...", false },
		{ "a/..b/c..", "a/..b/c..", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_FREE char *out = path_clean(str_of(cases[i].in));

		assert_string_equal(out, cases[i].out);
		assert_int_equal(path_climbs(str_of(cases[i].in)), cases[i].climbs);
	}
}

static void joins(void **state)
{
	static const struct {
		const char *base, *path, *out;
	} cases[] = {
		{ "", "a", "a" },
		{ "/app", "a/b", "app/a/b" },
		{ "/app", "/etc", "etc" },
		{ "/app/x", "../y", "app/y" },
		{ "/app", "../../..", "" },
		{ "app/", ".", "app" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_FREE char *out = path_join(cases[i].base, cases[i].path);

		assert_string_equal(out, cases[i].out);
	}
}

static void takes_apart(void **state)
{
	assert_string_equal(path_name("a/b/c"), "c");
	assert_string_equal(path_name("c"), "c");
	assert_string_equal(path_name(""), "");
	assert_true(str_is(path_parent("a/b/c"), "a/b"));
	assert_true(str_is(path_parent("c"), ""));
	assert_true(path_is_in("a/b", "a"));
	assert_true(path_is_in("a", "a"));
	assert_true(path_is_in("a", ""));
	assert_false(path_is_in("ab", "a"));
	assert_false(path_is_in("a", "a/b"));
}

static void orders_as_a_walk(void **state)
{
	static const char *const sorted[] = { "", "a", "a/b", "a/b/c", "a/b-c", "a/c", "a!", "a-b",
		"a.b", "ab", "b", "\xc3\xa4" };

	for (size_t i = 0; i < COUNT(sorted); i++)
		for (size_t j = 0; j < COUNT(sorted); j++) {
			int order = path_compare(sorted[i], sorted[j]);

			assert_int_equal(order < 0, i < j);
			assert_int_equal(order > 0, i > j);
		}
}

UNIT_TESTS(cleans, joins, takes_apart, orders_as_a_walk)

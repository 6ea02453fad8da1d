#include "dockerfile/glob.h"
#include "unit.h"

static void matches_as_go_does(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool wanted;
	} cases[] = {
		{ "abc", "abc", true },
		{ "*", "abc", true },
		{ "*", "", true },
		{ "*c", "abc", true },
		{ "a*", "a", true },
		{ "a*", "abc", true },
		{ "a*", "ab/c", false },
		{ "a*/b", "abc/b", true },
		{ "a*/b", "a/c/b", false },
		{ "a*b*c*d*e*/f", "axbxcxdxe/f", true },
		{ "a*b*c*d*e*/f", "axbxcxdxexxx/f", true },
		{ "a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false },
		{ "a*b*c*d*e*/f", "axbxcxdxexxx/fff", false },
		{ "a*b?c*x", "abxbbxdbxebxczzx", true },
		{ "a*b?c*x", "abxbbxdbxebxczzy", false },
		{ "ab[c]", "abc", true },
		{ "ab[b-d]", "abc", true },
		{ "ab[e-g]", "abc", false },
		{ "ab[^c]", "abc", false },
		{ "ab[^b-d]", "abc", false },
		{ "ab[^e-g]", "abc", true },
		{ "a\\*b", "a*b", true },
		{ "a\\*b", "ab", false },
		{ "a?b",
				"a\xe2\x98\xba"
				"b",
				true },
		{ "a[^a]b",
				"a\xe2\x98\xba"
				"b",
				true },
		{ "a???b",
				"a\xe2\x98\xba"
				"b",
				false },
		{ "a[^a][^a][^a]b",
				"a\xe2\x98\xba"
				"b",
				false },
		{ "[a-\xce\xb6]*", "\xce\xb1", true },
		{ "*[a-\xce\xb6]", "A", false },
		{ "a?b", "a/b", false },
		{ "a*b", "a/b", false },
		{ "[\\]a]", "]", true },
		{ "[\\-]", "-", true },
		{ "[x\\-]", "x", true },
		{ "[x\\-]", "-", true },
		{ "[x\\-]", "z", false },
		{ "[\\-x]", "x", true },
		{ "[\\-x]", "-", true },
		{ "[\\-x]", "a", false },
		{ "[*]", "*", true },
		{ "[*]", "a", false },
		{ "*x", "xxx", true },
		{ "**", "a", true },
		{ "**", "a/b", false },
		{ "a**b", "axxb", true },
		{ "", "", true },
		{ "", "a", false },
		{ "*\\", "a", false },
		{ "*a*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		note("%s %s", cases[i].pattern, cases[i].path);
		assert_int_equal(glob_match(cases[i].pattern, cases[i].path), cases[i].wanted);
	}
}

static void knows_bad_patterns(void **state)
{
	static const char *const bad[] = { "[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[",
		"[^", "[^bc", "a[", "a\\", "*[", "b*[]", "a/[x-]/c", "[\xff]" };
	static const char *const good[] = { "", "a]", "[a]", "[^a-z]*", "\\[", "a-b", "[a-z0-9]" };

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct glob *glob = NULL;

		note("%s", bad[i]);
		assert_error(glob_check(bad[i]), ERR_INVALID, bad[i]);
		assert_error(glob_parse(bad[i], &glob), ERR_INVALID, bad[i]);
	}
	for (size_t i = 0; i < COUNT(good); i++)
		assert_ok(glob_check(good[i]));
}

enum { NO, PARENT, YES };

/* What moby/patternmatcher says: YES for the path itself, PARENT for a directory above it. */
static void matches_deep(void **state)
{
	static const struct {
		const char *pattern, *path;
		int wanted;
	} cases[] = {
		{ "**", "file", YES },
		{ "**", "dir/file", YES },
		{ "**/**", "dir/file", YES },
		{ "**/**", "file", YES },
		{ "dir/**", "dir/file", YES },
		{ "dir/**", "dir/dir2/file", YES },
		{ "dir/**", "dir", NO },
		{ "dir/**", "dirx/file", NO },
		{ "dir/**/**", "dir", NO },
		{ "**/dir", "dir", YES },
		{ "**/dir", "dir/file", PARENT },
		{ "**/dir", "a/b/dir", YES },
		{ "**/dir", "a/xdir", NO },
		{ "**/dir2/*", "dir/dir2/file", YES },
		{ "**/dir2/*", "dir/dir2/sub/file", PARENT },
		{ "**/dir2/**", "dir/dir2/dir3/file", YES },
		{ "**/dir2/**", "dir/dir2", NO },
		{ "**file", "file", YES },
		{ "**file", "dir/file", YES },
		{ "**file", "dir/dir/xfile", YES },
		{ "**file", "file/x", PARENT },
		{ "**file*", "dir/file1", YES },
		{ "**file*", "dir/xfile", NO },
		{ "**/file*txt", "dir/dir/file.txt", YES },
		{ "**/**/*.txt", "dir/dir/file.txt", YES },
		{ "**/**/*.txt2", "dir/dir/file.txt", NO },
		{ "**/*.txt", "file.txt", YES },
		{ "a**/*.txt", "a/file.txt", YES },
		{ "a**/*.txt", "a/dir/dir/file.txt", YES },
		{ "a**/*.txt", "abc/file.txt", YES },
		{ "a**/*.txt", "b/file.txt", NO },
		{ "a/*.txt", "a/dir/file.txt", NO },
		{ "a/*.txt", "a/file.txt", YES },
		{ "a/*.txt**", "a/file.txt", YES },
		{ "a/*.txt**", "a/file.txt.d/x", YES },
		{ "foo**", "foobar", YES },
		{ "foo**", "foo/bar/x", YES },
		{ "foo**", "afoo", NO },
		{ "a**b", "ab", YES },
		{ "a**b", "ax/b", YES },
		{ "a**b", "axb", NO },
		{ "x**y**z", "x/y1/yz", YES },
		{ "***", "a/b", YES },
		{ "a/***/c", "a/b/c", YES },
		{ "a[b-d]e", "ace", YES },
		{ "a[b-d]e", "aae", NO },
		{ "a[^b-d]e", "aze", YES },
		{ ".*", ".foo", YES },
		{ ".*", "foo", NO },
		{ "abc.def", "abcZdef", NO },
		{ "abc?def", "abcZdef", YES },
		{ "a?c", "a/c", NO },
		{ "a\\\\", "a\\", YES },
		{ "a\\*b", "a*b", YES },
		{ "a\\*b", "axb", NO },
		{ "**/foo/bar", "dir/dir2/foo/bar", YES },
		{ "**/foo/bar", "foo/x/foo/bar", YES },
		{ "**/foo/**/bar", "a/foo/b/foo/c/bar", YES },
		{ "**/foo/**/bar", "a/foo/b/foo/c/bar/d", PARENT },
		{ "abc/**", "abc/def/ghi", YES },
		{ "**/.foo", "bar.foo", NO },
		{ "a(b)c/def", "a(b)c/def", YES },
		{ "a.|)$(}+{bc", "a.|)$(}+{bc", YES },
		{ "dist/*.whl", "dist/proxy-2.4.0rc3.dev36+g08-py3.whl", YES },
		{ "a", "a/b/c", PARENT },
		{ "a/b", "a/b/c", PARENT },
		{ "*/b", "a/b/c", PARENT },
		{ "*", "a/b/c", PARENT },
		{ "a/b/c", "a/b", NO },
		{ ".", "a", NO },
		{ "/", "a", NO },
		{ "**/*a*b*c*", "x/1a2b3c4/y", PARENT },
		{ "**/\xc3\xa4?", "x/\xc3\xa4\xc3\xb6", YES },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(glob) struct glob *glob = NULL;
		struct glob_path path;

		note("%s %s", cases[i].pattern, cases[i].path);
		assert_ok(glob_parse(cases[i].pattern, &glob));
		glob_path_split(cases[i].path, &path);
		assert_int_equal(glob_matches(glob, &path), cases[i].wanted == YES);
		assert_int_equal(glob_matches_parents(glob, &path), cases[i].wanted != NO);
	}
}

static void looks_below(void **state)
{
	static const struct {
		const char *pattern, *dir;
		bool wanted;
	} cases[] = {
		{ "a/b", "a", true },
		{ "a/b", "b", false },
		{ "a/b", "a/b", false },
		{ "a/b", "a/b/c", false },
		{ "a/*/c", "a/x", true },
		{ "a/*.d/c", "a/x", false },
		{ "**/c", "any/thing", true },
		{ "a/**", "a/b/c", true },
		{ "a/**", "b", false },
		{ "a**b", "z", true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(glob) struct glob *glob = NULL;
		struct glob_path path;

		note("%s %s", cases[i].pattern, cases[i].dir);
		assert_ok(glob_parse(cases[i].pattern, &glob));
		glob_path_split(cases[i].dir, &path);
		assert_int_equal(glob_may_match_below(glob, &path), cases[i].wanted);
	}
}

static void tells_patterns_from_names(void **state)
{
	AUTO(arena) struct arena *arena = arena_new();

	assert_true(glob_is_pattern("a*"));
	assert_true(glob_is_pattern("a[b"));
	assert_true(glob_is_pattern("a?"));
	assert_false(glob_is_pattern("a\\*"));
	assert_false(glob_is_pattern("a]"));
	assert_false(glob_is_pattern("a\\"));
	assert_int_equal(glob_fixed_prefix("a/b/c*.d/e"), 4);
	assert_int_equal(glob_fixed_prefix("*.c"), 0);
	assert_int_equal(glob_fixed_prefix("a\\*/b*"), 4);
	assert_int_equal(glob_fixed_prefix("a/b"), 2);
	assert_string_equal(glob_unescape(arena, "a\\*b\\\\c\\"), "a*b\\c\\");
}

static void deep_paths(void **state)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	AUTO(glob) struct glob *glob = NULL;
	struct glob_path path;

	for (size_t i = 0; i < 3000; i++)
		strbuf_add(&text, "a/");
	strbuf_add(&text, "b");
	glob_path_split(strbuf_text(&text), &path);
	assert_int_equal(path.n, LIMIT_PATH_DEPTH);
	assert_ok(glob_parse("**/a/**/a/**/a/**/c", &glob));
	assert_false(glob_matches_parents(glob, &path));
}

UNIT_TESTS(matches_as_go_does, knows_bad_patterns, matches_deep, looks_below,
		tells_patterns_from_names, deep_paths)

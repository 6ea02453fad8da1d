#include "base/limits.h"
#include "dockerfile/ignore.h"
#include "unit.h"

static void cleans(void **state)
{
	static const char text[] =
			"\xEF\xBB\xBF"
			"test1\n/test2\n  /a/file/here  \r\n\n"
			"lastfile\n# comment\n #not a comment\n! /inverted/abs/path\n"
			"a//b/./c/../d/\n./x\n../y\n/\n.\na/..\n/../z\n!\tk\n../../a/../b\n"
			"trail/**\n";
	static const char *const wanted[] = { "test1", "test2", "a/file/here", "lastfile",
		"#not a comment", "!inverted/abs/path", "a/b/d", "x", "../y", "/", ".", ".", "z",
		"!k", "../../b", "trail/**" };
	AUTO(ignore) struct ignore *ignore = NULL;

	assert_ok(ignore_parse((struct str){ text, sizeof(text) - 1 }, ".dockerignore", &ignore));
	assert_int_equal(ignore_count(ignore), COUNT(wanted));
	for (size_t i = 0; i < COUNT(wanted); i++)
		assert_string_equal(ignore_pattern(ignore, i), wanted[i]);
	assert_true(ignore_has_exceptions(ignore));
	assert_false(ignore_is_empty(ignore));
	assert_true(ignore_is_empty(NULL));
}

static void last_match_wins(void **state)
{
	static const struct {
		const char *text, *path;
		bool wanted;
	} cases[] = {
		{ "", "a", false },
		{ "*", "a", true },
		{ "*", "a/b", true },
		{ "*.go", "f.go", true },
		{ "*.go", "a/f.go", false },
		{ "**/*.go", "a/f.go", true },
		{ "!f.go\n*.go", "f.go", true },
		{ "*.go\n!f.go", "f.go", false },
		{ "docs\n!docs/README.md", "docs/README.md", false },
		{ "docs\n!docs/README.md", "docs/x", true },
		{ "docs/\n!docs/README.md", "docs/README.md", false },
		{ "docs/*\n!docs/README.md", "docs/README.md", false },
		{ "**\n!util/docker/web", "util/docker/web/foo", false },
		{ "**\n!util/docker/web\nutil/docker/web/foo", "util/docker/web/foo", true },
		{ "**\n!util/docker/web", "util/docker", true },
		{ "*\n!src\nsrc/*.o", "src/a.o", true },
		{ "*\n!src\nsrc/*.o", "src/a.c", false },
		{ "*\n!src\n**/*.o\n!src/keep.o", "src/keep.o", false },
		{ "a b", "a b", true },
		{ "node_modules", "node_modules/x/y", true },
		{ "node_modules", "sub/node_modules", false },
		{ "**/node_modules", "sub/node_modules/x", true },
		{ ".git", ".gitignore", false },
		{ "/secret", "secret", true },
		{ "secret/", "secret", true },
		{ "../x", "x", false },
		{ ".", "x", false },
		{ "*\n!*", "x/y", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(ignore) struct ignore *ignore = NULL;

		note("%s %s", cases[i].text, cases[i].path);
		assert_ok(ignore_parse(str_of(cases[i].text), "x", &ignore));
		assert_int_equal(ignore_matches(ignore, cases[i].path), cases[i].wanted);
	}
	assert_false(ignore_matches(NULL, "a"));
}

static void prunes(void **state)
{
	static const struct {
		const char *text, *dir;
		bool wanted;
	} cases[] = {
		{ "a", "a", true },
		{ "*\n!a/b", "a", false },
		{ "*\n!a/b", "c", true },
		{ "*\n!a/b", "a/c", true },
		{ "*\n!a/*/c", "a/x", false },
		{ "*\n!**/keep", "anything", false },
		{ "*\n!a", "b", true },
		{ "*\n!src/*.c", "src", false },
		{ "*\n!src/*.c", "src/sub", true },
		{ "*\n!a**b", "z", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(ignore) struct ignore *ignore = NULL;

		note("%s %s", cases[i].text, cases[i].dir);
		assert_ok(ignore_parse(str_of(cases[i].text), "x", &ignore));
		assert_int_equal(ignore_may_skip_dir(ignore, cases[i].dir), cases[i].wanted);
	}

	AUTO(ignore) struct ignore *old = NULL;
	assert_ok(ignore_parse(STR("*\n!sub/a*\n!*/x\n"), "x", &old));
	assert_false(ignore_may_skip_dir(old, "other"));
	ignore_by_prefix(old);
	assert_true(ignore_may_skip_dir(old, "other"));
	assert_true(ignore_may_skip_dir(old, "su"));
	assert_false(ignore_may_skip_dir(old, "sub"));
}

static void refuses(void **state)
{
	AUTO(ignore) struct ignore *ignore = NULL;
	AUTO(strbuf) struct strbuf many = { 0 };
	struct error *error = ignore_parse(STR("a\nb[\n"), "x.dockerignore", &ignore);

	assert_non_null(error);
	assert_int_equal(error_find_at(error)->line, 2);
	assert_string_equal(error_find_at(error)->file, "x.dockerignore");
	error_free(error);
	assert_error(ignore_parse(STR("!"), "x", &ignore), ERR_INVALID,
			"illegal exclusion pattern: \"!\"");
	assert_error(ignore_parse(STR("! "), "x", &ignore), ERR_INVALID,
			"illegal exclusion pattern: \"!\"");
	assert_error(ignore_parse((struct str){ "a\0b", 3 }, "x", &ignore), ERR_INVALID, "NUL");
	for (size_t i = 0; i <= LIMIT_IGNORE_PATTERNS; i++)
		strbuf_add(&many, "a\n");
	assert_error(ignore_parse(strbuf_str(&many), "x", &ignore), ERR_LIMIT, "patterns");
	assert_null(ignore);
}

static void takes_lists(void **state)
{
	AUTO(list) struct list patterns = { 0 };
	AUTO(ignore) struct ignore *ignore = NULL;

	list_add(&patterns, "#x");
	list_add(&patterns, "*.md");
	list_add(&patterns, "!README.md");
	assert_ok(ignore_from_patterns(&patterns, &ignore));
	assert_true(ignore_matches(ignore, "#x"));
	assert_true(ignore_matches(ignore, "a.md"));
	assert_false(ignore_matches(ignore, "README.md"));
}

/* Fifty thousand paths against twenty patterns: milliseconds; the bound is for a loaded machine. */
static void is_quick(void **state)
{
	static const char text[] =
			".git\nnode_modules\n**/node_modules\n*.md\n!README.md\n**/*.o\n"
			"**/.DS_Store\nbuild\ndist\n**/__pycache__\n*.log\n.env*\ndocs/**\n"
			"**/*.test.js\ncoverage\n.vscode\n.idea\n**/tmp\nDockerfile*\n"
			"!docs/keep\n";
	AUTO(ignore) struct ignore *ignore = NULL;
	size_t ignored = 0;

	assert_ok(ignore_parse(str_of(text), "x", &ignore));
	assert_int_equal(ignore_count(ignore), 20);
	uint64_t start = unit_cpu_ms();
	for (unsigned i = 0; i < 50000; i++) {
		char path[100];

		(void)snprintf(path, sizeof(path), "src/component%u/lib%u/file%u.%s", i % 100,
				i % 7, i, i % 10 ? "c" : "o");
		ignored += ignore_matches(ignore, path);
	}
	uint64_t ms = unit_cpu_ms() - start;
	assert_int_equal(ignored, 5000);
	note("%u ms", (unsigned)ms);
	assert_true(ms < 500);
}

UNIT_TESTS(cleans, last_match_wins, prunes, refuses, takes_lists, is_quick)

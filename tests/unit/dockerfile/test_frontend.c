/* Which frontends are the language itself. */
#include "dockerfile/frontend.h"
#include "unit.h"

static void knows_itself(void **state)
{
	static const char *const texts[] = { "FROM a\n", "# syntax=docker/dockerfile\nFROM a\n",
		"# syntax=docker/dockerfile:1\n", "# Syntax = docker/dockerfile:1.7.1-labs\n",
		("#syntax=docker.io/docker/dockerfile:1.4@sha256:"
		 "0123456789012345678901234567890123456789012345678901234567890123\n"),
		"# syntax=docker/dockerfile-upstream:master\n",
		"# syntax=docker/dockerfile:0.1-labs\n",
		"# syntax=index.docker.io/docker/dockerfile:labs some=argument\n",
		"FROM a\n# syntax=other/one\n", "# comment\n# syntax=other/one\nFROM a\n" };

	for (size_t i = 0; i < COUNT(texts); i++) {
		note("%s", texts[i]);
		assert_ok(frontend_check(str_of(texts[i]), "Dockerfile", NULL));
	}
}

static void refuses_others(void **state)
{
	static const struct {
		const char *text, *says;
		unsigned line, column;
	} cases[] = {
		{ "# syntax=r.example/docker/dockerfile:1\n", "r.example/docker/dockerfile:1", 1,
				10 },
		{ "#!x\n# escape=`\n# syntax=a/b:c d\n", "'a/b:c'", 3, 10 },
		{ "// syntax=tonistiigi/x\n", "'tonistiigi/x'", 1, 11 },
		{ "{\"syntax\":\"a/b\"}\n", "'a/b'", 1, 12 },
		{ "# syntax=docker/dockerfile:2.1\n", "version '2.1'", 1, 10 },
		{ "# syntax=docker/dockerfile:10\n", "version '10'", 1, 10 },
		{ "# syntax=Not A Name\n", "'Not'", 1, 10 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct error *error = frontend_check(str_of(cases[i].text), "Dockerfile", NULL);

		note("%s", cases[i].text);
		assert_non_null(error_find_at(error));
		assert_int_equal(error_find_at(error)->line, cases[i].line);
		assert_int_equal(error_find_at(error)->column, cases[i].column);
		assert_error(error, ERR_UNSUPPORTED, cases[i].says);
	}
}

static void argument_wins(void **state)
{
	AUTO(list) struct list args = { 0 };

	list_add(&args, "BUILDKIT_SYNTAX=docker/dockerfile:1");
	assert_ok(frontend_check(STR("# syntax=a/b\n"), "Dockerfile", &args));
	list_env_set(&args, "BUILDKIT_SYNTAX", "dockerfile.v0");
	assert_ok(frontend_check(STR("# syntax=a/b\n"), "Dockerfile", &args));
	list_env_set(&args, "BUILDKIT_SYNTAX", "c/d");
	assert_error(frontend_check(STR("FROM x\n"), "Dockerfile", &args), ERR_UNSUPPORTED,
			"BUILDKIT_SYNTAX");
}

UNIT_TESTS(knows_itself, refuses_others, argument_wins)

/* However wrong or large the input is, the answer comes soon and takes little memory. */
#include "base/limits.h"
#include "dockerfile/ast.h"
#include "dockerfile/lint.h"
#include "dockerfile/stage.h"
#include "unit.h"

/* Sanitizers and loaded machines are slow; the goal is 1 s on a quiet one. */
enum { PATIENCE_MS = 10000 };

static void repeat(struct strbuf *text, const char *part, size_t times)
{
	for (size_t i = 0; i < times; i++)
		strbuf_add(text, part);
}

/* Parse, check and print; *ret_kind is 0 when it parsed. */
static void digest(const char *name, const struct strbuf *text, int *ret_kind)
{
	uint64_t start = unit_cpu_ms();
	AUTO(dockerfile) struct dockerfile *file = NULL;
	struct error *error = dockerfile_parse(strbuf_str(text), "Dockerfile", &file);

	*ret_kind = error ? (int)error->kind : 0;
	if (error)
		assert_non_null(error_find_at(error));
	error_free(error);
	if (file) {
		AUTO(lint_config) struct lint_config config = { 0 };
		AUTO(lint) struct lint lint = { 0 };
		AUTO(strbuf) struct strbuf out = { 0 };

		lint_init(&lint, file, &config, file->arena);
		lint_run(&lint);
		ast_print(file, &out);
		assert_true(arena_bytes(file->arena) < 200u * 1024 * 1024);
	}
	uint64_t ms = unit_cpu_ms() - start;
	note("%s: %zu bytes, %u ms", name, text->n, (unsigned)ms);
	assert_true(ms < PATIENCE_MS);
}

static void large_but_good(void **state)
{
	static const struct {
		const char *name, *head, *part;
		size_t times;
		const char *tail;
	} cases[] = {
		{ "lines", "FROM a\n", "RUN x\n", 199000 },
		{ "stages", "", "FROM a AS b\nCOPY --from=b x y\n", LIMIT_STAGES },
		{ "env", "FROM a\nENV ", "a=b ", 500000 },
		{ "args", "FROM a\n", "ARG a=$a$a$a$a\n", 100000 },
		{ "exponential args", "", "ARG a=${a:-xx}$a\n", 50000, "FROM $a\n" },
		{ "undefined args", "ARG a\n", "FROM $x$yy$zzz\n", LIMIT_STAGES },
		{ "copy words", "FROM a\nCOPY ", "a ", 1000000 },
		{ "continuations", "FROM a\nRUN x", "\\\n", 190000 },
		{ "empty continuations", "FROM a\nRUN x \\\n", "\n", 190000 },
		{ "comments", "FROM a\n", "# x\n", 190000 },
		{ "json", "FROM a\n", "CMD [\"a\",\"b\"]\n", 140000 },
		{ "heredocs", "FROM a\n", "RUN <<E\nx\nE\n", 60000 },
		{ "flags", "FROM a\nRUN ", "--mount=target=/a ", 100000, "x" },
		{ "quotes", "FROM a\nENV a=", "'\"'\"\\\"\"", 200000 },
	};
	AUTO(strbuf) struct strbuf text = { 0 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		int kind = 0;

		strbuf_clear(&text);
		strbuf_add(&text, cases[i].head);
		repeat(&text, cases[i].part, cases[i].times);
		strbuf_add(&text, cases[i].tail ? cases[i].tail : "");
		digest(cases[i].name, &text, &kind);
		assert_int_equal(kind, 0);
	}
}

static void large_and_bad(void **state)
{
	static const struct {
		const char *name, *head, *part;
		size_t times;
		int kind;
	} cases[] = {
		{ "too many lines", "FROM a\n", "RUN\n\n", 250000, ERR_INVALID },
		{ "empty lines", "FROM a\n", "\n", 300000, ERR_LIMIT },
		{ "too many stages", "", "FROM a\n", LIMIT_STAGES + 1, ERR_LIMIT },
		{ "too large", "FROM a\n# ", "0123456789", 300000, ERR_LIMIT },
		{ "onbuild", "FROM a\n", "ONBUILD ", 200000, ERR_INVALID },
		{ "nested words", "FROM a\nRUN <<x ", "${a:-", 200000, 0 },
		{ "heredocs on a line", "FROM a\nRUN", " <<a", 300000, ERR_LIMIT },
		{ "nested json", "FROM a\nRUN ", "[", 1000000, 0 },
		{ "no instructions", "", "#\n", 100000, ERR_INVALID },
		{ "one word", "", "a", 1000000, ERR_INVALID },
		{ "flags", "FROM a\nCOPY ", "--link ", 200000, ERR_INVALID },
		{ "unknown flags", "FROM a\nCOPY ", "--lnk ", 200000, ERR_INVALID },
	};
	AUTO(strbuf) struct strbuf text = { 0 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		int kind = 0;

		strbuf_clear(&text);
		strbuf_add(&text, cases[i].head);
		repeat(&text, cases[i].part, cases[i].times);
		digest(cases[i].name, &text, &kind);
		assert_int_equal(kind, cases[i].kind);
	}
}

static void ordinary(void **state)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	int kind = 0;

	strbuf_add(&text, "ARG V=1\nFROM a:$V AS b\n");
	for (size_t i = 0; i < 100; i++)
		strbuf_addf(&text,
				"# comment %zu\nRUN --mount=type=cache,target=/c make %zu \\\n   "
				"install\n",
				i, i);
	uint64_t start = unit_cpu_ms();
	digest("300 lines", &text, &kind);
	assert_int_equal(kind, 0);
	assert_true(unit_cpu_ms() - start < 100);
}

static void triggers(void **state)
{
	AUTO(arena) struct arena *arena = arena_new();
	const struct instruction *trigger = NULL;

	assert_ok(instruction_parse_onbuild(
			arena, STR("COPY <<EOF <<-X /d\na\nEOF\n\tb\n\tX"), "base", &trigger));
	assert_int_equal(trigger->kind, INSTRUCTION_COPY);
	assert_int_equal(trigger->copy.source_count, 2);
	assert_string_equal(trigger->copy.sources[0].heredoc->content, "a\n");
	assert_string_equal(trigger->copy.sources[1].path, "X");
	assert_string_equal(heredoc_chomp(arena, trigger->copy.sources[1].heredoc->content), "b\n");
	assert_error(instruction_parse_onbuild(arena, STR("FROM a"), "base", &trigger), ERR_INVALID,
			"FROM must not");
	assert_error(instruction_parse_onbuild(arena, STR("ONBUILD RUN a"), "base", &trigger),
			ERR_INVALID, "ONBUILD must not");
	assert_error(instruction_parse_onbuild(arena, STR("RUN a\nRUN b"), "base", &trigger),
			ERR_INVALID, "more than one");
	assert_error(instruction_parse_onbuild(arena, STR(""), "base", &trigger), ERR_INVALID,
			"empty");
	assert_error(instruction_parse_onbuild(arena, STR("RNU a"), "base", &trigger), ERR_INVALID,
			"unknown instruction: RNU");
}

static void stages_by_name(void **state)
{
	AUTO(dockerfile) struct dockerfile *file = NULL;
	const struct stage *stage = NULL;

	assert_ok(dockerfile_parse(STR("FROM a AS one\nFROM b AS Two\nFROM ONE AS one\nFROM c\n"),
			"Dockerfile", &file));
	assert_ok(stage_find(file, "ONE", &stage));
	assert_int_equal(stage->index, 2);
	assert_int_equal(stage_by_name(file, "one", 2)->index, 0);
	assert_null(stage_by_name(file, "one", 0));
	assert_ok(stage_find(file, "1", &stage));
	assert_int_equal(stage->index, 1);
	assert_ok(stage_find(file, "busybox", &stage));
	assert_null(stage);
	assert_error(stage_find(file, "4", &stage), ERR_NOT_FOUND, "no stage '4'");
	assert_error(stage_find(file, "99999999999999999999", &stage), ERR_NOT_FOUND, "no stage");
	assert_string_equal(stage_suggest(file, "tow"), "two");
	assert_true(stage_name_is_reserved("Scratch"));
}

static void frontends(void **state)
{
	static const struct {
		const char *text, *wanted;
		unsigned line;
	} cases[] = {
		{ "# syntax = dockerfile:experimental // opts\nFROM a\n", "dockerfile:experimental",
				1 },
		{ "#!/bin/sh\n# syntax = x/y:1\n", "x/y:1", 2 },
		{ "#!/bin/sh\n\n# syntax = x\n", NULL, 0 },
		{ "FROM busybox\n# syntax=x", NULL, 0 },
		{ "//syntax=foo\n//key=value", "foo", 1 },
		{ "#!/bin/sh\n//syntax=x", "x", 2 },
		{ "{\"syntax\": \"foo\", \"bar\": [\"abc\"]}", "foo", 1 },
		{ "{\"syntax\": \"foo\"", NULL, 0 },
		{ "{\"syntax\": \"foo\"}\n# syntax=bar", NULL, 0 },
		{ "\xEF\xBB\xBF# syntax = mine\n", "mine", 1 },
		{ "# escape=`\n# SYNTAX=a\r\n", "a", 2 },
		{ "# other=`\n# syntax=a", NULL, 0 },
		{ "", NULL, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(arena) struct arena *arena = arena_new();
		const char *reference = "?";
		unsigned line = 0;

		note("%s", cases[i].text);
		syntax_detect(arena, str_of(cases[i].text), &reference, &line);
		if (cases[i].wanted)
			assert_string_equal(reference, cases[i].wanted);
		else
			assert_null(reference);
		assert_int_equal(line, cases[i].line);
	}
}

UNIT_TESTS(large_but_good, large_and_bad, ordinary, triggers, stages_by_name, frontends)

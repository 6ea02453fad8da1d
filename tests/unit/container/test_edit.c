#include "unit.h"

#include "container/edit.h"

#include <stdio.h>
#include <unistd.h>

static char *joined(const struct list *list)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	for (size_t i = 0; i < list->n; i++)
		strbuf_addf(&text, "%s|", list->p[i]);
	return strbuf_take(&text);
}

static void edits_pairs(void **state)
{
	static const struct {
		const char *edit, *result;
	} cases[] = {
		{ "A=1", "A=1|" },
		{ "B=x=y-", "A=1|B=x=y-|" },
		{ "A=2", "B=x=y-|A=2|" },
		{ "C", "B=x=y-|A=2|C=|" },
		{ "A-", "B=x=y-|C=|" },
		{ "nope-", "B=x=y-|C=|" },
		{ "-", "" },
	};
	AUTO(list) struct list list = { 0 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		note("%s", cases[i].edit);
		edit_pair(&list, cases[i].edit);
		AUTO_FREE char *text = joined(&list);
		assert_string_equal(text, cases[i].result);
	}
}

static void edits_names(void **state)
{
	static const struct {
		const char *edit, *result;
	} cases[] = { { "80", "80|" }, { "443/tcp", "80|443/tcp|" }, { "80", "80|443/tcp|" },
		{ "80-", "443/tcp|" }, { "/a", "443/tcp|/a|" }, { "-", "" } };
	AUTO(list) struct list list = { 0 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		note("%s", cases[i].edit);
		edit_name(&list, cases[i].edit);
		AUTO_FREE char *text = joined(&list);
		assert_string_equal(text, cases[i].result);
	}
}

static void splits_words(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "", "" },
		{ " a  b ", "a|b|" },
		{ "sh -c 'a \"b\" c'", "sh|-c|a \"b\" c|" },
		{ "a\"b c\"d", "ab cd|" },
		{ "a\\ b \"\\\"\" '\\'", "a b|\"|\\|" },
		{ "''", "|" },
	};
	AUTO(list) struct list none = { 0 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(list) struct list list = { 0 };

		note("%s", cases[i].text);
		assert_ok(edit_words(cases[i].text, &list));
		AUTO_FREE char *text = joined(&list);
		assert_string_equal(text, cases[i].words);
	}
	assert_error(edit_words("a 'b", &none), ERR_INVALID, "quote");
}

static void sets_commands(void **state)
{
	AUTO(image_config) struct image_config config = { 0 };

	assert_ok(edit_entrypoint(&config, "[\"/a\", \"b c\"]"));
	AUTO_FREE char *array = joined(&config.entrypoint);
	assert_string_equal(array, "/a|b c|");
	assert_ok(edit_entrypoint(&config, "a b"));
	AUTO_FREE char *shell = joined(&config.entrypoint);
	assert_string_equal(shell, "/bin/sh|-c|a b|");
	assert_ok(edit_entrypoint(&config, " \r\v"));
	assert_int_equal(config.entrypoint.n, 0);
	assert_ok(edit_command(&config.cmd, "a 'b c'"));
	AUTO_FREE char *words = joined(&config.cmd);
	assert_string_equal(words, "a|b c|");
}

static void sets_healthchecks(void **state)
{
	static const struct {
		const char *text, *test;
	} cases[] = { { "CMD curl -f x", "CMD|curl|-f|x|" },
		{ "CMD-SHELL a | b", "CMD-SHELL|a | b|" }, { "a && b", "CMD-SHELL|a && b|" },
		{ "none", "NONE|" }, { "\r", "" }, { "", "" } };
	struct image_healthcheck check = { 0 };
	int64_t ns = 0;

	for (size_t i = 0; i < COUNT(cases); i++) {
		note("%s", cases[i].text);
		assert_ok(edit_healthcheck(&check, cases[i].text));
		AUTO_FREE char *text = joined(&check.test);
		assert_string_equal(text, cases[i].test);
	}
	assert_false(check.set);
	assert_ok(edit_duration("1m30s", &ns));
	assert_true(ns == 90000000000);
	assert_ok(edit_duration("250ms", &ns));
	assert_true(ns == 250000000);
	assert_error(edit_duration("10", &ns), ERR_INVALID, "duration");
	assert_error(edit_duration("s", &ns), ERR_INVALID, "duration");
	assert_error(edit_duration("99999999999h", &ns), ERR_INVALID, "duration");
}

static void merges_a_file(void **state)
{
	AUTO(image_config) struct image_config config = { 0 };
	char path[] = "/tmp/kiln-edit-XXXXXX";
	int fd = mkstemp(path);
	static const char text[] = "{\"Env\":[\"A=2\"],\"Cmd\":[],\"User\":\"app\"}";

	list_add(&config.env, "A=1");
	list_add(&config.cmd, "x");
	config.working_dir = xstrdup("/w");
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	(void)close(fd);
	assert_ok(edit_merge_file(&config, path));
	assert_string_equal(config.env.p[0], "A=2");
	assert_int_equal(config.cmd.n, 0);
	assert_string_equal(config.user, "app");
	assert_string_equal(config.working_dir, "/w");
	(void)unlink(path);
	assert_error(edit_merge_file(&config, path), ERR_SYS, path);
}

UNIT_TESTS(edits_pairs, edits_names, splits_words, sets_commands, sets_healthchecks, merges_a_file)

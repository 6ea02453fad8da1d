#include "registry/toml.h"
#include "unit.h"

static struct error *on_table(void *user, const char *name, bool is_array)
{
	strbuf_addf(user, is_array ? "[[%s]]\n" : "[%s]\n", name);
	return NULL;
}

static struct error *on_value(void *user, const char *key, const struct toml_value *value)
{
	if (strcmp(key, "stop") == 0)
		return error_new(ERR_EXISTS, "stopped");
	strbuf_addf(user, "%s=", key);
	switch (value->kind) {
	case TOML_TEXT:
		strbuf_addf(user, "'%s'\n", value->text);
		break;
	case TOML_BOOL:
		strbuf_add(user, value->flag ? "true\n" : "false\n");
		break;
	case TOML_NUMBER:
		strbuf_addf(user, "%lld\n", (long long)value->number);
		break;
	case TOML_LIST:
		for (size_t i = 0; i < value->list.n; i++)
			strbuf_addf(user, "<%s>", value->list.p[i]);
		strbuf_add(user, value->append == APPEND_YES  ? "+\n"
				 : value->append == APPEND_NO ? "-\n"
							      : "\n");
		break;
	case TOML_OTHER:
		strbuf_add(user, "?\n");
		break;
	}
	return NULL;
}

static FALLIBLE parse(const char *text, struct strbuf *out)
{
	struct toml_events events = { .table = on_table, .value = on_value, .user = out };

	return toml_parse(str_of(text), "'f'", &events);
}

static void reads(void **state)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = {
		{ "", "" },
		{ "\xef\xbb\xbf# c\n\n  # d", "" },
		{ "a = \"x\"", "a='x'\n" },
		{ "a='\\n' # c\r\n b = true\nc=false\nd = -7", "a='\\n'\nb=true\nc=false\nd=-7\n" },
		{ "a=\"\\\"\\\\\\t\\u0041\"", "a='\"\\\tA'\n" },
		{ "\"k k\".b . 'c.d' = \"\"", "k k.b.c.d=''\n" },
		{ "a = []\nb=[\"x\"]\nc = [ # c\n \"x\" ,\n 'y', # d\n]", "a=\nb=<x>\nc=<x><y>\n" },
		{ "[ a . \"b\" ]\n[[c]] # d\nk=1", "[a.b]\n[[c]]\nk=1\n" },
		{ "a = \"#\"", "a='#'\n" },
		{ "a = {b = 1, c = {d = \"}\"}} # x\nk=1", "a=?\nk=1\n" },
		{ "a = [1, 2]\nb = [ [\"x\"], {\n\"s\" = 2 }, ]\nk=1", "a=?\nb=?\nk=1\n" },
		{ "a = 1979-05-27\nb = 1.5\nc = +1e3", "a=?\nb=?\nc=?\n" },
		{ "a = [\"x\", {append=true}]\nb=[{ append = false },]", "a=<x>+\nb=-\n" },
		{ "a = [\"x\", {append=1}]", "a=?\n" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(strbuf) struct strbuf out = { 0 };

		note("%s", cases[i].text);
		assert_ok(parse(cases[i].text, &out));
		assert_string_equal(strbuf_text(&out), cases[i].wanted);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *text, *part;
		enum error_kind kind;
	} cases[] = {
		{ "a", "line 1: '=' was expected", ERR_INVALID },
		{ "\n\n= 1", "line 3: a key", ERR_INVALID },
		{ "a = ", "a value was expected", ERR_INVALID },
		{ "a = x", "text without quotes", ERR_INVALID },
		{ "a = \"x", "without an end", ERR_INVALID },
		{ "a = \"x\ny\"", "without an end", ERR_INVALID },
		{ "a = \"x\" y", "behind the value", ERR_INVALID },
		{ "a = \"\\q\"", "bad escape", ERR_INVALID },
		{ "a = \"\\u00\"", "bad escape", ERR_INVALID },
		{ "a = \"\\u0000\"", "beyond ASCII", ERR_UNSUPPORTED },
		{ "a = \"\"\"x\"\"\"", "several lines", ERR_UNSUPPORTED },
		{ "a = {b = 1", "a value without an end", ERR_INVALID },
		{ "a = [1, 2", "list without an end", ERR_INVALID },
		{ "a = [,]", "a value was expected", ERR_INVALID },
		{ "a = [}]", "a value was expected", ERR_INVALID },
		{ "a = [\"x\" \"y\"]", "list without an end", ERR_INVALID },
		{ "a = [\"x\",", "list without an end", ERR_INVALID },
		{ "[a", "']' was expected", ERR_INVALID },
		{ "[[a]", "']' was expected", ERR_INVALID },
		{ "[a] b", "behind the value", ERR_INVALID },
		{ "[]", "a key", ERR_INVALID },
		{ "x = 1\nstop = 1", "'f': line 2: 'stop': stopped", ERR_EXISTS },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(strbuf) struct strbuf out = { 0 };

		note("%s", cases[i].text);
		assert_error(parse(cases[i].text, &out), cases[i].kind, cases[i].part);
	}
}

UNIT_TESTS(reads, refuses)

#include "base/limits.h"
#include "dockerfile/words.h"
#include "unit.h"

/* NAME, value, NAME, value, ... NULL */
static const char *get(void *user, const char *name)
{
	const char *const *env = user;

	for (; *env; env += 2)
		if (strcmp(env[0], name) == 0)
			return env[1];
	return NULL;
}

static const char *const home[] = { "PWD", "/home", "SHELL", "bash", "KOREAN",
	"\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4", "NULL", "", NULL };

static struct words_env env_of(const char *const *values)
{
	return (struct words_env){ .get = get, .user = (void *)(uintptr_t)values };
}

static void check_word(const char *const *values, const char *text, const char *wanted)
{
	AUTO(strbuf) struct strbuf out = { 0 };
	struct words_env env = env_of(values);

	note("%s", text);
	assert_ok(word_expand(str_of(text), &env, &out));
	assert_string_equal(strbuf_text(&out), wanted);
}

static void expands(void **state)
{
	static const char *const cases[][2] = {
		{ "hello", "hello" },
		{ "he'll'o", "hello" },
		{ "he'l\\'o", "hel\\o" },
		{ "he\\'llo", "he'llo" },
		{ "he\"l\\'l\"o", "hel\\'lo" },
		{ "he\"$\"llo", "he$llo" },
		{ "he\"\\$PWD\"", "he$PWD" },
		{ "he\"\\\"\"llo", "he\"llo" },
		{ "he\"\\\\\"llo", "he\\llo" },
		{ "'$PWD'", "$PWD" },
		{ "he\\$PWD", "he$PWD" },
		{ "\\\\he", "\\he" },
		{ "he\\", "he" },
		{ "$PWD", "/home" },
		{ "he$PWD", "he/home" },
		{ "he$PWD.", "he/home." },
		{ "he${PWD}x", "he/homex" },
		{ "he$PWDx", "he" },
		{ "$", "$" },
		{ "he$", "he$" },
		{ "$.", "$." },
		{ "$\"x\"", "$x" },
		{ "he$unset-xx", "he-xx" },
		{ "$1", "" },
		{ "$10x", "x" },
		{ "${1}x", "x" },
		{ "$$x", "x" },
		{ "$?x$@$*$#$!$-", "x" },
		{ "${unset:-bar}", "bar" },
		{ "${unset:-}", "" },
		{ "${unset-bar}", "bar" },
		{ "${NULL-bar}", "" },
		{ "${NULL:-bar}", "bar" },
		{ "${PWD:-bar}", "/home" },
		{ "${PWD:+bar}", "bar" },
		{ "${NULL:+bar}", "" },
		{ "${NULL+bar}", "bar" },
		{ "${unset+bar}", "" },
		{ "${PWD:?no}", "/home" },
		{ "${NULL?no}", "" },
		{ "${unset:-$PWD}", "/home" },
		{ "${unset:-${PWD}:${SHELL}}", "/home:bash" },
		{ "${unset:-a'}'b}", "a}b" },
		{ "${unset:-\"$PWD}\"}", "/home}" },
		{ "${unset:-a\\}b}", "a}b" },
		{ "${unset:- a  b }", " a  b " },
		{ "\"a  b\" c", "a  b c" },
		{ "$KOREAN", "\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4" },
		{ "\xec\x95\x88$PWD\xeb\x85\x95", "\xec\x95\x88" },
		{ "${PWD}\xeb\x85\x95", "/home\xeb\x85\x95" },
		{ "$PWD\xe2\x80\x94x", "/home\xe2\x80\x94x" },
		{ "\xff$SHELL\xfe", "\xff"
				    "bash\xfe" },
		{ "he\\\\$PWD", "he\\/home" },
		{ "\"he\\\\$PWD\"", "he\\/home" },
		{ "ab\\tc", "abtc" },
		{ "\"ab\\tc\"", "ab\\tc" },
		{ "\"ab\\\\tc\"", "ab\\tc" },
		{ "'ab\\\\tc'", "ab\\\\tc" },
		{ "hello\\\\", "hello\\" },
		{ "'hello\\'", "hello\\" },
		{ "\"hel'lo\"", "hel'lo" },
		{ "\"''\"", "''" },
		{ "'\"hello\"'", "\"hello\"" },
		{ "'\\$PWD'", "\\$PWD" },
		{ "\"he'$PWD'\"", "he'/home'" },
		{ "\\${}", "${}" },
		{ "he\\${}x", "he${}x" },
		{ "he${hi}xx", "hexx" },
		{ "${XXX:-\\$PWD:}x", "$PWD:x" },
		{ "${XXX:-\\${PWD}z}x", "${PWDz}x" },
		{ "${PWD:+${PWD}:}x", "/home:x" },
		{ "${XXX:+${PWD}}x", "x" },
		{ "${XXX:-${YYY:-yyy}}", "yyy" },
		{ "${@}${#}${?}${$}${-}${!}${*}${0}x", "x" },
		{ "$PWD$SHELL", "/homebash" },
		{ "${PWD}$", "/home$" },
		{ "${PWD#/}${SHELL%sh}", "homeba" },
		{ "${PWD:+a\"b c\"}", "ab c" },
		{ "${unset:-'$PWD'}", "$PWD" },
		{ "${unset:-\"\"}", "" },
		{ "$PWD\\ x", "/home x" },
		{ "${unset:+'}'}x", "x" },
		{ "a << b", "a << b" },
		{ "", "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		check_word(home, cases[i][0], cases[i][1]);
}

static void trims_and_replaces(void **state)
{
	static const struct {
		const char *value, *text, *wanted;
	} cases[] = {
		{ "()[]{}^$.*?|\\x", "${V#()[]{\\}^$.\\*\\?|\\\\}", "x" },
		{ "xx**", "${V%%\\**}", "xx" },
		{ "xx**", "${V%\\**}", "xx*" },
		{ "xxyy", "${V#*x*y}", "y" },
		{ "xxyy", "${V##*x*y}", "" },
		{ "xxyy", "${V#*}", "xxyy" },
		{ "xxyy", "${V##*}", "" },
		{ "xxyy", "${V#}", "xxyy" },
		{ "xxyy", "${V##}", "xxyy" },
		{ "xxyy", "${V##*x}", "yy" },
		{ "xxyy", "${V#*x}", "xyy" },
		{ "xxyy", "${V#y}", "xxyy" },
		{ "???y", "${V#?\\?}", "?y" },
		{ "xxyy", "${V%x}", "xxyy" },
		{ "xxyy", "${V%y*}", "xxy" },
		{ "xxyy", "${V%%y*}", "xx" },
		{ "a***yy*", "${V%%\\**\\*}", "a" },
		{ "xxyy", "${V%}", "xxyy" },
		{ "v1.2.3", "${V#v}", "1.2.3" },
		{ "v1.2.3", "${V%.*}", "v1.2" },
		{ "v1.2.3", "${V%%.*}", "v1" },
		{ "\xc3\xa4\xc3\xb6\xc3\xbc", "${V#?}", "\xc3\xb6\xc3\xbc" },
		{ "\xc3\xa4\xc3\xb6\xc3\xbc", "${V%?}", "\xc3\xa4\xc3\xb6" },
		{ "ab\xff", "${V%?}", "ab" },
		{ "/foo*/*/*.txt", "${V/\\*\\//.}", "/foo.*/*.txt" },
		{ "/foo*/*/*.txt", "${V//\\*\\//.}", "/foo..*.txt" },
		{ "/tmp/foo.txt", "${V//\\//\\/}", "\\/tmp\\/foo.txt" },
		{ "xxyy", "${V///}", "xxyy" },
		{ "ab", "${V///-}", "-a-b-" },
		{ "xxyy", "${V/$NO/ww}", "wwxxyy" },
		{ "http://a/b", "${V/http:\\/\\//https:\\/\\/}", "https:\\/\\/a/b" },
		{ "1.2.3", "${V//./-}", "1-2-3" },
		{ "1.2.3", "${V/./-}", "1-2.3" },
		{ "1.2.3", "${V//?/x}", "xxxxx" },
		{ "abcabc", "${V/b*/x}", "ax" },
		{ "abcabc", "${V//b*b/x}", "axc" },
		{ "abcabc", "${V//*/x}", "x" },
		{ "", "${V//*/x}", "x" },
		{ "abc", "${V/z*/x}", "abc" },
		{ "aaa", "${V//a/b$P}", "bqbqbq" },
		{ "a$1b", "${V/b/\\$1}", "a$1\\$1" },
		{ "x", "${U/x/y}", "" },
		{ "x", "${U#x}", "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *const values[] = { "V", cases[i].value, "P", "q", NULL };

		check_word(values, cases[i].text, cases[i].wanted);
	}
}

static void refuses(void **state)
{
	static const char *const cases[][2] = {
		{ "he'llo", "single quote" },
		{ "he\"llo", "double quote" },
		{ "he\"llo\\", "double quote" },
		{ "${", "'}' is missing" },
		{ "${PWD", "'}' is missing" },
		{ "${PWD:", "'}' is missing" },
		{ "${PWD:-", "'}' is missing" },
		{ "${PWD:-x", "'}' is missing" },
		{ "${}", "bad substitution" },
		{ "${{PWD}", "bad substitution" },
		{ "${:-x}", "bad substitution" },
		{ "${PWD=x}", "unsupported modifier '='" },
		{ "${PWD:=x}", "unsupported modifier ':='" },
		{ "${PWD:#x}", "unsupported modifier ':#'" },
		{ "${PWD:%x}", "unsupported modifier ':%'" },
		{ "${PWD x}", "unsupported modifier ' '" },
		{ "${PWD\xc3\xa4", "'}' is missing" },
		{ "${PWD\xe2\x80\x94}", "unsupported modifier" },
		{ "${unset:?give it}", "unset: give it" },
		{ "${unset?give $SHELL}", "unset: give bash" },
		{ "${NULL:?}", "NULL: is not allowed to be empty" },
		{ "${unset:?}", "unset: is not allowed to be unset" },
		{ "${PWD//x}", "'/' is missing" },
		{ "${PWD//x/y", "'}' is missing" },
		{ "${PWD/x", "'/' is missing" },
		{ "he\\\\'llo", "single quote" },
		{ "\"hello\\\"", "double quote" },
		{ "'hello", "single quote" },
		{ "${}x", "bad substitution" },
		{ "he${.}", "unsupported modifier" },
		{ "${XXX:YYY}", "unsupported modifier ':Y'" },
		{ "he${PWD:=000}xx", "unsupported modifier ':='" },
		{ "${PWD:+${SHELL}", "'}' is missing" },
		{ "${unset:-'}", "single quote" },
		{ "${unset:-\"}", "'}' is missing" },
		{ "${PWD-", "'}' is missing" },
		{ "${:}", "bad substitution" },
		{ "${unset:?}", "unset: is not allowed to be unset" },
		{ "${PWD#\\x}", "invalid pattern" },
		{ "${PWD%x\\\\\\a}", "invalid pattern" },
		{ "${PWD/\\a/b}", "invalid pattern" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(strbuf) struct strbuf out = { 0 };
		struct words_env env = env_of(home);

		note("%s", cases[i][0]);
		assert_error(word_expand(str_of(cases[i][0]), &env, &out), ERR_INVALID,
				cases[i][1]);
		assert_int_equal(out.n, 0);
	}
}

static void check_words(struct words_env *env, const char *text, const char *wanted)
{
	AUTO(list) struct list words = { 0 };
	AUTO(strbuf) struct strbuf joined = { 0 };

	note("%s", text);
	assert_ok(words_expand(str_of(text), env, &words));
	for (size_t i = 0; i < words.n; i++)
		strbuf_addf(&joined, "[%s]", words.p[i]);
	assert_string_equal(strbuf_text(&joined), wanted);
}

static void splits(void **state)
{
	static const char *const values[] = { "D", "a b", "E", "", "N", "1\n2", NULL };
	static const char *const cases[][2] = {
		{ "hello", "[hello]" },
		{ "hello world", "[hello][world]" },
		{ "  a\t b ", "[a][b]" },
		{ "'a b' c", "[a b][c]" },
		{ "\"a b\"c d", "[a bc][d]" },
		{ "a\\ b c", "[a b][c]" },
		{ "$D", "[a][b]" },
		{ "x${D}y", "[xa][by]" },
		{ "\"$D\"", "[a b]" },
		{ "\"$D\" $E c", "[a b][c]" },
		{ "$E", "" },
		{ "''", "" },
		{ "'' a", "[a]" },
		{ "$N", "[1][2]" },
		{ "a\xc2\xa0"
		  "b",
				"[a][b]" },
		{ "a << b c", "[a][<< b][c]" },
		{ "a <b", "[a][<b]" },
	};
	struct words_env env = env_of(values);

	for (size_t i = 0; i < COUNT(cases); i++)
		check_words(&env, cases[i][0], cases[i][1]);
}

static void keeps_what_is_asked(void **state)
{
	static const char *const values[] = { "A", "1", NULL };
	static const struct {
		unsigned flags;
		const char *text, *wanted;
	} cases[] = {
		{ WORDS_RAW_QUOTES, "a'b c'\"d\"", "[a'b c'\"d\"]" },
		{ WORDS_RAW_ESCAPES, "a\\ b", "[a\\ b]" },
		{ WORDS_SKIP_UNSET, "$A $B ${B} ${B:-x} ${B#x}", "[1][$B][${B}][${B:-x}][${B#x}]" },
		{ WORDS_SKIP_UNSET, "${B/x/y} ${B//$A/y}", "[${B/x/y}][${B//1/y}]" },
		{ WORDS_SKIP_QUOTES, "'$A' \"b\" it's \\$A", "['1'][\"b\"][it's][$A]" },
		{ WORDS_RAW_QUOTES | WORDS_RAW_ESCAPES | WORDS_SKIP_UNSET,
				"RUN <<'E F' \"<<N\" 3<< X", "[RUN][<<'E F'][\"<<N\"][3<< X]" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct words_env env = env_of(values);

		env.flags = cases[i].flags;
		check_words(&env, cases[i].text, cases[i].wanted);
	}
}

static void other_escape(void **state)
{
	AUTO(strbuf) struct strbuf out = { 0 };
	struct words_env env = env_of(home);

	env.escape = '`';
	assert_ok(word_expand(STR("C:\\x`$PWD\"`\"\" $PWD"), &env, &out));
	assert_string_equal(strbuf_text(&out), "C:\\x$PWD\" /home");
}

static void record(void *user, const char *name, bool is_set, bool has_word)
{
	strbuf_addf(user, "%s%s%s ", name, is_set ? "" : "!", has_word ? "?" : "");
}

static const char *get_one(void *user, const char *name)
{
	return strcmp(name, "A") == 0 ? "1" : NULL;
}

static void tells_uses(void **state)
{
	AUTO(strbuf) struct strbuf seen = { 0 };
	AUTO(strbuf) struct strbuf out = { 0 };
	const struct words_env env = { .get = get_one, .used = record, .user = &seen };

	assert_ok(word_expand(STR("$A ${B:-${C}} '$D' ${E#x} ${A:+y}"), &env, &out));
	assert_string_equal(strbuf_text(&out), "1  $D  y");
	assert_string_equal(strbuf_text(&seen), "A C! B!? E! A? ");
}

static void is_bounded(void **state)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	AUTO(strbuf) struct strbuf out = { 0 };
	AUTO_FREE char *large = xcalloc(1, 1024 * 1024 + 1);
	const char *const values[] = { "A", large, "P", "*a*a*a*a*a*a*a*a*b", NULL };
	struct words_env env = env_of(values);
	size_t budget = 100;

	memset(large, 'a', 1024 * 1024);
	for (size_t i = 0; i < 100000; i++)
		strbuf_add(&text, "${x:-");
	assert_error(word_expand(strbuf_str(&text), &env, &out), ERR_LIMIT, "deep");
	strbuf_clear(&text);
	for (size_t i = 0; i < 20; i++)
		strbuf_add(&text, "$A");
	assert_error(word_expand(strbuf_str(&text), &env, &out), ERR_LIMIT, "too large");
	assert_error(word_expand(STR("${A//a/$A}"), &env, &out), ERR_LIMIT, "too large");
	assert_error(word_expand(STR("${A#$A}"), &env, &out), ERR_LIMIT, "too much work");
	assert_ok(word_expand(STR("${A#$P}${A/$P/}${A%%$P}"), &env, &out));
	env.budget = &budget;
	assert_ok(word_expand(STR("12345678901234567890"), &env, &out));
	assert_int_equal(budget, 80);
	assert_error(word_expand(STR("$A"), &env, &out), ERR_LIMIT, "too large");
	assert_error(word_expand((struct str){ "a\0b", 3 }, &env, &out), ERR_INVALID, "NUL");
}

UNIT_TESTS(expands, trims_and_replaces, refuses, splits, keeps_what_is_asked, other_escape,
		tells_uses, is_bounded)

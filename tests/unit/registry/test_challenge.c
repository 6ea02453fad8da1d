#include "registry/challenge.h"
#include "unit.h"

static void best(void **state)
{
	static const struct {
		const char *header, *wanted; /* "kind realm service scope error" */
	} cases[] = {
		{ "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull\"",
				"bearer https://a/t s repository:x:pull -" },
		{ "bearer realm=https://a/t , service = s", "bearer https://a/t s - -" },
		{ "Basic realm=\"r\"", "basic r - - -" },
		{ "Basic", "basic - - - -" },
		{ "Basic realm=\"r\", Bearer realm=\"https://a/t\",error=\"invalid_token\"",
				"bearer https://a/t - - invalid_token" },
		{ "Bearer realm=\"https://a/t\", Basic realm=\"x\"", "bearer https://a/t - - -" },
		{ "Negotiate abc==, Basic realm=x", "basic x - - -" },
		{ "Negotiate, Basic realm=x", "basic x - - -" },
		{ "Digest realm=\"d\", nonce=\"1\", Basic realm=\"b\"", "basic b - - -" },
		{ "Bearer realm=\"a\\\"b\\\\c\"", "bearer a\"b\\c - - -" },
		{ "Bearer realm=\"x, Basic realm=y\"", "bearer x, Basic realm=y - - -" },
		{ "Bearer realm=\"\"", "bearer  - - -" },
		{ "Bearer realm=\"1\",realm=\"2\"", "bearer 1 - - -" },
		{ "Bearer service=\"s\"", NULL },
		{ "Bearer realm=\"no end", NULL },
		{ "", NULL },
		{ ",,, ,", NULL },
		{ "=\"x\"", NULL },
		{ "Digest realm=\"x\"", NULL },
		{ "\x01\x02", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(challenges) struct challenges challenges = { 0 };
		AUTO(strbuf) struct strbuf text = { 0 };

		note("%s", cases[i].header);
		challenges_parse(str_of(cases[i].header), &challenges);
		const struct challenge *found = challenges_best(&challenges);
		if (!cases[i].wanted) {
			assert_null(found);
			continue;
		}
		assert_non_null(found);
		strbuf_addf(&text, "%s %s %s %s %s",
				found->kind == CHALLENGE_BEARER ? "bearer" : "basic",
				found->realm ? found->realm : "-",
				found->service ? found->service : "-",
				found->scope ? found->scope : "-",
				found->error ? found->error : "-");
		assert_string_equal(strbuf_text(&text), cases[i].wanted);
	}
}

static void bounds(void **state)
{
	AUTO(challenges) struct challenges challenges = { 0 };
	AUTO(strbuf) struct strbuf text = { 0 };

	for (int i = 0; i < 1000; i++)
		strbuf_add(&text, "Basic realm=\"x\", ");
	challenges_parse(strbuf_str(&text), &challenges);
	assert_int_equal(challenges.n, CHALLENGES_MAX);
	challenges_done(&challenges);
	strbuf_clear(&text);
	strbuf_add(&text, "Basic ");
	for (int i = 0; i < 1000; i++)
		strbuf_addf(&text, "p%d=1, ", i);
	challenges_parse(strbuf_str(&text), &challenges);
	assert_int_equal(challenges.n, 1);
	/* A NUL does not hide what is behind it. */
	challenges_done(&challenges);
	challenges_parse((struct str){ "Bearer realm=\"a\0b\"", 18 }, &challenges);
	assert_null(challenges_best(&challenges));
}

UNIT_TESTS(best, bounds)

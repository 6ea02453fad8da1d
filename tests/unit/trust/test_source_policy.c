#include "unit.h"

#include "base/xalloc.h"
#include "trust/source_policy.h"

#define RULE(action, identifier, more) \
	"{\"action\":\"" action "\",\"selector\":{\"identifier\":\"" identifier "\"" more "}}"
#define CONVERT(identifier, more, to)                                                         \
	"{\"action\":\"CONVERT\",\"selector\":{\"identifier\":\"" identifier "\"" more "},\"" \
	"updates\":{" to "}}"
#define REGEX  ",\"matchType\":\"REGEX\""
#define EXACT  ",\"match_type\":1"
#define ALPINE "docker-image://docker.io/library/alpine:latest"

static void judges(void **state)
{
	static const struct {
		const char *rules, *source, *wanted; /* NULL: denied */
		bool first_wins;
	} cases[] = {
		{ "", ALPINE, ALPINE, false },
		{ RULE("DENY", ALPINE, ""), ALPINE, NULL, false },
		{ RULE("DENY", "docker-image://docker.io/*", ""), ALPINE, NULL, false },
		{ RULE("DENY", "docker-image://docker.io/*", EXACT), ALPINE, ALPINE, false },
		{ RULE("DENY", "docker-image://docker.io/library/alpin?:latest", ""), ALPINE,
				ALPINE, false },
		{ RULE("DENY", "docker-image://docker.io/library/alpin?:latest", ""), ALPINE, NULL,
				true },
		{ RULE("DENY", "alpine:l.test$", REGEX), ALPINE, NULL, false },
		{ RULE("DENY", "[[:alpha:]]+/[a-z]{6}:[^/]*$", REGEX), ALPINE, NULL, false },
		{ RULE("DENY", "^docker-image://[[:alnum:]_.]+/[^]]*/\\\\w+:", REGEX), ALPINE, NULL,
				false },
		{ RULE("DENY", "https://h.test/*(it's)+<a>`b?", ""), "https://h.test/(it's)+<a>`b?",
				NULL, false },
		{ RULE("DENY", "[0-9a-z]{6}:[0-9a-z]{6,64}$", REGEX), ALPINE, NULL, false },
		{ RULE("DENY", "*", "") "," RULE("ALLOW", "docker-image://docker.io/*", ""), ALPINE,
				ALPINE, false },
		{ RULE("DENY", "*", "") "," RULE("ALLOW", "docker-image://docker.io/*", ""), ALPINE,
				NULL, true },
		{ RULE("ALLOW", "docker-image://docker.io/*", "") "," RULE("DENY", "*", ""), ALPINE,
				ALPINE, true },
		{ CONVERT(ALPINE, "", "\"identifier\":\"docker-image://r.test/a:1\""), ALPINE,
				"docker-image://r.test/a:1", false },
		{ CONVERT("docker-image://docker.io/library/*:*", "",
				  "\"identifier\":\"docker-image://r.test/${1}:x-$2\""),
				ALPINE, "docker-image://r.test/alpine:x-latest", false },
		{ CONVERT("library/(alp)ine", REGEX, "\"identifier\":\"mine/${1}\""), ALPINE,
				"docker-image://docker.io/mine/alp:latest", false },
		/* What it becomes is judged again. */
		{ CONVERT(ALPINE, "", "\"identifier\":\"docker-image://r.test/a:1\"") "," RULE(
				  "DENY", "docker-image://r.test/*", ""),
				ALPINE, NULL, false },
		{ RULE("DENY", "https://*",
				  ",\"constraints\":[{\"key\":\"http.checksum\",\"value\":\"\"}]"),
				"https://h.test/f", NULL, false },
		{ RULE("DENY", "https://*",
				  ",\"constraints\":[{\"key\":\"k\",\"value\":\"^v\",\"condition\":"
				  "\"MATCHES\"}]"),
				"https://h.test/f", NULL, false },
		{ RULE("DENY", "https://*",
				  ",\"constraints\":[{\"key\":\"k\",\"value\":\"v1\",\"condition\":"
				  "\"NOTEQUAL\"}]"),
				"https://h.test/f", "https://h.test/f", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(source_policy) struct source_policy *policy = NULL;
		AUTO_FREE char *json = xasprintf("{\"rules\":[%s]}", cases[i].rules);
		AUTO_FREE char *source = xstrdup(cases[i].source);
		AUTO(list) struct list attributes = { 0 };

		note("case %zu: %s", i, cases[i].rules);
		list_add(&attributes, "k=v1");
		assert_ok(source_policy_parse(
				str_of(json), "policy.json", cases[i].first_wins, &policy));
		struct error *error = source_policy_judge(policy, &source, &attributes);
		if (!cases[i].wanted) {
			assert_error(error, ERR_DENIED, "denied by source policy");
			continue;
		}
		assert_ok(error);
		assert_string_equal(cases[i].wanted, source);
	}
}

static void sets_attributes_and_ends(void **state)
{
	const char *json = "{\"rules\":[" CONVERT(
			"https://h.test/*", "", "\"attrs\":{\"http.checksum\":\"sha256:1\"}") "]}";
	const char *loop = "{\"rules\":[" CONVERT("a*", "", "\"identifier\":\"aa\"") "," CONVERT(
			"aa", EXACT, "\"identifier\":\"ab\"") "]}";
	AUTO(source_policy) struct source_policy *policy = NULL, *endless = NULL;
	AUTO_FREE char *source = xstrdup("https://h.test/f"), *a = xstrdup("a");
	AUTO(list) struct list attributes = { 0 };

	assert_ok(source_policy_parse(str_of(json), "policy.json", false, &policy));
	assert_ok(source_policy_judge(policy, &source, &attributes));
	assert_string_equal("https://h.test/f", source);
	assert_string_equal("sha256:1", list_env_get(&attributes, "http.checksum"));
	assert_ok(source_policy_judge(NULL, &source, &attributes));
	assert_ok(source_policy_parse(str_of(loop), "policy.json", false, &endless));
	assert_error(source_policy_judge(endless, &a, &attributes), ERR_LIMIT, "again and again");
}

static void refuses(void **state)
{
	static const struct {
		const char *json, *text;
	} cases[] = {
		{ "nothing", "policy.json" },
		{ "[]", "policy.json is a list" },
		{ "{\"rules\":[{}]}", "'rules[0].selector' is missing" },
		{ "{\"rules\":[{\"selector\":{}}]}", "selector.identifier is required" },
		{ "{\"rules\":[" RULE("FROB", "a", "") "]}", "'rules[0].action' is 'FROB'" },
		{ "{\"rules\":[" RULE("DENY", "a", ",\"matchType\":\"FROB\"") "]}",
				"'rules[0].selector.matchType' is 'FROB'" },
		{ "{\"rules\":[" RULE("DENY", "[[:alpha:]", REGEX) "]}", "no regular expression" },
		{ "{\"rules\":[" RULE("DENY", "(a", REGEX) "]}", "no regular expression" },
		{ "{\"rules\":[" RULE("CONVERT", "a", "") "]}", "converts into nothing" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct source_policy *policy = NULL;

		note("%s", cases[i].json);
		assert_error(source_policy_parse(
					     str_of(cases[i].json), "policy.json", false, &policy),
				ERR_INVALID, cases[i].text);
		assert_null(policy);
	}
}

/* In Buildah's order; in BuildKit's it is ALLOW. */
static void action_is_required_by_buildah(void **state)
{
	const char *json = "{\"rules\":[" RULE(
			"DENY", "a", "") ",{\"selector\":{\"identifier\":\"b\"}}]}";
	struct source_policy *policy = NULL;

	assert_error(source_policy_parse(str_of(json), "policy.json", true, &policy), ERR_INVALID,
			"'rules[1]' has no action: action is required");
	assert_null(policy);
	assert_ok(source_policy_parse(str_of(json), "policy.json", false, &policy));
	source_policy_free(policy);
}

/* What is none of POSIX's, or has another meaning in Go. */
static void refuses_expressions(void **state)
{
	static const char *const cases[] = { RULE("DENY", "a\\\\d", REGEX),
		RULE("DENY", "(?i)a", REGEX), RULE("DENY", "://[\\\\w.-]+/a", REGEX),
		RULE("DENY", "[^]\\\\]]a", REGEX), RULE("DENY", "[[.a.]]", REGEX),
		RULE("DENY", "(.*?):(.*)", REGEX), RULE("DENY", "a{1,2}?", REGEX),
		RULE("DENY", "a{,2}", REGEX), RULE("DENY", "\\\\<a\\\\>", REGEX) };

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_FREE char *json = xasprintf("{\"rules\":[%s]}", cases[i]);
		struct source_policy *policy = NULL;

		note("%s", cases[i]);
		assert_error(source_policy_parse(str_of(json), "policy.json", false, &policy),
				ERR_INVALID, "no POSIX regular expression");
		assert_null(policy);
	}
}

/* What glibc's compiler would end the process for: its stack, or the memory of the machine. */
static void bounds_expressions(void **state)
{
	AUTO_FREE char *deep = xcalloc(1, 200001);
	const char *const large[] = { deep, "((a{1000}){1000}){1000}", "a{9,2000000}",
		"((((((((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+",
		"((((((((((((((((((((a{1,})+){1,2})+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+",
		"a++++++++++++++++++++", "(a{1000}){2,2000}+" };

	memset(deep, '(', 100000);
	memset(deep + 100000, ')', 100000);
	for (size_t i = 0; i < COUNT(large); i++) {
		AUTO_FREE char *json =
				xasprintf("{\"rules\":[" RULE("DENY", "%s", REGEX) "]}", large[i]);
		struct source_policy *policy = NULL;

		note("%.30s", large[i]);
		assert_error(source_policy_parse(str_of(json), "policy.json", false, &policy),
				ERR_LIMIT, "a regular expression larger than");
		assert_null(policy);
	}
}

UNIT_TESTS(judges, sets_attributes_and_ends, refuses, action_is_required_by_buildah,
		refuses_expressions, bounds_expressions)

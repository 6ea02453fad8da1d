#include "scratch.h"
#include "trust/policy.h"

#define ACCEPT "[{\"type\":\"insecureAcceptAnything\"}]"
#define REJECT "[{\"type\":\"reject\"}]"

static FALLIBLE parse(const char *text, struct policy *ret)
{
	return policy_parse(str_of(text), "P", ret);
}

static enum requirement_kind kind_for(const struct policy *policy, const char *name)
{
	AUTO(reference) struct reference reference = { 0 };
	AUTO(list) struct list scopes = { 0 };

	assert_ok(reference_parse(str_of(name), &reference));
	policy_docker_scopes(&reference, &scopes);
	return policy_find(policy, "docker", &scopes)->p[0].kind;
}

static void finds_the_narrowest(void **state)
{
	AUTO(policy) struct policy policy = { 0 };
	static const char text[] = "{\"default\":" REJECT ",\"transports\":{\"docker\":{"
				   "\"docker.io/library/busybox:1\":" ACCEPT ","
				   "\"r.example:5000/team\":" ACCEPT ","
				   "\"r.example:5000/team/secret\":" REJECT ","
				   "\"*.corp.example\":" ACCEPT ",\"bad.corp.example\":" REJECT
				   "},\"oci\":{\"\":" ACCEPT ",\"/srv/bad\":" REJECT "}}}";
	static const struct {
		const char *name;
		enum requirement_kind kind;
	} cases[] = {
		{ "busybox:1", REQUIRE_NOTHING },
		{ "busybox:2", REQUIRE_REJECT },
		{ "busybox", REQUIRE_REJECT },
		{ "r.example:5000/team/app", REQUIRE_NOTHING },
		{ "r.example:5000/team", REQUIRE_NOTHING },
		{ "r.example:5000/teams/app", REQUIRE_REJECT },
		{ "r.example:5000/team/secret/x:1", REQUIRE_REJECT },
		{ "r.example/team/app", REQUIRE_REJECT },
		{ "a.corp.example/x", REQUIRE_NOTHING },
		{ "a.b.corp.example:443/x", REQUIRE_NOTHING },
		{ "bad.corp.example/x", REQUIRE_REJECT },
		{ "corp.example/x", REQUIRE_REJECT },
		/* The same registry, written in other ways. */
		{ "BAD.Corp.Example/x", REQUIRE_REJECT },
		{ "bad.corp.example:443/x", REQUIRE_REJECT },
		{ "R.example:5000/team/secret/x:1", REQUIRE_REJECT },
	};

	assert_ok(parse(text, &policy));
	for (size_t i = 0; i < COUNT(cases); i++) {
		note("%s", cases[i].name);
		assert_int_equal(kind_for(&policy, cases[i].name), cases[i].kind);
	}
	AUTO(list) struct list here = { 0 }, bad = { 0 };
	policy_path_scopes("/srv/good/x", "1", &here);
	policy_path_scopes("/srv/bad/x", NULL, &bad);
	assert_int_equal(policy_find(&policy, "oci", &here)->p[0].kind, REQUIRE_NOTHING);
	assert_int_equal(policy_find(&policy, "oci", &bad)->p[0].kind, REQUIRE_REJECT);
	assert_int_equal(policy_find(&policy, "dir", &here)->p[0].kind, REQUIRE_REJECT);
}

static void lists_scopes(void **state)
{
	AUTO(reference) struct reference reference = { 0 };
	AUTO(list) struct list scopes = { 0 }, paths = { 0 };
	static const char *const wanted[] = { "a.b.example:5000/x/y:1", "a.b.example:5000/x/y",
		"a.b.example:5000/x", "a.b.example:5000", "*.b.example", "*.example" };
	static const char *const wanted_paths[] = { "/a/b:1", "/a/b", "/a" };

	assert_ok(reference_parse(STR("a.b.example:5000/x/y:1"), &reference));
	policy_docker_scopes(&reference, &scopes);
	assert_int_equal(scopes.n, COUNT(wanted));
	for (size_t i = 0; i < COUNT(wanted); i++)
		assert_string_equal(scopes.p[i], wanted[i]);
	policy_path_scopes("/a/b", "1", &paths);
	assert_int_equal(paths.n, COUNT(wanted_paths));
	for (size_t i = 0; i < COUNT(wanted_paths); i++)
		assert_string_equal(paths.p[i], wanted_paths[i]);
	AUTO(list) struct list storage = { 0 }, by_id = { 0 };
	static const char *const wanted_storage[] = { "[overlay@/g]a.b.example:5000/x/y:1",
		"[overlay@/g]a.b.example:5000/x/y", "[overlay@/g]a.b.example:5000/x",
		"[overlay@/g]a.b.example:5000", "[overlay@/g]", "[/g]" };
	policy_storage_scopes("/g", &reference, "1234", &storage);
	assert_int_equal(storage.n, COUNT(wanted_storage));
	for (size_t i = 0; i < COUNT(wanted_storage); i++)
		assert_string_equal(storage.p[i], wanted_storage[i]);
	policy_storage_scopes("/g", NULL, "1234", &by_id);
	assert_string_equal(by_id.p[0], "[overlay@/g]@1234");
	assert_int_equal(by_id.n, 3);
}

#define SIGNED "{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPath\":\"/k\""

static void refuses(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "[]", "not an object" },
		{ "{}", "'default' is missing" },
		{ "{\"default\":[]}", "'default' is an empty list" },
		{ "{\"default\":" REJECT ",\"x\":1}", "'x' is no key" },
		{ "{\"default\":" REJECT ",\"default\":" REJECT "}", "P" },
		{ "{\"default\":[{}]}", "'default[0].type' is missing" },
		{ "{\"default\":[{\"type\":\"reject\",\"a\":1}]}", "'default[0].a' is no key" },
		{ "{\"default\":[" SIGNED ",\"keyData\":\"\"}]}", "exactly one" },
		{ "{\"default\":[" SIGNED ",\"keyPaths\":[\"/l\"]}]}", "exactly one" },
		{ "{\"default\":[{\"type\":\"signedBy\",\"keyType\":\"GPGKeys\",\"keyPaths\":[]}]}",
				"names no key" },
		{ "{\"default\":[" SIGNED
		  ",\"signedIdentity\":{\"type\":\"matchExact\",\"x\":1}}]}",
				"signedIdentity.x' is no key" },
		{ "{\"default\":[" SIGNED ",\"signedIdentity\":{\"type\":\"exactReference\","
		  "\"dockerReference\":\"a/b\"}}]}",
				"needs a tag or digest" },
		{ "{\"default\":[" SIGNED ",\"signedIdentity\":{\"type\":\"exactRepository\","
		  "\"dockerRepository\":\"a/b:1\"}}]}",
				"must have no tag" },
		{ "{\"default\":[" SIGNED ",\"signedIdentity\":{\"type\":\"remapIdentity\","
		  "\"prefix\":\"*.a\",\"signedPrefix\":\"b\"}}]}",
				"is no HOST" },
		{ "{\"default\":" REJECT ",\"transports\":{\"oci\":{\"/a/../b\":" REJECT "}}}",
				"shortest form" },
		{ "{\"default\":" REJECT ",\"transports\":{\"docker-archive\":{\"/a\":" REJECT
		  "}}}",
				"is a scope" },
		{ "{\"default\":" REJECT ",\"transports\":{\"docker\":{\"a\":[]}}}", "empty list" },
		{ "{\"default\":" REJECT ",\"transports\":{\"containers-storage\":{\"a/b\":" REJECT
		  "}}}",
				"does not begin with" },
		{ "{\"default\":" REJECT
		  ",\"transports\":{\"containers-storage\":{\"[overlay@g]a\":" REJECT "}}}",
				"absolute path" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(policy) struct policy policy = { 0 };

		note("%s", cases[i].text);
		assert_error(parse(cases[i].text, &policy), ERR_INVALID, cases[i].why);
		assert_int_equal(policy.fallback.n, 0);
	}
}

static void keeps_what_is_not_offered(void **state)
{
	static const char *const texts[] = { "{\"type\":\"sigstoreSigned\",\"fulcio\":{\"a\":1}}",
		"{\"type\":\"sigstoreSigned\",\"keyPath\":\"/k\",\"rekorPublicKeyPath\":\"/r\"}",
		"{\"type\":\"signedBaseLayer\",\"baseLayerIdentity\":{\"type\":\"matchExact\"}}",
		"{\"type\":\"signedBy\",\"keyType\":\"X509Certificates\",\"keyPath\":\"/k\"}" };

	for (size_t i = 0; i < COUNT(texts); i++) {
		AUTO(policy) struct policy policy = { 0 };
		AUTO_FREE char *text = xasprintf("{\"default\":[%s]}", texts[i]);

		note("%s", text);
		assert_ok(parse(text, &policy));
		assert_int_equal(policy.fallback.p[0].kind, REQUIRE_UNSUPPORTED);
		assert_non_null(policy.fallback.p[0].refused);
	}
}

UNIT_TESTS(finds_the_narrowest, lists_scopes, refuses, keeps_what_is_not_offered)

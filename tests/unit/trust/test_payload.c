#include "scratch.h"
#include "trust/payload.h"

#define HEX "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CRITICAL(type, image, identity) \
	"{\"critical\":{\"type\":\"" type "\",\"image\":{" image "},\"identity\":{" identity "}}"
#define IMAGE    "\"docker-manifest-digest\":\"" HEX "\""
#define IDENTITY "\"docker-reference\":\"r.example/a:1\""
#define COSIGN   "cosign container image signature"
#define SIMPLE   "atomic container signature"

static void reads_what_it_prints(void **state)
{
	for (int kind = PAYLOAD_SIMPLE; kind <= PAYLOAD_SIGSTORE; kind++) {
		AUTO(payload)
		struct payload in = { .reference = xstrdup("r.example/a:1") }, out = { 0 };

		assert_ok(digest_parse(STR(HEX), &in.manifest));
		AUTO_FREE char *text = payload_print(&in, (enum payload_kind)kind, "k", 7);
		assert_ok(payload_parse(str_of(text), (enum payload_kind)kind, &out));
		assert_string_equal(out.reference, in.reference);
		assert_true(digest_equal(&out.manifest, &in.manifest));
	}
}

static void takes_any_optional(void **state)
{
	static const char *const tails[] = { "}", ",\"optional\":null}", ",\"optional\":{}}",
		",\"optional\":{\"creator\":\"x\",\"sha\":\"y\"}}" };

	for (size_t i = 0; i < COUNT(tails); i++) {
		AUTO(payload) struct payload payload = { 0 };
		AUTO_FREE char *text =
				xasprintf("%s%s", CRITICAL(COSIGN, IMAGE, IDENTITY), tails[i]);

		note("%s", text);
		assert_ok(payload_parse(str_of(text), PAYLOAD_SIGSTORE, &payload));
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "", "signature" },
		{ "{}", "'critical' is missing" },
		{ "{\"critical\":{}}", "is missing" },
		{ CRITICAL(SIMPLE, IMAGE, IDENTITY) "}", "its type is" },
		{ CRITICAL(COSIGN, "", IDENTITY) "}", "is missing" },
		{ CRITICAL(COSIGN, IMAGE, "") "}", "is missing" },
		{ CRITICAL(COSIGN, IMAGE ",\"x\":1", IDENTITY) "}", "do not belong" },
		{ CRITICAL(COSIGN, IMAGE, IDENTITY ",\"x\":1") "}", "do not belong" },
		{ CRITICAL(COSIGN, IMAGE, IDENTITY) ",\"more\":1}", "do not belong" },
		{ CRITICAL(COSIGN, IMAGE, IDENTITY) ",\"critical\":{}}", "signature" },
		{ CRITICAL(COSIGN, "\"docker-manifest-digest\":\"sha256:1\"", IDENTITY) "}",
				"docker-manifest-digest" },
		{ CRITICAL(COSIGN, IMAGE, "\"docker-reference\":7") "}", "docker-reference" },
		{ CRITICAL(COSIGN, IMAGE, IDENTITY) "} trailing", "signature" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(payload) struct payload payload = { 0 };

		note("%s", cases[i].text);
		assert_error(payload_parse(str_of(cases[i].text), PAYLOAD_SIGSTORE, &payload),
				ERR_INVALID, cases[i].why);
		assert_null(payload.reference);
	}
}

UNIT_TESTS(reads_what_it_prints, takes_any_optional, refuses)

#include "oci/manifest.h"
#include "unit.h"

#define D(c) "\"sha256:" c "000000000000000000000000000000000000000000000000000000000000000\""
#define OTHER(c, type, platform) \
	"{\"mediaType\":\"" type "\",\"digest\":" D(c) ",\"size\":5" platform "}"
#define ENTRY(c, platform) OTHER(c, MEDIA_OCI_MANIFEST, platform)
#define PLATFORM(architecture, os) \
	",\"platform\":{\"architecture\":\"" architecture "\",\"os\":\"" os "\"}"
#define INDEX(entries) \
	"{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX "\",\"manifests\":[" entries "]}"

static void reads_and_prints(void **state)
{
	static const char json[] = INDEX(ENTRY("1", PLATFORM("amd64", "linux")) "," ENTRY(
			"2", PLATFORM("s390x", "linux")) "," ENTRY("3",
			",\"platform\":{\"architecture\":\"arm\",\"os\":\"windows\",\"os.version\":"
			"\"10.0\","
			"\"os.features\":[\"win32k\",\"b\"],\"variant\":\"v7\"}"));
	struct descriptor copy;
	AUTO(image_index) struct image_index index = { 0 };
	AUTO_FREE char *text = NULL;

	assert_ok(image_index_parse(str_of(json), MEDIA_OCI_INDEX, &index));
	assert_int_equal(index.manifests.n, 3);
	text = image_index_print(&index);
	assert_string_equal(text, json);
	descriptor_copy(&index.manifests.p[2], &copy);
	assert_int_equal(copy.os_features.n, 2);
	assert_string_equal(copy.os_features.p[0], "win32k");
	descriptor_done(&copy);
}

static void selects(void **state)
{
	static const struct {
		const char *why, *json, *want;
		char wanted; /* first digit of the digest, '-' for none */
	} cases[] = {
		{ "exact",
				INDEX(ENTRY("1", PLATFORM("arm64", "linux")) "," ENTRY(
						"2", PLATFORM("amd64", "linux"))),
				"linux/amd64", '2' },
		{ "another spelling", INDEX(ENTRY("1", PLATFORM("x86_64", "Linux"))), "linux/amd64",
				'1' },
		{ "none", INDEX(ENTRY("1", PLATFORM("arm64", "linux"))), "linux/amd64", '-' },
		{ "the higher variant",
				INDEX(ENTRY("1", ",\"platform\":{\"architecture\":\"arm\",\"os\":"
						 "\"linux\",\"variant\":\"v5\"}") "," ENTRY("2",
						",\"platform\":{\"architecture\":\"arm\",\"os\":"
						"\"linux\",\"variant\":\"v6\"}")),
				"linux/arm/v7", '2' },
		{ "the first of equals",
				INDEX(ENTRY("1", PLATFORM("amd64", "linux")) "," ENTRY(
						"2", PLATFORM("amd64", "linux"))),
				"linux/amd64", '1' },
		{ "attestations are no images",
				INDEX(ENTRY("1", PLATFORM("unknown", "unknown")) "," ENTRY("2",
						PLATFORM("amd64",
								"linux") ",\"annotations\":{"
									 "\"vnd.docker.reference."
									 "type\":"
									 "\"attestation-"
									 "manifest\"}") "," ENTRY("3",
						PLATFORM("amd64", "linux"))),
				"linux/amd64", '3' },
		{ "a single one without platform", INDEX(ENTRY("1", "")), "linux/amd64", '1' },
		{ "two without platform", INDEX(ENTRY("1", "") "," ENTRY("2", "")), "linux/amd64",
				'-' },
		{ "empty", INDEX(""), "linux/amd64", '-' },
		{ "an unknown type is passed over",
				INDEX(OTHER("1", "application/vnd.x",
						PLATFORM("amd64", "linux")) "," ENTRY("2",
						PLATFORM("amd64", "linux"))),
				"linux/amd64", '2' },
		{ "an unknown type is no image, alone or without platform",
				INDEX(OTHER("1", "application/vnd.x", "") "," ENTRY("2", "")),
				"linux/amd64", '2' },
		{ "an index inside, beside images of others",
				INDEX(ENTRY("1", PLATFORM("arm64", "linux")) "," OTHER(
						"2", MEDIA_OCI_INDEX, "")),
				"linux/amd64", '2' },
		{ "what has the platform before the index inside",
				INDEX(OTHER("1", MEDIA_OCI_INDEX, "") "," ENTRY(
						"2", PLATFORM("amd64", "linux"))),
				"linux/amd64", '2' },
		{ "of two inside none is chosen",
				INDEX(OTHER("1", MEDIA_OCI_INDEX, "") "," OTHER(
						"2", MEDIA_OCI_INDEX, "")),
				"linux/amd64", '-' },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(image_index) struct image_index index = { 0 };
		struct platform want;
		char hex[DIGEST_HEX] = "-";

		note("%s", cases[i].why);
		assert_ok(platform_parse(str_of(cases[i].want), &want));
		assert_ok(image_index_parse(str_of(cases[i].json), NULL, &index));
		const struct descriptor *found = image_index_select(&index, &want);
		if (found)
			digest_hex(&found->digest, hex);
		assert_int_equal(hex[0], cases[i].wanted);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *json, *media_type, *part;
		enum error_kind kind;
	} cases[] = {
		{ "{\"schemaVersion\":2}", NULL, "'manifests' is missing", ERR_INVALID },
		{ "{\"schemaVersion\":2,\"manifests\":[],\"config\":{}}", NULL,
				"read as a manifest", ERR_INVALID },
		{ "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", NULL,
				"read as a manifest", ERR_INVALID },
		{ "{\"manifests\":[]}", NULL, "'schemaVersion' is missing", ERR_INVALID },
		{ INDEX(""), MEDIA_OCI_MANIFEST, "which is no image index", ERR_INVALID },
		{ INDEX(""), MEDIA_DOCKER_LIST, "given as", ERR_INVALID },
		{ INDEX("1"), NULL, "'manifests[0]' is a number", ERR_INVALID },
		{ INDEX("{\"mediaType\":\"" MEDIA_OCI_LAYER "\",\"size\":1,\"digest\":" D("1") "}"),
				NULL, "which is no manifest", ERR_INVALID },
		{ INDEX(ENTRY("1", ",\"platform\":{\"os\":"
				   "\"0123456789012345678901234567890123456789\"}")),
				NULL, "'os' of 40 bytes", ERR_LIMIT },
		{ INDEX(ENTRY("1", ",\"platform\":[]")), NULL,
				"'manifests[0].platform' is a list, not an object", ERR_INVALID },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(image_index) struct image_index index = { 0 };

		note("%s", cases[i].json);
		assert_error(image_index_parse(str_of(cases[i].json), cases[i].media_type, &index),
				cases[i].kind, cases[i].part);
	}
}

UNIT_TESTS(reads_and_prints, selects, refuses)

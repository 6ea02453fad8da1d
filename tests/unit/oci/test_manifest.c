#include "base/limits.h"
#include "oci/manifest.h"
#include "unit.h"

#define D1     "\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\""
#define D2     "\"sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\""
#define CONFIG "\"config\":{\"mediaType\":\"" MEDIA_OCI_CONFIG "\",\"digest\":" D1 ",\"size\":10}"
#define LAYER  "{\"mediaType\":\"" MEDIA_OCI_LAYER_GZIP "\",\"digest\":" D2 ",\"size\":20}"
#define OCI                                                                     \
	"{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST "\"," CONFIG \
	",\"layers\":[" LAYER "]}"

static void reads_and_prints(void **state)
{
	AUTO(manifest) struct manifest manifest = { 0 };
	AUTO_FREE char *text = NULL;

	assert_ok(manifest_parse(STR(OCI), MEDIA_OCI_MANIFEST, &manifest));
	assert_int_equal(manifest.format, FORMAT_OCI);
	assert_string_equal(manifest.media_type, MEDIA_OCI_MANIFEST);
	assert_int_equal(manifest.layers.n, 1);
	assert_int_equal(manifest.layers.p[0].size, 20);
	assert_string_equal(manifest.config.media_type, MEDIA_OCI_CONFIG);
	text = manifest_print(&manifest);
	assert_string_equal(text, OCI);
}

static void keeps_every_field(void **state)
{
	static const char full[] =
			"{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST "\","
			"\"artifactType\":\"application/x.test\","
			"\"config\":{\"mediaType\":\"" MEDIA_OCI_EMPTY "\",\"digest\":" D1
			",\"size\":2},\"layers\":[{\"mediaType\":\"text/x\",\"digest\":" D2
			",\"size\":1,\"urls\":[\"https://x/\"],\"annotations\":{\"a\":\"1\","
			"\"b\":\"\"},\"platform\":{\"architecture\":\"arm\",\"os\":\"linux\","
			"\"variant\":\"v7\"}}],\"subject\":{\"mediaType\":\"" MEDIA_OCI_MANIFEST
			"\",\"digest\":" D2 ",\"size\":7},\"annotations\":{\"k\":\"v\"}}";
	AUTO(manifest) struct manifest manifest = { 0 };
	AUTO(descriptor) struct descriptor copy = { 0 };
	AUTO_FREE char *text = NULL;

	assert_ok(manifest_parse(str_of(full), NULL, &manifest));
	text = manifest_print(&manifest);
	assert_string_equal(text, full);
	assert_true(manifest.has_subject);
	descriptor_copy(&manifest.layers.p[0], &copy);
	assert_string_equal(copy.annotations.p[0], "a=1");
	assert_string_equal(copy.urls.p[0], "https://x/");
}

static void accepts(void **state)
{
	static const struct {
		const char *why, *json, *media_type, *wanted;
	} cases[] = {
		{ "no media type at all", "{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", NULL,
				MEDIA_OCI_MANIFEST },
		{ "layers null", "{\"schemaVersion\":2," CONFIG ",\"layers\":null}", NULL,
				MEDIA_OCI_MANIFEST },
		{ "a vague transport", OCI, "application/json", MEDIA_OCI_MANIFEST },
		{ "parameters", OCI, MEDIA_OCI_MANIFEST "; charset=utf-8", MEDIA_OCI_MANIFEST },
		{ "stated by the transport only", "{\"schemaVersion\":2," CONFIG "}",
				MEDIA_DOCKER_MANIFEST, MEDIA_DOCKER_MANIFEST },
		{ "docker by its config",
				"{\"schemaVersion\":2,\"config\":{\"mediaType\":"
				"\"" MEDIA_DOCKER_CONFIG "\",\"size\":1,\"digest\":" D1
				"},\"layers\":[]}",
				"text/plain", MEDIA_DOCKER_MANIFEST },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(manifest) struct manifest manifest = { 0 };

		note("%s", cases[i].why);
		assert_ok(manifest_parse(str_of(cases[i].json), cases[i].media_type, &manifest));
		assert_string_equal(manifest.media_type, cases[i].wanted);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *json, *media_type, *part;
		enum error_kind kind;
	} cases[] = {
		{ "[]", NULL, "manifest is a list", ERR_INVALID },
		{ "{}", NULL, "'schemaVersion' is missing", ERR_INVALID },
		{ "{\"schemaVersion\":\"2\"," CONFIG "}", NULL, "is text", ERR_INVALID },
		{ "{\"schemaVersion\":3," CONFIG "}", NULL, "is 3, not 2", ERR_INVALID },
		{ "{\"schemaVersion\":1,\"fsLayers\":[]}", NULL, "schema 1", ERR_UNSUPPORTED },
		{ "{}", "application/vnd.docker.distribution.manifest.v1+prettyjws", "schema 1",
				ERR_UNSUPPORTED },
		{ "{\"schemaVersion\":2}", NULL, "'config' is missing", ERR_INVALID },
		{ OCI, MEDIA_OCI_INDEX, "which is no manifest", ERR_INVALID },
		{ OCI, MEDIA_DOCKER_MANIFEST, "given as", ERR_INVALID },
		{ "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX "\"," CONFIG "}", NULL,
				"no manifest", ERR_INVALID },
		{ "{\"schemaVersion\":2,\"manifests\":[]," CONFIG "}", NULL, "read as an index",
				ERR_INVALID },
		{ "{\"schemaVersion\":2,\"fsLayers\":[]," CONFIG "}", NULL, "schema 1",
				ERR_INVALID },
		{ "{\"schemaVersion\":2,\"schemaVersion\":2," CONFIG "}", NULL, "duplicate",
				ERR_INVALID },
		{ "{\"schemaVersion\":2,\"config\":{\"digest\":" D1 ",\"size\":1}}", NULL,
				"'config.mediaType' is missing", ERR_INVALID },
		{ "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\",\"digest\":" D1
		  ",\"size\":1}}",
				NULL, "malformed media type", ERR_INVALID },
		{ "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"a/b\",\"digest\":" D1
		  ",\"size\":-1}}",
				NULL, "'config.size' is -1", ERR_INVALID },
		{ "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"a/b\",\"digest\":\"sha256:00\","
		  "\"size\":1}}",
				NULL, "'config.digest'", ERR_INVALID },
		{ "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" MEDIA_OCI_LAYER
		  "\",\"digest\":" D1 ",\"size\":1}}",
				NULL, "which is no config", ERR_INVALID },
		{ "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" MEDIA_OCI_CONFIG
		  "\",\"digest\":" D1 ",\"size\":99999999999}}",
				NULL, "'config' of 99999999999 bytes", ERR_LIMIT },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":{}}", NULL, "not a list",
				ERR_INVALID },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[7]}", NULL,
				"'layers[0]' is a number", ERR_INVALID },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"" MEDIA_OCI_CONFIG
		  "\",\"digest\":" D1 ",\"size\":1}]}",
				NULL, "which is no layer", ERR_INVALID },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(manifest) struct manifest manifest = { 0 };

		note("%s", cases[i].json);
		assert_error(manifest_parse(str_of(cases[i].json), cases[i].media_type, &manifest),
				cases[i].kind, cases[i].part);
		assert_null(manifest.media_type);
	}
}

static void bounds_the_layers(void **state)
{
	AUTO(strbuf) struct strbuf json = { 0 };
	AUTO(manifest) struct manifest manifest = { 0 };

	strbuf_add(&json, "{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER);
	for (int i = 0; i < LIMIT_LAYERS; i++)
		strbuf_add(&json, "," LAYER);
	strbuf_add(&json, "]}");
	assert_error(manifest_parse(strbuf_str(&json), NULL, &manifest), ERR_LIMIT, "501 entries");
	strbuf_clear(&json);
	strbuf_addf(&json, "%*s", LIMIT_MANIFEST_BYTES + 1, "{}");
	assert_error(manifest_parse(strbuf_str(&json), NULL, &manifest), ERR_LIMIT, "larger than");
}

static void sniffs(void **state)
{
	static const struct {
		const char *json, *media_type;
		enum media_role role;
	} cases[] = {
		{ OCI, NULL, MEDIA_MANIFEST },
		{ "{\"manifests\":[]}", NULL, MEDIA_INDEX },
		{ "{\"manifests\":[]," CONFIG "}", NULL, MEDIA_OTHER },
		{ "{\"fsLayers\":[]}", NULL, MEDIA_MANIFEST },
		{ "garbage", NULL, MEDIA_OTHER },
		{ "garbage", MEDIA_DOCKER_LIST, MEDIA_INDEX },
		{ OCI, "application/json", MEDIA_MANIFEST },
		{ OCI, MEDIA_OCI_LAYER, MEDIA_OTHER },
		{ "x", "application/vnd.docker.distribution.manifest.v1+json", MEDIA_MANIFEST },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(manifest_sniff(str_of(cases[i].json), cases[i].media_type),
				cases[i].role);
}

UNIT_TESTS(reads_and_prints, keeps_every_field, accepts, refuses, bounds_the_layers, sniffs)

#include "base/limits.h"
#include "oci/image_config.h"
#include "unit.h"

#define DIFF "\"sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef\""

static const char full[] =
		"{\"created\":\"2026-11-23T13:00:00Z\",\"author\":\"me\",\"architecture\":\"arm\","
		"\"os\":\"linux\",\"variant\":\"v6\",\"config\":{\"Hostname\":\"h\",\"User\":\"1:"
		"1\","
		"\"ExposedPorts\":{\"443/tcp\":{},\"80/tcp\":{}},\"Env\":[\"PATH=/bin\",\"A=\"],"
		"\"Entrypoint\":[\"/x\"],\"Volumes\":{\"/data\":{}},\"WorkingDir\":\"/"
		"w\","
		"\"Labels\":{\"a\":\"1\",\"b\":\"x=y\"},\"StopSignal\":\"SIGINT\","
		"\"ArgsEscaped\":true,\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"true\"],"
		"\"Interval\":1000000000,\"Timeout\":2000000000,\"StartPeriod\":3000000000,"
		"\"StartInterval\":4000000000,\"Retries\":5},\"OnBuild\":[\"RUN x\"],"
		"\"Shell\":[\"/bin/bash\",\"-c\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":"
		"[" DIFF "]},\"history\":[{\"created\":\"2026-11-23T13:00:00.5Z\",\"created_by\":"
		"\"RUN x\",\"author\":\"me\",\"comment\":\"c\"},{\"empty_layer\":true}]}";

static void reads_and_prints(void **state)
{
	AUTO(image_config) struct image_config config = { 0 }, copy = { 0 };
	AUTO_FREE char *text = NULL, *again = NULL;

	assert_ok(image_config_parse(str_of(full), &config));
	assert_string_equal(config.platform.variant, "v6");
	assert_true(config.has_entrypoint && !config.has_cmd && config.args_escaped);
	assert_int_equal(config.healthcheck.retries, 5);
	assert_int_equal(config.diff_ids.n, 1);
	assert_int_equal(config.history.n, 2);
	assert_true(config.history.p[1].empty_layer);
	text = image_config_print(&config);
	assert_string_equal(text, full);
	image_config_copy(&config, &copy);
	again = image_config_print(&copy);
	assert_string_equal(again, full);
}

/* What base images in the wild look like, and what is made of it. */
static void mends(void **state)
{
	static const struct {
		const char *why, *json, *printed;
	} cases[] = {
		{ "nothing at all", "{}",
				"{\"architecture\":\"\",\"os\":\"linux\",\"config\":{},"
				"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}" },
		{ "everything null",
				"{\"os\":null,\"architecture\":\"amd64\",\"created\":null,"
				"\"config\":{"
				"\"Env\":null,\"Cmd\":null,\"Entrypoint\":null,\"Volumes\":null,"
				"\"ExposedPorts\":null,\"Labels\":null,\"OnBuild\":null,"
				"\"Healthcheck\":null,\"User\":\"\",\"Hostname\":\"\"},"
				"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":null},\"history\":"
				"null}",
				"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{},"
				"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}" },
		{ "config null", "{\"config\":null,\"rootfs\":null}",
				"{\"architecture\":\"\",\"os\":\"linux\",\"config\":{},"
				"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}" },
		{ "what docker adds is dropped, but which container it was",
				"{\"container\":\"x\",\"docker_version\":\"1\",\"config\":{\"Tty\":"
				"true,"
				"\"Image\":\"sha256:1\",\"AttachStdin\":false},"
				"\"container_config\":{\"Cmd\":[\"y\"]},\"id\":\"z\"}",
				"{\"container\":\"x\",\"architecture\":\"\",\"os\":\"linux\","
				"\"config\":{},"
				"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}" },
		{ "names, twice and without =; relative directory; Cmd as text; a bad time",
				"{\"created\":\"yesterday\",\"architecture\":\"x86_64\",\"config\":"
				"{"
				"\"Env\":[\"A=1\",\"B\",\"=x\",\"\",\"A=2\"],\"WorkingDir\":"
				"\"app\","
				"\"Cmd\":\"run\"},\"history\":[{\"created\":\"\",\"created_by\":"
				"\"\"}]}",
				"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{"
				"\"Env\":[\"A=2\",\"B=\"],\"Cmd\":[\"run\"],\"WorkingDir\":\"/"
				"app\"},"
				"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]},\"history\":[{}]"
				"}" },
		{ "labels and ports sorted",
				"{\"config\":{\"Labels\":{\"b\":\"1\",\"a\":null},"
				"\"ExposedPorts\":{\"80\":null,\"443\":{}}}}",
				"{\"architecture\":\"\",\"os\":\"linux\",\"config\":{"
				"\"ExposedPorts\":"
				"{\"443\":{},\"80\":{}},\"Labels\":{\"a\":\"\",\"b\":\"1\"}},"
				"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(image_config) struct image_config config = { 0 }, second = { 0 };
		AUTO_FREE char *text = NULL, *again = NULL;

		note("%s", cases[i].why);
		assert_ok(image_config_parse(str_of(cases[i].json), &config));
		text = image_config_print(&config);
		assert_string_equal(text, cases[i].printed);
		assert_ok(image_config_parse(str_of(text), &second));
		again = image_config_print(&second);
		assert_string_equal(again, text);
	}
}

static void tells_null_from_empty(void **state)
{
	AUTO(image_config) struct image_config none = { 0 }, empty = { 0 };

	assert_ok(image_config_parse(STR("{\"config\":{\"Entrypoint\":null}}"), &none));
	assert_false(none.has_entrypoint || none.has_cmd);
	assert_ok(image_config_parse(STR("{\"config\":{\"Entrypoint\":[]}}"), &empty));
	assert_true(empty.has_entrypoint);
	assert_false(empty.has_cmd);
	AUTO_FREE char *text = image_config_print(&empty);
	assert_null(strstr(text, "Entrypoint"));
}

static void refuses(void **state)
{
	static const struct {
		const char *json, *part;
		enum error_kind kind;
	} cases[] = {
		{ "null", "image config is not valid JSON", ERR_INVALID },
		{ "[]", "image config is a list", ERR_INVALID },
		{ "{\"config\":[]}", "'config' is a list", ERR_INVALID },
		{ "{\"config\":{\"Env\":{}}}", "'config.Env' is an object, not a list",
				ERR_INVALID },
		{ "{\"config\":{\"Env\":[1]}}", "'config.Env[0]' is a number", ERR_INVALID },
		{ "{\"config\":{\"User\":0}}", "'config.User' is a number", ERR_INVALID },
		{ "{\"config\":{\"Healthcheck\":{\"Interval\":\"1s\"}}}",
				"'config.Healthcheck.Interval' is text", ERR_INVALID },
		{ "{\"config\":{\"Healthcheck\":{\"Retries\":99999999999}}}", "retries",
				ERR_INVALID },
		{ "{\"config\":{\"Labels\":{\"a=b\":\"\"}}}", "name with '='", ERR_UNSUPPORTED },
		{ "{\"rootfs\":{\"type\":\"layers+base\"}}", "'layers+base'", ERR_UNSUPPORTED },
		{ "{\"rootfs\":{\"diff_ids\":[\"x\"]}}", "'rootfs.diff_ids[0]': digest 'x'",
				ERR_INVALID },
		{ "{\"rootfs\":{\"diff_ids\":[1]}}", "not a digest", ERR_INVALID },
		{ "{\"history\":[1]}", "'history[0]' is a number, not an object", ERR_INVALID },
		{ "{\"architecture\":\"0123456789012345678901234567890123456789\"}",
				"'architecture' of 40 bytes", ERR_LIMIT },
		{ "{\"os\":\"linux\",\"os\":\"linux\"}", "duplicate", ERR_INVALID },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(image_config) struct image_config config = { 0 };

		note("%s", cases[i].json);
		assert_error(image_config_parse(str_of(cases[i].json), &config), cases[i].kind,
				cases[i].part);
	}
}

static void bounds(void **state)
{
	AUTO(strbuf) struct strbuf json = { 0 };
	AUTO(image_config) struct image_config config = { 0 };

	strbuf_add(&json, "{\"rootfs\":{\"diff_ids\":[" DIFF);
	for (int i = 0; i < LIMIT_LAYERS; i++)
		strbuf_add(&json, "," DIFF);
	strbuf_add(&json, "]}}");
	assert_error(image_config_parse(strbuf_str(&json), &config), ERR_LIMIT, "diff_ids");
	strbuf_clear(&json);
	strbuf_add(&json, "{\"history\":[{}");
	for (int i = 0; i < LIMIT_LIST_ENTRIES; i++)
		strbuf_add(&json, ",{}");
	strbuf_add(&json, "]}");
	assert_error(image_config_parse(strbuf_str(&json), &config), ERR_LIMIT, "'history'");
}

static void grows(void **state)
{
	AUTO(image_config) struct image_config config = { 0 };
	AUTO_FREE char *text = NULL;

	config.platform = (struct platform){ .os = "linux", .architecture = "amd64" };
	image_config_add_history(&config, "2026-01-01T00:00:00Z", "ENV A=1", "kiln", true);
	text = image_config_print(&config);
	assert_non_null(strstr(text, "\"history\":[{\"created\":\"2026-01-01T00:00:00Z\","
				     "\"created_by\":\"ENV A=1\",\"comment\":\"kiln\","
				     "\"empty_layer\":true}]"));
}

UNIT_TESTS(reads_and_prints, mends, tells_null_from_empty, refuses, bounds, grows)

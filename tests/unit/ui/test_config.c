#include "scratch.h"

#include "sys/fd.h"
#include "ui/config.h"
#include "ui/options.h"

#include <unistd.h>

/* A folder with a system file and a user's file. */
struct place {
	struct scratch scratch;
	char *system_file, *user_file;
	struct list environ;
};

static void place_init(struct place *place)
{
	*place = (struct place){ .scratch = scratch_new() };

	AUTO_FREE char *user_dir = xasprintf("%s/config/kiln", place->scratch.path);

	place->system_file = xasprintf("%s/system.json", place->scratch.path);
	place->user_file = xasprintf("%s/config.json", user_dir);
	assert_ok(file_make_dirs(user_dir, 0700));
	list_addf(&place->environ, "HOME=%s", place->scratch.path);
	list_addf(&place->environ, "XDG_CONFIG_HOME=%s/config", place->scratch.path);
}

static void place_done(struct place *place)
{
	scratch_done(&place->scratch);
	free(place->system_file);
	free(place->user_file);
	list_done(&place->environ);
}

DEFINE_AUTO_VALUE(place)

static void write_file(const char *path, const char *text)
{
	assert_ok(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, false));
}

static struct error *load(struct place *place, const struct list *settings, struct config **ret)
{
	const char *variables[16] = { 0 };

	for (size_t i = 0; i < place->environ.n && i < COUNT(variables) - 1; i++)
		variables[i] = place->environ.p[i];
	return config_load(&(struct config_origin){ place->system_file, variables, settings }, ret);
}

static void assert_setting(
		const struct config *config, const char *name, const char *value, const char *from)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	struct setting_view view;
	size_t at = 0;

	while (config_each(config, &at, &text, &view)) {
		if (strcmp(view.name, name) != 0)
			continue;
		assert_string_equal(view.value, value);
		assert_string_equal(view.from, from);
		return;
	}
	fail_msg("no setting '%s'", name);
}

static void has_defaults(void **state)
{
	AUTO(place) struct place place;
	AUTO(config) struct config *config = NULL;

	place_init(&place);
	assert_ok(load(&place, NULL, &config));
	assert_setting(config, "compression", "gzip", "built in");
	assert_setting(config, "insecure-registry", "", "built in");
	assert_true(config->tls_verify);
	assert_int_equal(config->compression_level, -1);
	if (geteuid() == 0) {
		assert_string_equal(config->root, "/var/lib/kiln");
	} else {
		AUTO_FREE char *root = xasprintf("%s/.local/share/kiln", place.scratch.path);
		assert_string_equal(config->root, root);
	}
}

static void later_wins(void **state)
{
	AUTO(place) struct place place;
	AUTO(list) struct list settings = { 0 };

	place_init(&place);
	write_file(place.system_file,
			"{\"jobs\": 1, \"format\": \"docker\", \"tls-verify\": false, "
			"\"root\": \"/system\"}");
	write_file(place.user_file,
			"{\"jobs\": 2, \"root\": \"/user\", \"compression\": \"zstd\"}");
	list_add(&place.environ, "KILN_JOBS=3");
	list_add(&place.environ, "KILN_ROOT=");
	list_add(&place.environ, "KILN_COMPRESSION=none");
	list_add(&settings, "jobs=4");
	list_add(&settings, "jobs=5");

	AUTO(config) struct config *config = NULL;

	assert_ok(load(&place, &settings, &config));
	assert_setting(config, "jobs", "5", "--jobs");
	assert_setting(config, "compression", "none", "KILN_COMPRESSION");
	assert_setting(config, "root", "/user", place.user_file);
	assert_setting(config, "format", "docker", place.system_file);
	assert_setting(config, "tls-verify", "false", place.system_file);
	assert_setting(config, "isolation", "auto", "built in");
	assert_int_equal(config->jobs, 5);
}

static void lists_add_up(void **state)
{
	AUTO(place) struct place place;
	AUTO(list) struct list settings = { 0 };

	place_init(&place);
	write_file(place.system_file, "{\"insecure-registry\": [\"a:5000\", \"b\"]}");
	list_add(&place.environ, "KILN_INSECURE_REGISTRY=c, d,,e");
	list_add(&settings, "insecure-registry=f");
	list_add(&settings, "insecure-registry=g,h");

	AUTO(config) struct config *config = NULL;
	AUTO_FREE char *from = xasprintf(
			"%s, KILN_INSECURE_REGISTRY, --insecure-registry", place.system_file);

	assert_ok(load(&place, &settings, &config));
	assert_setting(config, "insecure-registry", "a:5000,b,c,d,e,f,g,h", from);
	assert_int_equal(config->insecure_registries.n, 8);
}

static void sizes_and_spans(void **state)
{
	AUTO(place) struct place place;
	AUTO(config) struct config *config = NULL;

	place_init(&place);
	write_file(place.system_file,
			"{\"gc-max-used-space\": 1000, \"gc-min-free-space\": \"2k\", "
			"\"gc-keep-duration\": \"1h\"}");
	list_add(&place.environ, "KILN_GC_MAX_USED_SPACE=3m");
	assert_ok(load(&place, NULL, &config));
	assert_setting(config, "gc-max-used-space", "3145728", "KILN_GC_MAX_USED_SPACE");
	assert_setting(config, "gc-min-free-space", "2048", place.system_file);
	assert_setting(config, "gc-keep-duration", "3600s", place.system_file);
}

static void refuses_bad_files(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "{\"jobs\": \"2\"}", "setting 'jobs' in '" },
		{ "{\"jobs\": \"2\"}", "not a whole number" },
		{ "{\"jobs\": -1}", "-1" },
		{ "{\"format\": \"oic\"}", "'oic' is not one of oci|docker" },
		{ "{\"format\": 1}", "not a text" },
		{ "{\"gc-max-used-space\": true}", "neither a number of bytes" },
		{ "{\"gc-max-used-space\": \"much\"}", "much" },
		{ "{\"gc-keep-duration\": \"-1h\"}", "is negative" },
		{ "{\"gc-keep-duration\": 5}", "not a text" },
		{ "{\"tls-verify\": \"no\"}", "neither true nor false" },
		{ "{\"insecure-registry\": \"x\"}", "not a list of texts" },
		{ "{\"insecure-registry\": [1]}", "item 1 is not text" },
		{ "{\"fromat\": \"oci\"}", "unknown setting 'fromat'" },
		{ "[]", "not a JSON object" },
		{ "{\"jobs\": 1, \"jobs\": 2}", "duplicate" },
		{ "{", "settings in '" },
		{ "", "settings in '" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(place) struct place place;
		AUTO(config) struct config *config = NULL;

		note("%s", cases[i].text);
		place_init(&place);
		write_file(place.user_file, cases[i].text);
		assert_error(load(&place, NULL, &config), ERR_INVALID, cases[i].message);
		assert_null(config);
	}
}

static void refuses_bad_values(void **state)
{
	AUTO(place) struct place place;
	AUTO(config) struct config *config = NULL;
	AUTO(list) struct list settings = { 0 };

	place_init(&place);
	list_add(&settings, "jobs=many");

	struct error *error = load(&place, &settings, &config);

	assert_non_null(error);
	assert_int_equal(error->code, EXIT_USAGE);
	assert_error(error, ERR_INVALID, "option '--jobs': ");

	list_add(&place.environ, "KILN_JOBS=many");
	error = load(&place, NULL, &config);
	assert_non_null(error);
	assert_int_not_equal(error->code, EXIT_USAGE);
	assert_error(error, ERR_INVALID, "environment variable 'KILN_JOBS'");
}

static void reads_the_environment(void **state)
{
	AUTO(place) struct place place;
	AUTO(config) struct config *config = NULL;

	place_init(&place);
	list_add(&place.environ, "SOURCE_DATE_EPOCH=1700000000");
	list_add(&place.environ, "NO_COLOR=1");
	list_add(&place.environ, "DOCKER_CONFIG=/d");
	list_add(&place.environ, "XDG_RUNTIME_DIR=relative");
	list_add(&place.environ, "https_proxy=http://p:1");
	list_add(&place.environ, "NO_PROXY=x");
	list_add(&place.environ, "TMPDIR=");
	assert_ok(load(&place, NULL, &config));
	assert_true(config->environment.has_source_date_epoch);
	assert_int_equal(config->environment.source_date_epoch, 1700000000);
	assert_true(config->environment.has_no_colour);
	assert_string_equal(config->environment.docker_config, "/d");
	assert_null(config->environment.runtime_dir);
	assert_null(config->environment.registry_auth_file);
	assert_string_equal(config->environment.tmp_dir, "/tmp");
	assert_int_equal(config->environment.proxies.n, 2);
	assert_string_equal(config->environment.proxies.p[0], "https_proxy=http://p:1");
}

static void refuses_a_bad_epoch(void **state)
{
	AUTO(place) struct place place;
	AUTO(config) struct config *config = NULL;

	place_init(&place);
	list_add(&place.environ, "SOURCE_DATE_EPOCH=yesterday");
	assert_error(load(&place, NULL, &config), ERR_INVALID, "'SOURCE_DATE_EPOCH'");
}

static void makes_the_root_absolute(void **state)
{
	AUTO(place) struct place place;
	AUTO(config) struct config *config = NULL;
	AUTO(list) struct list settings = { 0 };
	AUTO_FREE char *here = getcwd(NULL, 0);
	AUTO_FREE char *wanted = xasprintf("%s/store", here);

	place_init(&place);
	list_add(&settings, "root=store");
	assert_ok(load(&place, &settings, &config));
	assert_string_equal(config->root, wanted);
}

UNIT_TESTS(has_defaults, later_wins, lists_add_up, sizes_and_spans, refuses_bad_files,
		refuses_bad_values, reads_the_environment, refuses_a_bad_epoch,
		makes_the_root_absolute)

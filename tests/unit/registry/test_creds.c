#include "base/str.h"
#include "registry/creds.h"
#include "registry/creds_file.h"
#include "registry/creds_helper.h"
#include "scratch.h"

#define A    "dTphOnB3" /* u:a:pw: a password may have colons */
#define USER "dXNlcjpwYXNzd29yZA=="

static void write_file(const char *path, const char *text)
{
	AUTO_FREE char *dir = xstrdup(path);

	*strrchr(dir, '/') = '\0';
	assert_ok(file_make_dirs(dir, 0700));
	assert_ok(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, false));
}

static void keys(void **state)
{
	static const char *const cases[][2] = {
		{ "https://index.docker.io/v1/", "docker.io" },
		{ "index.docker.io", "docker.io" },
		{ "docker.io", "docker.io" },
		{ "registry-1.docker.io", "docker.io" },
		{ "https://r.example", "r.example" },
		{ "https://r.example:5000/v2/", "r.example:5000" },
		{ "http://r.example/", "r.example" },
		{ "r.example/v1/", "r.example" },
		{ "r.example/ns/x", "r.example/ns/x" },
		{ "docker.io/user", "docker.io/user" },
		{ "", "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_FREE char *key = creds_key(cases[i][0]);

		assert_string_equal(key, cases[i][1]);
	}
	assert_string_equal(creds_server("docker.io"), "https://index.docker.io/v1/");
	assert_string_equal(creds_server("r.example"), "r.example");
}

static void finds(void **state)
{
	static const struct {
		const char *why, *json, *host, *repository, *wanted; /* user:password or token */
	} cases[] = {
		{ "host", "{\"auths\":{\"r\":{\"auth\":\"" USER "\"}}}", "r", "a/b",
				"user:password" },
		{ "password with colon", "{\"auths\":{\"r\":{\"auth\":\"" A "\"}}}", "r", "a",
				"u:a:pw" },
		{ "user and password apart",
				"{\"auths\":{\"r\":{\"username\":\"x\",\"password\":\"y\"}}}", "r",
				NULL, "x:y" },
		{ "longest namespace",
				"{\"auths\":{\"r\":{\"auth\":\"" USER
				"\"},\"r/a/b\":{\"username\":\"x\",\"password\":\"b\"},\"r/a\":{"
				"\"username\":\"x\",\"password\":\"a\"}}}",
				"r", "a/b/c", "x:b" },
		{ "namespace stops at a slash", "{\"auths\":{\"r/a\":{\"auth\":\"" USER "\"}}}",
				"r", "ab", NULL },
		{ "another port", "{\"auths\":{\"r:5000\":{\"auth\":\"" USER "\"}}}", "r", "a",
				NULL },
		{ "a look-alike host", "{\"auths\":{\"r.example\":{\"auth\":\"" USER "\"}}}",
				"evil-r.example", "a", NULL },
		{ "docker hub",
				"{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"" USER
				"\"}}}",
				"docker.io", "library/x", "user:password" },
		{ "identity token",
				"{\"auths\":{\"r\":{\"auth\":\"Og==\",\"identitytoken\":\"t\"}}}",
				"r", "a", "t" },
		{ "registry token", "{\"auths\":{\"r\":{\"registrytoken\":\"t\"}}}", "r", "a",
				"registry:t" },
		{ "registry token before a password",
				"{\"auths\":{\"r\":{\"auth\":\"" USER
				"\",\"registrytoken\":\"t\"}}}",
				"r", "a", "registry:t" },
		{ "empty entry", "{\"auths\":{\"r\":{}}}", "r", "a", NULL },
		{ "an empty auth", "{\"auths\":{\"r\":{\"auth\":\"\"}}}", "r", "a", NULL },
		{ "auths null", "{\"auths\":null}", "r", "a", NULL },
		{ "nothing", "{}", "r", "a", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(credential) struct credential found = { 0 };
		AUTO_FREE char *text = NULL;
		struct creds_settings settings = { .docker_auth_config = cases[i].json };

		note("%s", cases[i].why);
		assert_ok(creds_find(&settings, cases[i].host, cases[i].repository, NULL, &found));
		assert_int_equal(credential_known(&found), cases[i].wanted != NULL);
		if (!cases[i].wanted)
			continue;
		text = found.registry_token   ? xasprintf("registry:%s", found.registry_token)
		       : found.identity_token ? xstrdup(found.identity_token)
					      : xasprintf("%s:%s", found.username, found.password);
		assert_string_equal(text, cases[i].wanted);
		assert_string_equal(found.source, "DOCKER_AUTH_CONFIG");
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *json, *part;
	} cases[] = {
		{ "{\"auths\":{\"r\":{\"auth\":\"c2VjcmV0\"}}}", "is not user:password in base64" },
		{ "{\"auths\":{\"r\":{\"auth\":\"!!!\"}}}", "is not user:password in base64" },
		{ "{\"auths\":{\"r\":{\"auth\":\"s3cr3t!\"}}}", "is not user:password in base64" },
		{ "{\"auths\": s3cr3t}", "is not valid JSON" },
		{ "[]", "not an object" },
		{ "{\"credsStore\":\"../../bin/sh\"}", "bad name" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(credential) struct credential found = { 0 };
		AUTO(strbuf) struct strbuf text = { 0 };
		struct creds_settings settings = { .docker_auth_config = cases[i].json };
		struct error *error = creds_find(&settings, "r", "a", NULL, &found);

		note("%s", cases[i].json);
		assert_non_null(error);
		error_text(error, &text);
		assert_non_null(strstr(strbuf_text(&text), cases[i].part));
		assert_null(strstr(strbuf_text(&text), "s3cr3t"));
		assert_null(strstr(strbuf_text(&text), "c2VjcmV0"));
		error_free(error);
	}
}

/* Each file in turn has the answer; the ones before it are there and do not. */
static void looks_in_order(void **state)
{
	static const char *const order[] = { "run/containers/auth.json",
		"config/containers/auth.json", "docker/config.json", "docker/.dockerconfigjson",
		"home/.dockercfg" };
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *run = xasprintf("%s/run", scratch.path),
		       *config = xasprintf("%s/config", scratch.path),
		       *docker = xasprintf("%s/docker", scratch.path),
		       *home = xasprintf("%s/home", scratch.path);
	struct creds_settings settings = {
		.runtime_dir = run, .config_home = config, .docker_config_dir = docker, .home = home
	};

	for (size_t i = COUNT(order); i > 0; i--) {
		AUTO_FREE char *path = xasprintf("%s/%s", scratch.path, order[i - 1]);
		AUTO(credential) struct credential found = { 0 };
		const char *format =
				text_ends(path, ".dockercfg")
						? "{\"r\":{\"username\":\"u\",\"password\":\"p\"}}"
						: "{\"auths\":{\"r\":{\"username\":\"u\","
						  "\"password\":\"p\"}}}";

		write_file(path, format);
		assert_ok(creds_find(&settings, "r", "a", NULL, &found));
		assert_string_equal(found.source, path);
	}
	/* A named file is the only one. */
	AUTO(credential) struct credential found = { 0 };
	settings.auth_file = "/nonexistent/auth.json";
	settings.docker_auth_config = "{\"auths\":{\"r\":{\"auth\":\"" USER "\"}}}";
	assert_ok(creds_find(&settings, "r", "a", NULL, &found));
	assert_false(credential_known(&found));
}

static void logs_in_and_out(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *home = xasprintf("%s/home", scratch.path), *where = NULL, *text = NULL;
	AUTO_FREE char *path = xasprintf("%s/home/.docker/config.json", scratch.path);
	/* With a runtime folder of its own: what Podman keeps in /run for root is not ours to use.
	 */
	struct creds_settings settings = { .home = home, .runtime_dir = scratch.path };
	struct credential mine = { .username = (char[]){ "user" },
		.password = (char[]){ "password" } };
	struct credential token = { .username = (char[]){ "user" },
		.identity_token = (char[]){ "t" } };
	AUTO(credential) struct credential found = { 0 }, second = { 0 }, gone = { 0 };
	struct stat status;
	bool was_there = false;

	assert_ok(creds_store(&settings, "r.example", &mine, NULL, &where));
	assert_string_equal(where, path);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	/* What else the file holds stays. */
	write_file(path, "{\"HttpHeaders\":{\"a\":\"b\"},\"auths\":{\"x\":{\"auth\":\"" USER "\"},"
			 "\"https://index.docker.io/v1/\":{\"auth\":\"" USER "\"}}}");
	assert_ok(creds_store(&settings, "docker.io", &mine, NULL, NULL));
	assert_ok(creds_store(&settings, "r.example/team", &token, NULL, NULL));
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_ok(file_read(AT_FDCWD, path, 65536, &text, NULL));
	assert_non_null(strstr(text, "HttpHeaders"));
	assert_non_null(strstr(text, "\"https://index.docker.io/v1/\""));
	assert_null(strstr(text, "\"docker.io\""));
	assert_ok(creds_find(&settings, "docker.io", "library/x", NULL, &found));
	assert_string_equal(found.password, "password");
	assert_ok(creds_find(&settings, "r.example", "team/x", NULL, &second));
	assert_string_equal(second.identity_token, "t");
	assert_ok(creds_erase(&settings, "docker.io", NULL, &was_there));
	assert_true(was_there);
	assert_ok(creds_erase(&settings, "docker.io", NULL, &was_there));
	assert_false(was_there);
	assert_ok(creds_erase_all(&settings, NULL));
	assert_ok(creds_find(&settings, "x", "a", NULL, &gone));
	assert_false(credential_known(&gone));
}

static void picks_the_login_file(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *run = xasprintf("%s/run", scratch.path),
		       *path = xasprintf("%s/run/containers/auth.json", scratch.path);
	struct creds_settings settings = { .runtime_dir = run, .home = "/nonexistent" };
	AUTO_FREE char *first = creds_login_file(&settings), *second = NULL, *third = NULL;

	assert_string_equal(first, "/nonexistent/.docker/config.json");
	write_file(path, "{}");
	second = creds_login_file(&settings);
	assert_string_equal(second, path);
	settings.auth_file = "/named";
	third = creds_login_file(&settings);
	assert_string_equal(third, "/named");
}

static const char helper[] =
		"#!/bin/sh\n"
		"read -r in\n"
		"echo \"$1 $in\" >>\"$HELPER_LOG\"\n"
		"case $1 in\n"
		"get) [ -e \"$HELPER_LOG.stored\" ] || { echo credentials not found in native "
		"keychain; exit 1; }\n"
		"  echo '{\"ServerURL\":\"x\",\"Username\":\"u\",\"Secret\":\"p\"}' ;;\n"
		"store) : >\"$HELPER_LOG.stored\" ;;\n"
		"erase) rm \"$HELPER_LOG.stored\" ;;\n"
		"esac\n";

static void uses_programs(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *program = xasprintf("%s/docker-credential-unit", scratch.path),
		       *log = xasprintf("HELPER_LOG=%s/log", scratch.path),
		       *path = xasprintf("PATH=%s:/usr/bin:/bin", scratch.path),
		       *file = xasprintf("%s/config.json", scratch.path), *where = NULL,
		       *said = NULL, *text = NULL;
	const char *const env[] = { path, log, NULL };
	struct creds_settings settings = { .auth_file = file, .helper_env = env };
	struct credential mine = { .username = (char[]){ "u" }, .password = (char[]){ "s3cr3t" } };
	AUTO(credential) struct credential before = { 0 }, after = { 0 };
	bool was_there = false;

	write_file(program, helper);
	assert_int_equal(chmod(program, 0755), 0);
	assert_int_equal(setenv("PATH", path + strlen("PATH="), 1), 0);
	write_file(file, "{\"credsStore\":\"unit\"}");
	assert_ok(creds_find(&settings, "docker.io", "library/x", NULL, &before));
	assert_false(credential_known(&before));
	assert_ok(creds_store(&settings, "docker.io", &mine, NULL, &where));
	assert_string_equal(where, "docker-credential-unit");
	assert_ok(file_read(AT_FDCWD, file, 65536, &text, NULL));
	assert_null(strstr(text, "auth\""));
	assert_ok(creds_find(&settings, "docker.io", "library/x", NULL, &after));
	assert_string_equal(after.password, "p");
	assert_string_equal(after.source, "docker-credential-unit");
	assert_ok(creds_erase(&settings, "docker.io", NULL, &was_there));
	assert_true(was_there);
	AUTO_FREE char *log_path = xasprintf("%s/log", scratch.path);
	assert_ok(file_read(AT_FDCWD, log_path, 65536, &said, NULL));
	assert_non_null(strstr(said, "get https://index.docker.io/v1/\n"));
	assert_non_null(strstr(said, "store {\"ServerURL\":\"https://index.docker.io/v1/\","
				     "\"Username\":\"u\",\"Secret\":\"s3cr3t\"}"));
	assert_non_null(strstr(said, "erase https://index.docker.io/v1/\n"));
}

/* credential-helpers of registries.conf: each program in turn, and the files where they are named.
 */
static void asks_helpers_in_order(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *program = xasprintf("%s/docker-credential-unit", scratch.path),
		       *log = xasprintf("HELPER_LOG=%s/log", scratch.path),
		       *stored = xasprintf("%s/log.stored", scratch.path),
		       *path = xasprintf("PATH=%s:/usr/bin:/bin", scratch.path);
	const char *const env[] = { path, log, NULL };
	AUTO(list) struct list helpers = { 0 };
	struct creds_settings settings = { .helper_env = env,
		.runtime_dir = scratch.path,
		.helpers = &helpers,
		.docker_auth_config = "{\"auths\":{\"r.example\":{\"auth\":\"dTpmaWxl\"}}}" };
	AUTO(credential) struct credential a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };

	write_file(program, helper);
	assert_int_equal(chmod(program, 0755), 0);
	assert_int_equal(setenv("PATH", path + strlen("PATH="), 1), 0);
	list_add(&helpers, "unit");
	assert_ok(creds_find(&settings, "r.example", "x", NULL, &a));
	assert_false(credential_known(&a));
	list_add(&helpers, "containers-auth.json");
	assert_ok(creds_find(&settings, "r.example", "x", NULL, &b));
	assert_string_equal(b.password, "file");
	write_file(stored, "");
	assert_ok(creds_find(&settings, "r.example", "x", NULL, &c));
	assert_string_equal(c.password, "p");
	/* One that is not there is told if no other knows. */
	free(helpers.p[0]);
	helpers.p[0] = xstrdup("nowhere");
	assert_ok(creds_find(&settings, "r.example", "x", NULL, &d));
	assert_string_equal(d.password, "file");
	list_remove(&helpers, 1);
	assert_error(creds_find(&settings, "r.example", "x", NULL, &d), ERR_NOT_FOUND,
			"docker-credential-nowhere");
}

static void gives_up_on_a_program_that_hangs(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *program = xasprintf("%s/docker-credential-unit", scratch.path),
		       *path = xasprintf("PATH=%s:/usr/bin:/bin", scratch.path),
		       *file = xasprintf("%s/config.json", scratch.path);
	const char *const env[] = { path, NULL };
	const struct creds_settings settings = {
		.auth_file = file, .helper_env = env, .helper_timeout_ms = 50
	};
	AUTO(credential) struct credential found = { 0 };

	write_file(program, "#!/bin/sh\nexec sleep 1000\n");
	assert_int_equal(chmod(program, 0755), 0);
	assert_int_equal(setenv("PATH", path + strlen("PATH="), 1), 0);
	write_file(file, "{\"credsStore\":\"unit\"}");
	assert_error(creds_find(&settings, "docker.io", "library/x", NULL, &found), ERR_LIMIT,
			"credential helper 'unit'");
}

UNIT_TESTS(keys, finds, refuses, looks_in_order, logs_in_and_out, picks_the_login_file,
		uses_programs, asks_helpers_in_order, gives_up_on_a_program_that_hangs)

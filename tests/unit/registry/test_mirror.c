#include "registry/mirror.h"
#include "unit.h"

static const char conf_text[] =
		"unqualified-search-registries = [\"quay.example\"]\n"
		"[[registry]]\nlocation = \"r.example\"\n"
		"[[registry.mirror]]\nlocation = \"m1.example/proxy\"\ninsecure = true\n"
		"[[registry.mirror]]\nlocation = \"m2.example\"\npull-from-mirror = "
		"\"digest-only\"\n"
		"[[registry.mirror]]\nlocation = \"m3.example\"\npull-from-mirror = \"tag-only\"\n"
		"[[registry]]\nprefix = \"r.example/team\"\nlocation = \"other.example/t\"\n"
		"[[registry]]\nprefix = \"bad.example\"\nblocked = true\n"
		"[[registry]]\nprefix = \"*.corp.example\"\nlocation = \"corp-cache.example\"\n"
		"[[registry]]\nlocation = \"plain.example:5000\"\ninsecure = true\n"
		"[[registry]]\nprefix = \"docker.io/library\"\n"
		"[[registry.mirror]]\nlocation = \"hub.example/lib\"\nmirror-by-digest-only = "
		"false\n"
		"[[registry]]\nprefix = \"tag.example/a:1\"\nblocked = true\n"
		"[[registry]]\nprefix = \"tag.example/b:1\"\nlocation = \"moved.example/b\"\n"
		"[[registry]]\nlocation = \"pin.example/\"\nmirror-by-digest-only = true\n"
		"[[registry.mirror]]\nlocation = \"m.pin.example///\"\n";

static FALLIBLE add(struct registries_conf *conf, const char *text)
{
	const struct conf_file file = { str_of(text), "'f'", false };

	return registries_conf_add(conf, &file);
}

#define DIGEST "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void orders(void **state)
{
	static const struct {
		const char *name, *mirror, *wanted; /* "host/repository[!]", ! is insecure */
		bool writing, only;
	} cases[] = {
		{ "x.example/a", NULL, "x.example/a", false, false },
		{ "busybox", NULL, "hub.example/lib/busybox registry-1.docker.io/library/busybox",
				false, false },
		{ "user/x", NULL, "registry-1.docker.io/user/x", false, false },
		{ "r.example/a", NULL, "m1.example/proxy/a! m3.example/a r.example/a", false,
				false },
		{ "r.example/a" DIGEST, NULL, "m1.example/proxy/a! m2.example/a r.example/a", false,
				false },
		{ "r.example/a", NULL, "r.example/a", true, false },
		{ "r.example/team/a", NULL, "other.example/t/a", false, false },
		{ "r.example/team/a", NULL, "other.example/t/a", true, false },
		{ "r.example/teams/a", NULL, "r.example/teams/a", true, false },
		{ "a.corp.example/x", NULL, "corp-cache.example/x", false, false },
		{ "corp.example/x", NULL, "corp.example/x", false, false },
		{ "plain.example:5000/x", NULL, "plain.example:5000/x!", false, false },
		{ "user/x", "docker.io=m.example/hub",
				"m.example/hub/user/x registry-1.docker.io/user/x", false, false },
		{ "user/x", "index.docker.io=http://m.example:5000/",
				"m.example:5000/user/x! registry-1.docker.io/user/x", false,
				false },
		{ "user/x", "docker.io=m.example", "m.example/user/x", false, true },
		{ "user/x", "docker.io=m.example", "registry-1.docker.io/user/x", true, true },
		{ "x.example/a", "docker.io=m.example", "x.example/a", false, true },
		{ "insecure.example/a", NULL, "insecure.example/a!", false, false },
		{ "insecure.example:1/a", NULL, "insecure.example:1/a!", false, false },
		{ "[2001:db8::1]:5000/a", NULL, "[2001:db8::1]:5000/a!", false, false },
		{ "[2001:db8::2]:5000/a", NULL, "[2001:db8::2]:5000/a", false, false },
		{ "sub.insecure.example/a", NULL, "sub.insecure.example/a", false, false },
		{ "tag.example/a:2", NULL, "tag.example/a", false, false },
		{ "tag.example/b:1", NULL, "moved.example/b", false, false },
		{ "tag.example/b:10", NULL, "tag.example/b", false, false },
		{ "pin.example/a", NULL, "pin.example/a", false, false },
		{ "pin.example/a" DIGEST, NULL, "m.pin.example/a pin.example/a", false, false },
	};
	AUTO(registries_conf) struct registries_conf conf = { 0 };
	AUTO(list) struct list insecure = { 0 };

	list_add(&insecure, "insecure.example");
	list_add(&insecure, "[2001:db8::1]");
	assert_ok(add(&conf, conf_text));
	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(reference) struct reference reference = { 0 };
		AUTO(endpoints) struct endpoints endpoints = { 0 };
		AUTO(list) struct list mirrors = { 0 };
		AUTO(strbuf) struct strbuf got = { 0 };
		struct mirror_rules rules = { .conf = &conf,
			.mirrors = &mirrors,
			.mirrors_only = cases[i].only,
			.insecure_hosts = &insecure };

		note("%s", cases[i].name);
		if (cases[i].mirror)
			list_add(&mirrors, cases[i].mirror);
		assert_ok(reference_parse(str_of(cases[i].name), &reference));
		assert_ok(mirror_endpoints(&rules, &reference, cases[i].writing, &endpoints));
		for (size_t k = 0; k < endpoints.n; k++)
			strbuf_addf(&got, "%s%s/%s%s", k ? " " : "", endpoints.p[k].host,
					endpoints.p[k].repository,
					endpoints.p[k].is_insecure ? "!" : "");
		assert_string_equal(strbuf_text(&got), cases[i].wanted);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *name, *mirror, *part;
		enum error_kind kind;
	} cases[] = {
		{ "bad.example/x", NULL, "is blocked", ERR_DENIED },
		{ "tag.example/a:1", NULL, "is blocked", ERR_DENIED },
		{ "user/x", "docker.io", "registry mirror 'docker.io'", ERR_INVALID },
		{ "user/x", "=m.example", "registry mirror", ERR_INVALID },
		{ "user/x", "docker.io=", "registry mirror", ERR_INVALID },
		/* "mirror/user/x" would be a name on docker.io itself. */
		{ "user/x", "docker.io=mirror", "does not begin with a host", ERR_INVALID },
		{ "user/x", "docker.io=M_x.example", "bad registry host", ERR_INVALID },
	};
	AUTO(registries_conf) struct registries_conf conf = { 0 };

	assert_ok(add(&conf, conf_text));
	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(reference) struct reference reference = { 0 };
		AUTO(endpoints) struct endpoints endpoints = { 0 };
		AUTO(list) struct list mirrors = { 0 };
		struct mirror_rules rules = { .conf = &conf, .mirrors = &mirrors };

		note("%s %s", cases[i].name, cases[i].mirror ? cases[i].mirror : "");
		if (cases[i].mirror)
			list_add(&mirrors, cases[i].mirror);
		assert_ok(reference_parse(str_of(cases[i].name), &reference));
		assert_error(mirror_endpoints(&rules, &reference, false, &endpoints), cases[i].kind,
				cases[i].part);
		assert_int_equal(endpoints.n, 0);
	}
	struct mirror_rules rules = { .conf = &conf };
	AUTO(endpoint) struct endpoint endpoint = { 0 };
	assert_error(mirror_host(&rules, "nohost", &endpoint), ERR_INVALID, "no registry host");
	assert_ok(mirror_host(&rules, "docker.io", &endpoint));
	assert_string_equal(endpoint.host, "registry-1.docker.io");
	assert_string_equal(endpoint.creds_host, "docker.io");
}

static void refuses_files(void **state)
{
	static const struct {
		const char *text, *part;
		enum error_kind kind;
	} cases[] = {
		{ "[registries.search]\nregistries = [\"x\"]\n[[registry]]\nlocation = \"y\"",
				"mixing sysregistry v1/v2 is not supported", ERR_INVALID },
		{ "short-name-mode = \"disabled\"\n[registries.block]\nregistries = []",
				"mixing sysregistry v1/v2 is not supported", ERR_INVALID },
		{ "[registries.insecure]\nregistries = \"x\"", "is not a list", ERR_INVALID },
		{ "[[registry]]\nlocation = \"x.example\"\n[[registry]]\nprefix = \"y.example\"\n"
		  "location = \"x.example\"\ninsecure = true",
				"'x.example' is defined multiple times with conflicting 'insecure'",
				ERR_INVALID },
		{ "[[registry]]\nlocation = \"x.example\"\nblocked = true\n[[registry]]\n"
		  "location = \"x.example/\"",
				"'x.example' is defined multiple times with conflicting 'blocked'",
				ERR_INVALID },
		{ "[[registry]]\nprefix = \"*.x.example/a\"", "should be in the format",
				ERR_INVALID },
		{ "[[registry]]\nlocation = \"x.example\"\npull-from-mirror = \"all\"",
				"must not be set for a non-mirror registry 'x.example'",
				ERR_INVALID },
		{ "[[registry]]\nlocation = \"x.example\"\nmirror-by-digest-only = true\n"
		  "[[registry.mirror]]\nlocation = \"m.example\"\npull-from-mirror = \"all\"",
				"at the same time", ERR_INVALID },
		{ "unqualified-search-registries = [\"x.example/a\"]", "entry 'x.example/a'",
				ERR_INVALID },
		{ "[aliases]\n\"x.example/a\" = \"y.example/a\"", "invalid short name",
				ERR_INVALID },
		{ "[aliases]\n\"a:1\" = \"y.example/a\"", "invalid short name", ERR_INVALID },
		{ "[aliases]\na = \"b\"", "must contain registry and repository", ERR_INVALID },
		{ "[aliases]\na = \"y.example/a:1\"", "must not contain tag or digest",
				ERR_INVALID },
		{ "[[registry.mirror]]\nlocation = \"x\"", "a mirror before any registry",
				ERR_INVALID },
		{ "[[registry]]\ninsecure = true", "without prefix and location", ERR_INVALID },
		{ "[[registry]]\nlocation = \"https://x\"", "URI schemes are not supported",
				ERR_INVALID },
		{ "[[registry]]\nlocation = \"/\"", "without prefix and location", ERR_INVALID },
		{ "[[registry]]\nlocation = 1", "line 2: 'location': is not text", ERR_INVALID },
		{ "[[registry]]\nlocation = \"x\"\nblocked = \"yes\"", "neither true nor false",
				ERR_INVALID },
		{ "[[registry]]\nlocation = \"x\"\n[[registry.mirror]]\ninsecure = true",
				"without location", ERR_INVALID },
		{ "[[registry]]\nlocation = \"x\"\n[[registry.mirror]]\npull-from-mirror = \"x\"",
				"is none of", ERR_INVALID },
		{ "unqualified-search-registries = \"x\"", "is not a list", ERR_INVALID },
		{ "[aliases]\nx = true", "is not text", ERR_INVALID },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(registries_conf) struct registries_conf conf = { 0 };

		note("%s", cases[i].text);
		assert_error(add(&conf, cases[i].text), cases[i].kind, cases[i].part);
		assert_int_equal(conf.registries.n, 0);
	}
}

static void later_files_override(void **state)
{
	AUTO(registries_conf) struct registries_conf conf = { 0 };

	assert_ok(add(&conf, conf_text));
	size_t before = conf.registries.n;
	assert_ok(add(&conf, "unqualified-search-registries = []\n[[registry]]\nlocation = "
			     "\"r.example\"\nblocked = true\nunknown-key = 3\n[aliases]\n\"x\" = "
			     "\"r.example/x\"\n[credential-helpers-like]\na = 1"));
	assert_int_equal(conf.registries.n, before);
	const struct conf_registry *entry = registries_conf_find(&conf, "r.example/a");
	assert_true(entry->is_blocked);
	assert_int_equal(entry->mirrors.n, 0);
	assert_true(conf.has_search);
	assert_int_equal(conf.search.n, 0);
	assert_string_equal(list_env_get(&conf.aliases, "x"), "r.example/x");
	assert_null(registries_conf_find(&conf, "r.example.evil/a"));
}

static void reads_version_1(void **state)
{
	static const char text[] = "[registries.search]\nregistries = ['a.example', 'b.example/']\n"
				   "[registries.insecure]\nregistries = ['c.example']\n"
				   "[registries.block]\nregistries = ['c.example', 'd.example/x']\n"
				   "[registries.else]\nregistries = ['e.example']\n";
	const struct conf_file drop_in = { str_of(text), "'d'", true };
	AUTO(registries_conf) struct registries_conf conf = { 0 };

	assert_ok(add(&conf, text));
	assert_int_equal(conf.search.n, 2);
	assert_string_equal(conf.search.p[1], "b.example");
	assert_int_equal(conf.registries.n, 2);
	const struct conf_registry *entry = registries_conf_find(&conf, "c.example/y");
	assert_true(entry->is_blocked && entry->itself.is_insecure);
	assert_true(registries_conf_find(&conf, "d.example/x/y")->is_blocked);
	assert_null(registries_conf_find(&conf, "d.example/y"));
	assert_error(registries_conf_add(&conf, &drop_in), ERR_UNSUPPORTED,
			"must be in v2 format but is in v1");
}

static void first_table_of_a_file_counts(void **state)
{
	AUTO(registries_conf) struct registries_conf conf = { 0 };

	assert_ok(add(&conf, "credential-helpers = ['a', 'containers-auth.json']\n"
			     "[[registry]]\nprefix = 'p.example'\nlocation = 'one.example'\n"
			     "[[registry]]\nprefix = 'p.example'\nlocation = 'two.example'\n"
			     "[aliases]\nx = 'r.example/x'\n"));
	assert_int_equal(conf.registries.n, 1);
	assert_string_equal(conf.registries.p[0].itself.location, "one.example");
	assert_int_equal(conf.credential_helpers.n, 2);
	assert_ok(add(&conf, "credential-helpers = []\n[aliases]\nx = ''"));
	assert_int_equal(conf.credential_helpers.n, 0);
	assert_string_equal(list_env_get(&conf.aliases, "x"), "");
}

UNIT_TESTS(reads_version_1, first_table_of_a_file_counts, orders, refuses, refuses_files,
		later_files_override)

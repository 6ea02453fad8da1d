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
		"false\n";

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
		{ "sub.insecure.example/a", NULL, "sub.insecure.example/a", false, false },
	};
	AUTO(registries_conf) struct registries_conf conf = { 0 };
	AUTO(list) struct list insecure = { 0 };

	list_add(&insecure, "insecure.example");
	assert_ok(registries_conf_add(&conf, str_of(conf_text), "'f'"));
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
		{ "user/x", "docker.io", "registry mirror 'docker.io'", ERR_INVALID },
		{ "user/x", "=m.example", "registry mirror", ERR_INVALID },
		{ "user/x", "docker.io=", "registry mirror", ERR_INVALID },
		/* "mirror/user/x" would be a name on docker.io itself. */
		{ "user/x", "docker.io=mirror", "does not begin with a host", ERR_INVALID },
		{ "user/x", "docker.io=M_x.example", "bad registry host", ERR_INVALID },
	};
	AUTO(registries_conf) struct registries_conf conf = { 0 };

	assert_ok(registries_conf_add(&conf, str_of(conf_text), "'f'"));
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
		{ "[registries.search]\nregistries = [\"x\"]", "version 1", ERR_UNSUPPORTED },
		{ "[[registry.mirror]]\nlocation = \"x\"", "a mirror before any registry",
				ERR_INVALID },
		{ "[[registry]]\ninsecure = true", "without prefix and location", ERR_INVALID },
		{ "[[registry]]\nlocation = \"https://x\"", "must not have a scheme", ERR_INVALID },
		{ "[[registry]]\nlocation = \"x.example/\"", "no host[/path]", ERR_INVALID },
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
		assert_error(registries_conf_add(&conf, str_of(cases[i].text), "'f'"),
				cases[i].kind, cases[i].part);
		assert_int_equal(conf.registries.n, 0);
	}
}

static void later_files_override(void **state)
{
	AUTO(registries_conf) struct registries_conf conf = { 0 };

	assert_ok(registries_conf_add(&conf, str_of(conf_text), "'a'"));
	size_t before = conf.registries.n;
	assert_ok(registries_conf_add(&conf,
			STR("unqualified-search-registries = []\n[[registry]]\nlocation = "
			    "\"r.example\"\nblocked = true\nunknown-key = 3\n[aliases]\n\"x\" = "
			    "\"r.example/x\"\n[credential-helpers-like]\na = 1"),
			"'b'"));
	assert_int_equal(conf.registries.n, before);
	const struct conf_registry *entry = registries_conf_find(&conf, "r.example/a");
	assert_true(entry->is_blocked);
	assert_int_equal(entry->mirrors.n, 0);
	assert_true(conf.has_search);
	assert_int_equal(conf.search.n, 0);
	assert_string_equal(list_env_get(&conf.aliases, "x"), "r.example/x");
	assert_null(registries_conf_find(&conf, "r.example.evil/a"));
}

UNIT_TESTS(orders, refuses, refuses_files, later_files_override)

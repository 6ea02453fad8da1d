#include "unit.h"

#include "registry/creds_env.h"

static const char *const variables[] = {
	"KANIKO_EXAMPLE_COM_USER=u",
	"KANIKO_EXAMPLE_COM_PASSWORD=p",
	"KANIKO_COM_USER=top",
	"KANIKO_COM_PASSWORD=p",
	"KANIKO_R_EXAMPLE_5000_USER=port",
	"KANIKO_R_EXAMPLE_5000_PASSWORD=p",
	"KANIKO_127_0_0_1_USER=address",
	"KANIKO_127_0_0_1_PASSWORD=p",
	"KANIKO_0_0_1_USER=tail",
	"KANIKO_0_0_1_PASSWORD=p",
	"KANIKO_MY_HOST_ORG_USER=dash",
	"KANIKO_MY_HOST_ORG_PASSWORD=p",
	"KANIKO_HALF_ORG_USER=half",
	"KANIKO_EMPTY_ORG_USER=empty",
	"KANIKO_EMPTY_ORG_PASSWORD=",
	"KANIKO_LOCALHOST_USER=local",
	"KANIKO_LOCALHOST_PASSWORD=p",
	"CI_REGISTRY=registry.gitlab.test",
	"CI_REGISTRY_USER=ci",
	"CI_JOB_TOKEN=t",
	"CI_DEPENDENCY_PROXY_SERVER=gitlab.test:443",
	"CI_DEPENDENCY_PROXY_USER=proxy",
	"CI_DEPENDENCY_PROXY_PASSWORD=p",
	NULL,
};

static void finds_for_the_host_and_no_other(void **state)
{
	static const struct {
		const char *sources, *host, *user;
	} cases[] = {
		{ "env", "example.com", "u" },
		{ "env", "reg.example.com", "u" },
		{ "env", "a.b.example.com:443", "u" },
		{ "env", "notexample.com", NULL },
		{ "env", "example.com.evil.net", NULL },
		{ "env", "other.com", NULL }, /* a top-level name serves nobody */
		{ "env", "r.example:5000", "port" },
		{ "env", "r.example:5001", NULL },
		{ "env", "127.0.0.1", "address" },
		{ "env", "127.0.0.1:5000", "address" },
		{ "env", "9.0.0.1", NULL }, /* the tail of an address is nobody's domain */
		{ "env", "my-host.org", "dash" },
		{ "env", "half.org", NULL },
		{ "env", "empty.org", NULL },
		{ "env", "localhost:5000", "local" },
		{ "gitlab", "example.com", NULL },
		{ "gitlab", "registry.gitlab.test", "ci" },
		{ "gitlab", "evil.registry.gitlab.test", NULL },
		{ "gitlab", "registry.gitlab.test:5000", NULL },
		{ "gitlab", "gitlab.test:443", "proxy" },
		{ "google, env", "example.com", "u" },
		{ "google,ecr", "example.com", NULL },
		{ "", "example.com", NULL },
		{ NULL, "example.com", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct creds_settings settings = { .host_env = variables,
			.sources = cases[i].sources };
		AUTO(credential) struct credential found = { 0 };

		note("%s: %s", cases[i].sources ? cases[i].sources : "none", cases[i].host);
		creds_env_find(&settings, cases[i].host, &found);
		assert_int_equal(credential_known(&found), cases[i].user != NULL);
		if (cases[i].user)
			assert_string_equal(found.username, cases[i].user);
	}
}

static void no_variables_is_nothing(void **state)
{
	const struct creds_settings settings = { .sources = "env,gitlab" };
	AUTO(credential) struct credential found = { 0 };

	(void)state;
	creds_env_find(&settings, "example.com", &found);
	assert_false(credential_known(&found));
}

UNIT_TESTS(finds_for_the_host_and_no_other, no_variables_is_nothing)

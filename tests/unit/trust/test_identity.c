#include "scratch.h"
#include "trust/identity.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct error *check(const struct identity_rule *rule, const char *used, const char *name)
{
	AUTO(reference) struct reference reference = { 0 };

	if (!used)
		return identity_check(rule, NULL, name);
	assert_ok(reference_parse(str_of(used), &reference));
	if (digest_known(&reference.digest))
		free(TAKE(reference.tag));
	return identity_check(rule, &reference, name);
}

static void compares(void **state)
{
	static const struct {
		enum identity_kind kind;
		const char *used, *name;
		bool fits;
	} cases[] = {
		{ IDENTITY_REPO_DIGEST_OR_EXACT, "r.example/a:1", "r.example/a:1", true },
		{ IDENTITY_REPO_DIGEST_OR_EXACT, "r.example/a:1", "r.example/a:2", false },
		{ IDENTITY_REPO_DIGEST_OR_EXACT, "r.example/a:1", "r.example/a", false },
		{ IDENTITY_REPO_DIGEST_OR_EXACT, "r.example/a:1", "r.example/b:1", false },
		{ IDENTITY_REPO_DIGEST_OR_EXACT, "r.example/a:latest", "r.example/a", false },
		{ IDENTITY_REPO_DIGEST_OR_EXACT, "r.example/a@sha256:" HEX, "r.example/a:2", true },
		{ IDENTITY_REPO_DIGEST_OR_EXACT, "r.example/a@sha256:" HEX, "r.example/b:2",
				false },
		{ IDENTITY_REPO_DIGEST_OR_EXACT, "r.example/a@sha256:" HEX, "r.example/a", false },
		{ IDENTITY_REPO_DIGEST_OR_EXACT, "busybox:1", "docker.io/library/busybox:1", true },
		{ IDENTITY_EXACT, "r.example/a:1", "r.example/a:1", true },
		{ IDENTITY_EXACT, "r.example/a@sha256:" HEX, "r.example/a:1", false },
		{ IDENTITY_EXACT, "r.example/a@sha256:" HEX, "r.example/a@sha256:" HEX, true },
		{ IDENTITY_REPOSITORY, "r.example/a:1", "r.example/a", true },
		{ IDENTITY_REPOSITORY, "r.example/a:1", "r.example/a:7", true },
		{ IDENTITY_REPOSITORY, "r.example/a:1", "r.example/a/b:1", false },
		{ IDENTITY_REPOSITORY, "r.example/a:1", "s.example/a:1", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct identity_rule rule = { .kind = cases[i].kind };

		note("%d %s %s", (int)cases[i].kind, cases[i].used, cases[i].name);
		if (cases[i].fits)
			assert_ok(check(&rule, cases[i].used, cases[i].name));
		else
			assert_error(check(&rule, cases[i].used, cases[i].name), ERR_DENIED,
					"it is signed as");
	}
}

static void compares_with_fixed_names(void **state)
{
	struct identity_rule exact = { .kind = IDENTITY_EXACT_REFERENCE,
		.name = (char[]){ "r.example/a:1" } };
	struct identity_rule repository = { .kind = IDENTITY_EXACT_REPOSITORY,
		.name = (char[]){ "r.example/a" } };
	struct identity_rule any = { .kind = IDENTITY_REPOSITORY };

	assert_ok(check(&exact, NULL, "r.example/a:1"));
	assert_ok(check(&exact, "other.example/x:3", "r.example/a:1"));
	assert_error(check(&exact, NULL, "r.example/a:2"), ERR_DENIED, "it is signed as");
	assert_ok(check(&repository, NULL, "r.example/a:9"));
	assert_error(check(&repository, NULL, "r.example/b:9"), ERR_DENIED, "it is signed as");
	assert_error(check(&any, NULL, "r.example/b:9"), ERR_DENIED, "comes from a file");
	assert_error(check(&any, "r.example/a", "No Name"), ERR_INVALID, "name in the signature");
}

static void maps(void **state)
{
	struct identity_rule rule = { .kind = IDENTITY_REMAP,
		.prefix = (char[]){ "mirror.example/hub" },
		.signed_prefix = (char[]){ "vendor.example" } };

	assert_ok(check(&rule, "mirror.example/hub/a:1", "vendor.example/a:1"));
	assert_error(check(&rule, "mirror.example/hub/a:1", "mirror.example/hub/a:1"), ERR_DENIED,
			"not as 'vendor.example/a:1'");
	assert_ok(check(&rule, "other.example/a:1", "other.example/a:1"));
	/* "hubs" does not begin with the folder "hub". */
	assert_ok(check(&rule, "mirror.example/hubs/a:1", "mirror.example/hubs/a:1"));
	/* A port makes another host, not a tag. */
	rule.prefix = (char[]){ "mirror.example" };
	assert_ok(check(&rule, "mirror.example/a:1", "vendor.example/a:1"));
	assert_ok(check(&rule, "mirror.example:5000/a:1", "mirror.example:5000/a:1"));
	assert_error(check(&rule, "mirror.example:5000/a:1", "vendor.example:5000/a:1"), ERR_DENIED,
			"not as");
}

UNIT_TESTS(compares, compares_with_fixed_names, maps)

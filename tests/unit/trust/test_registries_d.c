#include "scratch.h"
#include "trust/registries_d.h"

static void put(const char *dir, const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);

	assert_ok(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, false));
}

static const char *lookaside(const struct registries_d *rules, const char *scope, bool for_writing)
{
	AUTO(list) struct list scopes = { 0 };

	list_add(&scopes, scope);
	list_add(&scopes, "r.example");
	return registries_d_lookaside(rules, &scopes, for_writing);
}

static void reads(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(registries_d) struct registries_d rules = { 0 };
	AUTO(list) struct list scopes = { 0 };

	put(scratch.path, "1.yaml",
			"# how it is done here\ndefault-docker:\n  lookaside: file:///default/\n"
			"docker:\n  r.example/a: {lookaside: 'https://s.example/x', unknown: 1}\n"
			"  r.example:\n    sigstore: \"file:///old\"\n    lookaside-staging: "
			"file:///staging\n    use-sigstore-attachments: true\n");
	put(scratch.path, "2.yaml", "docker:\n");
	put(scratch.path, "README", "- no\n");
	assert_ok(registries_d_read(scratch.path, &rules));
	assert_string_equal(lookaside(&rules, "r.example/a", false), "https://s.example/x");
	assert_string_equal(lookaside(&rules, "r.example/a", true), "https://s.example/x");
	assert_string_equal(lookaside(&rules, "r.example/b", false), "file:///old");
	assert_string_equal(lookaside(&rules, "r.example/b", true), "file:///staging");
	list_add(&scopes, "r.example");
	assert_int_equal(registries_d_attachments(&rules, &scopes), ATTACHMENTS_YES);
	list_remove(&scopes, 0);
	assert_int_equal(registries_d_attachments(&rules, &scopes), ATTACHMENTS_UNSAID);
	assert_string_equal(registries_d_lookaside(&rules, &scopes, false), "file:///default");
}

static void refuses(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "docker: x\n", "1.yaml:1: 'x' does not belong there" },
		{ "- a\n", "1.yaml:1: lists and aliases" },
		{ "docker:\n  a:\n    lookaside: [x]\n", "1.yaml:3: lists and aliases" },
		{ "docker:\n  a:\n    lookaside: {b: c}\n", "1.yaml:3: a map where none belongs" },
		{ "docker:\n  a:\n    lookaside: ftp://x\n", "1.yaml:3: 'lookaside'" },
		{ "docker:\n  a:\n    use-sigstore-attachments: maybe\n",
				"neither true nor false" },
		{ "docker: &a\n  b: *a\n", "1.yaml" },
		{ "docker: {\n", "1.yaml" },
		{ "\tx\n", "1.yaml:1" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(scratch) struct scratch scratch = scratch_new();
		AUTO(registries_d) struct registries_d rules = { 0 };

		note("%s", cases[i].text);
		put(scratch.path, "1.yaml", cases[i].text);
		assert_error(registries_d_read(scratch.path, &rules), ERR_INVALID, cases[i].why);
	}
}

static void needs_no_folder(void **state)
{
	AUTO(registries_d) struct registries_d rules = { 0 };

	assert_ok(registries_d_read("/nowhere/registries.d", &rules));
	assert_int_equal(rules.rules.n, 0);
}

UNIT_TESTS(reads, refuses, needs_no_folder)

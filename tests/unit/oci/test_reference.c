#include "oci/reference.h"
#include "unit.h"

#define HEX    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DIGEST "@sha256:" HEX
#define A64    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A128   A64 A64
#define A61    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void completes(void **state)
{
	static const struct {
		const char *text, *full, *familiar;
	} cases[] = {
		{ "busybox", "docker.io/library/busybox:latest", "busybox:latest" },
		{ "busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36" },
		{ "docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest" },
		{ "index.docker.io/a/b", "docker.io/a/b:latest", "a/b:latest" },
		{ "docker.io/library/x/y", "docker.io/library/x/y:latest", "library/x/y:latest" },
		{ "user/app", "docker.io/user/app:latest", "user/app:latest" },
		{ "library/" HEX, "docker.io/library/" HEX ":latest", "library/" HEX ":latest" },
		{ "localhost/app", "localhost/app:latest", "localhost/app:latest" },
		{ "localhost:5000", "docker.io/library/localhost:5000", "localhost:5000" },
		{ "localhost:5000/a/b:1", "localhost:5000/a/b:1", "localhost:5000/a/b:1" },
		{ "r.example/x" DIGEST, "r.example/x" DIGEST, "r.example/x" DIGEST },
		{ "r.example/x:1" DIGEST, "r.example/x:1" DIGEST, "r.example/x:1" DIGEST },
		{ "x" DIGEST, "docker.io/library/x" DIGEST, "x" DIGEST },
		{ "HOST/x", "HOST/x:latest", "HOST/x:latest" },
		{ "[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest" },
		{ "127.0.0.1:5000/x:Y_z.-", "127.0.0.1:5000/x:Y_z.-", "127.0.0.1:5000/x:Y_z.-" },
		{ "a__b/c---d.e", "docker.io/a__b/c---d.e:latest", "a__b/c---d.e:latest" },
		{ "docker.io/localhost/x", "docker.io/localhost/x:latest",
				"docker.io/localhost/x:latest" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(reference) struct reference reference = { 0 }, again = { 0 };
		AUTO_FREE char *full = NULL, *familiar = NULL, *second = NULL;

		note("%s", cases[i].text);
		assert_ok(reference_parse(str_of(cases[i].text), &reference));
		full = reference_text(&reference);
		familiar = reference_familiar(&reference);
		assert_string_equal(full, cases[i].full);
		assert_string_equal(familiar, cases[i].familiar);
		assert_ok(reference_parse(str_of(familiar), &again));
		second = reference_text(&again);
		assert_string_equal(second, full);
	}
}

static void parts(void **state)
{
	AUTO(reference) struct reference reference = { 0 }, copy = { 0 };
	AUTO_FREE char *name = NULL;

	assert_ok(reference_parse(STR("localhost:5000/a/b:1" DIGEST), &reference));
	assert_string_equal(reference.host, "localhost:5000");
	assert_string_equal(reference.repository, "a/b");
	assert_string_equal(reference.tag, "1");
	assert_true(digest_known(&reference.digest));
	name = reference_name(&reference);
	assert_string_equal(name, "localhost:5000/a/b");
	reference_copy(&reference, &copy);
	assert_string_equal(copy.tag, "1");
	assert_true(copy.tag != reference.tag);
	AUTO(reference) struct reference by_digest = { 0 };
	assert_ok(reference_parse(STR("x" DIGEST), &by_digest));
	assert_null(by_digest.tag);
}

static void refuses(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "", "empty" },
		{ "Busybox", "upper-case" },
		{ "r.example/Foo/bar", "upper-case" },
		{ ":tag", "no repository" },
		{ DIGEST, "no repository" },
		{ "a:", "empty tag" },
		{ "a:-b", "tag with a character" },
		{ "a:b c", "tag with a character" },
		{ "a:" A128 "a", "128" },
		{ "a@sha256:12", "64 digits" },
		{ "a@md5:" HEX, "unknown algorithm" },
		{ "a@", "no algorithm" },
		{ "a" DIGEST "x", "64 digits" },
		{ HEX, "64 hexadecimal" },
		{ "/a", "empty part" },
		{ "a/", "empty part" },
		{ "a//b", "empty part" },
		{ "r.example/", "no repository" },
		{ "a..b", "repository that is not" },
		{ "-a", "repository that is not" },
		{ "a-", "repository that is not" },
		{ "a___b", "repository that is not" },
		{ "a/../b", "repository that is not" },
		{ "http://r/x", "bad registry host" },
		{ "r.example:99999/x", "bad registry host" },
		{ "r.example:/x", "bad registry host" },
		{ ".example/x", "bad registry host" },
		{ "-r.example/x", "bad registry host" },
		{ "user@r.example/x", "no algorithm" },
		{ "r_.example/x", "bad registry host" },
		{ "[::1/x:1", "bad registry host" },
		{ "\xc3\xa4", "repository that is not" },
		{ "r.example/" A128 "/" A128, "255" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(reference) struct reference reference = { 0 };

		note("'%.80s'", cases[i].text);
		assert_error(reference_parse(str_of(cases[i].text), &reference), ERR_INVALID,
				cases[i].why);
		assert_null(reference.host);
	}
	AUTO(reference) struct reference reference = { 0 };
	assert_error(reference_parse((struct str){ "a\0b", 3 }, &reference), ERR_INVALID, "NUL");
}

/* The longest that is allowed: 255 for the repository, 128 for the tag. */
static void lengths(void **state)
{
	AUTO(reference) struct reference reference = { 0 };

	assert_ok(reference_parse(
			STR("r.example/" A64 A64 "/" A64 "/" A61 ":" A64 A64), &reference));
	assert_int_equal(strlen(reference.repository), 255);
	assert_int_equal(strlen(reference.tag), 128);
}

static void knows_hosts(void **state)
{
	static const char *const with[] = { "r.example/a", "localhost/a", "r:5000/a/b:1",
		"[::1]:1/a", "HOST/a", "docker.io/a" DIGEST };
	static const char *const without[] = { "a", "a:1", "a" DIGEST, "team/a", "team/a:1",
		"local/a", "localhost", "localhost:5000", "localhosts/a", "a.b", "" };

	for (size_t i = 0; i < COUNT(with); i++) {
		note("%s", with[i]);
		assert_true(reference_has_host(str_of(with[i])));
	}
	for (size_t i = 0; i < COUNT(without); i++) {
		note("%s", without[i]);
		assert_false(reference_has_host(str_of(without[i])));
	}
}

UNIT_TESTS(completes, parts, refuses, lengths, knows_hosts)

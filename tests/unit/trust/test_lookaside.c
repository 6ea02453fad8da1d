#include "scratch.h"
#include "trust/lookaside.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void writes_and_reads(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(reference) struct reference reference = { 0 };
	AUTO(messages) struct messages none = { 0 }, both = { 0 };
	AUTO_FREE char *base = xasprintf("file://%s/sigs", scratch.path),
		       *second = xasprintf("%s/sigs/a/b@sha256=" HEX "/signature-2", scratch.path);
	struct digest digest;

	assert_ok(reference_parse(STR("r.example/a/b:1"), &reference));
	assert_ok(digest_parse(STR("sha256:" HEX), &digest));
	assert_ok(lookaside_read(NULL, base, &reference, &digest, &none));
	assert_int_equal(none.n, 0);
	assert_ok(lookaside_write(base, &reference, &digest, STR("one")));
	assert_ok(lookaside_write(base, &reference, &digest, STR("two\0three")));
	assert_int_equal(access(second, F_OK), 0);
	assert_ok(lookaside_read(NULL, base, &reference, &digest, &both));
	assert_int_equal(both.n, 2);
	assert_int_equal(both.p[1].n, 9);
	assert_error(lookaside_write("https://s.example", &reference, &digest, STR("x")),
			ERR_UNSUPPORTED, "cannot be written to 'https://s.example'");
	assert_error(lookaside_read(NULL, "https://s.example", &reference, &digest, &none),
			ERR_NOT_FOUND, "need the network");
}

UNIT_TESTS(writes_and_reads)

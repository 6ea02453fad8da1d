#include "base/limits.h"
#include "scratch.h"
#include "sys/xattrs.h"

static void keeps_a_sorted_list(void **state)
{
	AUTO(xattrs) struct xattrs a = { 0 };
	AUTO(xattrs) struct xattrs b = { 0 };

	xattrs_set(&a, "user.b", "2", 1);
	xattrs_set(&a, "user.a", "1", 1);
	xattrs_set(&a, "user.b", "two", 3);
	assert_int_equal(a.n, 2);
	assert_string_equal(a.p[0].name, "user.a");
	assert_memory_equal(xattrs_find(&a, "user.b")->value, "two", 3);
	assert_null(xattrs_find(&a, "user.c"));
	xattrs_set(&b, "user.b", "two", 3);
	assert_false(xattrs_equal(&a, &b));
	xattrs_set(&b, "user.a", "1", 1);
	assert_true(xattrs_equal(&a, &b));
	xattrs_set(&b, "user.a", "x", 1);
	assert_false(xattrs_equal(&a, &b));
}

static void reads_and_sets(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(xattrs) struct xattrs list = { 0 };
	AUTO(xattrs) struct xattrs of_link = { 0 };
	AUTO(xattrs) struct xattrs of_dir = { 0 };
	char large[2000];
	char buf[16];
	ssize_t n = 0;

	memset(large, 'x', sizeof(large));
	scratch_put(scratch.fd, "f", "");
	assert_int_equal(symlinkat("f", scratch.fd, "l"), 0);
	assert_ok(xattr_set(scratch.fd, "f", "user.zero", "", 0));
	assert_ok(xattr_set(scratch.fd, "f", "user.large", large, sizeof(large)));
	assert_ok(xattr_set(scratch.fd, "f", "user.bytes", "a\0b", 3));
	assert_ok(xattr_list(scratch.fd, "f", &list));
	assert_int_equal(list.n, 3);
	assert_string_equal(list.p[0].name, "user.bytes");
	assert_int_equal(list.p[0].n, 3);
	assert_int_equal(list.p[1].n, sizeof(large));
	assert_int_equal(list.p[2].n, 0);

	assert_ok(xattr_get(scratch.fd, "f", "user.bytes", buf, sizeof(buf), &n));
	assert_int_equal(n, 3);
	assert_ok(xattr_get(scratch.fd, "f", "user.none", buf, sizeof(buf), &n));
	assert_int_equal(n, -1);
	assert_error(xattr_get(scratch.fd, "f", "user.large", buf, sizeof(buf), &n), ERR_LIMIT,
			"'user.large' is too long");
	assert_ok(xattr_remove(scratch.fd, "f", "user.bytes"));
	assert_ok(xattr_remove(scratch.fd, "f", "user.bytes"));

	/* A link is not followed. */
	assert_ok(xattr_list(scratch.fd, "l", &of_link));
	assert_int_equal(of_link.n, 0);
	assert_error(xattr_set(scratch.fd, "l", "user.x", "", 0), ERR_SYS, "not permitted");
	/* "" is the directory. */
	assert_ok(xattr_set(scratch.fd, "", "user.dir", "1", 1));
	assert_ok(xattr_list_fd(scratch.fd, &of_dir));
	assert_int_equal(of_dir.n, 1);
}

UNIT_TESTS(keeps_a_sorted_list, reads_and_sets)

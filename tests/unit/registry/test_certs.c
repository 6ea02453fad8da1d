#include "registry/certs.h"
#include "scratch.h"

static void put(const char *dir, const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);

	assert_ok(file_make_dirs(dir, 0755));
	assert_ok(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, false));
}

static void finds(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *first = xasprintf("%s/1", scratch.path),
		       *second = xasprintf("%s/2", scratch.path),
		       *folder = xasprintf("%s/2/r.example:5000", scratch.path),
		       *cert = xasprintf("%s/a.cert", folder), *key = xasprintf("%s/a.key", folder);
	AUTO(list) struct list dirs = { 0 };
	AUTO(certs) struct certs certs = { 0 }, none = { 0 };

	list_add(&dirs, first);
	list_add(&dirs, second);
	put(folder, "b.crt", "B");
	put(folder, "a.crt", "A");
	put(folder, "a.cert", "");
	put(folder, "a.key", "");
	put(folder, "README", "x");
	assert_ok(certs_find(&dirs, "r.example:5000", &certs));
	assert_string_equal(certs.authorities, "A\nB\n");
	assert_string_equal(certs.client_cert, cert);
	assert_string_equal(certs.client_key, key);
	assert_ok(certs_find(&dirs, "r.example", &none));
	assert_null(none.authorities);
	put(folder, "c.key", "");
	assert_error(certs_find(&dirs, "r.example:5000", &none), ERR_INVALID, "no 'c.cert'");
}

UNIT_TESTS(finds)

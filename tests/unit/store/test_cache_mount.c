#include "store/cache_mount.h"
#include "store/store_test.h"

/* A second store is a second process as far as locks go. */
static void locks_and_keeps(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root), *other = test_open(root);
	AUTO_FREE char *path = cache_mount_path(store, "/c", "0:0:755", 0);
	AUTO_FREE char *second = cache_mount_path(store, "/c", "0:0:755", 1);
	AUTO(cache_mount) struct cache_mount one = { .tree_fd = -1 };
	AUTO(cache_mount) struct cache_mount two = { .tree_fd = -1 };
	struct layer_draft draft = { .tree_fd = -1 };

	assert_string_not_equal(path, second);
	assert_ok(cache_mount_take(store, path, "/c", false, false, NULL, &one));
	assert_int_equal(one.tree_fd, -1);
	assert_error(cache_mount_take(other, path, "/c", true, false, NULL, &two), ERR_BUSY, "");
	assert_ok(cache_mount_take(other, path, "/c", false, false, NULL, &two));

	note("both make it: the first one's is kept");
	assert_ok(layer_begin(store, &draft));
	assert_int_equal(mkdirat(draft.tree_fd, "first", 0755), 0);
	assert_ok(cache_mount_make(&one, &draft));
	assert_ok(layer_begin(other, &draft));
	assert_ok(cache_mount_make(&two, &draft));
	assert_int_equal(faccessat(two.tree_fd, "first", F_OK, 0), 0);

	note("prune leaves what is locked, and takes it later");
	struct prune_options all = { .all = true };
	struct prune_report report = { 0 };
	assert_ok(store_prune(other, &all, &report));
	assert_int_equal(report.freed[PRUNE_MOUNTS].things, 0);
	cache_mount_done(&one);
	cache_mount_done(&two);
	AUTO(cache_mount_list) struct cache_mount_list list = { 0 };
	assert_ok(cache_mounts_list(store, &list));
	assert_int_equal(list.n, 1);
	assert_string_equal(list.p[0].id, "/c");
	assert_ok(store_prune(other, &all, &report));
	assert_int_equal(report.freed[PRUNE_MOUNTS].things, 1);
	assert_ok(cache_mount_take(store, path, "/c", true, false, NULL, &one));
	assert_int_equal(one.tree_fd, -1);
	cache_mount_done(&one);
	store_close(other);
	store_close(store);
	test_root_remove(root);
}

UNIT_TESTS(locks_and_keeps)

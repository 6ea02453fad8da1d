/* layer_drop, store_gc, store_disk: what goes at once, by itself, and what is told of it. */
#include "store/layer_drop.h"
#include "store/store_test.h"

static bool is_there(struct store *store, const char *id)
{
	AUTO(layer_record) struct layer_record record = { 0 };
	struct error *error = layer_get(store, id, NULL, &record);
	bool there = !error;

	error_free(error);
	return there;
}

static void drops_what_nobody_knows(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root), *other = NULL;
	struct layer_facts none = { 0 }, known = { .diff_id = test_digest("diff") };
	struct cache_record record = { .kind = CACHE_LAYER };
	struct digest key = test_digest("key");
	char free_id[LAYER_ID_TEXT], known_id[LAYER_ID_TEXT];

	test_layer(store, "a", &none, free_id);
	test_layer(store, "b", &none, record.layer);
	test_layer(store, "c", &known, known_id);
	assert_ok(cache_put(store, &key, &record));
	assert_ok(layer_drop(store, record.layer, true));
	assert_ok(layer_drop(store, known_id, true));
	assert_ok(layer_drop(store, "0123456789abcdef", true));
	assert_ok(layer_drop(store, "../../etc", true));
	assert_true(is_there(store, record.layer));
	assert_true(is_there(store, known_id));
	/* Another process looks at it. */
	other = test_open(root);
	assert_true(is_there(other, free_id));
	assert_ok(layer_drop(store, free_id, false));
	assert_true(is_there(store, free_id));
	store_close(other);
	assert_ok(layer_drop(store, free_id, true));
	assert_false(is_there(store, free_id));
	assert_int_equal(test_check(store), 0);
	store_close(store);
	test_root_remove(root);
}

static void gc_runs_over_a_bound_alone(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct gc_bounds none = { 0 }, large = { .max_bytes = 1 << 30, .free_bytes = 1 },
			 small = { .max_bytes = 1 },
			 young = { .max_bytes = 1, .keep_seconds = 3600 };
	struct prune_report report = { 0 };
	struct digest blob = test_put(store, "a blob of nobody");
	bool ran = true, here = false;

	store_close(store);
	store = test_open(root);
	assert_ok(store_gc(store, &none, &ran, &report));
	assert_false(ran);
	assert_ok(store_gc(store, &large, &ran, &report));
	assert_false(ran);
	assert_ok(store_gc(store, &young, &ran, &report));
	assert_true(ran);
	assert_int_equal(report.bytes, 0);
	assert_ok(store_gc(store, &small, &ran, &report));
	assert_true(ran);
	assert_int_equal(report.freed[PRUNE_BLOBS].things, 1);
	assert_ok(blob_has(store, &blob, &here, NULL));
	assert_false(here);
	store_close(store);
	test_root_remove(root);
}

UNIT_TESTS(drops_what_nobody_knows, gc_runs_over_a_bound_alone)

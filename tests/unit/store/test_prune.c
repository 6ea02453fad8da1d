#include "store/inside.h"
#include "store/store_test.h"

#include "stream/codec.h"

static struct prune_report prune_as(
		const char *root, const char *boot, const struct prune_options *options)
{
	struct store *store = test_open_as(root, boot, false);
	struct prune_report report = { 0 };

	assert_ok(store_prune(store, options, &report));
	assert_int_equal(test_check(store), 0);
	store_close(store);
	return report;
}

static struct prune_report prune(const char *root, const struct prune_options *options)
{
	return prune_as(root, TEST_BOOT, options);
}

/* A cached layer, with a tree and a blob of so many bytes (0: no blob). */
static void cached(struct store *store, const char *name, size_t blob_bytes)
{
	struct layer_facts facts = { .diff_id = test_digest(name) };
	struct digest key = test_digest(name);
	struct cache_record record = { .kind = CACHE_LAYER };

	test_layer(store, name, &facts, record.layer);
	assert_ok(cache_put(store, &key, &record));
	if (!blob_bytes)
		return;
	char *bytes = xcalloc(1, blob_bytes);
	struct layer_blob blob = { .bytes = blob_bytes, .compression = COMPRESSION_GZIP };

	(void)snprintf(bytes, blob_bytes, "%s", name);
	assert_ok(blob_put(store, bytes, blob_bytes, &blob.digest));
	assert_ok(layer_add_blob(store, &facts.diff_id, &blob));
	free(bytes);
}

static bool hits(const char *root, const char *name)
{
	struct store *store = test_open(root);
	struct digest key = test_digest(name);
	struct cache_record record = { 0 };
	bool found = false;

	assert_ok(cache_get(store, &key, &found, &record));
	cache_record_done(&record);
	store_close(store);
	return found;
}

static void leaves_what_is_in_use(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest blob = test_put(store, "blob");
	struct layer_facts facts = { .diff_id = test_digest("diff") };
	struct prune_options options = { .all = true };
	struct layer_record layer = { 0 };
	char id[LAYER_ID_TEXT];

	test_layer(store, "x", &facts, id);
	note("made by a living process");
	assert_int_equal(prune(root, &options).bytes, 0);
	assert_true(test_has(store, &blob));
	store_close(store);

	note("looked up by a living process");
	store = test_open(root);
	assert_true(test_has(store, &blob));
	assert_ok(layer_find_by_diff_id(store, &facts.diff_id, NULL, &layer));
	assert_int_equal(prune(root, &options).bytes, 0);
	char *file = xasprintf("%s/%s/file", root, layer.dir);
	assert_int_equal(access(file, R_OK), 0);
	layer_record_done(&layer);
	store_close(store);

	note("in nobody's use");
	struct prune_report report = prune(root, &options);
	assert_true(report.bytes > 4);
	assert_int_equal(access(file, R_OK), -1);
	assert_int_equal(test_count_dir(root, "layers"), 0);
	assert_int_equal(test_count_dir(root, "blobs/sha256"), 0);
	free(file);
	test_root_remove(root);
}

static void keeps_images(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest tagged = test_image(store, "tagged"), untagged = test_image(store, "un");
	struct prune_options all = { .all = true }, plain = { 0 };
	struct prune_options named = { .kinds = 1u << PRUNE_TAGGED };
	struct tag_record record = { 0 };

	assert_ok(tag_put(store, "app", &tagged, NULL));
	assert_ok(tag_put(store, NULL, &untagged, NULL));
	store_close(store);
	struct prune_report report = prune(root, &plain);
	assert_int_equal(report.freed[PRUNE_UNTAGGED].things, 1);
	assert_int_equal(report.freed[PRUNE_BLOBS].things, 3);
	assert_int_equal(prune(root, &all).bytes, 0);
	store = test_open(root);
	assert_ok(tag_get(store, "app", &record));
	tag_record_done(&record);
	assert_true(test_has(store, &tagged));
	assert_false(test_has(store, &untagged));
	store_close(store);
	report = prune(root, &named);
	assert_int_equal(report.freed[PRUNE_TAGGED].things, 1);
	assert_int_equal(test_count_dir(root, "blobs/sha256"), 0);
	test_root_remove(root);
}

static void frees_the_cheapest_first(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct prune_options trees = { .kinds = 1u << PRUNE_TREES };
	struct prune_options cache = { .kinds = 1u << PRUNE_CACHE };

	cached(store, "with blob", 1000);
	cached(store, "only tree", 0);
	struct digest elsewhere = test_put(store, "a registry has it");
	assert_ok(blob_add_location(store, &elsewhere, "localhost:5000/a"));
	store_close(store);

	note("a dry run counts the same and changes nothing");
	trees.dry_run = true;
	struct prune_report dry = prune(root, &trees);
	assert_int_equal(test_count_dir(root, "layers"), 2);
	trees.dry_run = false;
	struct prune_report report = prune(root, &trees);
	assert_memory_equal(&dry, &report, sizeof(dry));
	assert_int_equal(report.freed[PRUNE_TREES].things, 1);
	assert_int_equal(test_count_dir(root, "layers"), 1);
	assert_true(hits(root, "with blob"));
	assert_true(hits(root, "only tree"));

	note("enough is enough");
	struct prune_options some = { .keep_bytes = report.kept_bytes - 1 };
	report = prune(root, &some);
	assert_int_equal(report.freed[PRUNE_REMOTE].things, 1);
	assert_int_equal(report.freed[PRUNE_CACHE].things, 0);
	assert_true(hits(root, "with blob"));

	report = prune(root, &cache);
	assert_true(report.freed[PRUNE_CACHE].bytes >= 1000);
	assert_false(hits(root, "with blob"));
	assert_int_equal(test_count_dir(root, "blobs/sha256"), 0);
	assert_int_equal(test_count_dir(root, "layers"), 0);
	test_root_remove(root);
}

static void minds_the_age(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct prune_options old = { .older_than_seconds = 3600 };

	cached(store, "new", 100);
	store_close(store);
	assert_int_equal(prune(root, &old).bytes, 0);
	assert_true(hits(root, "new"));
	test_root_remove(root);
}

static void removes_duplicates(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct layer_facts facts = { .diff_id = test_digest("diff") }, none = { 0 };
	struct prune_options plain = { .kinds = 1u << PRUNE_DUPLICATES };
	struct digest key = test_digest("key");
	struct cache_record record = { .kind = CACHE_LAYER };
	char first[LAYER_ID_TEXT];

	test_layer(store, "same", &facts, first);
	test_layer(store, "same", &none, record.layer);
	assert_ok(layer_set_diff_id(store, record.layer, &facts.diff_id, 10));
	assert_ok(cache_put(store, &key, &record));
	store_close(store);
	assert_int_equal(prune(root, &plain).freed[PRUNE_DUPLICATES].things, 1);
	assert_int_equal(test_count_dir(root, "layers"), 1);
	assert_true(hits(root, "key"));
	test_root_remove(root);
}

static void clears_leftovers(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct prune_options plain = { 0 };
	static const char *const dirs[] = { "layers/00112233445566ff/etc", "tmp/0011/1/upper" };
	static const char *const files[] = {
		"blobs/sha256/00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
		"blobs/sha256/junk", ".index.json.0123456789abcdef", "digests/.x.0123",
		"locks/00112233", "layers/00112233445566ff/etc/passwd"
	};

	store_close(store);
	for (size_t i = 0; i < COUNT(dirs); i++) {
		char *path = xasprintf("%s/%s", root, dirs[i]);
		assert_ok(file_make_dirs(path, 0700));
		free(path);
	}
	for (size_t i = 0; i < COUNT(files); i++) {
		char *path = xasprintf("%s/%s", root, files[i]);
		assert_ok(file_write_atomic(AT_FDCWD, path, "x", 1, 0644, false));
		free(path);
	}
	struct prune_report report = prune(root, &plain);
	assert_int_equal(report.freed[PRUNE_LEFTOVERS].things, 5);
	assert_int_equal(report.kept_bytes, 0);
	for (size_t i = 0; i < COUNT(files); i++) {
		char *path = xasprintf("%s/%s", root, files[i]);
		assert_int_equal(access(path, F_OK), -1);
		free(path);
	}
	assert_int_equal(test_count_dir(root, "tmp"), 0);
	test_root_remove(root);
}

/* A damaged row, or one that somebody wrote, names a place that is no layer's. */
static void removes_nothing_outside(void **state)
{
	static const char *const places[] = { "victim", "layers/victim" };
	static const char *const ids[] = { "../victim", "victim", "../layers/victim", "..", "" };
	const struct prune_options everything = { .all = true };

	for (size_t i = 0; i < COUNT(ids); i++) {
		char *root = test_root();
		struct store *store = test_open(root);
		struct prune_report report = { 0 };

		note("'%s'", ids[i]);
		cached(store, "a", 0);
		assert_ok(db_run(store->db, "UPDATE layer SET id = ?", "t", ids[i]));
		for (size_t k = 0; k < COUNT(places); k++)
			assert_int_equal(mkdirat(store->fd, places[k], 0700), 0);
		store_close(store);
		store = test_open(root);
		assert_ok(store_prune(store, &everything, &report));
		assert_int_equal(faccessat(store->fd, "victim", F_OK, 0), 0);
		assert_int_equal(faccessat(store->fd, "layers", F_OK, 0), 0);
		store_close(store);
		test_root_remove(root);
	}
}

static void sums_up(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest image = test_image(store, "layer");
	struct store_usage usage = { 0 };

	assert_ok(tag_put(store, "app", &image, NULL));
	cached(store, "step", 5000);
	store_close(store);
	store = test_open(root);
	assert_ok(store_usage(store, &usage));
	assert_int_equal(usage.images.things, 1);
	assert_int_equal(usage.blobs.things, 4);
	assert_int_equal(usage.trees.things, 1);
	assert_true(usage.trees.bytes > 0);
	assert_int_equal(usage.cache.things, 1);
	assert_int_equal(usage.reclaimable_bytes, usage.trees.bytes + 5000);
	assert_true(usage.bytes > usage.reclaimable_bytes);
	for (int kind = 0; kind < PRUNE_KINDS; kind++)
		assert_non_null(prune_kind_name((enum prune_kind)kind));
	store_close(store);
	test_root_remove(root);
}

UNIT_TESTS(leaves_what_is_in_use, removes_nothing_outside, keeps_images, frees_the_cheapest_first,
		minds_the_age, removes_duplicates, clears_leftovers, sums_up)

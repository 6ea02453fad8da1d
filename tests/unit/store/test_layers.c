#include "store/store_test.h"

#include "stream/codec.h"

static void commits_and_finds(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct layer_facts facts = { .diff_id = test_digest("diff"),
		.content = test_digest("content"),
		.tar_bytes = 10240 };
	struct layer_record record = { 0 };
	char id[LAYER_ID_TEXT], *text = NULL;

	test_layer(store, "hello", &facts, id);
	assert_ok(layer_find_by_diff_id(store, &facts.diff_id, NULL, &record));
	assert_string_equal(record.id, id);
	assert_int_equal(record.tar_bytes, 10240);
	assert_true(digest_equal(&record.content, &facts.content));
	assert_non_null(record.dir);
	char *file = xasprintf("%s/file", record.dir);
	assert_ok(file_read(store_dir_fd(store), file, 100, &text, NULL));
	assert_string_equal(text, "hello");
	struct stat st;
	assert_int_equal(fstatat(store_dir_fd(store), record.dir, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	layer_record_done(&record);
	free(text);
	free(file);

	struct digest other = test_digest("other");
	assert_error(layer_find_by_diff_id(store, &other, NULL, &record), ERR_NOT_FOUND,
			"no layer with diffID");
	assert_error(layer_get(store, "0123456789abcdef", NULL, &record), ERR_NOT_FOUND, "layer '");
	assert_int_equal(test_check(store), 0);
	store_close(store);
	assert_int_equal(test_count_dir(root, "tmp"), 0);
	test_root_remove(root);
}

static void keeps_one_of_two(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct layer_facts facts = { .diff_id = test_digest("diff") };
	char first[LAYER_ID_TEXT], second[LAYER_ID_TEXT];

	test_layer(store, "hello", &facts, first);
	test_layer(store, "hello", &facts, second);
	assert_string_equal(first, second);
	assert_int_equal(test_count_dir(root, "layers"), 1);
	store_close(store);
	test_root_remove(root);
}

static void learns_facts_later(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct layer_facts none = { 0 };
	struct layer_record record = { 0 };
	struct digest diff_id = test_digest("diff"), toc = test_digest("toc");
	struct layer_blob blob = { test_put(store, "compressed"), 10, COMPRESSION_GZIP,
		CODEC_LEVEL_DEFAULT, false };
	struct layer_blob elsewhere = { test_digest("zstd"), 9, COMPRESSION_ZSTD, 3, false };
	char id[LAYER_ID_TEXT];

	test_layer(store, "run", &none, id);
	assert_ok(layer_get(store, id, NULL, &record));
	assert_false(digest_known(&record.diff_id));
	assert_int_equal(record.blobs.n, 0);
	layer_record_done(&record);
	assert_ok(layer_set_diff_id(store, id, &diff_id, 512));
	assert_ok(layer_set_toc(store, id, &toc));
	assert_ok(layer_set_content(store, id, &toc));
	assert_ok(layer_add_blob(store, &diff_id, &blob));
	assert_ok(layer_add_blob(store, &diff_id, &elsewhere));
	assert_ok(layer_find_by_blob(store, &blob.digest, NULL, &record));
	assert_string_equal(record.id, id);
	assert_int_equal(record.blobs.n, 2);
	assert_true(record.blobs.p[0].here);
	assert_int_equal(record.blobs.p[0].compression, COMPRESSION_GZIP);
	assert_int_equal(record.blobs.p[0].level, CODEC_LEVEL_DEFAULT);
	assert_false(record.blobs.p[1].here);
	assert_true(digest_equal(&record.toc, &toc));
	layer_record_done(&record);
	assert_error(layer_set_toc(store, "0123456789abcdef", &toc), ERR_NOT_FOUND, "layer '");
	store_close(store);
	test_root_remove(root);
}

static void goes_without_a_tree(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct layer_facts facts = { .diff_id = test_digest("diff") }, none = { 0 };
	struct layer_record record = { 0 };
	char id[LAYER_ID_TEXT], again[LAYER_ID_TEXT];

	assert_error(layer_add(store, &none, id), ERR_INVALID, "neither tree nor diffID");
	assert_ok(layer_add(store, &facts, id));
	assert_ok(layer_add(store, &facts, again));
	assert_string_equal(id, again);
	assert_ok(layer_get(store, id, NULL, &record));
	assert_null(record.dir);
	layer_record_done(&record);
	note("a tree that comes later joins the same layer");
	test_layer(store, "x", &facts, again);
	assert_string_equal(id, again);
	assert_ok(layer_get(store, id, NULL, &record));
	assert_non_null(record.dir);
	layer_record_done(&record);
	store_close(store);
	test_root_remove(root);
}

static void drops_drafts(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct layer_draft draft = { 0 }, empty = { 0 };

	layer_draft_done(&empty);
	assert_ok(layer_begin(store, &draft));
	test_fill(&draft, "x");
	layer_draft_done(&draft);
	layer_draft_done(&draft);
	store_close(store);
	assert_int_equal(test_count_dir(root, "tmp"), 0);
	assert_int_equal(test_count_dir(root, "layers"), 0);
	test_root_remove(root);
}

static void serves_chains_and_owners(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest diff_id = test_digest("diff"), chain = test_digest("chain");
	struct digest other = test_digest("other chain");
	struct layer_facts bound = { .diff_id = diff_id, .chain = chain };
	struct layer_facts alone = { .diff_id = diff_id };
	struct layer_record record = { 0 };
	char first[LAYER_ID_TEXT], second[LAYER_ID_TEXT];

	test_layer(store, "on a chain", &bound, first);
	assert_ok(layer_find_by_diff_id(store, &diff_id, &chain, &record));
	assert_non_null(record.dir);
	layer_record_done(&record);
	assert_ok(layer_find_by_diff_id(store, &diff_id, &other, &record));
	assert_null(record.dir);
	layer_record_done(&record);
	assert_ok(layer_find_by_diff_id(store, &diff_id, NULL, &record));
	assert_null(record.dir);
	layer_record_done(&record);

	note("a tree that stands alone is another tree");
	test_layer(store, "alone", &alone, second);
	assert_string_not_equal(first, second);
	assert_ok(layer_find_by_diff_id(store, &diff_id, NULL, &record));
	assert_string_equal(record.id, second);
	layer_record_done(&record);
	store_close(store);

	note("another owner policy sees neither");
	struct store_settings settings = {
		.root = root, .boot_id = TEST_BOOT, .owner = { OWNER_SHIFTED, 100000, 65536 }
	};
	assert_ok(store_open(&settings, &store));
	assert_ok(layer_find_by_diff_id(store, &diff_id, &chain, &record));
	assert_null(record.dir);
	layer_record_done(&record);
	test_layer(store, "shifted", &alone, first);
	assert_ok(layer_find_by_diff_id(store, &diff_id, NULL, &record));
	assert_string_equal(record.id, first);
	assert_non_null(record.dir);
	layer_record_done(&record);
	assert_int_equal(test_check(store), 0);
	store_close(store);
	test_root_remove(root);
}

static void doubts_trees_of_an_earlier_boot(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct layer_facts first = { .diff_id = test_digest("1") };
	struct layer_facts second = { .diff_id = test_digest("2") };
	struct layer_record record = { 0 };
	struct prune_options options = { 0 };
	struct prune_report report = { 0 };
	char id[LAYER_ID_TEXT];

	test_layer(store, "synced", &first, id);
	assert_ok(store_sync(store));
	test_layer(store, "not synced", &second, id);
	store_close(store);
	store = test_open_as(root, "boot-2", false);
	assert_ok(layer_find_by_diff_id(store, &first.diff_id, NULL, &record));
	assert_non_null(record.dir);
	layer_record_done(&record);
	assert_ok(layer_find_by_diff_id(store, &second.diff_id, NULL, &record));
	assert_null(record.dir);
	layer_record_done(&record);
	test_layer(store, "again", &second, id);
	assert_ok(layer_find_by_diff_id(store, &second.diff_id, NULL, &record));
	assert_string_equal(record.id, id);
	assert_non_null(record.dir);
	layer_record_done(&record);
	store_close(store);

	note("prune removes the one that nobody believes");
	store = test_open_as(root, "boot-2", false);
	assert_int_equal(test_count_dir(root, "layers"), 3);
	options.kinds = 1u << PRUNE_LEFTOVERS;
	assert_ok(store_prune(store, &options, &report));
	assert_int_equal(report.freed[PRUNE_LEFTOVERS].things, 1);
	assert_int_equal(test_count_dir(root, "layers"), 2);
	assert_int_equal(test_check(store), 0);
	store_close(store);
	test_root_remove(root);
}

/* Cache. */

static void put_record(struct store *store, const char *key, const char *layer, const char *slot,
		const char *ingredients)
{
	struct digest digest = test_digest(key);
	char *slot_copy = xstrdup(slot), *ingredients_copy = xstrdup(ingredients);
	struct cache_record record = { .kind = layer ? CACHE_LAYER : CACHE_EMPTY,
		.content = test_digest("content"),
		.slot = slot_copy,
		.ingredients = ingredients_copy };

	if (layer)
		(void)snprintf(record.layer, sizeof(record.layer), "%s", layer);
	assert_ok(cache_put(store, &digest, &record));
	cache_record_done(&record);
}

static bool get_record(struct store *store, const char *key, struct cache_record *ret)
{
	struct digest digest = test_digest(key);
	bool found = false;

	assert_ok(cache_get(store, &digest, &found, ret));
	return found;
}

static void remembers_steps(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct layer_facts facts = { .diff_id = test_digest("diff") };
	struct cache_record record = { 0 };
	char id[LAYER_ID_TEXT];
	bool found = false;

	test_layer(store, "x", &facts, id);
	assert_false(get_record(store, "key", &record));
	put_record(store, "key", id, "slot", "{\"a\":1}");
	put_record(store, "empty", NULL, "slot", "{\"a\":2}");
	assert_true(get_record(store, "key", &record));
	assert_string_equal(record.layer, id);
	assert_true(digest_equal(&record.diff_id, &facts.diff_id));
	assert_string_equal(record.ingredients, "{\"a\":1}");
	assert_in_range(record.created, clock_now_seconds() - 60, clock_now_seconds());
	cache_record_done(&record);
	assert_true(get_record(store, "empty", &record));
	assert_int_equal(record.kind, CACHE_EMPTY);
	cache_record_done(&record);

	note("the newest record of a key and of a slot");
	put_record(store, "key", NULL, "slot", "{\"a\":3}");
	assert_true(get_record(store, "key", &record));
	assert_int_equal(record.kind, CACHE_EMPTY);
	cache_record_done(&record);
	struct digest key;
	assert_ok(cache_last(store, "slot", &found, &key, &record));
	assert_true(found);
	assert_string_equal(record.ingredients, "{\"a\":3}");
	cache_record_done(&record);
	assert_ok(cache_last(store, "no slot", &found, &key, &record));
	assert_false(found);

	struct digest definition = test_digest("definition");
	assert_ok(definition_seen(store, &definition, &found));
	assert_false(found);
	assert_ok(definition_mark(store, &definition));
	assert_ok(definition_mark(store, &definition));
	assert_ok(definition_seen(store, &definition, &found));
	assert_true(found);
	store_close(store);
	test_root_remove(root);
}

static void misses_what_is_gone(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct layer_facts facts = { .diff_id = test_digest("diff") }, none = { 0 };
	struct layer_facts blobless = { .diff_id = test_digest("no blob, no tree") };
	struct cache_record record = { 0 };
	struct layer_record layer = { 0 };
	char id[LAYER_ID_TEXT], unnamed[LAYER_ID_TEXT], bare[LAYER_ID_TEXT];

	test_layer(store, "x", &facts, id);
	test_layer(store, "y", &none, unnamed);
	assert_ok(layer_add(store, &blobless, bare));
	put_record(store, "a", id, NULL, NULL);
	put_record(store, "b", unnamed, NULL, NULL);
	put_record(store, "c", "0123456789abcdef", NULL, NULL);
	put_record(store, "d", bare, NULL, NULL);
	assert_false(get_record(store, "c", &record));
	assert_false(get_record(store, "d", &record));
	store_close(store);

	note("after a crash of the machine, trees are gone; a blob serves as well");
	store = test_open_as(root, "boot-2", false);
	assert_false(get_record(store, "b", &record));
	struct layer_blob blob = { test_put(store, "blob"), 4, COMPRESSION_GZIP, 1, false };
	assert_ok(layer_add_blob(store, &facts.diff_id, &blob));
	assert_true(get_record(store, "a", &record));
	assert_string_equal(record.layer, id);
	cache_record_done(&record);

	note("another layer of the diffID takes its place");
	test_layer(store, "x", &facts, unnamed);
	assert_string_not_equal(id, unnamed);
	assert_true(get_record(store, "a", &record));
	assert_string_equal(record.layer, unnamed);
	cache_record_done(&record);
	assert_ok(layer_get(store, record.layer, NULL, &layer));
	assert_non_null(layer.dir);
	layer_record_done(&layer);

	note("someone removed the directory");
	char *dir = xasprintf("%s/layers/%s", root, unnamed);
	assert_ok(file_remove_tree(AT_FDCWD, dir));
	assert_ok(blob_drop(store, &blob.digest));
	assert_false(get_record(store, "a", &record));
	free(dir);
	store_close(store);
	test_root_remove(root);
}

UNIT_TESTS(commits_and_finds, keeps_one_of_two, learns_facts_later, goes_without_a_tree,
		drops_drafts, serves_chains_and_owners, doubts_trees_of_an_earlier_boot,
		remembers_steps, misses_what_is_gone)

#include "store/store_test.h"

static char *index_json(const char *root)
{
	char *path = xasprintf("%s/index.json", root), *text = NULL;

	assert_ok(file_read(AT_FDCWD, path, 1 << 20, &text, NULL));
	free(path);
	return text;
}

static size_t entries(const char *root)
{
	AUTO_FREE char *text = index_json(root);
	struct image_index index = { 0 };

	assert_ok(image_index_parse(str_of(text), NULL, &index));
	size_t n = index.manifests.n;
	image_index_done(&index);
	return n;
}

static void names_images(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest one = test_image(store, "one"), two = test_image(store, "two");
	struct tag_record record = { 0 };
	struct tag_list list = { 0 };
	struct list names = { 0 };

	assert_ok(tag_put(store, "r.example/app:1", &one, MEDIA_OCI_MANIFEST));
	assert_ok(tag_put(store, "r.example/app:latest", &one, NULL));
	assert_ok(tag_put(store, NULL, &two, NULL));
	assert_ok(tag_get(store, "r.example/app:1", &record));
	assert_true(digest_equal(&record.manifest, &one));
	assert_string_equal(record.media_type, MEDIA_OCI_MANIFEST);
	assert_true(digest_known(&record.config));
	assert_true(record.bytes > 3);
	tag_record_done(&record);
	assert_ok(tag_list(store, &list));
	assert_int_equal(list.n, 3);
	assert_null(list.p[2].name);
	tag_list_done(&list);
	assert_ok(tag_names(store, &one, &names));
	assert_int_equal(names.n, 2);
	list_done(&names);
	assert_int_equal(entries(root), 3);
	assert_int_equal(test_check(store), 0);

	note("a name moves");
	assert_ok(tag_put(store, "r.example/app:1", &two, NULL));
	assert_ok(tag_get(store, "r.example/app:1", &record));
	assert_true(digest_equal(&record.manifest, &two));
	tag_record_done(&record);
	assert_int_equal(entries(root), 2);

	note("and goes");
	assert_ok(tag_remove(store, "r.example/app:1"));
	assert_error(tag_remove(store, "r.example/app:1"), ERR_NOT_FOUND, "'r.example/app:1'");
	assert_error(tag_get(store, "r.example/app:1", &record), ERR_NOT_FOUND, "is not in the");
	assert_ok(tag_drop_image(store, &one));
	assert_error(tag_drop_image(store, &one), ERR_NOT_FOUND, "is not in the store");
	assert_int_equal(entries(root), 1);
	assert_int_equal(test_check(store), 0);
	store_close(store);
	test_root_remove(root);
}

static void finds_by_digits(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest one = test_image(store, "one"), two = test_image(store, "two");
	struct tag_record record = { 0 };
	char text[DIGEST_TEXT];

	assert_ok(tag_put(store, "a", &one, NULL));
	assert_ok(tag_put(store, "b", &one, NULL));
	assert_ok(tag_put(store, NULL, &two, NULL));
	assert_ok(tag_find(store, digest_text(&one, text), &record));
	assert_non_null(record.name);
	digest_text(&record.config, text);
	tag_record_done(&record);
	text[7 + 12] = '\0';
	assert_ok(tag_find(store, text + 7, &record)); /* 12 digits of the config */
	assert_true(digest_equal(&record.manifest, &one));
	tag_record_done(&record);
	assert_ok(tag_find(store, digest_text(&two, text), &record));
	assert_null(record.name);
	tag_record_done(&record);
	static const char *const none[] = { "abc", "sha256:", "ABCDEF", "zzzz", "a/b:1", "" };
	for (size_t i = 0; i < COUNT(none); i++)
		assert_error(tag_find(store, none[i], &record), ERR_NOT_FOUND, "is not in the");
	store_close(store);
	test_root_remove(root);
}

static void refuses_what_is_no_image(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest text = test_put(store, "not json"), absent = test_digest("absent");
	struct digest json = test_put(store, "{\"schemaVersion\":2}");
	struct digest image = test_image(store, "layer");

	assert_error(tag_put(store, "a", &absent, NULL), ERR_NOT_FOUND, "keep image 'a': blob '");
	assert_error(tag_put(store, "a", &text, NULL), ERR_INVALID, "keep image 'a'");
	assert_error(tag_put(store, "a", &json, NULL), ERR_INVALID, "keep image 'a'");
	assert_int_equal(entries(root), 0);

	note("an image without its config");
	assert_ok(tag_put(store, NULL, &image, NULL));
	struct tag_record record = { 0 };
	char digits[DIGEST_TEXT];
	assert_ok(tag_find(store, digest_text(&image, digits), &record));
	assert_ok(tag_drop_image(store, &image));
	assert_ok(blob_drop(store, &record.config));
	assert_error(tag_put(store, "a", &image, NULL), ERR_NOT_FOUND, "is not in the store");
	tag_record_done(&record);
	assert_int_equal(test_check(store), 0);
	store_close(store);
	test_root_remove(root);
}

static void follows_an_index(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest here = test_image(store, "here"), away = test_digest("away");
	struct image_index index = { .format = FORMAT_OCI };
	uint64_t bytes = 0;

	assert_ok(blob_has(store, &here, &(bool){ false }, &bytes));
	vec_push(&index.manifests, descriptor_make(MEDIA_OCI_MANIFEST, here, bytes));
	vec_push(&index.manifests, descriptor_make(MEDIA_OCI_MANIFEST, away, 400));
	char *json = image_index_print(&index);
	struct digest digest = test_put(store, json);
	struct tag_record record = { 0 };

	assert_ok(tag_put(store, "list", &digest, NULL));
	assert_ok(tag_get(store, "list", &record));
	assert_string_equal(record.media_type, MEDIA_OCI_INDEX);
	assert_false(digest_known(&record.config));
	tag_record_done(&record);
	store_close(store);

	note("prune keeps what it holds");
	store = test_open(root);
	struct prune_options options = { .all = true };
	struct prune_report report = { 0 };
	assert_ok(store_prune(store, &options, &report));
	assert_int_equal(test_count_dir(root, "blobs/sha256"), 4);
	assert_int_equal(test_check(store), 0);
	store_close(store);
	free(json);
	image_index_done(&index);
	test_root_remove(root);
}

UNIT_TESTS(names_images, finds_by_digits, refuses_what_is_no_image, follows_an_index)

#include "store/store_test.h"

#include "store/store_lock.h"
#include "stream/group.h"

#include <pthread.h>

static void write_file(const char *root, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", root, name);

	assert_ok(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, false));
	free(path);
}

static char *read_text(const char *root, const char *name)
{
	char *path = xasprintf("%s/%s", root, name), *text = NULL;

	assert_ok(file_read(AT_FDCWD, path, 1 << 20, &text, NULL));
	free(path);
	return text;
}

static void makes_the_layout(void **state)
{
	char *root = test_root(), *deep = xasprintf("%s/a/b/kiln", root);
	struct store *store = test_open(deep);
	struct stat st;

	assert_int_equal(stat(deep, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	char *layout = read_text(deep, "oci-layout"), *index = read_text(deep, "index.json");
	assert_string_equal(layout, "{\"imageLayoutVersion\":\"1.0.0\"}");
	assert_non_null(strstr(index, "\"manifests\":[]"));
	free(layout);
	free(index);
	assert_int_equal(test_check(store), 0);
	store_close(store);
	store = test_open(deep);
	store_close(store);
	assert_int_equal(test_count_dir(deep, "tmp"), 0);
	free(deep);
	test_root_remove(root);
}

/* Somebody has made room. */
static void makes_lost_directories_again(void **state)
{
	static const char *const names[] = { "layers", "tmp", "containers", "digests", "locks",
		"blobs" };
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest digest;
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	digest = test_put(store, "hello");
	store_close(store);
	for (size_t i = 0; i < COUNT(names); i++)
		assert_ok(file_remove_tree(fd, names[i]));
	(void)close(fd);
	store = test_open(root);
	assert_false(test_has(store, &digest));
	digest = test_put(store, "hello");
	assert_true(test_has(store, &digest));
	assert_int_equal(test_check(store), 0);
	store_close(store);
	test_root_remove(root);
}

/* What lies there is somebody's, and not what a killed kiln left. */
static void follows_no_link_to_what_it_clears(void **state)
{
	static const char *const names[] = { "layers", "tmp", "containers", "digests", "locks",
		"blobs/sha256", "blobs" };
	char *root = test_root();
	struct store_settings settings = { .root = root };
	struct store *store = NULL;
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	AUTO_FREE char *away = xasprintf("%s/away", root);

	store_close(test_open(root));
	assert_int_equal(mkdirat(fd, "away", 0700), 0);
	assert_int_equal(mkdirat(fd, "away/kept", 0700), 0);
	assert_int_equal(mkdirat(fd, "away/sha256", 0700), 0);
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_ok(file_remove_tree(fd, names[i]));
		assert_int_equal(symlinkat(away, fd, names[i]), 0);
		assert_error(store_open(&settings, &store), ERR_INVALID, "is a link");
		assert_int_equal(faccessat(fd, "away/kept", F_OK, 0), 0);
		assert_int_equal(unlinkat(fd, names[i], 0), 0);
		store_close(test_open(root));
	}
	(void)close(fd);
	test_root_remove(root);
}

static void refuses_other_versions(void **state)
{
	char *root = test_root();
	struct store_settings settings = { .root = root };
	struct store *store = NULL;

	store_close(test_open(root));
	char *command = xasprintf("%s/store.db", root);
	int fd = open(command, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	/* "user version", bytes 60 to 63 of the first page; the log must not hide it. */
	char *log = xasprintf("%s/store.db-wal", root);
	(void)unlink(log);
	assert_int_equal(pwrite(fd, "\0\0\0\7", 4, 60), 4);
	(void)close(fd);
	assert_error(store_open(&settings, &store), ERR_UNSUPPORTED, "has format");
	free(log);
	free(command);
	test_root_remove(root);
}

static void says_how_to_go_on_when_damaged(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest image = test_image(store, "layer");
	struct tag_record found = { 0 };

	assert_ok(tag_put(store, "docker.io/library/app:1", &image, NULL));
	store_close(store);
	char *path = xasprintf("%s/store.db", root), *log = xasprintf("%s-wal", path);
	assert_int_equal(unlink(log), 0); /* it holds the pages that we damage */
	write_file(root, "store.db", "this is not a database, whatever its name says, is it?");
	struct store_settings settings = { .root = root };
	struct error *error = store_open(&settings, &store);
	assert_true(error_is(error, ERR_INVALID));
	assert_non_null(strstr(error_find_hint(error), "move it away"));
	error_free(error);

	note("without it, the images of index.json are found again");
	char *bad = xasprintf("%s.bad", path);
	assert_int_equal(rename(path, bad), 0);
	store = test_open(root);
	assert_ok(tag_get(store, "docker.io/library/app:1", &found));
	assert_true(digest_equal(&found.manifest, &image));
	tag_record_done(&found);
	struct prune_options options = { 0 };
	struct prune_report report = { 0 };
	assert_ok(store_prune(store, &options, &report));
	(void)test_check(store);
	assert_true(test_has(store, &image));
	assert_int_equal(
			test_check(store), 2); /* config and layer: no row before their first use */
	store_close(store);
	free(path);
	free(bad);
	free(log);
	test_root_remove(root);
}

static void reads_only(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest image = test_image(store, "layer"), other = test_digest("x");
	struct tag_record found = { 0 };
	struct layer_draft draft = { 0 };
	struct cache_record record = { .kind = CACHE_EMPTY };
	struct prune_options options = { 0 };
	struct prune_report report = { 0 };
	struct blob_writer *blob = NULL;

	assert_ok(tag_put(store, "a", &image, NULL));
	store_close(store);
	store = test_open_as(root, TEST_BOOT, true);
	assert_true(store_is_read_only(store));
	assert_true(test_has(store, &image));
	assert_ok(tag_get(store, "a", &found));
	tag_record_done(&found);
	assert_error(blob_put(store, "x", 1, &other), ERR_SYS, "write to the store");
	assert_error(blob_writer_open(store, BLOB_HASH, &blob), ERR_SYS, "Read-only");
	assert_error(layer_begin(store, &draft), ERR_SYS, "write to the store");
	assert_error(cache_put(store, &other, &record), ERR_SYS, "write to the store");
	assert_error(tag_put(store, "b", &image, NULL), ERR_SYS, "write to the store");
	assert_error(tag_remove(store, "a"), ERR_SYS, "write to the store");
	assert_error(store_prune(store, &options, &report), ERR_SYS, "write to the store");
	assert_error(store_sync(store), ERR_SYS, "write to the store");
	store_close(store);
	assert_int_equal(test_count_dir(root, "tmp"), 0);
	test_root_remove(root);
}

static void mends_index_json(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest image = test_image(store, "layer");

	assert_ok(tag_put(store, "docker.io/library/app:1", &image, NULL));
	store_close(store);
	char *good = read_text(root, "index.json");
	assert_non_null(strstr(
			good, "\"org.opencontainers.image.ref.name\":\"docker.io/library/app:1\""));
	static const char *const broken[] = { "", "{}",
		("{\"schemaVersion\":2,\"annotations\":{\"io.kiln.generation\":\"9\"},"
		 "\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}") };
	for (size_t i = 0; i < COUNT(broken); i++) {
		write_file(root, "index.json", broken[i]);
		store = test_open(root);
		assert_int_equal(test_check(store), 0);
		store_close(store);
	}
	note("after a reboot it is written anew, for nobody synced it");
	char *again = read_text(root, "index.json");
	store = test_open_as(root, "boot-2", false);
	char *rebooted = read_text(root, "index.json");
	assert_string_not_equal(again, rebooted);
	store_close(store);
	free(good);
	free(again);
	free(rebooted);
	test_root_remove(root);
}

static void takes_in_images_of_other_tools(void **state)
{
	char *root = test_root(), text[DIGEST_TEXT], gone_text[DIGEST_TEXT];
	struct store *store = test_open(root);
	struct digest own = test_image(store, "own"), theirs = test_image(store, "theirs");
	struct digest gone = test_digest("gone");
	struct tag_record record = { 0 };

	assert_ok(tag_put(store, "own", &own, NULL));
	store_close(store);
	char *index = xasprintf("{\"schemaVersion\":2,\"manifests\":["
				"{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"%s\","
				"\"size\":400,\"annotations\":{"
				"\"org.opencontainers.image.ref.name\":\"theirs\"}},"
				"{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"%s\","
				"\"size\":400}]}",
			digest_text(&theirs, text), digest_text(&gone, gone_text));
	write_file(root, "index.json", index);
	store = test_open(root);
	assert_ok(tag_get(store, "theirs", &record));
	assert_true(digest_equal(&record.manifest, &theirs));
	tag_record_done(&record);
	assert_ok(tag_get(store, "own", &record));
	tag_record_done(&record);
	assert_int_equal(test_check(store), 0);
	store_close(store);
	free(index);
	test_root_remove(root);
}

static void clears_dead_runs(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);

	store_close(store);
	char *dead = xasprintf("%s/tmp/0123456789abcdef/7/upper/deep/deeper", root);
	assert_ok(file_make_dirs(dead, 0700));
	write_file(root, "tmp/0123456789abcdef/lock", "");
	write_file(root, "tmp/0123456789abcdef/7/upper/file", "x");
	store = test_open(root);
	struct store *second = test_open(root); /* finds the first alive */
	store_close(second);
	store_close(store);
	assert_int_equal(test_count_dir(root, "tmp"), 0);
	free(dead);
	test_root_remove(root);
}

/* Locks by name. */

struct contest {
	struct store *store;
	unsigned inside, entries; /* inside: by atomics, for it must never be 2 */
};

static struct error *contend(void *argument)
{
	struct contest *contest = argument;

	for (int i = 0; i < 50; i++) {
		struct store_lock *lock = NULL;

		TRY(store_lock_take(contest->store, "layer:x", NULL, &lock));
		unsigned before = __atomic_fetch_add(&contest->inside, 1, __ATOMIC_SEQ_CST);
		contest->entries++;
		__atomic_fetch_sub(&contest->inside, 1, __ATOMIC_SEQ_CST);
		store_lock_free(lock);
		if (before != 0)
			return error_new(ERR_INVALID, "two threads held the lock");
	}
	return NULL;
}

static void locks_threads_out(void **state)
{
	char *root = test_root();
	struct contest contest = { .store = test_open(root) };
	struct group *group = group_new();

	for (int i = 0; i < 4; i++)
		assert_true(group_start(group, "contend", contend, &contest));
	assert_ok(group_join(group));
	assert_int_equal(contest.entries, 200);
	group_free(group);
	store_close(contest.store);
	assert_int_equal(test_count_dir(root, "locks"), 2); /* gc, make */
	test_root_remove(root);
}

/* One store, many threads. */

struct worker {
	struct store *store;
	unsigned number;
};

static FALLIBLE work_once(struct worker *worker, unsigned i)
{
	AUTO_FREE char *own = xasprintf("%u of %u", i, worker->number);
	AUTO_FREE char *shared = xasprintf("%u", i);
	struct cache_record record = { .kind = CACHE_LAYER }, found = { 0 };
	struct layer_facts facts = { .diff_id = test_digest(shared) };
	struct digest key = test_digest(own), digest;
	AUTO(layer_draft) struct layer_draft draft = { 0 };
	bool hit = false;

	TRY(blob_put(worker->store, own, strlen(own), &digest));
	TRY(blob_put(worker->store, shared, strlen(shared), &digest));
	TRY(layer_begin(worker->store, &draft));
	test_fill(&draft, shared);
	TRY(layer_commit(&draft, &facts, record.layer));
	TRY(cache_put(worker->store, &key, &record));
	TRY(cache_get(worker->store, &key, &hit, &found));
	bool same = hit && text_equal(record.layer, found.layer);
	cache_record_done(&found);
	return same ? NULL : error_new(ERR_INVALID, "a record was lost");
}

static struct error *work(void *argument)
{
	for (unsigned i = 0; i < 20; i++)
		TRY(work_once(argument, i));
	return NULL;
}

static void serves_threads(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct group *group = group_new();
	struct worker workers[4];

	for (unsigned i = 0; i < COUNT(workers); i++) {
		workers[i] = (struct worker){ store, i };
		assert_true(group_start(group, "work", work, &workers[i]));
	}
	assert_ok(group_join(group));
	group_free(group);
	assert_int_equal(test_check(store), 0);
	store_close(store);
	assert_int_equal(test_count_dir(root, "layers"), 20);
	assert_int_equal(test_count_dir(root, "blobs/sha256"), 100);
	assert_int_equal(test_count_dir(root, "tmp"), 0);
	test_root_remove(root);
}

static void stops_waiting(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct store_lock *lock = NULL, *second = NULL, *other = NULL;
	struct cancel *cancel = cancel_new();

	assert_ok(store_lock_take(store, "a", NULL, &lock));
	assert_ok(store_lock_take(store, "b", NULL, &other));
	cancel_set(cancel);
	assert_error(store_lock_take(store, "a", cancel, &second), ERR_CANCELED, "wait for 'a'");
	store_lock_free(lock);
	store_lock_free(other);
	cancel_free(cancel);
	store_close(store);
	test_root_remove(root);
}

/* Enough files that the removal has not ended when the store is closed. */
static void leaves_removals_when_in_a_hurry(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct layer_draft draft = { 0 };

	assert_ok(layer_begin(store, &draft));
	for (int i = 0; i < 20000; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "%d", i);
		int fd = openat(draft.tree_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		assert_true(fd >= 0);
		(void)close(fd);
	}
	store_hurry_at_close(store, 0);
	layer_draft_done(&draft);
	store_close(store);
	assert_int_equal(test_count_dir(root, "tmp"), 1);
	store_close(test_open(root));
	assert_int_equal(test_count_dir(root, "tmp"), 0);
	/* What is quick is done. */
	store = test_open(root);
	store_hurry_at_close(store, 60000);
	assert_ok(layer_begin(store, &draft));
	layer_draft_done(&draft);
	store_close(store);
	assert_int_equal(test_count_dir(root, "tmp"), 0);
	test_root_remove(root);
}

UNIT_TESTS(makes_the_layout, makes_lost_directories_again, follows_no_link_to_what_it_clears,
		refuses_other_versions, says_how_to_go_on_when_damaged, reads_only,
		mends_index_json, takes_in_images_of_other_tools, clears_dead_runs,
		locks_threads_out, serves_threads, stops_waiting, leaves_removals_when_in_a_hurry)

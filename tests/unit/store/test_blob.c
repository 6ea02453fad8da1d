#include "store/store_test.h"

#include "stream/codec.h"
#include "stream/hash.h"

#include <pthread.h>

static char *blob_file(const char *root, const struct digest *digest)
{
	char hex[DIGEST_HEX];

	return xasprintf("%s/blobs/sha256/%s", root, digest_hex(digest, hex));
}

static void damage(const char *root, const struct digest *digest)
{
	char *path = blob_file(root, digest);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "X", 1, 0), 1);
	(void)close(fd);
	free(path);
}

static void gives_back_what_it_got(void **state)
{
	char *root = test_root(), *text = NULL;
	struct store *store = test_open(root);
	struct digest digest = test_put(store, "hello"), other = test_digest("other");
	uint64_t bytes = 0;
	size_t n = 0;
	bool here = false;
	int fd = -1;

	assert_ok(blob_has(store, &digest, &here, &bytes));
	assert_true(here);
	assert_int_equal(bytes, 5);
	assert_ok(blob_read(store, &digest, 100, &text, &n));
	assert_string_equal(text, "hello");
	free(text);
	assert_error(blob_read(store, &digest, 4, &text, &n), ERR_LIMIT, "more than");
	assert_ok(blob_open_fd(store, &digest, &fd, NULL));
	char buf[8] = "";
	assert_int_equal(read(fd, buf, sizeof(buf)), 5);
	(void)close(fd);
	assert_false(test_has(store, &other));
	assert_error(blob_open_fd(store, &other, &fd, NULL), ERR_NOT_FOUND, "is not in the store");
	store_close(store);
	store = test_open(root);
	assert_true(test_has(store, &digest));
	assert_int_equal(test_check(store), 0);
	store_close(store);
	test_root_remove(root);
}

static void keeps_nothing_wrong(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest wanted = test_digest("wanted");
	struct blob_writer *blob = NULL;

	note("another digest");
	assert_ok(blob_writer_open(store, BLOB_HASH, &blob));
	assert_ok(writer_write(blob_writer_stream(blob), "other!", 6));
	assert_error(blob_commit(blob, &wanted, BLOB_ANY_SIZE, NULL, NULL), ERR_DIGEST,
			"hashes to");
	note("another size");
	assert_ok(blob_writer_open(store, BLOB_HASH, &blob));
	assert_ok(writer_write(blob_writer_stream(blob), "wanted", 6));
	assert_error(blob_commit(blob, &wanted, 7, NULL, NULL), ERR_DIGEST, "should have 7");
	note("a stack that was given up");
	assert_ok(blob_writer_open(store, BLOB_HASH, &blob));
	struct writer *top = NULL;
	assert_ok(codec_writer(blob_writer_stream(blob), COMPRESSION_GZIP, 1, NULL, &top));
	assert_ok(writer_write(top, "wanted", 6));
	writer_free(top);
	assert_error(blob_commit(blob, NULL, BLOB_ANY_SIZE, NULL, NULL), ERR_CANCELED,
			"to its end");
	note("abandoned");
	assert_ok(blob_writer_open(store, BLOB_HASH, &blob));
	assert_ok(writer_write(blob_writer_stream(blob), "wanted", 6));
	blob_abandon(blob);
	assert_false(test_has(store, &wanted));
	assert_int_equal(test_count_dir(root, "blobs/sha256"), 0);
	store_close(store);
	test_root_remove(root);
}

static void lives_below_other_writers(void **state)
{
	char *root = test_root(), *text = NULL;
	struct store *store = test_open(root);
	struct blob_writer *blob = NULL;
	struct writer *top = NULL;
	struct hash_result result = { 0 };
	struct digest digest = { 0 };
	uint64_t bytes = 0;
	size_t n = 0;

	assert_ok(blob_writer_open(store, BLOB_HASHED_BY_CALLER, &blob));
	assert_ok(codec_writer(hash_writer(blob_writer_stream(blob), &result), COMPRESSION_GZIP, 1,
			NULL, &top));
	assert_ok(writer_write(top, "some text", 9));
	assert_ok(writer_close(top));
	assert_ok(blob_commit(blob, &result.digest, result.size, &digest, &bytes));
	assert_true(digest_equal(&digest, &result.digest));
	assert_ok(blob_read(store, &digest, 1000, &text, &n));
	assert_int_equal(n, bytes);
	free(text);
	store_close(store);
	test_root_remove(root);
}

static void finds_damage_while_reading(void **state)
{
	char *root = test_root(), *text = NULL;
	struct store *store = test_open(root);
	struct digest digest = test_put(store, "hello");
	size_t n = 0;

	damage(root, &digest);
	assert_error(blob_read(store, &digest, 100, &text, &n), ERR_DIGEST, "is damaged");
	note("it was put away, and can be put back");
	assert_false(test_has(store, &digest));
	digest = test_put(store, "hello");
	assert_ok(blob_read(store, &digest, 100, &text, &n));
	free(text);
	store_close(store);
	test_root_remove(root);
}

/* Two read the damaged one; one of them has it again before the other comes to its end. */
static void what_came_anew_meanwhile_stays(void **state)
{
	char *root = test_root(), *text = NULL;
	struct store *store = test_open(root), *other = test_open(root);
	struct digest digest = test_put(store, "hello");
	struct reader *reader = NULL;
	size_t n = 0;

	damage(root, &digest);
	assert_ok(blob_open(other, &digest, &reader, NULL));
	assert_error(blob_read(store, &digest, 100, &text, &n), ERR_DIGEST, "is damaged");
	digest = test_put(store, "hello");
	assert_error(reader_read_all(reader, 100, &text, &n), ERR_DIGEST, "is damaged");
	reader_free(reader);
	assert_ok(blob_read(store, &digest, 100, &text, &n));
	assert_string_equal(text, "hello");
	free(text);
	assert_int_equal(test_check(store), 0);
	store_close(other);
	store_close(store);
	test_root_remove(root);
}

/* The row of this boot vouches for what was there; who brings the bytes again mends it. */
static void is_mended_by_who_brings_it_again(void **state)
{
	char *root = test_root(), *text = NULL;
	struct store *store = test_open(root);
	struct digest digest = test_put(store, "hello");
	size_t n = 0;

	damage(root, &digest);
	(void)test_put(store, "hello");
	assert_ok(blob_read(store, &digest, 100, &text, &n));
	assert_string_equal(text, "hello");
	free(text);
	store_close(store);
	test_root_remove(root);
}

/* A pipe is not waited for, a link not followed; what is no file makes room for the blob. */
static void what_is_no_file_is_no_blob(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest digest = test_put(store, "hello");
	AUTO_FREE char *path = blob_file(root, &digest);

	for (int kind = 0; kind < 3; kind++) {
		assert_int_equal(unlink(path), 0);
		assert_int_equal(kind == 0   ? mkfifo(path, 0600)
				 : kind == 1 ? symlink("/dev/zero", path)
					     : mkdir(path, 0700),
				0);
		struct findings findings = { 0 };
		assert_ok(store_check(store, &findings));
		assert_int_equal(findings_damage(&findings), 1);
		assert_non_null(strstr(findings.p[0].text, "is not a file"));
		findings_done(&findings);
		assert_false(test_has(store, &digest));
		(void)test_put(store, "hello");
		assert_true(test_has(store, &digest));
		assert_int_equal(test_check(store), 0);
	}
	store_close(store);
	test_root_remove(root);
}

static void doubts_blobs_of_an_earlier_boot(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest good = test_put(store, "good"), bad = test_put(store, "bad");
	struct digest synced = test_put(store, "synced");
	uint64_t bytes = 0, things = 0;
	int fd = -1;

	assert_ok(store_unsynced(store, &bytes, &things));
	assert_int_equal(bytes, 4 + 3 + 6);
	assert_ok(store_sync(store));
	assert_ok(store_unsynced(store, &bytes, &things));
	assert_int_equal(things, 0);
	struct digest later = test_put(store, "later");
	store_close(store);
	damage(root, &bad);   /* synced: believed, found by reading */
	damage(root, &later); /* not synced: found before its first use */

	store = test_open_as(root, "boot-2", false);
	assert_true(test_has(store, &good));
	assert_true(test_has(store, &synced));
	assert_false(test_has(store, &later));
	assert_error(blob_open_fd(store, &later, &fd, NULL), ERR_NOT_FOUND, "is not in the store");
	char *path = blob_file(root, &later);
	assert_int_not_equal(access(path, F_OK), 0);
	free(path);
	char *text = NULL;
	size_t n = 0;
	assert_error(blob_read(store, &bad, 100, &text, &n), ERR_DIGEST, "hashes to");
	store_close(store);
	test_root_remove(root);
}

static void hashes_once_after_a_boot(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest digest = test_put(store, "x");

	store_close(store);
	store = test_open_as(root, "boot-2", false);
	assert_true(test_has(store, &digest));
	store_close(store);
	damage(root, &digest);
	note("hashed in boot 2, so its bytes are on the disk: believed from then on");
	store = test_open_as(root, "boot-3", false);
	assert_true(test_has(store, &digest));
	store_close(store);
	test_root_remove(root);
}

static void takes_in_what_others_put(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest digest = test_digest("foreign"), lie = test_digest("lie");
	char *path = blob_file(root, &digest), *lie_path = blob_file(root, &lie);

	assert_ok(file_write_atomic(AT_FDCWD, path, "foreign", 7, 0644, false));
	assert_ok(file_write_atomic(AT_FDCWD, lie_path, "truth", 5, 0644, false));
	assert_int_equal(test_check(store), 3); /* two rows missing, one that does not hash */
	assert_true(test_has(store, &digest));
	assert_false(test_has(store, &lie));
	assert_int_equal(test_check(store), 0);

	note("and replaces what it does not believe");
	assert_ok(file_write_atomic(AT_FDCWD, lie_path, "truth", 5, 0644, false));
	lie = test_put(store, "lie");
	assert_true(test_has(store, &lie));
	assert_int_equal(test_check(store), 0);
	free(path);
	free(lie_path);
	store_close(store);
	test_root_remove(root);
}

static void remembers_places(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest digest = test_digest("x");
	struct list places = { 0 };

	assert_ok(blob_add_location(store, &digest, "localhost:5000/a"));
	assert_ok(blob_add_location(store, &digest, "localhost:5000/b"));
	assert_ok(blob_add_location(store, &digest, "localhost:5000/a"));
	assert_ok(blob_locations(store, &digest, &places));
	assert_int_equal(places.n, 2);
	assert_true(list_has(&places, "localhost:5000/a"));
	list_done(&places);
	store_close(store);
	test_root_remove(root);
}

struct following {
	struct blob_follower *follower;
	char *text;
	size_t n;
	struct error *error;
};

static void *read_along(void *argument)
{
	struct following *following = argument;
	struct reader *reader = blob_follower_reader(following->follower);

	following->error = reader_read_all(reader, 1 << 20, &following->text, &following->n);
	reader_free(reader);
	return NULL;
}

/* A second thread reads while this one writes; whole is whether the writer comes to its end. */
static void write_followed(struct store *store, bool whole, struct following *ret)
{
	struct blob_writer *blob = NULL;
	struct writer *writer = NULL;
	pthread_t thread;

	*ret = (struct following){ 0 };
	assert_ok(blob_writer_open(store, BLOB_HASH, &blob));
	assert_ok(blob_follow(blob, &ret->follower));
	writer = blob_writer_stream(blob);
	assert_int_equal(pthread_create(&thread, NULL, read_along, ret), 0);
	for (int i = 0; i < 1000; i++)
		assert_ok(writer_write(writer, "0123456789", 10));
	assert_true(blob_follower_await(ret->follower, 10000));
	if (whole) {
		assert_ok(writer_close(writer));
		assert_ok(blob_commit(blob, NULL, 10000, NULL, NULL));
		assert_false(blob_follower_await(ret->follower, 10001));
	} else {
		blob_abandon(blob);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	blob_follower_free(ret->follower);
}

static void is_read_while_it_is_written(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct following following;

	write_followed(store, true, &following);
	assert_ok(following.error);
	assert_int_equal(following.n, 10000);
	for (size_t i = 0; i < following.n; i++)
		assert_int_equal(following.text[i], '0' + i % 10);
	free(following.text);
	write_followed(store, false, &following);
	assert_error(following.error, ERR_CANCELED, "given up");
	store_close(store);
	test_root_remove(root);
}

UNIT_TESTS(gives_back_what_it_got, keeps_nothing_wrong, lives_below_other_writers,
		is_mended_by_who_brings_it_again, what_is_no_file_is_no_blob,
		finds_damage_while_reading, what_came_anew_meanwhile_stays,
		doubts_blobs_of_an_earlier_boot, hashes_once_after_a_boot, takes_in_what_others_put,
		remembers_places, is_read_while_it_is_written)

#include "store/store_test.h"

#include "store/file_digests.h"
#include "stream/group.h"

/* Fine-grained and long ago. */
static struct file_key key_of(uint64_t i)
{
	return (struct file_key){ 42, 1000 + i, 10, 1600000000123456789, 1600000000123456789 };
}

static struct digest digest_number(uint64_t i)
{
	return digest_of(&i, sizeof(i));
}

static void fill(struct store *store, const char *scope, uint64_t from, uint64_t to)
{
	struct file_digests *digests = file_digests_open(store, scope);

	for (uint64_t i = from; i < to; i++) {
		struct file_key key = key_of(i);
		struct digest digest = digest_number(i);

		file_digests_put(digests, &key, &digest, false, clock_now_ns());
	}
	assert_ok(file_digests_close(digests));
}

static bool knows(struct file_digests *digests, uint64_t i)
{
	struct file_key key = key_of(i);
	struct digest found = { 0 }, wanted = digest_number(i);

	if (!file_digests_get(digests, &key, &found))
		return false;
	assert_true(digest_equal(&found, &wanted));
	return true;
}

static void remembers(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct digest found;

	fill(store, "/src", 0, 50000);
	struct file_digests *digests = file_digests_open(store, "/src");
	assert_int_equal(file_digests_count(digests), 50000);
	uint64_t began = clock_monotonic_ns();
	for (uint64_t i = 0; i < 50000; i++)
		assert_true(knows(digests, i));
	print_message("  - 50,000 look-ups (with a sha256 each): %.1f ms\n",
			(double)(clock_monotonic_ns() - began) / 1e6);
	assert_false(knows(digests, 50000));
	struct file_key changed[4] = { key_of(7), key_of(7), key_of(7), key_of(7) };
	changed[0].bytes++;
	changed[1].mtime_ns++;
	/* A time that no int64_t of nanoseconds holds, as an archive may say it. */
	assert_int_not_equal(clock_file_ns(INT64_C(15032385535), 1),
			clock_file_ns(INT64_C(15032385535), 2));
	changed[2].ctime_ns--;
	changed[3].dev++;
	for (size_t i = 0; i < COUNT(changed); i++)
		assert_false(file_digests_get(digests, &changed[i], &found));
	file_digests_free(digests);

	note("scopes are apart");
	digests = file_digests_open(store, "/other");
	assert_false(knows(digests, 1));
	file_digests_free(digests);
	store_close(store);
	test_root_remove(root);
}

static void does_not_trust_the_present(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);
	struct file_digests *digests = file_digests_open(store, "/src");
	uint64_t now = clock_now_ns();
	const int64_t ms = 1000 * 1000;
	struct {
		const char *why;
		int64_t ctime_ns;
		bool kept;
	} cases[] = {
		{ "changed just now", (int64_t)now - 1, false },
		{ "changed a tick ago", (int64_t)now - 4 * ms - 1, false },
		{ "changed long ago", (int64_t)now - 100 * ms - 1, true },
		{ "whole seconds, 1 s ago", ((int64_t)now / (1000 * ms) - 1) * 1000 * ms, false },
		{ "whole seconds, 5 s ago", ((int64_t)now / (1000 * ms) - 5) * 1000 * ms, true },
		{ "in the future", (int64_t)now + 5000 * ms + 1, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct file_key key = { 1, i, 1, 5, cases[i].ctime_ns };
		struct digest digest = digest_number(i);

		file_digests_put(digests, &key, &digest, false, now);
	}
	assert_ok(file_digests_close(digests));
	digests = file_digests_open(store, "/src");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct file_key key = { 1, i, 1, 5, cases[i].ctime_ns };
		struct digest found;

		note("%s", cases[i].why);
		assert_int_equal(file_digests_get(digests, &key, &found), cases[i].kept);
	}
	file_digests_free(digests);
	store_close(store);
	test_root_remove(root);
}

static void forgets_slowly(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);

	fill(store, "/src", 0, 10);
	for (uint64_t round = 0; round < 20; round++) {
		struct file_digests *digests = file_digests_open(store, "/src");
		struct file_key key = key_of(100 + round);
		struct digest digest = digest_number(100 + round);

		for (uint64_t i = 0; i < 5; i++) /* 5 to 9 are not looked up */
			assert_true(knows(digests, i));
		file_digests_put(digests, &key, &digest, false, clock_now_ns());
		assert_ok(file_digests_close(digests));
	}
	struct file_digests *digests = file_digests_open(store, "/src");
	assert_true(knows(digests, 4));
	assert_false(knows(digests, 5));
	assert_true(knows(digests, 119));
	assert_false(knows(digests, 100));
	file_digests_free(digests);
	store_close(store);
	test_root_remove(root);
}

static void survives_damage(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);

	fill(store, "/src", 0, 100);
	char hex[DIGEST_HEX];
	struct digest name = test_digest("/src");
	char *path = xasprintf("%s/digests/%s", root, digest_hex(&name, hex));
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	const off_t places[] = { 0, 9, 13, 17, 40, 64, st.st_size - 1 };
	for (size_t i = 0; i < COUNT(places); i++) {
		char was = 0, is = 0;
		int fd = open(path, O_RDWR | O_CLOEXEC);

		assert_int_equal(pread(fd, &was, 1, places[i]), 1);
		is = (char)(was ^ 0x55);
		assert_int_equal(pwrite(fd, &is, 1, places[i]), 1);
		struct file_digests *digests = file_digests_open(store, "/src");
		assert_int_equal(file_digests_count(digests), 0);
		file_digests_free(digests);
		assert_int_equal(pwrite(fd, &was, 1, places[i]), 1);
		(void)close(fd);
	}
	for (off_t n = st.st_size - 1; n >= 0; n -= 97) {
		assert_int_equal(truncate(path, n), 0);
		struct file_digests *digests = file_digests_open(store, "/src");
		assert_int_equal(file_digests_count(digests), 0);
		file_digests_free(digests);
	}
	free(path);
	store_close(store);
	test_root_remove(root);
}

struct half {
	struct file_digests *digests;
	uint64_t from;
};

static struct error *use_half(void *argument)
{
	struct half *half = argument;

	for (uint64_t i = half->from; i < half->from + 1000; i++) {
		struct file_key key = key_of(i);
		struct digest digest = digest_number(i);

		if (!file_digests_get(half->digests, &key, &digest))
			file_digests_put(half->digests, &key, &digest, false, clock_now_ns());
	}
	return NULL;
}

static void serves_threads(void **state)
{
	char *root = test_root();
	struct store *store = test_open(root);

	fill(store, "/src", 0, 1500);
	struct file_digests *digests = file_digests_open(store, "/src");
	struct half halves[2] = { { digests, 500 }, { digests, 1000 } };
	struct group *group = group_new();
	for (size_t i = 0; i < COUNT(halves); i++)
		assert_true(group_start(group, "half", use_half, &halves[i]));
	assert_ok(group_join(group));
	group_free(group);
	assert_ok(file_digests_close(digests));
	digests = file_digests_open(store, "/src");
	for (uint64_t i = 0; i < 2000; i++)
		assert_true(knows(digests, i));
	file_digests_free(digests);
	store_close(store);
	test_root_remove(root);
}

UNIT_TESTS(remembers, does_not_trust_the_present, forgets_slowly, survives_damage, serves_threads)

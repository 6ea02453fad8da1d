/*
 * Many processes on one store: some are killed at random moments, others all do the same at once.
 * Children give back what went wrong as a text on their standard output and status 1.
 */
#include "store/store_test.h"

#include "store/file_digests.h"
#include "store/store_lock.h"

#include <signal.h>
#include <sys/wait.h>

enum { KILLS = 120, PROCESSES = 6, ROUNDS = 25, POOL = 12 };

static FALLIBLE open_store(const char *root, struct store **ret)
{
	struct store_settings settings = {
		.root = root, .boot_id = TEST_BOOT, .owner = { .kind = OWNER_PLAIN }
	};

	return store_open(&settings, ret);
}

static FALLIBLE make_layer(struct store *store, const char *text, unsigned random)
{
	AUTO(layer_draft) struct layer_draft draft = { 0 };
	struct layer_facts facts = { 0 };
	struct cache_record record = { .kind = CACHE_LAYER };
	struct digest key = test_digest(text), diff_id = test_digest(text);

	if (random & 1)
		facts.diff_id = diff_id;
	TRY(layer_begin(store, &draft));
	test_fill(&draft, text);
	if (random & 2)
		return NULL; /* given up */
	TRY(layer_commit(&draft, &facts, record.layer));
	TRY(cache_put(store, &key, &record));
	if (!(random & 1))
		TRY(layer_set_diff_id(store, record.layer, &diff_id, 1));
	struct layer_blob blob = {
		.digest = test_digest(text), .bytes = strlen(text), .compression = COMPRESSION_NONE
	};
	TRY(blob_put(store, text, strlen(text), &blob.digest));
	return layer_add_blob(store, &diff_id, &blob);
}

/* What was found is there, and stays there. */
static FALLIBLE use_layer(struct store *store, const char *text)
{
	AUTO(cache_record) struct cache_record record = { 0 };
	AUTO(layer_record) struct layer_record layer = { 0 };
	AUTO_FREE char *content = NULL;
	struct digest key = test_digest(text);
	bool found = false;

	TRY(cache_get(store, &key, &found, &record));
	if (!found)
		return NULL;
	TRY(layer_get(store, record.layer, NULL, &layer));
	if (!layer.dir)
		return NULL;
	AUTO_FREE char *path = xasprintf("%s/file", layer.dir);
	TRY(file_read(store_dir_fd(store), path, 1000, &content, NULL));
	return text_equal(content, text) ? NULL : error_new(ERR_INVALID, "another layer");
}

static FALLIBLE make_image(struct store *store, const char *text, const char *name)
{
	struct digest image = test_image(store, text);

	return tag_put(store, name, &image, NULL);
}

static FALLIBLE drop_name(struct store *store, const char *name)
{
	struct error *error = tag_remove(store, name);

	if (!error_is(error, ERR_NOT_FOUND))
		return error;
	error_free(error);
	return NULL;
}

static FALLIBLE prune_some(struct store *store, unsigned random)
{
	struct prune_options options = { .all = random & 1 };
	struct prune_report report = { 0 };

	return store_prune(store, &options, &report);
}

static FALLIBLE remember_file(struct store *store, unsigned random)
{
	struct file_digests *digests = file_digests_open(store, "/src");
	struct file_key key = { 1, random % 100, 1, 1, 1 };
	struct digest digest = digest_of(&random, sizeof(random));

	file_digests_put(digests, &key, &digest, false, clock_now_ns());
	return file_digests_close(digests);
}

static FALLIBLE lock_something(struct store *store, const char *name)
{
	struct store_lock *lock = NULL;

	TRY(store_lock_take(store, name, NULL, &lock));
	store_lock_free(lock);
	return NULL;
}

static FALLIBLE do_something(struct store *store, unsigned random)
{
	AUTO_FREE char *text = xasprintf("thing %u", random / 16 % POOL);

	switch (random % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
		return make_layer(store, text, random >> 12);
	case 4:
	case 5:
	case 6:
		return use_layer(store, text);
	case 7:
	case 8:
	case 9:
		return make_image(store, text, random & 4096 ? text : NULL);
	case 10:
		return drop_name(store, text);
	case 11:
	case 12:
		return prune_some(store, random >> 12);
	case 13:
		return remember_file(store, random);
	case 14:
		return lock_something(store, text);
	default:
		return store_sync(store);
	}
}

static FALLIBLE live(const char *root, unsigned seed, int steps)
{
	for (int i = 0; steps < 0 || i < steps;) {
		AUTO(store) struct store *store = NULL;

		TRY(open_store(root, &store));
		for (int n = 0; n < 8; n++, i++)
			TRY(do_something(store, (unsigned)rand_r(&seed)));
	}
	return NULL;
}

static pid_t start(struct error *(*run)(const char *, unsigned, int), const char *root,
		unsigned seed, int steps)
{
	(void)fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child)
		return child;
	AUTO(strbuf) struct strbuf text = { 0 };
	struct error *error = run(root, seed, steps);
	if (!error)
		_exit(0);
	error_text(error, &text);
	print_message("  - process with seed %u: %s\n", seed, strbuf_text(&text));
	_exit(1);
}

static void wait_for(pid_t child, bool killed)
{
	int status = 0;

	assert_int_equal(waitpid(child, &status, 0), child);
	if (killed && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void check_all(const char *root)
{
	struct store *store = test_open(root);

	(void)test_check(store);
	store_close(store);
	assert_int_equal(test_count_dir(root, "tmp"), 0);
}

static void bears_kill_9(void **state)
{
	char *root = test_root();
	unsigned seed = 20260101;

	for (int i = 0; i < KILLS; i++) {
		pid_t child = start(live, root, (unsigned)i + 1, -1);
		struct timespec pause = { 0, rand_r(&seed) % 25000000 };

		(void)nanosleep(&pause, NULL);
		(void)kill(child, SIGKILL);
		wait_for(child, true);
		check_all(root);
	}
	note("and prune leaves nothing behind");
	struct store *store = test_open(root);
	struct prune_options options = { .all = true };
	struct prune_report report = { 0 };
	assert_ok(store_prune(store, &options, &report));
	assert_int_equal(test_check(store), 0);
	store_close(store);
	test_root_remove(root);
}

static void bears_each_other(void **state)
{
	char *root = test_root();
	pid_t children[PROCESSES];

	for (unsigned i = 0; i < PROCESSES; i++)
		children[i] = start(live, root, 1000 + i, 200);
	for (unsigned i = 0; i < PROCESSES; i++)
		wait_for(children[i], false);
	check_all(root);
	test_root_remove(root);
}

/* All at once: the same layers, blobs and tags, and the very first open. */
static FALLIBLE do_the_same(const char *root, unsigned seed, int steps)
{
	AUTO(store) struct store *store = NULL;

	TRY(open_store(root, &store));
	for (int i = 0; i < steps; i++) {
		AUTO_FREE char *text = xasprintf("layer %d", i);

		TRY(make_layer(store, text, 1));
		TRY(make_image(store, text, "app"));
		TRY(use_layer(store, text));
	}
	return NULL;
}

static void agrees_on_layers_and_tags(void **state)
{
	char *root = test_root();
	pid_t children[PROCESSES];
	struct tag_list tags = { 0 };

	for (unsigned i = 0; i < PROCESSES; i++)
		children[i] = start(do_the_same, root, i, ROUNDS);
	for (unsigned i = 0; i < PROCESSES; i++)
		wait_for(children[i], false);
	check_all(root);
	assert_int_equal(test_count_dir(root, "layers"), ROUNDS);
	struct store *store = test_open(root);
	assert_ok(tag_list(store, &tags));
	assert_int_equal(tags.n, ROUNDS); /* one with the name, the others without */
	tag_list_done(&tags);
	store_close(store);
	test_root_remove(root);
}

UNIT_TESTS(bears_kill_9, bears_each_other, agrees_on_layers_and_tags)

/*
 * Full and read-only disks: a small tmpfs in a mount namespace of a child's own. The scenario runs
 * in the child and gives back what went wrong as an error.
 */
#include "store/store_test.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

enum { CANNOT = 77 };

#define NEED(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return error_new(                                                          \
					ERR_INVALID, "line %d: not so: %s", __LINE__, #condition); \
	} while (0)

/* unshare() wants one thread, and the thread sanitizer has one of its own. */
#ifdef __SANITIZE_THREAD__
static const bool has_thread = true;
#else
static const bool has_thread = false;
#endif

static void write_map(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		print_message("  - %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
}

static bool mount_small(const char *dir)
{
	char *uid_map = xasprintf("0 %u 1", (unsigned)geteuid());
	char *gid_map = xasprintf("0 %u 1", (unsigned)getegid());
	bool done = unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;

	if (done) {
		write_map("/proc/self/setgroups", "deny");
		write_map("/proc/self/uid_map", uid_map);
		write_map("/proc/self/gid_map", gid_map);
		done = mount("tmpfs", dir, "tmpfs", 0, "size=6m,mode=0700") == 0;
	}
	free(uid_map);
	free(gid_map);
	return done;
}

static FALLIBLE open_store(const char *root, struct store **ret)
{
	struct store_settings settings = {
		.root = root, .boot_id = TEST_BOOT, .owner = { .kind = OWNER_PLAIN }
	};

	return store_open(&settings, ret);
}

static void in_child(struct error *(*scenario)(const char *dir))
{
	char *dir = test_root();
	int status = 0;

	(void)fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		AUTO(strbuf) struct strbuf text = { 0 };

		if (!mount_small(dir))
			_exit(CANNOT);
		struct error *error = scenario(dir);
		if (!error)
			_exit(0);
		error_text(error, &text);
		print_message("  - %s\n", strbuf_text(&text));
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	test_root_remove(dir);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CANNOT) {
		print_message("skip: %s\n",
				has_thread ? "a sanitizer's thread forbids user namespaces"
					   : "user namespaces are not allowed here");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static bool is_full(struct error *error)
{
	bool full = error_is_errno(error, ENOSPC) && error_find_hint(error) &&
		    strstr(error_find_hint(error), "kiln prune");

	error_free(error);
	return full;
}

static FALLIBLE no_damage(struct store *store)
{
	AUTO(findings) struct findings findings = { 0 };

	TRY(store_check(store, &findings));
	for (size_t i = 0; i < findings.n; i++)
		if (!findings.p[i].leftover)
			return error_new(ERR_INVALID, "%s", findings.p[i].text);
	return NULL;
}

/* Eat what is left, to the last byte. */
static FALLIBLE fill_disk(const char *dir)
{
	static const char bytes[4096];
	AUTO_FREE char *path = xasprintf("%s/filler", dir);
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	NEED(fd >= 0);
	for (size_t step = sizeof(bytes); step > 0; step /= 2)
		while (write(fd, bytes, step) > 0)
			continue;
	NEED(errno == ENOSPC);
	return NULL;
}

static FALLIBLE write_much(struct store *store)
{
	AUTO(blob_writer) struct blob_writer *blob = NULL;
	char bytes[65536] = "";

	TRY(blob_writer_open(store, BLOB_HASH, &blob));
	for (int i = 0; i < 200; i++) {
		memset(bytes, i, sizeof(bytes));
		TRY(writer_write(blob_writer_stream(blob), bytes, sizeof(bytes)));
	}
	return blob_commit(TAKE(blob), NULL, BLOB_ANY_SIZE, NULL, NULL);
}

static FALLIBLE draft_much(struct store *store)
{
	AUTO(layer_draft) struct layer_draft draft = { 0 };
	struct layer_facts facts = { .diff_id = test_digest("a large layer") };
	char id[LAYER_ID_TEXT];

	TRY(layer_begin(store, &draft));
	return layer_commit(&draft, &facts, id);
}

static FALLIBLE full_disk(const char *dir)
{
	AUTO_FREE char *root = xasprintf("%s/kiln", dir);
	struct store *store = NULL;
	struct prune_options all = { .all = true };
	struct prune_report report = { 0 };

	TRY(open_store(root, &store));
	struct digest image = test_image(store, "layer");
	TRY(tag_put(store, "app", &image, NULL));
	struct digest old = test_put(store, "an unused blob");
	store_close(store);

	TRY(open_store(root, &store));
	NEED(is_full(write_much(store)));
	NEED(test_count_dir(root, "blobs/sha256") == 4);
	TRY(fill_disk(dir));
	NEED(is_full(write_much(store)));
	NEED(is_full(draft_much(store)));
	NEED(test_count_dir(root, "blobs/sha256") == 4);
	NEED(test_count_dir(root, "layers") == 0);
	TRY(no_damage(store));
	store_close(store);

	/* Tags until the log of the database, too, finds no room. */
	TRY(open_store(root, &store));
	struct error *error = NULL;
	for (unsigned i = 0; i < 1000 && !error; i++) {
		AUTO_FREE char *name = xasprintf("app:%u", i);
		error = tag_put(store, name, &image, NULL);
	}
	NEED(is_full(error));
	TRY(no_damage(store));
	store_close(store);

	TRY(open_store(root, &store));
	TRY(no_damage(store));
	TRY_WRAP(store_prune(store, &all, &report), "prune on a full disk");
	NEED(report.freed[PRUNE_BLOBS].things == 1);
	AUTO_FREE char *filler = xasprintf("%s/filler", dir);
	NEED(unlink(filler) == 0);
	NEED(!test_has(store, &old));
	NEED(test_has(store, &image));
	TRY(no_damage(store));
	store_close(store);
	return NULL;
}

static void bears_a_full_disk(void **state)
{
	in_child(full_disk);
}

static FALLIBLE no_room_at_all(const char *dir)
{
	AUTO_FREE char *root = xasprintf("%s/kiln", dir);
	struct store *store = NULL;

	TRY(fill_disk(dir));
	NEED(is_full(open_store(root, &store)));
	/* And once there is room, what was begun is no hindrance. */
	AUTO_FREE char *filler = xasprintf("%s/filler", dir);
	NEED(unlink(filler) == 0);
	TRY(open_store(root, &store));
	TRY(no_damage(store));
	store_close(store);
	return NULL;
}

static void bears_a_full_disk_from_the_start(void **state)
{
	in_child(no_room_at_all);
}

static FALLIBLE look_only(const char *root, const struct digest *image)
{
	AUTO_FREE char *text = NULL;
	struct tag_record record = { 0 };
	struct store *store = NULL;
	struct digest digest = { 0 };
	size_t n = 0;

	TRY(open_store(root, &store));
	NEED(store_is_read_only(store));
	TRY(tag_get(store, "app", &record));
	NEED(digest_equal(&record.manifest, image));
	tag_record_done(&record);
	TRY(blob_read(store, image, 10000, &text, &n));
	struct error *error = blob_put(store, "x", 1, &digest);
	NEED(error_is_errno(error, EROFS) && error_find_hint(error));
	error_free(error);
	store_close(store);
	return NULL;
}

static FALLIBLE read_only_disk(const char *dir)
{
	AUTO_FREE char *root = xasprintf("%s/kiln", dir);
	AUTO_FREE char *log = xasprintf("%s/store.db-wal", root);
	struct store *store = NULL;
	struct stat st;

	TRY(open_store(root, &store));
	struct digest image = test_image(store, "layer");
	TRY(tag_put(store, "app", &image, NULL));
	store_close(store);
	NEED(stat(log, &st) == 0 && st.st_size > 0);
	NEED(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
	TRY_WRAP(look_only(root, &image), "with a log");

	/* The log moved into the database, as after much use. */
	NEED(mount(NULL, dir, NULL, MS_REMOUNT, NULL) == 0);
	TRY(open_store(root, &store));
	for (unsigned i = 0; i < 100; i++) {
		AUTO_FREE char *name = xasprintf("app:%u", i);
		TRY(tag_put(store, name, &image, NULL));
	}
	store_close(store);
	NEED(stat(log, &st) != 0 || st.st_size == 0);
	NEED(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
	TRY_WRAP(look_only(root, &image), "with an empty log");
	NEED(mount(NULL, dir, NULL, MS_REMOUNT, NULL) == 0);
	AUTO_FREE char *memory = xasprintf("%s/store.db-shm", root);
	(void)unlink(log);
	(void)unlink(memory);
	NEED(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
	TRY_WRAP(look_only(root, &image), "without a log");

	AUTO_FREE char *other = xasprintf("%s/other", dir);
	struct error *error = open_store(other, &store);
	NEED(error_is_errno(error, EROFS) && error_find_hint(error));
	error_free(error);
	return NULL;
}

static void reads_from_a_read_only_disk(void **state)
{
	in_child(read_only_disk);
}

UNIT_TESTS(bears_a_full_disk, bears_a_full_disk_from_the_start, reads_from_a_read_only_disk)

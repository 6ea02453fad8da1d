#include "cache/cutter.h"
#include "cache/home.h"
#include "cache/mount_restore.h"
#include "cache/mount_scan.h"
#include "scratch.h"
#include "stream/codec.h"
#include "stream/writer.h"
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

/* Bytes that look random and are the same everywhere. */
static char *noise(size_t n, uint64_t seed)
{
	char *bytes = xmalloc(n);
	uint64_t x = seed * 2 + 1;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		bytes[i] = (char)(x >> 24);
	}
	return bytes;
}

/* --- cutting --- */

struct cuts {
	size_t *p;
	size_t n, capacity;
};

static void cut(const char *bytes, size_t n, size_t piece, struct cuts *ret)
{
	struct cutter cutter;

	cutter_init(&cutter);
	for (size_t at = 0; at < n;) {
		bool ends = false;
		size_t some = piece < n - at ? piece : n - at;

		at += cutter_feed(&cutter, bytes + at, some, &ends);
		if (ends)
			vec_push(ret, at);
	}
}

/* A change of the cuts makes everybody's chunks new: they are pinned. */
static void cuts_by_content_alone(void **state)
{
	enum { BYTES = 20 << 20 };
	static const size_t pieces[] = { 1, 4096, 999983, BYTES };
	AUTO_FREE char *bytes = noise(BYTES, 1);
	struct cuts first = { 0 };

	cut(bytes, BYTES, 65536, &first);
	assert_true(first.n > 20 && first.n < 60);
	for (size_t i = 0; i < first.n; i++) {
		size_t size = first.p[i] - (i ? first.p[i - 1] : 0);

		assert_true(size >= CUT_MIN_BYTES && size <= CUT_MAX_BYTES);
	}
	assert_int_equal(first.n, 35);
	assert_int_equal(first.p[0], 1195167);
	assert_int_equal(first.p[first.n - 1], 20558014);
	for (size_t i = 0; i < COUNT(pieces); i++) {
		struct cuts other = { 0 };

		cut(bytes, BYTES, pieces[i], &other);
		assert_int_equal(other.n, first.n);
		assert_memory_equal(other.p, first.p, first.n * sizeof(*first.p));
		vec_done(&other);
	}
	vec_done(&first);
}

static void cuts_what_never_changes(void **state)
{
	enum { BYTES = 9 << 20 };
	AUTO_FREE char *zeros = xcalloc(BYTES, 1);
	struct cuts cuts = { 0 };

	cut(zeros, BYTES, 65536, &cuts);
	assert_true(cuts.n >= 2);
	for (size_t i = 0; i < cuts.n; i++)
		assert_true(cuts.p[i] - (i ? cuts.p[i - 1] : 0) <= CUT_MAX_BYTES);
	vec_done(&cuts);
}

static void finds_its_way_back(void **state)
{
	enum { BYTES = 20 << 20, MORE = 12345 };
	AUTO_FREE char *bytes = noise(BYTES, 1), *more = noise(MORE, 7);
	AUTO_FREE char *changed = xmalloc(BYTES + MORE);
	struct cuts before = { 0 }, after = { 0 };
	size_t same = 0;

	memcpy(changed, bytes, BYTES / 2);
	memcpy(changed + BYTES / 2, more, MORE);
	memcpy(changed + BYTES / 2 + MORE, bytes + BYTES / 2, BYTES - BYTES / 2);
	cut(bytes, BYTES, 65536, &before);
	cut(changed, BYTES + MORE, 65536, &after);
	for (size_t i = 0; i < before.n; i++)
		for (size_t k = 0; k < after.n; k++)
			same += after.p[k] == before.p[i] + (before.p[i] > BYTES / 2 ? MORE : 0);
	assert_true(same + 3 >= before.n);
	vec_done(&before);
	vec_done(&after);
}

/* --- lists --- */

static struct entry file_of(const char *path, uint32_t mode, uint64_t size)
{
	return (struct entry){ .path = path,
		.owner = { .mode = mode, .uid = 7, .gid = 8 },
		.mtime = 5,
		.size = size };
}

static void add_chunk(struct mount_list *list, const char *text)
{
	size_t n = strlen(text);

	vec_push(&list->chunks, ((struct mount_chunk){ .plain = digest_of(text, n),
						.bytes = n,
						.blob = { digest_of(text, n), n } }));
}

/* A directory, a file in it, a second name of it, a link. */
static struct mount_list *a_list(void)
{
	struct mount_list *list = mount_list_new();
	struct entry hard = file_of("d/hard", S_IFREG | 0644, 0);
	struct entry link = file_of("link", S_IFLNK | 0777, 0);

	hard.is_hardlink = true;
	hard.link = "d/file";
	link.link = "/anywhere/../it/likes";
	vec_push(&list->files, file_of("", S_IFDIR | 0755, 0));
	vec_push(&list->files, file_of("d", S_IFDIR | 0700, 0));
	vec_push(&list->files, file_of("d/file", S_IFREG | 04755, 11));
	vec_push(&list->files, hard);
	vec_push(&list->files, file_of("d-e", S_IFREG | 0644, 0));
	vec_push(&list->files, link);
	add_chunk(list, "hello");
	add_chunk(list, ", you!");
	assert_ok(mount_list_seal(list));
	return list;
}

/* Packed and read; with max_bytes as bound. */
static struct error *through(
		const struct mount_list *list, uint64_t max_bytes, struct mount_list **ret)
{
	AUTO_FREE char *packed = NULL;
	size_t n = 0;

	assert_ok(mount_list_pack(list, &packed, &n));
	return mount_list_read(reader_from_bytes(packed, n), max_bytes, ret);
}

static void says_what_a_mount_holds(void **state)
{
	AUTO(mount_list) struct mount_list *list = a_list(), *back = NULL;

	assert_ok(through(list, 11, &back));
	assert_true(digest_equal(&back->tree, &list->tree));
	assert_int_equal(back->bytes, 11);
	assert_int_equal(back->files.n, 6);
	assert_string_equal(back->files.p[2].path, "d/file");
	assert_int_equal(back->files.p[2].owner.mode, S_IFREG | 04755);
	assert_int_equal(back->files.p[2].owner.gid, 8);
	assert_string_equal(back->files.p[3].link, "d/file");
	assert_string_equal(back->files.p[5].link, "/anywhere/../it/likes");
	assert_int_equal(back->chunks.n, 2);
	assert_true(digest_equal(&back->chunks.p[1].blob.digest, &list->chunks.p[1].blob.digest));
	/* How chunks are packed is no part of the tree. */
	list->chunks.p[0].blob.bytes = 99;
	struct digest tree = list->tree;
	assert_ok(mount_list_seal(list));
	assert_true(digest_equal(&tree, &list->tree));
	AUTO(mount_list) struct mount_list *bounded = NULL;
	assert_error(through(list, 10, &bounded), ERR_LIMIT, "more than 10 bytes");
}

/* What no directory can be: file i of a_list() becomes this. */
static void refuses_lists(void **state)
{
	static const struct {
		const char *why;
		size_t i;
		const char *path, *link;
		uint32_t mode;
		uint64_t size;
		bool is_hardlink;
	} cases[] = {
		{ "climbs", 4, "../x", NULL, S_IFREG, 0, false },
		{ "is absolute", 4, "/x", NULL, S_IFREG, 0, false },
		{ "has a dot", 4, "x/.", NULL, S_IFREG, 0, false },
		{ "has no parent", 4, "e/x", NULL, S_IFREG, 0, false },
		{ "has a file as parent", 3, "d/file/x", NULL, S_IFREG, 0, false },
		{ "comes twice", 4, "d/file", NULL, S_IFREG, 0, false },
		{ "is out of order", 5, "a", NULL, S_IFREG, 0, false },
		{ "is the root again", 1, "", NULL, S_IFDIR, 0, false },
		{ "has no root", 0, "a", NULL, S_IFDIR, 0, false },
		{ "has a file as root", 0, "", NULL, S_IFREG, 0, false },
		{ "is a device", 4, "e", NULL, S_IFCHR, 0, false },
		{ "is a pipe", 4, "e", NULL, S_IFIFO, 0, false },
		{ "is of no type", 4, "e", NULL, 0, 0, false },
		{ "is a directory with a content", 4, "e", NULL, S_IFDIR, 1, false },
		{ "is a hard link out", 4, "e", "../../etc/passwd", S_IFREG, 0, true },
		{ "is a hard link to a directory", 4, "e", "d", S_IFREG, 0, true },
		{ "is a hard link forwards", 1, "c", "d/file", S_IFREG, 0, true },
		{ "is a hard link with a content", 4, "e", "d/file", S_IFREG, 1, true },
		{ "is a link to nothing", 4, "e", "", S_IFLNK, 0, false },
		{ "has contents that no chunk has", 4, "e", NULL, S_IFREG, 1, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(mount_list) struct mount_list *list = a_list(), *back = NULL;
		struct entry *file = &list->files.p[cases[i].i];

		note("%s", cases[i].why);
		*file = file_of(cases[i].path, cases[i].mode, cases[i].size);
		file->link = cases[i].link;
		file->is_hardlink = cases[i].is_hardlink;
		assert_ok(mount_list_seal(list));
		assert_error(through(list, 1000, &back), ERR_INVALID, "");
	}
}

static void refuses_chunks(void **state)
{
	AUTO(mount_list) struct mount_list *list = a_list(), *back = NULL;

	list->chunks.p[1].bytes = CUT_MAX_BYTES + 1;
	assert_error(through(list, 1000, &back), ERR_INVALID, "damaged");
	list->chunks.p[1].bytes = 7;
	assert_error(through(list, 1000, &back), ERR_INVALID, "its chunks have 12 bytes");
	list->chunks.p[1].bytes = 6;
	list->chunks.p[1].blob.bytes = MOUNT_CHUNK_PACKED_BYTES + 1;
	assert_error(through(list, 1000, &back), ERR_INVALID, "damaged");
	list->chunks.p[1].blob.bytes = 0;
	assert_error(through(list, 1000, &back), ERR_INVALID, "damaged");
	while (list->chunks.n <= MOUNT_CHUNKS)
		add_chunk(list, "x");
	assert_error(mount_list_seal(list), ERR_LIMIT, "chunks");
	assert_error(through(list, 1000, &back), ERR_LIMIT, "chunks");
}

/* Cut anywhere, it is no list; with any bit changed, reading ends. */
static void survives_damage(void **state)
{
	AUTO(mount_list) struct mount_list *list = a_list();
	AUTO(reader) struct reader *reader = NULL;
	AUTO_FREE char *packed = NULL, *plain = NULL;
	size_t n = 0, plain_n = 0;

	assert_ok(mount_list_pack(list, &packed, &n));
	assert_ok(codec_reader(reader_from_bytes(packed, n), &reader, NULL));
	assert_ok(reader_read_all(reader, 100000, &plain, &plain_n));
	for (size_t i = 0; i < plain_n; i++) {
		AUTO(mount_list) struct mount_list *cut = NULL;

		assert_error(mount_list_read(reader_from_bytes(plain, i), 1000, &cut), ERR_INVALID,
				"");
		for (unsigned bit = 0; bit < 8; bit++) {
			AUTO(mount_list) struct mount_list *changed = NULL;

			plain[i] ^= (char)(1 << bit);
			struct error *error = mount_list_read(
					reader_from_bytes(plain, plain_n), 1000, &changed);
			plain[i] ^= (char)(1 << bit);
			/* What is read all the same is another tree, or has its chunks elsewhere.
			 */
			if (!error && digest_equal(&changed->tree, &list->tree))
				assert_true(i + 2 * (DIGEST_BYTES + 2) >= plain_n);
			error_free(error);
		}
	}
}

/* --- records --- */

static struct mount_record a_record(void)
{
	return (struct mount_record){ .mount = digest_of("m", 1),
		.tree = digest_of("t", 1),
		.list = { digest_of("l", 1), 100 },
		.bytes = 5,
		.files = 2,
		.created = 1700000000,
		.id = (char *)(uintptr_t) "/root/\"x\"" };
}

static void keeps_records(void **state)
{
	struct mount_record record = a_record();
	AUTO(mount_record) struct mount_record back = { 0 }, bad = { 0 };
	AUTO_FREE char *text = mount_record_print(&record);

	assert_ok(mount_record_parse(str_of(text), "doc", &back));
	assert_string_equal(back.id, record.id);
	assert_true(digest_equal(&back.list.digest, &record.list.digest));
	assert_int_equal(back.created, record.created);
	/* Any digit that is another is seen. */
	for (size_t i = 0; text[i]; i++) {
		char was = text[i];

		if (was < '0' || was > '8')
			continue;
		text[i]++;
		struct error *error = mount_record_parse(str_of(text), "doc", &bad);
		assert_non_null(error);
		error_free(error);
		text[i] = was;
	}
	record.list.bytes = 1ull << 40;
	AUTO_FREE char *large = mount_record_print(&record);
	assert_error(mount_record_parse(str_of(large), "doc", &bad), ERR_INVALID, "size");
	/* Scopes are apart, and none of them is the home's. */
	struct digest one = mount_record_name(&record.mount, "a");
	struct digest other = mount_record_name(&record.mount, "b");
	struct digest none = mount_record_name(&record.mount, NULL);
	assert_false(digest_equal(&one, &other));
	assert_false(digest_equal(&one, &none));
}

/* --- there and back --- */

static struct mount_scan_options options_of(const struct owner_policy *policy)
{
	return (struct mount_scan_options){ .policy = policy, .max_bytes = 1 << 30 };
}

static struct owner_policy my_policy(void)
{
	return (struct owner_policy){ .kind = geteuid() ? OWNER_RECORDED : OWNER_PLAIN };
}

static void make_tree(int fd)
{
	enum { BYTES = 6 << 20 };
	AUTO_FREE char *bytes = noise(BYTES, 3);
	struct timespec times[2] = { { 1, 2 }, { 1000000, 123456789 } };

	assert_int_equal(mkdirat(fd, "d", 0750), 0);
	scratch_put(fd, "d/a", "hello");
	scratch_put(fd, "d/empty", "");
	assert_int_equal(linkat(fd, "d/a", fd, "d/z", 0), 0);
	assert_int_equal(symlinkat("../nowhere", fd, "d/link"), 0);
	assert_int_equal(mkfifoat(fd, "d/pipe", 0600), 0);
	assert_int_equal(fchmodat(fd, "d/a", 0640, 0), 0);
	AUTO_FD int big = openat(fd, "big", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_ok(fd_write_all(big, bytes, BYTES));
	AUTO_FD int hole = openat(fd, "hole", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(ftruncate(hole, 13 << 20), 0);
	assert_int_equal(utimensat(fd, "d/a", times, 0), 0);
	assert_int_equal(utimensat(fd, "d", times, 0), 0);
}

struct from_file {
	int fd;
	const struct mount_parcel *parcel;
};

static struct error *open_parcel(void *user, uint64_t offset, struct reader **ret)
{
	const struct from_file *from = user;

	*ret = reader_from_range(
			from->fd, from->parcel->offset + offset, from->parcel->blob.bytes - offset);
	return NULL;
}

static void put_parcels(struct cache_home *home, int fd, const struct mount_parcels *parcels)
{
	for (size_t i = 0; i < parcels->n; i++) {
		struct from_file from = { fd, &parcels->p[i] };
		struct registry_blob blob = { .digest = parcels->p[i].blob.digest,
			.size = parcels->p[i].blob.bytes,
			.open = open_parcel,
			.user = &from };

		assert_ok(home->ops->put_blob(home, &blob));
	}
}

/* Scan, pack what is not known, put it there. */
static struct mount_list *bring(struct cache_home *home, int tree_fd, const struct map *known,
		const struct scratch *scratch, size_t *ret_fresh)
{
	struct owner_policy policy = my_policy();
	struct mount_scan_options options = options_of(&policy);
	struct mount_parcels parcels = { 0 };
	struct mount_list *list = NULL;
	AUTO_FD int fd =
			openat(scratch->fd, "chunks", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_ok(mount_scan(tree_fd, &options, &list));
	assert_ok(mount_pack(tree_fd, &options, known, fd, list, &parcels));
	put_parcels(home, fd, &parcels);
	*ret_fresh = parcels.n;
	vec_done(&parcels);
	return list;
}

static struct cache_home *open_home(const struct scratch *scratch)
{
	static const struct cache_means means = { .index_name = "x" };
	AUTO_FREE char *path = xasprintf("%s/home", scratch->path);
	struct cache_spec spec = { .kind = CACHE_HOME_LOCAL, .where = path };
	struct cache_home *home = NULL;

	assert_ok(cache_home_open(&spec, &means, &home));
	return home;
}

static int new_dir(const struct scratch *scratch, const char *name)
{
	assert_int_equal(mkdirat(scratch->fd, name, 0755), 0);
	return openat(scratch->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void remember(void *user, uint64_t bytes)
{
	*(uint64_t *)user = bytes;
}

static void goes_there_and_back(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(cache_home) struct cache_home *home = open_home(&scratch);
	AUTO(map) struct map *known = map_new(NULL);
	struct owner_policy policy = my_policy();
	struct mount_scan_options options = options_of(&policy);
	uint64_t told = 0;
	const struct mount_restore_options restore = {
		.policy = &policy, .told = remember, .user = &told
	};
	AUTO_FD int tree_fd = new_dir(&scratch, "tree");
	AUTO_FD int back_fd = new_dir(&scratch, "back");
	AUTO(mount_list) struct mount_list *back = NULL, *again = NULL;
	size_t fresh = 0;
	struct stat st;

	make_tree(tree_fd);
	AUTO(mount_list) struct mount_list *list = bring(home, tree_fd, known, &scratch, &fresh);
	assert_true(fresh >= 3 && fresh < list->chunks.n);
	assert_ok(mount_restore(home, list, back_fd, &restore));
	assert_int_equal(told, list->bytes - list->chunks.p[list->chunks.n - 1].bytes);
	/* The same tree to the last time, but for the pipe. */
	assert_ok(mount_scan(back_fd, &options, &back));
	assert_true(digest_equal(&list->tree, &back->tree));
	assert_false(is_there(back_fd, "d/pipe"));
	assert_int_equal(fstatat(back_fd, "d/z", &st, 0), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(fstatat(back_fd, "hole", &st, 0), 0);
	assert_true(st.st_blocks * 512 < 1 << 20);
	/* A small change is a small parcel. */
	mount_known_add(known, list);
	scratch_put(back_fd, "d/a", "other");
	again = bring(home, back_fd, known, &scratch, &fresh);
	assert_int_equal(fresh, 1);
	assert_false(digest_equal(&list->tree, &again->tree));
	/* The bound of a scan. */
	AUTO(mount_list) struct mount_list *bounded = NULL;
	options.max_bytes = 1 << 20;
	assert_error(mount_scan(tree_fd, &options, &bounded), ERR_LIMIT, "more than 1048576 bytes");
}

static void takes_no_lie_about_chunks(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(cache_home) struct cache_home *home = open_home(&scratch);
	AUTO(map) struct map *known = map_new(NULL);
	struct owner_policy policy = my_policy();
	const struct mount_restore_options restore = { .policy = &policy };
	AUTO_FD int tree_fd = new_dir(&scratch, "tree");
	AUTO_FD int one_fd = new_dir(&scratch, "one");
	AUTO_FD int two_fd = new_dir(&scratch, "two");
	AUTO_FD int three_fd = new_dir(&scratch, "three");
	size_t fresh = 0;

	make_tree(tree_fd);
	AUTO(mount_list) struct mount_list *list = bring(home, tree_fd, known, &scratch, &fresh);
	struct mount_chunk *last = &list->chunks.p[list->chunks.n - 1];
	struct mount_chunk *first = &list->chunks.p[0], was = *first;

	first->blob = last->blob;
	assert_error(mount_restore(home, list, one_fd, &restore), ERR_INVALID, "chunk");
	*first = was;
	first->plain.bytes[0] ^= 1;
	assert_error(mount_restore(home, list, two_fd, &restore), ERR_DIGEST, "chunk");
	*first = was;
	first->blob.digest.bytes[0] ^= 1;
	assert_error(mount_restore(home, list, three_fd, &restore), ERR_NOT_FOUND, "chunk");
}

UNIT_TESTS(cuts_by_content_alone, cuts_what_never_changes, finds_its_way_back,
		says_what_a_mount_holds, refuses_lists, refuses_chunks, survives_damage,
		keeps_records, goes_there_and_back, takes_no_lie_about_chunks)

#include "scratch.h"
#include "sys/rootfs.h"
#include "sys/rootfs_walk.h"

#include <errno.h>

/*
 * root/                  secret (beside root, outside it)
 *   etc/passwd           d/e/
 *   abs -> /etc          up -> ../../../../etc
 *   out -> ../secret     loop -> loop    a -> b -> a
 *   dangling -> /new/place               d/e/back -> ../../etc/passwd
 */
struct tree {
	struct scratch scratch;
	int root_fd;
};

static struct tree tree_new(void)
{
	struct tree tree = { .scratch = scratch_new() };
	int fd = tree.scratch.fd;

	scratch_put(fd, "secret", "secret");
	assert_int_equal(mkdirat(fd, "root", 0755), 0);
	tree.root_fd = openat(fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = tree.root_fd;
	assert_int_equal(mkdirat(fd, "etc", 0755), 0);
	assert_int_equal(mkdirat(fd, "d", 0755), 0);
	assert_int_equal(mkdirat(fd, "d/e", 0755), 0);
	scratch_put(fd, "etc/passwd", "root:x:0:0");
	assert_int_equal(symlinkat("/etc", fd, "abs"), 0);
	assert_int_equal(symlinkat("../../../../etc", fd, "up"), 0);
	assert_int_equal(symlinkat("../secret", fd, "out"), 0);
	assert_int_equal(symlinkat("loop", fd, "loop"), 0);
	assert_int_equal(symlinkat("b", fd, "a"), 0);
	assert_int_equal(symlinkat("a", fd, "b"), 0);
	assert_int_equal(symlinkat("/new/place", fd, "dangling"), 0);
	assert_int_equal(symlinkat("../../etc/passwd", fd, "d/e/back"), 0);
	return tree;
}

static void tree_done(struct tree *tree)
{
	(void)close(tree->root_fd);
	scratch_done(&tree->scratch);
}

DEFINE_AUTO_VALUE(tree)

static void stays_inside(void **state)
{
	static const char *const inside[] = { "etc/passwd", "/etc/passwd", "abs/passwd",
		"up/passwd", "../../etc/passwd", "d/../../../etc/passwd", "d/e/back",
		"/abs/../abs/passwd" };
	static const struct {
		const char *path;
		int number;
	} refused[] = {
		{ "out", ENOENT },
		{ "../secret", ENOENT },
		{ "loop", ELOOP },
		{ "a/x", ELOOP },
		{ "dangling", ENOENT },
		{ "etc/passwd/x", ENOTDIR },
		{ "nothing", ENOENT },
	};
	AUTO(tree) struct tree tree = tree_new();

	for (size_t i = 0; i < COUNT(inside); i++) {
		AUTO_FREE char *bytes = NULL;
		struct stat st;

		note("%s", inside[i]);
		assert_ok(rootfs_read_file(tree.root_fd, inside[i], 100, &bytes, NULL));
		assert_string_equal(bytes, "root:x:0:0");
		assert_ok(rootfs_stat(tree.root_fd, inside[i], &st));
		assert_true(S_ISREG(st.st_mode));
	}
	for (size_t i = 0; i < COUNT(refused); i++) {
		AUTO_FREE char *bytes = NULL;
		struct error *error =
				rootfs_read_file(tree.root_fd, refused[i].path, 100, &bytes, NULL);

		note("%s", refused[i].path);
		assert_true(error_is_errno(error, refused[i].number));
		error_free(error);
	}
}

/* A link in a foreign /proc must not lead through our own processes. */
static void follows_no_magic_link(void **state)
{
	AUTO_FD int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *path = xasprintf("%d/root/etc/passwd", (int)getpid());
	AUTO_FREE char *bytes = NULL;
	int fd = -1;

	assert_error(rootfs_read_file(proc_fd, path, 1 << 20, &bytes, NULL), ERR_SYS, "symbolic");
	free(path);
	path = xasprintf("%d/fd/%d", (int)getpid(), proc_fd);
	assert_error(rootfs_open(proc_fd, path, O_RDONLY, 0, &fd), ERR_SYS, "symbolic");
}

static void does_not_follow_when_told(void **state)
{
	AUTO(tree) struct tree tree = tree_new();
	struct stat st;
	int fd = -1;

	assert_error(rootfs_open_nofollow(tree.root_fd, "abs", O_RDONLY, 0, &fd), ERR_SYS, "abs");
	assert_ok(rootfs_lstat(tree.root_fd, "abs", &st));
	assert_true(S_ISLNK(st.st_mode));
	assert_ok(rootfs_lstat(tree.root_fd, "", &st));
	assert_true(S_ISDIR(st.st_mode));
	assert_error(rootfs_lstat(tree.root_fd, "none", &st), ERR_SYS, "No such file");
}

static void opens_parents(void **state)
{
	static const struct {
		const char *path, *name, *holds;
	} cases[] = {
		{ "etc/passwd", "passwd", "passwd" },
		{ "/abs/passwd", "passwd", "passwd" },
		{ "abs/none", "none", "passwd" },
		{ "etc", "etc", "etc/passwd" },
		{ "/", "", "etc/passwd" },
		{ "", "", "etc/passwd" },
		{ ".", "", "etc/passwd" },
		{ "d/..", "", "etc/passwd" },
		{ "abs/.", "", "passwd" },
		{ "abs", "abs", "etc/passwd" },
		{ "d/e/", "e/", "e/back" },
	};
	AUTO(tree) struct tree tree = tree_new();

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_FD int fd = -1;
		const char *name = NULL;

		note("'%s'", cases[i].path);
		assert_ok(rootfs_open_parent(tree.root_fd, cases[i].path, &fd, &name));
		assert_string_equal(name, cases[i].name);
		assert_true(is_there(fd, cases[i].holds));
	}
}

static struct owner ours(mode_t mode)
{
	return (struct owner){ .uid = geteuid(), .gid = getegid(), .mode = mode };
}

static void makes_dirs(void **state)
{
	const struct owner_policy plain = { .kind = OWNER_PLAIN };
	const struct owner owner = ours(S_IFDIR | 01750);
	AUTO(tree) struct tree tree = tree_new();
	AUTO_FD int fd = -1;
	struct stat st;
	mode_t mask = umask(077);

	assert_ok(rootfs_make_dirs(tree.root_fd, "/x/y/../z", &plain, &owner, NULL));
	assert_ok(rootfs_make_dirs(tree.root_fd, "abs/new/dir", &plain, &owner, NULL));
	assert_ok(rootfs_make_dirs(tree.root_fd, "dangling/more", &plain, &owner, &fd));
	assert_ok(rootfs_make_dirs(tree.root_fd, "../../o", &plain, &owner, NULL));
	assert_ok(rootfs_make_dirs(tree.root_fd, "out", &plain, &owner, NULL));
	assert_ok(rootfs_make_dirs(tree.root_fd, "/", &plain, &owner, NULL));
	(void)umask(mask);
	assert_int_equal(fstatat(tree.root_fd, "x/z", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 01750);
	assert_int_equal(fstatat(tree.root_fd, "etc/new/dir", &st, 0), 0);
	assert_int_equal(fstatat(tree.root_fd, "etc", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_true(is_there(tree.root_fd, "new/place/more"));
	assert_true(is_there(tree.root_fd, "o"));
	assert_true(is_there(tree.root_fd, "secret"));
	assert_false(is_there(tree.scratch.fd, "o"));
	assert_error(rootfs_make_dirs(tree.root_fd, "etc/passwd/x", &plain, &owner, NULL), ERR_SYS,
			"Not a directory");
	assert_error(rootfs_make_dirs(tree.root_fd, "loop/x", &plain, &owner, NULL), ERR_SYS,
			"symbolic");
}

static void removes(void **state)
{
	AUTO(tree) struct tree tree = tree_new();

	assert_ok(rootfs_remove_tree(tree.root_fd, "abs"));
	assert_true(is_there(tree.root_fd, "etc/passwd"));
	assert_ok(rootfs_remove_tree(tree.root_fd, "up/passwd"));
	assert_false(is_there(tree.root_fd, "etc/passwd"));
	assert_ok(rootfs_remove_tree(tree.root_fd, "/d/"));
	assert_false(is_there(tree.root_fd, "d"));
	assert_ok(rootfs_remove_tree(tree.root_fd, "../secret"));
	assert_true(is_there(tree.scratch.fd, "secret"));
	assert_ok(rootfs_remove_tree(tree.root_fd, "none/none"));
	assert_error(rootfs_remove_tree(tree.root_fd, "/"), ERR_INVALID, "root");
	assert_error(rootfs_remove_tree(tree.root_fd, "etc/.."), ERR_INVALID, "root");
}

static void reads_only_files(void **state)
{
	AUTO(tree) struct tree tree = tree_new();
	char *bytes = NULL;

	assert_int_equal(mkfifoat(tree.root_fd, "pipe", 0600), 0);
	assert_error(rootfs_read_file(tree.root_fd, "pipe", 10, &bytes, NULL), ERR_INVALID,
			"not a regular");
	assert_error(rootfs_read_file(tree.root_fd, "etc", 10, &bytes, NULL), ERR_INVALID,
			"not a regular");
	assert_error(rootfs_read_file(tree.root_fd, "etc/passwd", 3, &bytes, NULL), ERR_LIMIT,
			"more than 3");
}

static void resolves(void **state)
{
	static const struct {
		const char *path, *leads;
	} cases[] = {
		{ "", "/" },
		{ "/", "/" },
		{ "etc", "/etc" },
		{ "abs/passwd", "/etc/passwd" },
		{ "up/x/y", "/etc/x/y" },
		{ "d/e/back", "/etc/passwd" },
		{ "dangling", "/new/place" },
		{ "dangling/../x", "/new/x" },
		{ "out", "/secret" },
		{ "../../none/./x/", "/none/x" },
	};
	AUTO(tree) struct tree tree = tree_new();
	char *never = NULL;

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_FREE char *leads = NULL;

		assert_ok(rootfs_resolve(tree.root_fd, cases[i].path, &leads));
		assert_string_equal(leads, cases[i].leads);
	}
	assert_error(rootfs_resolve(tree.root_fd, "loop", &never), ERR_SYS, "symbolic");
	assert_error(rootfs_resolve(tree.root_fd, "a/b", &never), ERR_SYS, "symbolic");
	assert_error(rootfs_resolve(tree.root_fd, "etc/passwd/x", &never), ERR_SYS,
			"Not a directory");
}

/* The walk by hand ends where openat2 does, or fails as it does. */
static void walks_as_the_kernel(void **state)
{
	static const char *const paths[] = { "", "/", ".", "..", "etc", "etc/", "etc//passwd",
		"/etc/passwd", "etc/passwd/", "abs", "abs/", "abs/passwd", "up", "up/passwd",
		"../../etc/passwd", "d/../../../etc/passwd", "d/e/back", "d/e/back/", "out", "loop",
		"loop/", "a", "a/x", "dangling", "dangling/", "nothing", "nothing/x",
		"etc/passwd/x", "d/e/..", "d/e/../..", "abs/..", "abs/../d", "deep", "deep/x",
		"./././etc", "etc/./passwd", "///", "abs/passwd/..", "nothing/.." };
	static const int flags[] = { O_RDONLY, O_PATH, O_PATH | O_NOFOLLOW, O_RDONLY | O_DIRECTORY,
		O_RDONLY | O_NOFOLLOW, O_PATH | O_DIRECTORY | O_NOFOLLOW };
	AUTO(tree) struct tree tree = tree_new();

	/* 45 links in a row, of which 40 are followed. */
	for (int i = 0; i < 45; i++) {
		AUTO_FREE char *name = i ? xasprintf("deep%d", i) : xstrdup("deep");
		AUTO_FREE char *target = xasprintf("deep%d", i + 1);

		assert_int_equal(symlinkat(target, tree.root_fd, name), 0);
	}
	for (size_t i = 0; i < COUNT(paths); i++)
		for (size_t j = 0; j < COUNT(flags); j++) {
			AUTO_FD int by_hand = rootfs_walk(tree.root_fd, paths[i], flags[j], 0);
			int number = by_hand < 0 ? errno : 0;
			AUTO_FD int by_kernel = -1;
			struct stat a = { 0 };
			struct stat b = { 0 };
			struct error *error = rootfs_open(
					tree.root_fd, paths[i], flags[j], 0, &by_kernel);

			if ((error ? error->code : 0) != number)
				fail_msg("'%s' with %o: kernel %d, by hand %d", paths[i], flags[j],
						error ? error->code : 0, number);
			error_free(error);
			if (by_hand >= 0) {
				assert_int_equal(fstat(by_hand, &a), 0);
				assert_int_equal(fstat(by_kernel, &b), 0);
				assert_int_equal(a.st_ino, b.st_ino);
			}
		}
}

static void walks_and_creates(void **state)
{
	AUTO(tree) struct tree tree = tree_new();
	const int flags = O_WRONLY | O_CREAT;
	AUTO_FD int through = rootfs_walk(tree.root_fd, "abs/new", flags, 0600);
	AUTO_FD int out = rootfs_walk(tree.root_fd, "out", flags, 0600);

	assert_true(through >= 0 && is_there(tree.root_fd, "etc/new"));
	assert_true(out >= 0 && is_there(tree.root_fd, "secret"));
	assert_int_equal(rootfs_walk(tree.root_fd, "out", flags | O_EXCL, 0600), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(rootfs_walk(tree.root_fd, "dangling", flags, 0600), -1);
	assert_int_equal(errno, ENOENT);
	assert_holds(tree.scratch.fd, "secret", "secret");
}

UNIT_TESTS(stays_inside, follows_no_magic_link, does_not_follow_when_told, opens_parents,
		makes_dirs, removes, reads_only_files, resolves, walks_as_the_kernel,
		walks_and_creates)

#include "scratch.h"

static void writes_atomically(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	struct stat st;
	mode_t mask = umask(077);

	assert_ok(file_write_atomic(scratch.fd, "a", "one", 3, 0644, false));
	(void)umask(mask);
	assert_holds(scratch.fd, "a", "one");
	assert_int_equal(fstatat(scratch.fd, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_ok(file_write_atomic(scratch.fd, "a", "", 0, 0600, true));
	assert_holds(scratch.fd, "a", "");
	assert_int_equal(mkdirat(scratch.fd, "d", 0700), 0);
	assert_error(file_write_atomic(scratch.fd, "d", "x", 1, 0600, false), ERR_SYS, "rename");
	assert_error(file_write_atomic(scratch.fd, "none/a", "x", 1, 0600, true), ERR_SYS, "open");
	assert_int_equal(count_names(scratch.fd), 2);
}

static void reads_within_limits(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *bytes = NULL;
	AUTO_FREE char *proc = NULL;
	size_t n = 0;

	scratch_put(scratch.fd, "a", "12345");
	assert_ok(file_read(scratch.fd, "a", 5, &bytes, &n));
	assert_int_equal(n, 5);
	assert_string_equal(bytes, "12345");
	assert_error(file_read(scratch.fd, "a", 4, &proc, &n), ERR_LIMIT, "more than 4 bytes");
	assert_error(file_read(scratch.fd, "b", 4, &proc, &n), ERR_SYS, "open 'b': No such file");
	/* A file whose size the kernel gives as 0. */
	assert_ok(file_read(AT_FDCWD, "/proc/self/status", 1 << 20, &proc, &n));
	assert_true(n > 100);
}

static void makes_dirs(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *deep = xasprintf("%s/a/b//c/", scratch.path);
	AUTO_FREE char *blocked = xasprintf("%s/f/b", scratch.path);

	assert_ok(file_make_dirs(deep, 0755));
	assert_ok(file_make_dirs(deep, 0755));
	assert_ok(file_make_dirs("/", 0755));
	assert_ok(file_make_dirs("/proc/self", 0755));
	assert_true(is_there(scratch.fd, "a/b/c"));
	scratch_put(scratch.fd, "f", "");
	assert_error(file_make_dirs(blocked, 0755), ERR_SYS, "make directory");
}

static void removes_trees(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(scratch) struct scratch outside = scratch_new();

	scratch_put(outside.fd, "kept", "");
	assert_int_equal(mkdirat(scratch.fd, "t", 0700), 0);
	assert_int_equal(mkdirat(scratch.fd, "t/d", 0700), 0);
	assert_int_equal(symlinkat(outside.path, scratch.fd, "t/d/link"), 0);
	assert_int_equal(symlinkat(outside.path, scratch.fd, "l"), 0);
	assert_int_equal(mkfifoat(scratch.fd, "t/p", 0600), 0);
	for (int i = 0; i < 500; i++) {
		AUTO_FREE char *name = xasprintf("t/d/%d", i);

		scratch_put(scratch.fd, name, "");
	}
	assert_int_equal(fchmodat(scratch.fd, "t/d", 0, 0), 0);
	assert_ok(file_remove_tree(scratch.fd, "t"));
	assert_ok(file_remove_tree(scratch.fd, "l"));
	assert_ok(file_remove_tree(scratch.fd, "not-there"));
	assert_int_equal(count_names(scratch.fd), 0);
	assert_true(is_there(outside.fd, "kept"));
}

/* Deeper than PATH_MAX and than the number of fds we may have. */
static void removes_deep_trees(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FD int fd = openat(scratch.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < 3000; i++) {
		assert_int_equal(mkdirat(fd, "deep", 0700), 0);
		int next = openat(fd, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		scratch_put(next, "file", "");
		(void)close(fd);
		fd = next;
	}
	assert_ok(file_remove_tree(scratch.fd, "deep"));
	assert_int_equal(count_names(scratch.fd), 0);
}

static void a_named_file_stays_what_it_is(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *link = xasprintf("%s/link", scratch.path);
	AUTO_FREE char *pipe = xasprintf("%s/pipe", scratch.path);
	AUTO_FREE char *plain = xasprintf("%s/plain", scratch.path);
	struct stat st;
	char got[8] = "";

	scratch_put(scratch.fd, "real", "old and long");
	assert_int_equal(symlinkat("real", scratch.fd, "link"), 0);
	assert_ok(file_write_named(link, "new", 3, 0644));
	assert_holds(scratch.fd, "real", "new");
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));

	assert_int_equal(mkfifo(pipe, 0600), 0);
	AUTO_FD int fd = open(pipe, O_RDWR | O_CLOEXEC);
	assert_ok(file_write_named(pipe, "new", 3, 0644));
	assert_int_equal(read(fd, got, sizeof(got)), 3);
	assert_int_equal(lstat(pipe, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));

	assert_ok(file_write_named(plain, "new", 3, 0644));
	assert_holds(scratch.fd, "plain", "new");
	assert_int_equal(count_names(scratch.fd), 4);
}

static void tells_what_cannot_be_made(void **state)
{
	static const struct {
		const char *path;
		bool is_dir, makes_parents;
		const char *why; /* NULL: nothing is in the way */
	} rows[] = {
		{ "new", false, false, NULL },
		{ "file", false, false, NULL },
		{ "dir", true, false, NULL },
		{ "dir/", true, false, NULL },
		{ "new/", true, false, NULL },
		{ "/dev/null", false, false, NULL },
		{ "a/b/c", false, true, NULL },
		{ "a/b/c", true, true, NULL },
		{ "a/b", false, false, "'a': No such file" },
		{ "a/b", true, false, "'a': No such file" },
		{ "dir", false, true, "Is a directory" },
		{ "file", true, true, "Not a directory" },
		{ "file/x", true, true, "Not a directory" },
		{ "file/x", false, true, "Not a directory" },
		{ "loop", false, true, "'loop': Too many" },
		{ "loop/x", false, true, "'loop/x': Too many" },
	};
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *long_name = xcalloc(1, NAME_MAX + 2);

	(void)state;
	memset(long_name, 'x', NAME_MAX + 1);
	assert_int_equal(chdir(scratch.path), 0);
	scratch_put(scratch.fd, "file", "");
	assert_int_equal(mkdir("dir", 0700), 0);
	assert_int_equal(symlink("loop", "loop"), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error *error =
				file_can_make(rows[i].path, rows[i].is_dir, rows[i].makes_parents);

		note("%s", rows[i].path);
		if (rows[i].why)
			assert_error(error, ERR_SYS, rows[i].why);
		else
			assert_ok(error);
	}
	assert_error(file_can_make(long_name, false, false), ERR_SYS, "name too long");
	assert_int_equal(count_names(scratch.fd), 3);
	assert_int_equal(chdir("/"), 0);
}

UNIT_TESTS(tells_what_cannot_be_made, a_named_file_stays_what_it_is, writes_atomically,
		reads_within_limits, makes_dirs, removes_trees, removes_deep_trees)

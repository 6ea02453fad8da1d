#include "sys/dir.h"

#include "scratch.h"

static void gives_names_and_no_dots(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(list) struct list names = { 0 };
	bool is_empty = false;

	assert_ok(dir_is_empty(scratch.fd, &is_empty));
	assert_true(is_empty);
	assert_ok(dir_names(scratch.fd, ".", &names));
	assert_int_equal(names.n, 0);

	scratch_put(scratch.fd, "b", "");
	scratch_put(scratch.fd, ".a", "");
	scratch_put(scratch.fd, "...", "");
	assert_ok(dir_names(scratch.fd, ".", &names));
	assert_int_equal(names.n, 3);
	assert_string_equal(names.p[0], "...");
	assert_string_equal(names.p[1], ".a");
	assert_string_equal(names.p[2], "b");
	assert_ok(dir_is_empty(scratch.fd, &is_empty));
	assert_false(is_empty);
	/* The descriptor's own place in the directory is where it was. */
	assert_int_equal(lseek(scratch.fd, 0, SEEK_CUR), 0);
}

static void refuses_what_is_no_directory(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(list) struct list names = { 0 };
	AUTO(dir) struct dir dir = { 0 };

	scratch_put(scratch.fd, "file", "");
	assert_int_equal(symlinkat(".", scratch.fd, "link"), 0);
	assert_error(dir_names(scratch.fd, "file", &names), ERR_SYS, "open the directory 'file'");
	assert_error(dir_names(scratch.fd, "none", &names), ERR_SYS, "No such file");
	assert_error(dir_open(scratch.fd, "link", O_NOFOLLOW, &dir), ERR_SYS, "'link'");
	assert_error(dir_take(openat(scratch.fd, "file", O_RDONLY | O_CLOEXEC), "file", &dir),
			ERR_SYS, "read the directory 'file'");
	assert_int_equal(names.n, 0);
	assert_null(dir.stream);
}

static void files_that_end_so(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(list) struct list files = { 0 };
	AUTO_FREE char *dir = xasprintf("/proc/self/fd/%d", scratch.fd);
	AUTO_FREE char *none = xasprintf("%s/none", dir), *no_dir = xasprintf("%s/b.x", dir);
	AUTO_FREE char *wanted = xasprintf("%s/b.x", dir);

	scratch_put(scratch.fd, "c.y", "");
	scratch_put(scratch.fd, "b.x", "");
	scratch_put(scratch.fd, "a.x", "");
	assert_ok(dir_files(none, ".x", &files));
	assert_ok(dir_files(no_dir, ".x", &files));
	assert_int_equal(files.n, 0);
	assert_ok(dir_files(dir, ".x", &files));
	assert_int_equal(files.n, 2);
	assert_string_equal(files.p[1], wanted);
}

/* The disk fails in the middle: what was not read must not look like what is not there. */
static void an_error_is_not_the_end(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(dir) struct dir dir = { 0 };
	AUTO_FD int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const struct dirent *entry = NULL;

	assert_int_equal(mkdirat(scratch.fd, "d", 0700), 0);
	assert_ok(dir_open(scratch.fd, "d", 0, &dir));
	assert_true(dup3(other, dir_fd(&dir), O_CLOEXEC) >= 0);
	assert_error(dir_next(&dir, &entry), ERR_SYS, "read the directory 'd'");
}

UNIT_TESTS(gives_names_and_no_dots, refuses_what_is_no_directory, files_that_end_so,
		an_error_is_not_the_end)

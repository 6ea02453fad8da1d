#include "scratch.h"
#include "stream/out_file.h"
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>

static void write_new(struct out_file *out)
{
	struct writer *writer = TAKE(out->writer);

	assert_ok(writer_write(writer, "new", 3));
	assert_ok(writer_close(writer));
}

static void is_there_when_it_is_whole(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *path = xasprintf("%s/out", scratch.path);
	struct out_file out = { 0 };

	scratch_put(scratch.fd, "out", "old and long");
	for (int is_whole = 0; is_whole < 2; is_whole++) {
		assert_ok(out_file_open(path, &out));
		write_new(&out);
		assert_holds(scratch.fd, "out", "old and long");
		if (is_whole)
			assert_ok(out_file_commit(&out));
		out_file_done(&out);
		assert_holds(scratch.fd, "out", is_whole ? "new" : "old and long");
		assert_int_equal(count_names(scratch.fd), 1);
	}
}

/* As /dev/stdout is where that is a file, and /dev/null. */
static void a_link_or_pipe_stays_one(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *link = xasprintf("%s/link", scratch.path);
	AUTO_FREE char *pipe = xasprintf("%s/pipe", scratch.path);
	const char *const paths[] = { link, pipe };
	char got[8] = "";
	struct stat st;

	scratch_put(scratch.fd, "real", "old and long");
	assert_int_equal(symlinkat("real", scratch.fd, "link"), 0);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	AUTO_FD int fd = open(pipe, O_RDWR | O_CLOEXEC);
	for (size_t i = 0; i < COUNT(paths); i++) {
		AUTO(out_file) struct out_file out = { 0 };

		note("%s", paths[i]);
		assert_ok(out_file_open(paths[i], &out));
		write_new(&out);
		assert_ok(out_file_commit(&out));
		assert_int_equal(lstat(paths[i], &st), 0);
		assert_false(S_ISREG(st.st_mode));
	}
	assert_holds(scratch.fd, "real", "new");
	assert_int_equal(read(fd, got, sizeof(got)), 3);
	assert_int_equal(count_names(scratch.fd), 3);
}

static void an_error_names_the_output(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FREE char *path = xasprintf("%s/none/out", scratch.path);
	AUTO_FREE char *message = xasprintf("make the output '%s': No such file", path);
	AUTO(out_file) struct out_file out = { 0 };

	assert_error(out_file_open(path, &out), ERR_SYS, message);
	assert_null(out.draft);
}

UNIT_TESTS(is_there_when_it_is_whole, a_link_or_pipe_stays_one, an_error_names_the_output)

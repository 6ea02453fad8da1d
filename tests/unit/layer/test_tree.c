#include "layer/tree.h"
#include "recorder.h"

static struct error *write_down(void *state, const struct tree_item *item, enum tree_step *step)
{
	struct strbuf *out = state;
	struct stat st;

	assert_int_equal(fstatat(item->dir_fd, item->name, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_ino, item->st->st_ino);
	strbuf_addf(out, "%s ", item->path);
	if (strcmp(item->name, "skip") == 0)
		*step = TREE_SKIP;
	if (strcmp(item->name, "stop") == 0)
		*step = TREE_STOP;
	return NULL;
}

static struct error *write_leave(void *state, const struct tree_item *item)
{
	strbuf_addf(state, "(%s) ", item->path);
	assert_true(is_there(item->dir_fd, item->name));
	return NULL;
}

static void walks_in_order(void **state)
{
	static const char *const names[] = { "a/", "a/x", "a-b", "a.c/", "a.c/y/", "b", "a/skip/",
		"a/skip/no", "\xff" };
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(strbuf) struct strbuf out = { 0 };
	struct tree_visitor visitor = { write_down, NULL, &out };

	for (size_t i = 0; i < COUNT(names); i++) {
		if (names[i][strlen(names[i]) - 1] == '/')
			assert_int_equal(mkdirat(scratch.fd, names[i], 0755), 0);
		else
			scratch_put(scratch.fd, names[i], "");
	}
	assert_int_equal(symlinkat("a", scratch.fd, "l"), 0);
	assert_ok(tree_walk(scratch.fd, &visitor));
	assert_string_equal(strbuf_text(&out), "a a/skip a/x a-b a.c a.c/y b l \xff ");
	strbuf_clear(&out);
	visitor.leave = write_leave;
	assert_ok(tree_walk(scratch.fd, &visitor));
	assert_string_equal(strbuf_text(&out),
			"a a/skip a/x (a) a-b a.c a.c/y (a.c/y) (a.c) b l \xff ");

	assert_int_equal(renameat(scratch.fd, "a/x", scratch.fd, "a/stop"), 0);
	strbuf_clear(&out);
	assert_ok(tree_walk(scratch.fd, &visitor));
	assert_string_equal(strbuf_text(&out), "a a/skip a/stop ");
}

static void walks_deep(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(strbuf) struct strbuf out = { 0 };
	AUTO_FD int fd = openat(scratch.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct tree_visitor visitor = { write_down, write_leave, &out };

	for (int i = 0; i < 300; i++) {
		assert_int_equal(mkdirat(fd, "d", 0700), 0);
		int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(fd);
		fd = next;
		scratch_put(fd, "z", "");
	}
	assert_ok(tree_walk(scratch.fd, &visitor));
	/* 300 directories, each seen and left, and 300 files. */
	size_t words = 0;
	for (size_t i = 0; i < out.n; i++)
		words += out.p[i] == ' ';
	assert_int_equal(words, 900);

	for (int i = 0; i < 2000; i++) {
		assert_int_equal(mkdirat(fd, "d", 0700), 0);
		int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(fd);
		fd = next;
	}
	assert_error(tree_walk(scratch.fd, &visitor), ERR_LIMIT, "longer than 4096 bytes");
}

static struct error *refuse(void *state, const struct tree_item *item, enum tree_step *step)
{
	(void)state;
	(void)step;
	return error_new(ERR_INVALID, "seen '%s'", item->path);
}

static void hands_errors_on(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	const struct tree_visitor visitor = { refuse, NULL, NULL };

	assert_ok(tree_walk(scratch.fd, &visitor));
	scratch_put(scratch.fd, "f", "");
	assert_error(tree_walk(scratch.fd, &visitor), ERR_INVALID, "seen 'f'");
}

UNIT_TESTS(walks_in_order, walks_deep, hands_errors_on)

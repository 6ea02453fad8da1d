/* Layers that need what is below them. */
#include "layer/apply.h"
#include "listing.h"

static const struct owner_policy recorded = { .kind = OWNER_RECORDED };

/*
 * bottom: lib -> usr/lib  usr/lib/x  etc (0700, 1:2)/conf  gone/f  plain
 * top:    etc/conf whited out, gone whited out, hidden/ opaque over bottom's hidden/f
 */
struct stack {
	struct scratch bottom, top, layer;
	int fds[2];
	struct lowers lowers;
	struct apply_options options;
};

static struct entry_sink *start(const struct scratch *scratch)
{
	const struct apply_options alone = { APPLY_LAYER, recorded, NULL };

	return apply_sink(scratch->fd, &alone);
}

static void stack_init(struct stack *stack)
{
	const struct entry etc = {
		.path = "etc", .owner = { 1, 2, S_IFDIR | 0700, 0, 0 }, .mtime = 77
	};

	*stack = (struct stack){ scratch_new(), scratch_new(), scratch_new() };
	AUTO(entry_sink) struct entry_sink *sink = start(&stack->bottom);
	assert_ok(add_dir(sink, "usr", 0755));
	assert_ok(add_dir(sink, "usr/lib", 0711));
	assert_ok(add_file(sink, "usr/lib/x", "library"));
	assert_ok(add_symlink(sink, "lib", "usr/lib"));
	assert_ok(add_symlink(sink, "abs", "/usr/../usr/lib"));
	assert_ok(entry_sink_add(sink, &etc, NULL));
	assert_ok(add_file(sink, "etc/conf", "old"));
	assert_ok(add_dir(sink, "gone", 0755));
	assert_ok(add_file(sink, "gone/f", ""));
	assert_ok(add_dir(sink, "hidden", 0755));
	assert_ok(add_file(sink, "hidden/f", ""));
	assert_ok(add_file(sink, "plain", ""));
	assert_ok(add_symlink(sink, "loop", "loop"));
	assert_ok(entry_sink_close(TAKE(sink)));

	sink = start(&stack->top);
	assert_ok(entry_sink_add(sink, &etc, NULL));
	assert_ok(entry_sink_whiteout(sink, "etc/conf"));
	assert_ok(entry_sink_whiteout(sink, "gone"));
	assert_ok(add_dir(sink, "hidden", 0750));
	assert_ok(entry_sink_opaque(sink, "hidden"));
	assert_ok(entry_sink_close(TAKE(sink)));

	stack->fds[0] = stack->top.fd;
	stack->fds[1] = stack->bottom.fd;
	stack->lowers = (struct lowers){ stack->fds, 2 };
	stack->options = (struct apply_options){ APPLY_LAYER, recorded, &stack->lowers };
}

static void stack_done(struct stack *stack)
{
	scratch_done(&stack->bottom);
	scratch_done(&stack->top);
	scratch_done(&stack->layer);
}

DEFINE_AUTO_VALUE(stack)

static void copies_implied_parents(void **state)
{
	AUTO(stack) struct stack stack;

	stack_init(&stack);
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(stack.layer.fd, &stack.options);
	assert_ok(add_file(sink, "etc/new", "1"));
	assert_ok(add_file(sink, "lib/new", "2"));
	assert_ok(add_file(sink, "abs/too", "3"));
	assert_ok(add_file(sink, "nobody/has/it", "4"));
	assert_ok(add_file(sink, "hidden/n", "5"));
	assert_ok(entry_sink_close(TAKE(sink)));
	assert_listing(&recorded, stack.layer.fd,
			"d 700 1:2 @77 etc\nf 644 0:0 @5 etc/new \"1\"\n"
			"d 750 0:0 @5 hidden\nf 644 0:0 @5 hidden/n \"5\"\n"
			"d 755 0:0 @0 nobody\nd 755 0:0 @0 nobody/has\n"
			"f 644 0:0 @5 nobody/has/it \"4\"\n"
			"d 755 0:0 @5 usr\nd 711 0:0 @5 usr/lib\nf 644 0:0 @5 usr/lib/new \"2\"\n"
			"f 644 0:0 @5 usr/lib/too \"3\"\n");
}

static void copies_linked_files(void **state)
{
	AUTO(stack) struct stack stack;
	struct stat st;

	stack_init(&stack);
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(stack.layer.fd, &stack.options);
	assert_ok(add_hardlink(sink, "h", "lib/x"));
	assert_ok(add_hardlink(sink, "h2", "usr/lib/x"));
	assert_ok(add_hardlink(sink, "h3", "lib/x"));
	assert_error(add_hardlink(sink, "no", "etc/conf"), ERR_INVALID, "which is not there");
	entry_sink_free(TAKE(sink));
	assert_int_equal(fstatat(stack.layer.fd, "usr/lib/x", &st, 0), 0);
	assert_int_equal(st.st_nlink, 4);
	assert_holds(stack.layer.fd, "h3", "library");

	static const char *const bad[] = { "hidden/f", "gone/f", "none/at/all" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		sink = apply_sink(stack.layer.fd, &stack.options);
		assert_error(add_hardlink(sink, "no", bad[i]), ERR_INVALID, "which is not there");
		entry_sink_free(TAKE(sink));
	}
}

static void removes_only_what_is_there(void **state)
{
	AUTO(stack) struct stack stack;

	stack_init(&stack);
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(stack.layer.fd, &stack.options);
	assert_ok(entry_sink_whiteout(sink, "lib/x"));
	assert_ok(entry_sink_whiteout(sink, "nobody/has/it"));
	assert_ok(entry_sink_whiteout(sink, "gone/f"));
	assert_ok(entry_sink_whiteout(sink, "plain/below/file"));
	assert_ok(entry_sink_opaque(sink, "etc"));
	assert_ok(entry_sink_opaque(sink, "not/there"));
	assert_ok(entry_sink_opaque(sink, "lib")); /* a link, a file: no directories to hide */
	assert_ok(entry_sink_opaque(sink, "plain"));
	assert_ok(entry_sink_close(TAKE(sink)));
	assert_listing(&recorded, stack.layer.fd,
			"d 700 1:2 @77 etc opaque\nd 755 0:0 @5 usr\nd 711 0:0 @5 usr/lib\n"
			"w usr/lib/x\n");
}

static void hides_a_whole_root(void **state)
{
	AUTO(stack) struct stack stack;

	stack_init(&stack);
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(stack.layer.fd, &stack.options);
	assert_ok(add_dir(sink, "etc", 0755));
	assert_ok(entry_sink_opaque(sink, ""));
	assert_ok(add_dir(sink, "usr", 0755));
	assert_ok(entry_sink_close(TAKE(sink)));
	assert_listing(&recorded, stack.layer.fd,
			"w abs\nd 755 0:0 @5 etc opaque\nw gone\nw hidden\nw lib\nw loop\nw plain\n"
			"d 755 0:0 @5 usr opaque\n");
}

/* A directory made where this layer removed one must not show what was in that. */
static void a_removed_parent_comes_back_empty(void **state)
{
	AUTO(stack) struct stack stack;

	stack_init(&stack);
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(stack.layer.fd, &stack.options);
	assert_ok(entry_sink_whiteout(sink, "etc"));
	assert_ok(add_file(sink, "etc/f", "1"));
	assert_error(add_hardlink(sink, "h", "etc/conf"), ERR_INVALID, "which is not there");
	entry_sink_free(TAKE(sink));
	AUTO(strbuf) struct strbuf out = { 0 };
	list_dir(&recorded, stack.layer.fd, &out);
	assert_non_null(strstr(strbuf_text(&out), " etc opaque\nf 644 0:0 @5 etc/f \"1\"\n"));
}

static void stops_at_loops_and_files(void **state)
{
	AUTO(stack) struct stack stack;
	struct entry_sink *sink = NULL;

	stack_init(&stack);
	sink = apply_sink(stack.layer.fd, &stack.options);
	assert_error(add_file(sink, "loop/f", ""), ERR_SYS, "symbolic links");
	entry_sink_free(sink);
	sink = apply_sink(stack.layer.fd, &stack.options);
	assert_error(add_file(sink, "plain/f", ""), ERR_SYS, "Not a directory");
	entry_sink_free(sink);
}

static void nothing_below_needs_nothing(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	const struct lowers none = { NULL, 0 };
	const struct apply_options options = { APPLY_LAYER, recorded, &none };
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(scratch.fd, &options);

	assert_ok(add_file(sink, "a/b/c", "1"));
	assert_ok(entry_sink_whiteout(sink, "x/y"));
	assert_ok(entry_sink_opaque(sink, ""));
	assert_ok(entry_sink_opaque(sink, "q"));
	assert_ok(entry_sink_close(TAKE(sink)));
	assert_listing(&recorded, scratch.fd,
			"d 755 0:0 @0 a\nd 755 0:0 @0 a/b\nf 644 0:0 @5 a/b/c \"1\"\n");
}

/* What is here for others' sake alone (a parent, a link's target, a whiteout) goes with the rest.
 */
static void hides_what_no_entry_made(void **state)
{
	static const struct {
		const char *entry, *link, *whiteouts[2];
		bool is_opaque; /* of the last */
		const char *listing;
	} cases[] = {
		{ NULL, NULL, { "usr/lib/x", "usr" }, false, "w usr\n" },
		{ NULL, NULL, { "usr/lib/x", "usr/lib" }, true,
				"d 755 0:0 @5 usr\nd 711 0:0 @5 usr/lib opaque\n" },
		{ NULL, NULL, { "lib/x", "usr" }, true, "d 755 0:0 @5 usr opaque\n" },
		{ "usr/n", NULL, { "usr/lib/x", "usr" }, false,
				"d 755 0:0 @5 usr opaque\nf 644 0:0 @5 usr/n \"1\"\n" },
		{ NULL, "h", { "usr/lib/x", "plain" }, false,
				"f 644 0:0 @5 h \"library\"\nw plain\nd 755 0:0 @5 usr\n"
				"d 711 0:0 @5 usr/lib\nw usr/lib/x\n" },
		{ NULL, "usr/lib/h", { NULL, "usr/lib" }, true,
				"d 755 0:0 @5 usr\nd 711 0:0 @5 usr/lib opaque\n"
				"f 644 0:0 @5 usr/lib/h \"library\"\n" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(stack) struct stack stack;
		const char *const *gone = cases[i].whiteouts;

		note("%s", cases[i].listing);
		stack_init(&stack);
		AUTO(entry_sink)
		struct entry_sink *sink = apply_sink(stack.layer.fd, &stack.options);
		if (cases[i].entry)
			assert_ok(add_file(sink, cases[i].entry, "1"));
		if (cases[i].link)
			assert_ok(add_hardlink(sink, cases[i].link, "usr/lib/x"));
		if (gone[0])
			assert_ok(entry_sink_whiteout(sink, gone[0]));
		assert_ok(cases[i].is_opaque ? entry_sink_opaque(sink, gone[1])
					     : entry_sink_whiteout(sink, gone[1]));
		assert_ok(entry_sink_close(TAKE(sink)));
		assert_listing(&recorded, stack.layer.fd, cases[i].listing);
	}
}

/* overlayfs lists whiteouts of directories that it does not merge. */
static void no_whiteout_stays_in_an_opaque_directory(void **state)
{
	AUTO(stack) struct stack stack;

	stack_init(&stack);
	AUTO(entry_sink) struct entry_sink *sink = start(&stack.layer);
	assert_ok(add_dir(sink, "etc", 0755));
	assert_ok(entry_sink_whiteout(sink, "etc/before"));
	assert_ok(entry_sink_opaque(sink, "etc"));
	assert_ok(entry_sink_whiteout(sink, "etc/after"));
	assert_ok(add_dir(sink, "etc/d", 0755));
	assert_ok(entry_sink_whiteout(sink, "etc/d/deep"));
	assert_ok(add_file(sink, "usr", ""));
	assert_ok(add_dir(sink, "usr", 0755));
	assert_ok(entry_sink_whiteout(sink, "usr/lib"));
	assert_ok(entry_sink_close(TAKE(sink)));
	assert_listing(&recorded, stack.layer.fd,
			"d 755 0:0 @5 etc opaque\nd 755 0:0 @5 etc/d\nd 755 0:0 @5 usr opaque\n");
}

/* A directory may have the inode of one that was replaced, and then its names are not that one's.
 */
static void an_entry_is_not_what_was_there_before(void **state)
{
	AUTO(stack) struct stack stack;

	stack_init(&stack);
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(stack.layer.fd, &stack.options);
	assert_ok(add_hardlink(sink, "usr/lib/h", "usr/lib/x"));
	assert_ok(add_file(sink, "usr", ""));
	assert_ok(add_dir(sink, "usr", 0755));
	for (int i = 0; i < 64; i++) {
		AUTO_FREE char *dir = xasprintf("usr/%d", i), *file = xasprintf("%s/x", dir);

		assert_ok(add_dir(sink, dir, 0755));
		assert_ok(add_file(sink, file, "1"));
		assert_ok(entry_sink_whiteout(sink, file));
		assert_holds(stack.layer.fd, file, "1");
	}
	assert_ok(entry_sink_close(TAKE(sink)));
}

static void the_last_entry_of_a_directory_counts(void **state)
{
	AUTO(stack) struct stack stack;
	const struct entry etc = {
		.path = "etc", .owner = { 3, 4, S_IFDIR | 0500, 0, 0 }, .mtime = 9
	};

	stack_init(&stack);
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(stack.layer.fd, &stack.options);
	assert_ok(add_file(sink, "etc/new", "1"));
	assert_ok(add_dir(sink, "d", 0700));
	assert_ok(add_file(sink, "d", ""));
	assert_ok(entry_sink_add(sink, &etc, NULL));
	assert_ok(entry_sink_add(sink, &(struct entry){ .path = "d", .owner = etc.owner }, NULL));
	assert_ok(entry_sink_close(TAKE(sink)));
	assert_listing(&recorded, stack.layer.fd,
			"d 500 3:4 @0 d opaque\nd 500 3:4 @9 etc\nf 644 0:0 @5 etc/new \"1\"\n");
}

UNIT_TESTS(an_entry_is_not_what_was_there_before, hides_what_no_entry_made,
		no_whiteout_stays_in_an_opaque_directory, the_last_entry_of_a_directory_counts,
		copies_implied_parents, copies_linked_files, removes_only_what_is_there,
		hides_a_whole_root, a_removed_parent_comes_back_empty, stops_at_loops_and_files,
		nothing_below_needs_nothing)

#include "base/limits.h"
#include "build/view.h"
#include "layer/entry.h"
#include "scratch.h"

/*
 * On disk: usr/lib/so, lib -> usr/lib, abs -> /usr, up -> ../../usr, loop -> loop, a -> b, b -> a,
 *          dead -> gone/x, f
 * Above, as names: app/, app/in -> /usr/lib, app/over -> dir, app/dir/, f2, usr/ (again)
 */
struct fixture {
	struct scratch scratch;
	struct owner_policy policy;
	struct view_names *names[2];
	struct view view;
};

static void add(struct view_names *names, const char *path, uint32_t mode, const char *link)
{
	view_names_add(names, &(struct entry){ .path = path,
					      .owner = { .mode = mode, .uid = 7 },
					      .mtime = 5,
					      .link = link });
}

static struct fixture *fixture_new(void)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->scratch = scratch_new();
	f->policy.kind = OWNER_PLAIN;
	int fd = f->scratch.fd;
	assert_int_equal(mkdirat(fd, "usr", 0755), 0);
	assert_int_equal(mkdirat(fd, "usr/lib", 0755), 0);
	scratch_put(fd, "usr/lib/so", "so");
	scratch_put(fd, "f", "f");
	assert_int_equal(symlinkat("usr/lib", fd, "lib"), 0);
	assert_int_equal(symlinkat("/usr", fd, "abs"), 0);
	assert_int_equal(symlinkat("../../usr", fd, "up"), 0);
	assert_int_equal(symlinkat("loop", fd, "loop"), 0);
	assert_int_equal(symlinkat("b", fd, "a"), 0);
	assert_int_equal(symlinkat("a", fd, "b"), 0);
	assert_int_equal(symlinkat("gone/x", fd, "dead"), 0);
	f->names[0] = view_names_new(false);
	f->names[1] = view_names_new(true);
	add(f->names[0], "usr", S_IFDIR | 0700, NULL);
	add(f->names[0], "app", S_IFDIR | 0755, NULL);
	add(f->names[0], "app/dir", S_IFDIR | 0755, NULL);
	add(f->names[0], "app/in", S_IFLNK | 0777, "/usr/lib");
	add(f->names[0], "app/over", S_IFLNK | 0777, "dir");
	add(f->names[0], "f2", S_IFREG | 0644, NULL);
	f->view = (struct view){ fd, &f->policy, f->names, 1 };
	return f;
}

static void fixture_free(struct fixture *f)
{
	view_names_free(f->names[0]);
	view_names_free(f->names[1]);
	scratch_done(&f->scratch);
	free(f);
}

static void resolves(void **state)
{
	static const struct {
		const char *path, *wanted;
	} cases[] = {
		{ "", "" },
		{ "/", "" },
		{ "usr/lib", "usr/lib" },
		{ "/lib/so", "usr/lib/so" },
		{ "abs/lib", "usr/lib" },
		{ "up/lib", "usr/lib" },
		{ "lib/../f", "usr/f" },
		{ "../../f", "f" },
		{ "./usr/./lib//", "usr/lib" },
		{ "dead", "gone/x" },
		{ "dead/y", "gone/x/y" },
		{ "new/a/b", "new/a/b" },
		{ "app/in/so", "usr/lib/so" },
		{ "app/over/x", "app/dir/x" },
		{ "f2", "f2" },
	};
	struct fixture *f = fixture_new();

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_FREE char *path = NULL;

		note("'%s'", cases[i].path);
		assert_ok(view_resolve(&f->view, cases[i].path, &path));
		assert_string_equal(path, cases[i].wanted);
	}
	fixture_free(f);
}

static void ends_loops(void **state)
{
	static const char *const cases[] = { "loop", "a", "b/x", "loop/../f" };
	struct fixture *f = fixture_new();

	for (size_t i = 0; i < COUNT(cases); i++) {
		char *path = NULL;

		assert_error(view_resolve(&f->view, cases[i], &path), ERR_INVALID,
				"too many levels of symbolic links");
	}
	fixture_free(f);
}

static void looks_up(void **state)
{
	static const struct {
		const char *path;
		uint32_t mode; /* 0: not there */
		uint32_t uid;
	} cases[] = {
		{ "usr", S_IFDIR | 0700, 7 }, /* the names are above */
		{ "usr/lib/so", S_IFREG | 0644, 0 },
		{ "app/dir", S_IFDIR | 0755, 7 },
		{ "app/in", S_IFLNK | 0777, 7 },
		{ "app/none", 0, 0 },
		{ "f2/x", 0, 0 },
		{ "f/x", 0, 0 },
		{ "gone", 0, 0 },
	};
	struct fixture *f = fixture_new();

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(view_entry) struct view_entry entry = { 0 };

		note("'%s'", cases[i].path);
		assert_ok(view_lookup(&f->view, cases[i].path, &entry));
		assert_int_equal(entry.exists, cases[i].mode != 0);
		assert_int_equal(entry.owner.mode, cases[i].mode);
		if (entry.exists && cases[i].uid)
			assert_int_equal(entry.owner.uid, cases[i].uid);
	}
	fixture_free(f);
}

/* What a later layer put in the way is not looked through. */
static void hides_what_was_replaced(void **state)
{
	static const struct {
		const char *path;
		bool exists;
	} cases[] = {
		{ "lib", true }, { "lib/mine", true },
		{ "lib/so", false },    /* lib was a link, and is a directory of its own now */
		{ "usr/lib/so", true }, /* a directory on a directory lets it show through */
		{ "app", true }, { "app/dir", false }, /* app is a file now */
	};
	struct fixture *f = fixture_new();

	add(f->names[1], "lib", S_IFDIR | 0755, NULL);
	add(f->names[1], "lib/mine", S_IFREG | 0644, NULL);
	add(f->names[1], "usr", S_IFDIR | 0755, NULL);
	add(f->names[1], "app", S_IFREG | 0644, NULL);
	f->view.name_count = 2;
	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(view_entry) struct view_entry entry = { 0 };

		note("'%s'", cases[i].path);
		assert_ok(view_lookup(&f->view, cases[i].path, &entry));
		assert_int_equal(entry.exists, cases[i].exists);
	}
	fixture_free(f);
}

static void send_entry(struct entry_sink *sink, const char *path, uint32_t mode, const char *link)
{
	assert_ok(entry_sink_add(sink,
			&(struct entry){ .path = path, .owner = { .mode = mode }, .link = link },
			NULL));
}

/* A layer's entries as names: what it hides, and no word on contents. */
static void lists_a_layer(void **state)
{
	struct view_names *names[2] = { 0 };
	struct owner_policy policy = { .kind = OWNER_PLAIN };
	struct view view = { -1, &policy, names, 2 };
	char name[] = "user.a", value[] = "b";
	const struct xattr kept = { name, value, 1 };
	AUTO(view_entry) struct view_entry entry = { 0 };
	AUTO_FREE char *path = NULL;

	for (size_t i = 0; i < 2; i++) {
		struct entry_sink *sink = view_names_sink(&names[i]);

		send_entry(sink, "d", S_IFDIR | 0700, NULL);
		if (i == 0)
			send_entry(sink, "d/gone", S_IFREG | 0600, NULL);
		else
			assert_ok(entry_sink_opaque(sink, "d"));
		send_entry(sink, "link", S_IFLNK | 0777, "/d");
		assert_ok(entry_sink_add(sink,
				&(struct entry){ .path = "d/x",
						.owner = { .mode = S_IFDIR | 0711 },
						.xattrs = &kept,
						.n_xattrs = 1 },
				NULL));
		assert_null(names[i]);
		assert_ok(entry_sink_close(sink));
		assert_non_null(names[i]);
		assert_false(view_names_tell_content(names[i]));
	}
	assert_ok(view_resolve(&view, "/link/x", &path));
	assert_string_equal(path, "d/x");
	assert_ok(view_lookup(&view, "d/gone", &entry));
	assert_false(entry.exists);
	assert_ok(view_lookup(&view, "d/x", &entry));
	assert_int_equal(entry.owner.mode, S_IFDIR | 0711);
	assert_int_equal(entry.xattrs->n, 1);
	assert_string_equal(entry.xattrs->p[0].name, "user.a");
	view_names_free(names[0]);
	view_names_free(names[1]);
}

static void some_layers_need_their_files(void **state)
{
	struct view_names *names = NULL;
	struct entry_sink *sink = view_names_sink(&names);
	AUTO_FREE char *path = NULL;

	/* It lies in a directory of which only the layers below know what it is. */
	send_entry(sink, "no/parent", S_IFREG | 0600, NULL);
	send_entry(sink, "more", S_IFREG | 0600, NULL);
	assert_ok(entry_sink_close(sink));
	assert_null(names);
	sink = view_names_sink(&names);
	for (int i = 0; i <= LIMIT_VIEW_NAMES; i++) {
		path = xasprintf("f%d", i);
		send_entry(sink, path, S_IFREG | 0600, NULL);
		free(TAKE(path));
	}
	assert_ok(entry_sink_close(sink));
	assert_null(names);
}

static void nothing_is_a_root(void **state)
{
	struct owner_policy policy = { .kind = OWNER_PLAIN };
	struct view view = { .fd = -1, .policy = &policy };
	AUTO(view_entry) struct view_entry entry = { 0 };
	AUTO_FREE char *path = NULL;

	assert_ok(view_lookup(&view, "", &entry));
	assert_true(entry.exists);
	assert_int_equal(entry.owner.mode, S_IFDIR | 0755);
	assert_ok(view_resolve(&view, "/a/../b", &path));
	assert_string_equal(path, "b");
}

UNIT_TESTS(resolves, ends_loops, looks_up, hides_what_was_replaced, lists_a_layer,
		some_layers_need_their_files, nothing_is_a_root)

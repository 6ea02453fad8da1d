#include "build/history.h"
#include "scratch.h"

static struct select_item *add(
		struct selection *selection, const char *path, uint32_t mode, const char *content)
{
	struct select_item *item = vec_add(&selection->items);

	item->path = arena_text(selection->arena, path);
	item->owner.mode = mode;
	item->twin = SIZE_MAX;
	item->size = content ? strlen(content) : 0;
	if (content)
		item->digest = digest_of(content, strlen(content));
	return item;
}

static void round_trip(void **state)
{
	struct selection selection = { .arena = arena_new(), .fd = -1 };
	AUTO(history_files) struct history_files files = { 0 };

	add(&selection, "", S_IFDIR | 0755, NULL);
	add(&selection, "src/a b%.c", S_IFREG | 0644, "one");
	add(&selection, "src/a\nb", S_IFREG | 0600, "two!")->owner.uid = 7;
	add(&selection, "src/link", S_IFLNK | 0777, NULL)->link = "src/a b%.c";
	add(&selection, "src/twin", S_IFREG | 0644, "one")->twin = 1;
	AUTO(strbuf) struct strbuf text = { 0 };

	history_files_write(&selection, &text);

	assert_ok(history_files_read(strbuf_text(&text), text.n, &files));
	assert_int_equal(files.n, 5);
	assert_string_equal(files.p[0].path, ".");
	assert_int_equal(files.p[0].mode, S_IFDIR | 0755);
	assert_string_equal(files.p[1].path, "src/a b%.c");
	assert_int_equal(files.p[1].size, 3);
	assert_string_equal(files.p[2].path, "src/a\nb");
	assert_int_equal(files.p[2].uid, 7);
	assert_true(files.p[1].digest != files.p[2].digest);
	assert_string_equal(files.p[3].path, "src/link");
	assert_true(files.p[3].digest != 0);
	assert_int_equal(files.p[4].mode, S_IFREG | 0644 | HISTORY_HARD_LINK);
	assert_int_equal(files.p[4].digest, files.p[3].digest); /* both name the second */
	vec_done(&selection.items);
	arena_free(selection.arena);
}

static void refuses_what_is_no_list(void **state)
{
	static const char *const bad[] = { "x\n", "644 0 0 1 0 0\n", "644 0 0 1 0 0 9 a\n",
		"644 0 0 1 0 0 0 %0\n", "644 0 0 1 0 0 0 %zz\n", "644 0 0 1 0 0 0 %00\n",
		"644 -1 0 1 0 0 0 a\n", "644 0 0 1 0 0 0 a\n\n" };

	for (size_t i = 0; i < COUNT(bad); i++) {
		AUTO(history_files) struct history_files files = { 0 };

		assert_error(history_files_read(bad[i], strlen(bad[i]), &files), ERR_INVALID,
				"is not a file");
	}
}

UNIT_TESTS(round_trip, refuses_what_is_no_list)

#include "layer/inventory.h"
#include "unit.h"

#include <sys/stat.h>

static void add(struct entry_sink *sink, const char *path, uint32_t mode, uint32_t uid,
		int64_t mtime, const char *content)
{
	struct entry entry = { .path = path,
		.owner = { .mode = mode, .uid = uid },
		.mtime = mtime,
		.size = content && S_ISREG(mode) ? strlen(content) : 0,
		.link = S_ISLNK(mode) ? content : NULL };
	struct reader *reader = S_ISREG(mode) ? reader_from_bytes(content, strlen(content)) : NULL;

	assert_ok(entry_sink_add(sink, &entry, reader));
	reader_free(reader);
}

static struct entry_sink *fill(struct inventory *inventory)
{
	struct entry_sink *sink = inventory_sink(inventory);

	add(sink, "d", S_IFDIR | 0755, 0, 1, NULL);
	add(sink, "d/a", S_IFREG | 0644, 0, 1, "one");
	return sink;
}

static void tells_what_differs(void **state)
{
	AUTO(inventory) struct inventory a = { 0 }, b = { 0 };
	AUTO(inventory_difference) struct inventory_difference found = { 0 };
	struct entry_sink *sink = fill(&a);

	add(sink, "d/b", S_IFREG | 0644, 0, 1, "abc");
	add(sink, "d/c", S_IFREG | 0644, 0, 1, "abc");
	add(sink, "d/e", S_IFLNK | 0777, 0, 1, "x");
	add(sink, "d/f", S_IFREG | 0644, 0, 1, "");
	assert_ok(entry_sink_whiteout(sink, "gone"));
	assert_ok(entry_sink_close(sink));
	sink = fill(&b);
	add(sink, "d/b", S_IFREG | 0644, 0, 1, "abd");
	add(sink, "d/c", S_IFREG | 0600, 7, 1, "abc");
	add(sink, "d/e", S_IFLNK | 0777, 0, 1, "y");
	add(sink, "d/f", S_IFDIR | 0755, 0, 1, NULL);
	add(sink, "d/g", S_IFREG | 0644, 0, 1, "");
	assert_ok(entry_sink_close(sink));
	inventory_compare(&a, &b, 5, &found);
	assert_int_equal(found.files, 6);
	assert_int_equal(found.texts.n, 5);
	assert_string_equal(found.texts.p[0], "/d/b: content (3 bytes)");
	assert_string_equal(found.texts.p[1], "/d/c: mode 0644 before, 0600 now");
	assert_string_equal(found.texts.p[2], "/d/e: to 'x' before, 'y' now");
	assert_string_equal(found.texts.p[3], "/d/f: a file before, a directory now");
	assert_string_equal(found.texts.p[4], "/d/g: a file, only now");
}

static void times_are_told_apart(void **state)
{
	AUTO(inventory) struct inventory a = { 0 }, b = { 0 };
	AUTO(inventory_difference) struct inventory_difference found = { 0 };
	struct entry_sink *sink = fill(&a);

	add(sink, "t", S_IFREG | 0644, 0, 5, "x");
	assert_ok(entry_sink_close(sink));
	sink = fill(&b);
	add(sink, "t", S_IFREG | 0644, 0, 6, "x");
	assert_ok(entry_sink_close(sink));
	inventory_compare(&a, &b, 5, &found);
	assert_int_equal(found.files, 0);
	assert_int_equal(found.times, 1);
}

UNIT_TESTS(tells_what_differs, times_are_told_apart)

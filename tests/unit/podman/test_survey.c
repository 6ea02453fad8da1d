/* Is a directory what its layer's tar says? */
#include "scratch.h"

#include "layer/layer.h"
#include "layer/tar_write.h"
#include "podman/split.h"
#include "podman/survey.h"

#include <sys/stat.h>
#include <unistd.h>

#define TIME 1000000000

static void add(struct entry_sink *sink, const char *path, uint32_t mode, const char *text)
{
	struct entry entry = { .path = path,
		.owner = { .mode = mode, .uid = getuid(), .gid = getgid() },
		.mtime = TIME,
		.link = S_ISLNK(mode) ? text : NULL };
	AUTO(reader) struct reader *content = NULL;

	if (S_ISREG(mode)) {
		entry.size = strlen(text);
		content = reader_from_bytes(text, strlen(text));
	}
	assert_ok(entry_sink_add(sink, &entry, content));
}

static void add_hardlink(struct entry_sink *sink, const char *path, const char *to)
{
	struct entry entry = {
		.path = path, .owner = { .mode = S_IFREG | 0644 }, .link = to, .is_hardlink = true
	};

	assert_ok(entry_sink_add(sink, &entry, NULL));
}

static struct entry_sink *tar_to(struct strbuf *tar)
{
	return tar_writer(writer_to_strbuf(tar), &(struct entry_times){ 0 });
}

static void make_tar(struct strbuf *tar)
{
	struct entry_sink *sink = tar_to(tar);

	add(sink, "d", S_IFDIR | 0755, NULL);
	assert_ok(entry_sink_opaque(sink, "d"));
	add(sink, "d/one", S_IFREG | 0640, "one");
	add(sink, "d/empty", S_IFREG | 0644, "");
	add(sink, "d/twin", S_IFREG | 0644, "");
	add(sink, "link", S_IFLNK | 0777, "d/one");
	add_hardlink(sink, "same", "d/one");
	assert_ok(entry_sink_whiteout(sink, "gone"));
	assert_ok(entry_sink_close(sink));
}

static struct reader *bytes_of(const struct strbuf *text)
{
	return reader_from_bytes(text->p, text->n);
}

static void unpack(const struct strbuf *tar, int dir_fd)
{
	const struct lowers none = { 0 };
	struct layer_unpack_options options = {
		.apply = { .mode = APPLY_LAYER, .policy = { .kind = OWNER_PLAIN }, .lowers = &none }
	};
	struct layer_result result = { 0 };

	assert_ok(layer_unpack(bytes_of(tar), dir_fd, &options, &result));
}

static bool is_equal(const struct strbuf *tar, int dir_fd)
{
	bool equal = false, has_top = true;

	assert_ok(survey_tree(bytes_of(tar), dir_fd, NULL, NULL, &equal, &has_top));
	assert_false(has_top);
	return equal;
}

/* The headers alone will do. */
static void knows_its_own(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(strbuf) struct strbuf tar = { 0 };
	AUTO(strbuf) struct strbuf lines = { 0 };
	struct writer *split = split_writer(writer_to_strbuf(&lines));
	struct reader *outline = NULL;
	bool equal = false, has_top = true;

	(void)state;
	make_tar(&tar);
	unpack(&tar, scratch.fd);
	assert_true(is_equal(&tar, scratch.fd));
	assert_ok(writer_write(split, tar.p, tar.n));
	assert_ok(writer_close(split));
	assert_ok(split_outline(bytes_of(&lines), &outline));
	assert_ok(survey_tree(outline, scratch.fd, NULL, NULL, &equal, &has_top));
	assert_true(equal);
}

static void add_file(int fd)
{
	scratch_put(fd, "d/more", "");
}

static void add_dir(int fd)
{
	assert_int_equal(mkdirat(fd, "dir", 0755), 0);
}

static void remove_file(int fd)
{
	assert_int_equal(unlinkat(fd, "d/empty", 0), 0);
}

static void change_mode(int fd)
{
	assert_int_equal(fchmodat(fd, "d/one", 0644, 0), 0);
}

static void set_time(int fd, const char *path, time_t seconds)
{
	const struct timespec times[2] = { { .tv_sec = seconds }, { .tv_sec = seconds } };

	assert_int_equal(utimensat(fd, path, times, 0), 0);
}

static void change_time(int fd)
{
	set_time(fd, "d/one", 1);
}

static void change_size(int fd)
{
	scratch_put(fd, "d/empty", "?");
	set_time(fd, "d/empty", TIME);
}

static void change_target(int fd)
{
	assert_int_equal(unlinkat(fd, "link", 0), 0);
	assert_int_equal(symlinkat("d/two", fd, "link"), 0);
}

static void change_type(int fd)
{
	assert_int_equal(unlinkat(fd, "gone", 0), 0);
	scratch_put(fd, "gone", "");
}

static void unshare_file(int fd)
{
	assert_int_equal(unlinkat(fd, "same", 0), 0);
	scratch_put(fd, "same", "one");
	assert_int_equal(fchmodat(fd, "same", 0640, 0), 0);
	set_time(fd, "same", TIME);
}

/* As Podman does with what another layer has, too. */
static void link_from_outside(int fd)
{
	assert_int_equal(linkat(fd, "d/one", fd, "../outside", 0), 0);
}

static void link_twins(int fd)
{
	assert_int_equal(unlinkat(fd, "d/twin", 0), 0);
	assert_int_equal(linkat(fd, "d/empty", fd, "d/twin", 0), 0);
}

static void remove_mark(int fd)
{
	assert_ok(xattr_remove(fd, "d", "user.overlay.opaque"));
}

static void sees_what_is_other(void **state)
{
	static void (*const changes[])(int fd) = { add_file, add_dir, remove_file, change_mode,
		change_time, change_size, change_target, change_type, unshare_file,
		link_from_outside, link_twins, remove_mark };
	AUTO(strbuf) struct strbuf tar = { 0 };

	(void)state;
	make_tar(&tar);
	for (size_t i = 0; i < COUNT(changes); i++) {
		AUTO(scratch) struct scratch scratch = scratch_new();

		note("change %zu", i);
		assert_int_equal(mkdirat(scratch.fd, "layer", 0755), 0);
		AUTO_FD int fd = openat(scratch.fd, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		unpack(&tar, fd);
		assert_true(is_equal(&tar, fd));
		changes[i](fd);
		assert_false(is_equal(&tar, fd));
	}
}

/* Each tool makes a parent of its own, where the tar has none. */
static void wants_every_parent(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(strbuf) struct strbuf tar = { 0 };
	struct entry_sink *sink = tar_to(&tar);

	(void)state;
	add(sink, "a/file", S_IFREG | 0644, "x");
	assert_ok(entry_sink_close(sink));
	unpack(&tar, scratch.fd);
	assert_false(is_equal(&tar, scratch.fd));
}

static void wants_each_name_once(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(strbuf) struct strbuf tar = { 0 };
	struct entry_sink *sink = tar_to(&tar);

	(void)state;
	add(sink, "file", S_IFREG | 0644, "");
	add(sink, "file", S_IFREG | 0644, "");
	assert_ok(entry_sink_close(sink));
	unpack(&tar, scratch.fd);
	assert_false(is_equal(&tar, scratch.fd));
}

/* Of "/" itself, where the tar has it, all but the time counts. */
static void compares_the_top(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(strbuf) struct strbuf tar = { 0 };
	struct entry_sink *sink = tar_to(&tar);
	bool equal = false, has_top = false;

	(void)state;
	add(sink, "", S_IFDIR | 0750, NULL);
	add(sink, "file", S_IFREG | 0644, "");
	assert_ok(entry_sink_close(sink));
	unpack(&tar, scratch.fd);
	assert_int_equal(fchmod(scratch.fd, 0750), 0);
	assert_ok(survey_tree(bytes_of(&tar), scratch.fd, NULL, NULL, &equal, &has_top));
	assert_true(equal);
	assert_true(has_top);
	assert_int_equal(fchmod(scratch.fd, 0755), 0);
	assert_ok(survey_tree(bytes_of(&tar), scratch.fd, NULL, NULL, &equal, &has_top));
	assert_false(equal);
}

/* Ids that are moved elsewhere: each must have its place there. */
static void wants_a_place_for_each_owner(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(strbuf) struct strbuf tar = { 0 };
	uint32_t most = getuid() > getgid() ? getuid() : getgid();
	struct owner_policy moved = { .kind = OWNER_SHIFTED, .base = 100000, .count = most + 1 };
	bool equal = false, has_top = false;

	(void)state;
	make_tar(&tar);
	unpack(&tar, scratch.fd);
	assert_ok(survey_tree(bytes_of(&tar), scratch.fd, &moved, NULL, &equal, &has_top));
	assert_true(equal);
	moved.count = most;
	assert_ok(survey_tree(bytes_of(&tar), scratch.fd, &moved, NULL, &equal, &has_top));
	assert_false(equal);
}

UNIT_TESTS(knows_its_own, sees_what_is_other, wants_every_parent, wants_each_name_once,
		compares_the_top, wants_a_place_for_each_owner)

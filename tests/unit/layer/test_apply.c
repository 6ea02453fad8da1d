#include "layer/apply.h"
#include "listing.h"

#include <errno.h>

/* Owners are recorded, so that every test runs as anybody. */
static const struct owner_policy recorded = { .kind = OWNER_RECORDED };
static const struct apply_options alone = { APPLY_LAYER, { .kind = OWNER_RECORDED }, NULL };
static const struct apply_options rootfs = { APPLY_ROOTFS, { .kind = OWNER_RECORDED }, NULL };

static FALLIBLE add_owned(struct entry_sink *sink, const char *path, uint32_t mode, uint32_t uid,
		uint32_t gid)
{
	const struct entry entry = { .path = path, .owner = { uid, gid, mode, 0, 0 }, .mtime = 7 };
	AUTO(reader) struct reader *content = reader_from_bytes("", 0);

	return entry_sink_add(sink, &entry, S_ISREG(mode) ? content : NULL);
}

static void makes_everything(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(scratch.fd, &alone);
	struct xattr xattrs[] = { { (char[]){ "security.selinux" }, (char[]){ "label" }, 5 },
		{ (char[]){ "user.containers.override_stat" }, (char[]){ "9:9:0777:file" }, 13 },
		{ (char[]){ "user.mine" }, (char[]){ "1" }, 1 },
		{ (char[]){ "user.overlay.redirect" }, (char[]){ "/etc" }, 4 } };
	const struct entry device = {
		.path = "d/null", .owner = { 0, 5, S_IFCHR | 0666, 1, 3 }, .mtime = 6
	};
	const struct entry root = {
		.path = "", .owner = { 3, 4, S_IFDIR | 0711, 0, 0 }, .mtime = 8
	};
	struct stat st;
	mode_t mask = umask(077);

	assert_ok(entry_sink_add(sink, &root, NULL));
	assert_ok(add_dir(sink, "d", 01777));
	assert_ok(add_file(sink, "d/a", "hello"));
	assert_ok(add_owned(sink, "d/set", S_IFREG | 06755, 33, 44));
	assert_ok(add_owned(sink, "d/none", S_IFREG | 0000, 0, 0));
	assert_ok(add_text(sink,
			(struct entry){ .path = "d/x",
					.owner = { .mode = 0444 },
					.xattrs = xattrs,
					.n_xattrs = 4 },
			"x"));
	assert_ok(add_symlink(sink, "d/l", "../../../../etc/passwd"));
	assert_ok(add_owned(sink, "d/p", S_IFIFO | 0640, 1, 2));
	assert_ok(entry_sink_add(sink, &device, NULL));
	assert_ok(add_hardlink(sink, "h", "d/a"));
	assert_ok(entry_sink_close(TAKE(sink)));
	(void)umask(mask);

	assert_listing(&recorded, scratch.fd,
			"d 1777 0:0 @5 d\n"
			"f 644 0:0 @5 d/a \"hello\"\n"
			"l 777 0:0 @5 d/l -> ../../../../etc/passwd\n"
			"f 0 0:0 @7 d/none \"\"\n"
			"c 666 0:5 @6 d/null 1,3\n"
			"p 640 1:2 @7 d/p\n"
			"f 6755 33:44 @7 d/set \"\"\n"
			"f 444 0:0 @0 d/x \"x\" user.mine=1\n"
			"f 644 0:0 @5 h \"hello\"\n");
	assert_int_equal(fstatat(scratch.fd, "h", &st, 0), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(fstat(scratch.fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0711);
	assert_int_equal(st.st_mtime, 8);
}

/* Whether we may give files away: root with more ids than one. */
static bool has_ids(void)
{
	AUTO_FREE char *map = NULL;
	unsigned inside = 0;
	unsigned outside = 0;
	unsigned count = 0;

	assert_ok(file_read(AT_FDCWD, "/proc/self/uid_map", 10000, &map, NULL));
	// NOLINTNEXTLINE(cert-err34-c): written by the kernel
	return sscanf(map, "%u %u %u", &inside, &outside, &count) == 3 && geteuid() == 0 &&
	       count > 200000;
}

static void keeps_owners_for_real(void **state)
{
	static const struct owner_policy policies[] = { { OWNER_PLAIN, 0, 0 },
		{ OWNER_SHIFTED, 100000, 65536 } };
	static const uint8_t capability[20] = { 1, 0, 0, 2, 0, 4 };
	struct xattr xattr = { (char[]){ "security.capability" }, NULL, sizeof(capability) };
	struct stat st;

	if (!has_ids())
		skip();
	for (size_t i = 0; i < COUNT(policies); i++) {
		AUTO(scratch) struct scratch scratch = scratch_new();
		AUTO(strbuf) struct strbuf is = { 0 };
		const struct apply_options options = { APPLY_LAYER, policies[i], NULL };
		AUTO(entry_sink) struct entry_sink *sink = apply_sink(scratch.fd, &options);
		const struct entry beyond = { .path = "x",
			.owner = { .uid = UINT32_MAX - 1, .mode = S_IFIFO } };

		xattr.value = (char *)(uintptr_t)capability;
		assert_ok(add_owned(sink, "d", S_IFDIR | 02775, 0, 50));
		assert_ok(add_owned(sink, "d/set", S_IFREG | 06755, 33, 44));
		assert_ok(add_owned(sink, "d/root", S_IFREG | 0644, 0, 0));
		assert_ok(add_owned(sink, "d/p", S_IFIFO | 0640, 1, 2));
		assert_ok(add_text(sink,
				(struct entry){ .path = "d/cap",
						.owner = { 5, 6, 0755, 0, 0 },
						.xattrs = &xattr,
						.n_xattrs = 1 },
				"x"));
		assert_int_equal(fstatat(scratch.fd, "d/set", &st, 0), 0);
		assert_int_equal(st.st_uid, policies[i].base + 33);
		assert_int_equal(st.st_mode & 07777, 06755);
		list_dir(&policies[i], scratch.fd, &is);
		assert_non_null(strstr(strbuf_text(&is), "d 2775 0:50 "));
		assert_non_null(strstr(strbuf_text(&is), "f 755 5:6 @0 d/cap \"x\" security.cap"));
		assert_non_null(strstr(strbuf_text(&is), "p 640 1:2 @7 d/p\n"));
		assert_non_null(strstr(strbuf_text(&is), "f 644 0:0 @7 d/root"));
		assert_non_null(strstr(strbuf_text(&is), "f 6755 33:44 @7 d/set"));
		if (policies[i].kind == OWNER_SHIFTED)
			assert_error(entry_sink_add(sink, &beyond, NULL), ERR_UNSUPPORTED,
					"unpack 'x': owner 4294967294:0");
	}
}

static void unpacks_into_shut_directories(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(scratch.fd, &alone);

	assert_ok(add_dir(sink, "shut", 0000));
	assert_ok(add_dir(sink, "shut/too", 0500));
	assert_ok(add_file(sink, "shut/too/f", "inside"));
	assert_ok(entry_sink_close(TAKE(sink)));
	assert_listing(&recorded, scratch.fd,
			"d 0 0:0 @5 shut\nd 500 0:0 @5 shut/too\nf 644 0:0 @5 shut/too/f "
			"\"inside\"\n");
}

/* What is outside must stay as it is, whatever the layer's links say. */
static void stays_inside(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();

	scratch_put(scratch.fd, "secret", "secret");
	assert_int_equal(mkdirat(scratch.fd, "root", 0755), 0);
	for (int i = 0; i < 2; i++) {
		AUTO_FD int fd = openat(scratch.fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		AUTO(entry_sink) struct entry_sink *sink = apply_sink(fd, i ? &rootfs : &alone);

		assert_ok(add_symlink(sink, "out", scratch.path));
		assert_ok(add_symlink(sink, "up", "../../../.."));
		assert_ok(add_symlink(sink, "file", "../secret"));
		assert_ok(add_dir(sink, "etc", 0755));
		assert_ok(add_symlink(sink, "etc2", "/etc"));
		assert_ok(add_file(sink, "etc2/inside", "1"));
		assert_ok(add_file(sink, "up/also", "2"));
		assert_ok(add_file(sink, "file", "replaced"));
		assert_ok(add_symlink(sink, "h", "../secret"));
		assert_ok(add_hardlink(sink, "hard", "h"));
		assert_ok(add_file(sink, "hard", "3"));
		if (i) {
			assert_ok(entry_sink_whiteout(sink, "up/secret"));
			assert_ok(entry_sink_opaque(sink, "up"));
			assert_ok(add_file(sink, "out/made", "4"));
		}
		assert_ok(entry_sink_close(TAKE(sink)));
		assert_holds(fd, "etc/inside", "1");
		assert_holds(fd, "also", "2");
		assert_holds(fd, "file", "replaced");
		assert_holds(scratch.fd, "secret", "secret");
		assert_false(is_there(scratch.fd, "made"));
		assert_ok(file_remove_tree(scratch.fd, "root"));
		assert_int_equal(mkdirat(scratch.fd, "root", 0755), 0);
	}
}

static void a_link_out_needs_lowers_alone(void **state)
{
	static const char *const hard[] = { "../secret", "no/such", "gone" };
	AUTO(scratch) struct scratch scratch = scratch_new();

	for (size_t i = 0; i < COUNT(hard); i++) {
		AUTO(entry_sink) struct entry_sink *sink = apply_sink(scratch.fd, &alone);
		AUTO(entry_sink) struct entry_sink *flat = apply_sink(scratch.fd, &rootfs);

		struct error *error = add_hardlink(sink, "h", hard[i]);
		assert_true(apply_needs_lowers(error));
		assert_error(error, ERR_UNSUPPORTED, "'h' is a hard link to a file below");
		assert_error(add_hardlink(flat, "h", hard[i]), ERR_INVALID, "which is not there");
	}
}

static void says_what_cannot_stand_alone(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(entry_sink) struct entry_sink *sink = NULL;
	struct error *error = NULL;

	sink = apply_sink(scratch.fd, &alone);
	error = add_file(sink, "a/b", "");
	assert_true(apply_needs_lowers(error));
	assert_error(error, ERR_UNSUPPORTED, "unpack 'a/b': the layer cannot stand alone");
	entry_sink_free(TAKE(sink));

	sink = apply_sink(scratch.fd, &alone);
	error = entry_sink_whiteout(sink, "a/b");
	assert_true(apply_needs_lowers(error));
	error_free(error);
	entry_sink_free(TAKE(sink));

	sink = apply_sink(scratch.fd, &alone);
	error = entry_sink_opaque(sink, "");
	assert_true(apply_needs_lowers(error));
	error_free(error);
	entry_sink_free(TAKE(sink));

	sink = apply_sink(scratch.fd, &alone);
	assert_ok(add_symlink(sink, "l", "nowhere"));
	error = add_file(sink, "l/f", "");
	assert_true(apply_needs_lowers(error));
	error_free(error);
	assert_false(apply_needs_lowers(NULL));
}

/* The whiteout of a layer is a device 0:0; over a directory of the layer it is an opaque mark. */
static void marks_for_overlayfs(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(scratch.fd, &alone);

	assert_ok(entry_sink_whiteout(sink, "gone"));
	assert_ok(add_dir(sink, "d", 0755));
	assert_ok(entry_sink_opaque(sink, "d"));
	assert_ok(add_file(sink, "d/f", "1"));
	assert_ok(entry_sink_whiteout(sink, "d/f")); /* the file hides what is below already */
	assert_ok(add_dir(sink, "e", 0755));
	assert_ok(entry_sink_whiteout(sink, "e"));
	assert_ok(entry_sink_whiteout(sink, "again"));
	assert_ok(add_dir(sink, "again", 0755));
	assert_ok(entry_sink_whiteout(sink, "file"));
	assert_ok(add_file(sink, "file", "2"));
	assert_ok(add_file(sink, "was-file", ""));
	assert_ok(add_dir(sink, "was-file", 0755));
	assert_ok(entry_sink_close(TAKE(sink)));
	assert_listing(&recorded, scratch.fd,
			"d 755 0:0 @5 again opaque\nd 755 0:0 @5 d opaque\nf 644 0:0 @5 d/f \"1\"\n"
			"d 755 0:0 @5 e opaque\nf 644 0:0 @5 file \"2\"\nw gone\n"
			"d 755 0:0 @5 was-file opaque\n");
}

static void replaces(void **state)
{
	static const struct apply_options *const modes[] = { &alone, &rootfs };

	for (size_t i = 0; i < COUNT(modes); i++) {
		AUTO(scratch) struct scratch scratch = scratch_new();
		AUTO(entry_sink) struct entry_sink *sink = apply_sink(scratch.fd, modes[i]);

		assert_ok(add_dir(sink, "a", 0755));
		assert_ok(add_file(sink, "a/f", "1"));
		assert_ok(add_hardlink(sink, "kept", "a/f"));
		assert_ok(add_file(sink, "a/f", "2"));
		assert_ok(add_dir(sink, "a", 0700));
		assert_ok(add_dir(sink, "t", 0755));
		assert_ok(add_dir(sink, "t/x", 0755));
		assert_ok(add_file(sink, "t", "was a directory"));
		assert_ok(add_dir(sink, "b", 0755));
		assert_ok(add_dir(sink, "b/c", 0755));
		assert_ok(add_symlink(sink, "b", "a"));
		assert_ok(add_file(sink, "b/through", "3"));
		assert_ok(add_symlink(sink, "l", "a"));
		assert_ok(add_dir(sink, "l", 0755));
		assert_ok(add_file(sink, "l/f", "4"));
		assert_ok(add_hardlink(sink, "kept", "kept"));
		assert_ok(entry_sink_close(TAKE(sink)));
		assert_listing(&recorded, scratch.fd,
				i == 0 ? "d 700 0:0 @5 a\nf 644 0:0 @5 a/f \"2\"\n"
					 "f 644 0:0 @5 a/through \"3\"\nl 777 0:0 @5 b -> a\n"
					 "f 644 0:0 @5 kept \"1\"\nd 755 0:0 @5 l opaque\n"
					 "f 644 0:0 @5 l/f \"4\"\n"
					 "f 644 0:0 @5 t \"was a directory\"\n"
				       : "d 700 0:0 @5 a\nf 644 0:0 @5 a/f \"2\"\n"
					 "f 644 0:0 @5 a/through \"3\"\nl 777 0:0 @5 b -> a\n"
					 "f 644 0:0 @5 kept \"1\"\nd 755 0:0 @5 l\n"
					 "f 644 0:0 @5 l/f \"4\"\n"
					 "f 644 0:0 @5 t \"was a directory\"\n");
	}
}

/* Flattening: whiteouts remove what lower layers brought, and spare what this one brings. */
static void flattens(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(scratch.fd, &rootfs);

	assert_ok(add_dir(sink, "d", 0755));
	assert_ok(add_file(sink, "d/old", "1"));
	assert_ok(add_dir(sink, "d/sub", 0755));
	assert_ok(add_file(sink, "d/sub/old", "1"));
	assert_ok(add_file(sink, "gone", "1"));
	assert_ok(add_file(sink, "implied/by/this", "1"));
	assert_ok(entry_sink_close(TAKE(sink)));

	sink = apply_sink(scratch.fd, &rootfs);
	assert_ok(add_file(sink, "d/sub/new", "2"));
	assert_ok(add_dir(sink, "d/sub", 0755));
	assert_ok(add_dir(sink, "d", 0755));
	assert_ok(entry_sink_opaque(sink, "d"));
	assert_ok(entry_sink_whiteout(sink, "gone"));
	assert_ok(entry_sink_whiteout(sink, "never/was"));
	assert_ok(entry_sink_opaque(sink, "nor-was"));
	assert_ok(add_file(sink, "both", "2"));
	assert_ok(entry_sink_whiteout(sink, "both"));
	assert_ok(entry_sink_whiteout(sink, "implied"));
	assert_ok(entry_sink_close(TAKE(sink)));
	assert_listing(&recorded, scratch.fd,
			"f 644 0:0 @5 both \"2\"\nd 755 0:0 @5 d\n"
			"d 755 0:0 @5 d/sub\nf 644 0:0 @5 d/sub/new \"2\"\n");
}

static void refuses(void **state)
{
	static const struct {
		struct owner owner;
		const char *says;
		enum error_kind kind;
	} cases[] = {
		{ { .mode = S_IFCHR }, "means a whiteout", ERR_UNSUPPORTED },
		{ { .mode = S_IFCHR, .major = 5000 }, "5000:0 does not exist", ERR_INVALID },
		{ { .mode = S_IFBLK, .minor = 1 << 20 }, "0:1048576 does not exist", ERR_INVALID },
	};
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(reader) struct reader *content = reader_from_bytes("abc", 3);
	const struct entry longer = { .path = "f", .owner = { .mode = S_IFREG }, .size = 4 };
	struct entry_sink *sink = NULL;

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct entry entry = { .path = "x", .owner = cases[i].owner };

		sink = apply_sink(scratch.fd, &rootfs);
		assert_error(entry_sink_add(sink, &entry, NULL), cases[i].kind, cases[i].says);
		entry_sink_free(sink);
	}
	sink = apply_sink(scratch.fd, &rootfs);
	assert_error(entry_sink_add(sink, &longer, content), ERR_INVALID, "unpack 'f': unexpected");
	entry_sink_free(sink);
	sink = apply_sink(scratch.fd, &rootfs);
	assert_ok(add_file(sink, "file", ""));
	assert_error(add_file(sink, "file/below", ""), ERR_SYS, "unpack 'file/below'");
	entry_sink_free(sink);
	sink = apply_sink(scratch.fd, &rootfs);
	assert_ok(add_dir(sink, "dir", 0755));
	assert_error(add_hardlink(sink, "h", "dir"), ERR_SYS, "link to 'dir'");
	entry_sink_free(sink);
}

static void writes_holes(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(scratch.fd, &alone);
	const size_t n = 40 << 20;
	AUTO_FREE char *bytes = xcalloc(1, n);
	AUTO(reader) struct reader *content = reader_from_bytes(bytes, n);
	const struct entry entry = { .path = "f", .owner = { .mode = S_IFREG | 0644 }, .size = n };
	AUTO_FREE char *got = NULL;
	struct stat st;
	size_t got_n = 0;

	bytes[10 << 20] = 'x';
	assert_ok(entry_sink_add(sink, &entry, content));
	assert_ok(entry_sink_close(TAKE(sink)));
	assert_int_equal(fstatat(scratch.fd, "f", &st, 0), 0);
	assert_int_equal(st.st_size, n);
	assert_true(st.st_blocks * 512 < 1 << 20);
	/* And reads them without touching them. */
	AUTO(reader)
	struct reader *disk = entry_content(openat(scratch.fd, "f", O_RDONLY | O_CLOEXEC), n, "f");
	assert_ok(reader_read_all(disk, n + 1, &got, &got_n));
	assert_int_equal(got_n, n);
	assert_memory_equal(got, bytes, n);
}

static void notices_shrinking(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(reader) struct reader *dense = NULL;
	AUTO(reader) struct reader *sparse = NULL;
	char *bytes = NULL;
	size_t n = 0;

	scratch_put(scratch.fd, "f", "abc");
	dense = entry_content(openat(scratch.fd, "f", O_RDONLY | O_CLOEXEC), 4, "f");
	assert_error(reader_read_all(dense, 10, &bytes, &n), ERR_INVALID, "'f' became shorter");
	AUTO_FD int fd = openat(scratch.fd, "s", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	sparse = entry_content(openat(scratch.fd, "s", O_RDONLY | O_CLOEXEC), 2 << 20, "s");
	assert_error(reader_read_all(sparse, 4 << 20, &bytes, &n), ERR_INVALID, "became shorter");
}

UNIT_TESTS(makes_everything, keeps_owners_for_real, unpacks_into_shut_directories, stays_inside,
		a_link_out_needs_lowers_alone, says_what_cannot_stand_alone, marks_for_overlayfs,
		replaces, flattens, refuses, writes_holes, notices_shrinking)

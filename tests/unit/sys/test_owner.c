#include "scratch.h"
#include "sys/owner.h"
#include "sys/xattrs.h"

#include <errno.h>
#include <sys/sysmacros.h>

static const struct owner_policy plain = { .kind = OWNER_PLAIN };
static const struct owner_policy shifted = {
	.kind = OWNER_SHIFTED, .base = 100000, .count = 65536
};
static const struct owner_policy mapped = {
	.kind = OWNER_MAPPED,
	.maps = { { { { 0, 70000, 1 }, { 1, 100000, 60000 } }, 2 },
			{ { { 0, 200000, 65536 } }, 1 } },
};
static const struct owner_policy recorded = { .kind = OWNER_RECORDED };

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

static struct stat lstat_of(const struct scratch *scratch, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(scratch->fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

static struct owner owner_of(
		const struct owner_policy *policy, const struct scratch *scratch, const char *name)
{
	struct stat st = lstat_of(scratch, name);
	struct owner owner = { 0 };

	assert_ok(owner_get(policy, scratch->fd, name, &st, &owner));
	return owner;
}

static void assert_owner(const struct owner *is, const struct owner *wanted)
{
	assert_int_equal(is->uid, wanted->uid);
	assert_int_equal(is->gid, wanted->gid);
	assert_int_equal(is->mode, wanted->mode);
	assert_int_equal(is->major, wanted->major);
	assert_int_equal(is->minor, wanted->minor);
}

/* One of each kind: f, d, l, p; the device x as the policy makes it. */
static void make_files(const struct owner_policy *policy, const struct scratch *scratch)
{
	const struct owner device = { .mode = S_IFCHR | 0600 };

	scratch_put(scratch->fd, "f", "text");
	assert_int_equal(mkdirat(scratch->fd, "d", 0700), 0);
	assert_int_equal(symlinkat("f", scratch->fd, "l"), 0);
	assert_int_equal(mkfifoat(scratch->fd, "p", 0600), 0);
	if (!owner_makes(policy, device.mode))
		scratch_put(scratch->fd, "x", "");
	else
		assert_int_equal(mknodat(scratch->fd, "x", device.mode, makedev(1, 3)), 0);
}

static const struct {
	const char *name;
	struct owner owner;
} kinds[] = {
	{ "f", { .uid = 1234, .gid = 5678, .mode = S_IFREG | 06755 } },
	{ "d", { .uid = 33, .gid = 0, .mode = S_IFDIR | 03770 } },
	{ "l", { .uid = 7, .gid = 65533, .mode = S_IFLNK | 0777 } },
	{ "p", { .uid = 8, .gid = 9, .mode = S_IFIFO | 0620 } },
	{ "x", { .uid = 0, .gid = 5, .mode = S_IFCHR | 0666, .major = 1, .minor = 3 } },
};

static void round_trip(const struct owner_policy *policy)
{
	AUTO(scratch) struct scratch scratch = scratch_new();

	make_files(policy, &scratch);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct owner root = kinds[i].owner;
		struct owner is;

		note("%s", kinds[i].name);
		assert_ok(owner_set(policy, scratch.fd, kinds[i].name, &kinds[i].owner));
		is = owner_of(policy, &scratch, kinds[i].name);
		assert_owner(&is, &kinds[i].owner);
		/* And back to what needs no record. */
		root.uid = root.gid = 0;
		assert_ok(owner_set(policy, scratch.fd, kinds[i].name, &root));
		is = owner_of(policy, &scratch, kinds[i].name);
		assert_owner(&is, &root);
	}
}

static void keeps_plain(void **state)
{
	if (!has_ids())
		skip();
	round_trip(&plain);
}

static void knows_what_there_is(void **state)
{
	static const struct owner_policy anything = { .kind = OWNER_PLAIN };
	static const struct owner_policy some = { .kind = OWNER_PLAIN,
		.maps = { { { { 0, 1000, 1 }, { 1, 100000, 9 } }, 2 },
				{ { { 0, 1000, 1 }, { 1, 100000, 7 } }, 2 } } };
	uid_t uid = 0;
	gid_t gid = 0;

	assert_ok(owner_disk_ids(&anything, 3000000, 3000000, &uid, &gid));
	assert_ok(owner_disk_ids(&some, 9, 7, &uid, &gid));
	assert_int_equal(uid, 9);
	assert_int_equal(gid, 7);
	assert_error(owner_disk_ids(&some, 10, 7, &uid, &gid), ERR_UNSUPPORTED,
			"owner 10:7 is not among");
	assert_error(owner_disk_ids(&some, 9, 8, &uid, &gid), ERR_UNSUPPORTED,
			"owner 9:8 is not among");
}

static void keeps_high_ids_far_away(void **state)
{
	static const struct owner_policy high = {
		.kind = OWNER_SHIFTED, .base = 100000, .count = 65536, .has_high = true
	};
	static const struct {
		uint32_t id, disk;
	} ids[] = {
		{ 65535, 165535 },
		{ 65536, 0x80010000 },
		{ 197609, 0x800303e9 },
		{ 0x7ffffffe, 0xfffffffe },
	};
	uid_t uid;
	gid_t gid;

	for (size_t i = 0; i < COUNT(ids); i++) {
		assert_ok(owner_disk_ids(&high, ids[i].id, 0, &uid, &gid));
		assert_int_equal(uid, ids[i].disk);
		assert_int_equal(gid, 100000);
	}
	assert_error(owner_disk_ids(&high, 0x7fffffff, 0, &uid, &gid), ERR_UNSUPPORTED,
			"owner 2147483647:0 is not among");
	assert_error(owner_disk_ids(&high, 0, 0xffffffff, &uid, &gid), ERR_UNSUPPORTED,
			"is not among");
	if (!has_ids())
		skip();
	AUTO(scratch) struct scratch scratch = scratch_new();
	const struct owner far = { .uid = 197609, .gid = 0x7ffffffe, .mode = S_IFREG | 0640 };

	round_trip(&high);
	scratch_put(scratch.fd, "f", "");
	assert_ok(owner_set(&high, scratch.fd, "f", &far));
	struct owner is = owner_of(&high, &scratch, "f");
	assert_owner(&is, &far);
	/* Ids on disk that no step can have made. */
	assert_int_equal(fchownat(scratch.fd, "f", 0x8000ffff, 3, 0), 0);
	is = owner_of(&high, &scratch, "f");
	assert_int_equal(is.uid, 65534);
	assert_int_equal(is.gid, 65534);
}

static void keeps_shifted(void **state)
{
	if (!has_ids())
		skip();

	AUTO(scratch) struct scratch scratch = scratch_new();
	struct owner foreign = { .uid = 65536, .mode = S_IFREG | 0600 };
	struct owner is;

	round_trip(&shifted);
	scratch_put(scratch.fd, "f", "");
	is = owner_of(&shifted, &scratch, "f");
	assert_int_equal(is.uid, 65534);
	assert_ok(owner_set(&shifted, scratch.fd, "f", &kinds[0].owner));
	assert_int_equal(lstat_of(&scratch, "f").st_uid, 100000 + 1234);
	assert_error(owner_set(&shifted, scratch.fd, "f", &foreign), ERR_UNSUPPORTED,
			"owner 65536:0 is not among");
}

static void keeps_mapped(void **state)
{
	if (!has_ids())
		skip();

	AUTO(scratch) struct scratch scratch = scratch_new();
	struct owner foreign = { .uid = 60001, .gid = 3, .mode = S_IFREG | 0600 };
	struct owner is;

	round_trip(&mapped);
	scratch_put(scratch.fd, "f", "");
	is = owner_of(&mapped, &scratch, "f");
	assert_int_equal(is.uid, 65534);
	assert_ok(owner_set(&mapped, scratch.fd, "f", &kinds[0].owner));
	assert_int_equal(lstat_of(&scratch, "f").st_uid, 100000 + 1233);
	assert_int_equal(lstat_of(&scratch, "f").st_gid, 200000 + 5678);
	assert_error(owner_set(&mapped, scratch.fd, "f", &foreign), ERR_UNSUPPORTED,
			"owner 60001:3 is not among");
}

static void keeps_recorded(void **state)
{
	round_trip(&recorded);
}

static void refuses_no_owner(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	const struct owner none = { .uid = UINT32_MAX, .mode = S_IFREG | 0600 };

	scratch_put(scratch.fd, "f", "");
	assert_error(owner_set(&plain, scratch.fd, "f", &none), ERR_UNSUPPORTED,
			"owner 4294967295");
}

static void writes_the_convention(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	const struct owner root = { .mode = S_IFREG | 0644 };
	char text[100] = { 0 };
	ssize_t n = 0;

	make_files(&recorded, &scratch);
	assert_ok(owner_set(&recorded, scratch.fd, "f", &kinds[0].owner));
	assert_ok(xattr_get(scratch.fd, "f", "user.containers.override_stat", text, 99, &n));
	text[n] = '\0';
	assert_string_equal(text, "1234:5678:6755:file");
	assert_ok(owner_set(&recorded, scratch.fd, "x", &kinds[4].owner));
	assert_ok(xattr_get(scratch.fd, "x", "user.containers.override_stat", text, 99, &n));
	text[n] = '\0';
	assert_string_equal(text, "0:5:0666:char-1-3");
	/* A new file of root's with the bits on disk needs no record. */
	scratch_put(scratch.fd, "g", "");
	struct stat st = lstat_of(&scratch, "g");
	assert_ok(owner_set_new(&recorded, scratch.fd, "g", &st, &root));
	assert_ok(xattr_get(scratch.fd, "g", "user.containers.override_stat", text, 99, &n));
	assert_int_equal(n, -1);
	assert_true(owner_is_own_xattr("user.containers.override_stat"));
	assert_false(owner_is_own_xattr("user.mine"));
}

static void a_later_chmod_counts(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	struct owner is;

	make_files(&recorded, &scratch);
	assert_ok(owner_set(&recorded, scratch.fd, "f", &kinds[0].owner));
	assert_int_equal(fchmodat(scratch.fd, "f", 0640, 0), 0);
	is = owner_of(&recorded, &scratch, "f");
	assert_int_equal(is.mode, S_IFREG | 0640);
	assert_int_equal(is.uid, 1234);
}

static void never_locks_us_out(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	const struct owner shut = { .uid = 1, .mode = S_IFREG | 0000 };
	const struct owner shut_dir = { .mode = S_IFDIR | 0000 };
	struct owner is;

	make_files(&recorded, &scratch);
	assert_ok(owner_set(&recorded, scratch.fd, "f", &shut));
	assert_holds(scratch.fd, "f", "text");
	is = owner_of(&recorded, &scratch, "f");
	assert_owner(&is, &shut);
	assert_ok(owner_set(&recorded, scratch.fd, "d", &shut_dir));
	scratch_put(scratch.fd, "d/inside", "");
	is = owner_of(&recorded, &scratch, "d");
	assert_owner(&is, &shut_dir);
}

static void survives_strange_records(void **state)
{
	static const char *const texts[] = { "", "x", "0:0", "1:2:0644:char-1", "1:2:0644:disk-1-2",
		"1:2:9999", "4294967295:0:0644", "-1:0:0644:file", "1:2:0644:char-99999999999-1" };
	AUTO(scratch) struct scratch scratch = scratch_new();

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct owner is;

		scratch_put(scratch.fd, "f", "");
		assert_ok(xattr_set(scratch.fd, "f", "user.containers.override_stat", texts[i],
				strlen(texts[i])));
		is = owner_of(&recorded, &scratch, "f");
		assert_owner(&is, &(struct owner){ .mode = S_IFREG | 0644 });
	}
}

static void travels_with_a_link(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	char target[8];

	make_files(&recorded, &scratch);
	assert_ok(owner_set(&recorded, scratch.fd, "l", &kinds[2].owner));
	assert_int_equal(renameat(scratch.fd, "l", scratch.fd, "d/moved"), 0);
	assert_int_equal(readlinkat(scratch.fd, "d/moved", target, sizeof(target)), 1);
	struct owner is = owner_of(&recorded, &scratch, "d/moved");
	assert_owner(&is, &kinds[2].owner);
}

static void translates_capabilities(void **state)
{
	/* cap_net_bind_service=ep, version 2 */
	static const uint8_t v2[20] = { 1, 0, 0, 2, 0, 4 };
	AUTO(scratch) struct scratch scratch = scratch_new();
	const struct owner_policy *policies[] = { &plain, &shifted, &mapped, &recorded };
	uint8_t buf[64];
	ssize_t on_disk = 0;
	size_t n = 0;

	scratch_put(scratch.fd, "f", "");
	assert_ok(owner_get_capability(&plain, scratch.fd, "f", buf, sizeof(buf), &n));
	assert_int_equal(n, 0);
	for (size_t i = has_ids() ? 0 : 3; i < COUNT(policies); i++) {
		assert_ok(owner_set_capability(policies[i], scratch.fd, "f", v2, sizeof(v2)));
		assert_ok(owner_get_capability(policies[i], scratch.fd, "f", buf, sizeof(buf), &n));
		assert_int_equal(n, sizeof(v2));
		assert_memory_equal(buf, v2, sizeof(v2));
		assert_ok(xattr_get(scratch.fd, "f", "security.capability", buf, sizeof(buf),
				&on_disk));
		if (policies[i] == &shifted || policies[i] == &mapped)
			assert_int_equal(on_disk, 24);
	}
	assert_error(owner_set_capability(&plain, scratch.fd, "f", v2, 1), ERR_INVALID, "1 bytes");
}

UNIT_TESTS(keeps_plain, knows_what_there_is, keeps_high_ids_far_away, keeps_shifted, keeps_mapped,
		keeps_recorded, refuses_no_owner, writes_the_convention, a_later_chmod_counts,
		never_locks_us_out, survives_strange_records, travels_with_a_link,
		translates_capabilities)

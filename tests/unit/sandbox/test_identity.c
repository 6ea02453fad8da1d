#include "unit.h"

#include "sandbox/identity.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#define KEEP UINT32_MAX

static void assert_ids(
		struct ids ids, uint32_t real, uint32_t effective, uint32_t saved, uint32_t fs)
{
	assert_int_equal(ids.real, real);
	assert_int_equal(ids.effective, effective);
	assert_int_equal(ids.saved, saved);
	assert_int_equal(ids.fs, fs);
}

static void root_gives_everything_up(void **state)
{
	struct ids ids = ids_all(0);

	assert_int_equal(ids_set(&ids, true, 33), 0);
	assert_ids(ids, 33, 33, 33, 33);
	assert_int_equal(ids_set(&ids, false, 0), -EPERM);
	assert_int_equal(ids_set(&ids, false, KEEP), -EINVAL);
	assert_int_equal(ids_set(&ids, false, 33), 0);
}

static void others_move_among_theirs(void **state)
{
	struct ids ids = { 1000, 1000, 0, 1000 };

	assert_int_equal(ids_set(&ids, false, 0), 0);
	assert_ids(ids, 1000, 0, 0, 0);
	ids = (struct ids){ 1, 2, 3, 2 };
	assert_int_equal(ids_set_all(&ids, false, 3, 1, KEEP), 0);
	assert_ids(ids, 3, 1, 3, 1);
	assert_int_equal(ids_set_all(&ids, false, 2, KEEP, KEEP), -EPERM);
	ids = (struct ids){ 1, 2, 3, 2 };
	assert_int_equal(ids_set_real_effective(&ids, false, 3, KEEP), -EPERM);
	assert_int_equal(ids_set_real_effective(&ids, false, 2, 3), 0);
	assert_ids(ids, 2, 3, 3, 3);
}

static void reid_saves_what_setreuid_says(void **state)
{
	struct ids ids = ids_all(0);

	assert_int_equal(ids_set_real_effective(&ids, true, KEEP, 5), 0);
	assert_ids(ids, 0, 5, 5, 5);
	ids = ids_all(0);
	assert_int_equal(ids_set_real_effective(&ids, true, KEEP, 0), 0);
	assert_ids(ids, 0, 0, 0, 0);
}

static void fs_returns_the_old_one(void **state)
{
	struct ids ids = ids_all(0);

	assert_int_equal(ids_set_fs(&ids, true, 9), 0);
	assert_int_equal(ids_set_fs(&ids, false, 8), 9);
	assert_int_equal(ids.fs, 9);
	assert_int_equal(ids_set_fs(&ids, false, 0), 9);
	assert_int_equal(ids.fs, 0);
}

/* The number is the process's own limit, so this process can play the caller. */
static void a_number_stands_for_each(void **state)
{
	struct identity app = {
		.uid = ids_all(1000), .gid = ids_all(1001), .groups = { 4, 5 }, .n_groups = 2
	};
	struct identity other = { .uid = ids_all(7), .gid = ids_all(7) };
	struct identities identities;
	struct rlimit before;

	assert_int_equal(getrlimit(RLIMIT_LOCKS, &before), 0);
	identities_init(&identities, &app);
	assert_int_equal(identity_of(&identities, getpid())->uid.real, 0);
	assert_int_equal(identity_give(&identities, getpid(), &app), 0);
	assert_int_equal(identities.n, 2);
	assert_int_equal(identity_of(&identities, getpid())->gid.real, 1001);
	assert_true(identity_has_group(identity_of(&identities, getpid()), 5));
	assert_false(identity_has_group(identity_of(&identities, getpid()), 6));
	assert_int_equal(identity_give(&identities, getpid(), &other), 0);
	assert_int_equal(identities.n, 3);
	assert_int_equal(identity_of(&identities, getpid())->uid.real, 7);
	assert_int_equal(setrlimit(RLIMIT_LOCKS, &before), 0);
	identities_done(&identities);
}

UNIT_TESTS(root_gives_everything_up, others_move_among_theirs, reid_saves_what_setreuid_says,
		fs_returns_the_old_one, a_number_stands_for_each)

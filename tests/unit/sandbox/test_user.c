#include "scratch.h"
#include "unit.h"

#include "sandbox/user.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "# a comment\n"
			     "broken line\n"
			     "bad:x:12a:0::/bad:\n"
			     "app:x:1000:1001:App:/home/app:/bin/sh\n"
			     "app:x:7:7:later:/never:\n"
			     "nohome:x:5:6\n"
			     "1500:x:1600:1600:a number as name:/n:\n";
static const char group[] = "root:x:0:\n"
			    "staff:x:50:app,root\n"
			    "app:x:1001:\n"
			    "www:x:33:other, app\n"
			    "apple:x:60:apple\n"
			    "2000:x:2001:\n";

static void finds(void **state)
{
	static const struct {
		const char *spec;
		uint32_t uid, gid;
		const char *home;
		size_t n_groups;
		uint32_t groups[3];
	} cases[] = {
		{ "", 0, 0, "/root", 2, { 0, 50 } },
		{ "root", 0, 0, "/root", 2, { 0, 50 } },
		{ "0", 0, 0, "/root", 2, { 0, 50 } },
		{ "app", 1000, 1001, "/home/app", 3, { 1001, 50, 33 } },
		{ "1000", 1000, 1001, "/home/app", 3, { 1001, 50, 33 } },
		{ "app:staff", 1000, 50, "/home/app", 1, { 50 } },
		{ "app:77", 1000, 77, "/home/app", 1, { 77 } },
		{ "4242", 4242, 0, "/", 1, { 0 } },
		{ "4242:4343", 4242, 4343, "/", 1, { 4343 } },
		{ "nohome", 5, 6, "/", 1, { 6 } },
		{ "1500", 1600, 1600, "/n", 1, { 1600 } },
		{ "0:2000", 0, 2001, "/root", 1, { 2001 } },
		{ ":staff", 0, 50, "/root", 1, { 50 } },
		{ "app:", 1000, 1001, "/home/app", 3, { 1001, 50, 33 } },
		{ ":", 0, 0, "/root", 2, { 0, 50 } },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(user) struct user user = { 0 };

		note("'%s'", cases[i].spec);
		assert_ok(user_parse(passwd, group, cases[i].spec, &user));
		assert_int_equal(user.uid, cases[i].uid);
		assert_int_equal(user.gid, cases[i].gid);
		assert_string_equal(user.home, cases[i].home);
		assert_int_equal(user.n_groups, cases[i].n_groups);
		for (size_t g = 0; g < user.n_groups; g++)
			assert_int_equal(user.groups[g], cases[i].groups[g]);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *spec;
		enum error_kind kind;
		const char *says;
	} cases[] = {
		{ "nobody", ERR_NOT_FOUND, "no user 'nobody'" },
		{ "bad", ERR_NOT_FOUND, "no user 'bad'" },
		{ "app:nogroup", ERR_NOT_FOUND, "no group 'nogroup'" },
		{ "-1", ERR_NOT_FOUND, "no user '-1'" },
		{ "4294967295", ERR_NOT_FOUND, "no user '4294967295'" },
		{ ":nogroup", ERR_NOT_FOUND, "no group 'nogroup'" },
		{ "app:staff:x", ERR_NOT_FOUND, "no group 'staff:x'" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct user user;

		note("'%s'", cases[i].spec);
		assert_error(user_parse(passwd, group, cases[i].spec, &user), cases[i].kind,
				cases[i].says);
	}
}

static void without_files(void **state)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO(user) struct user user = { 0 }, root = { 0 }, none = { 0 };
	uint32_t uid = 1, gid = 1;

	assert_ok(user_parse("", "", "", &user));
	assert_int_equal(user.uid, 0);
	assert_string_equal(user.home, "/");
	assert_null(user.name);
	/* root is somebody everywhere, and nobody else is. */
	assert_ok(user_parse("", "", "root:root", &root));
	assert_true(root.uid == 0 && root.gid == 0);
	assert_error(user_parse("", "", "app", &none), ERR_NOT_FOUND, "no user 'app'");
	assert_error(user_parse("", "", "root:app", &none), ERR_NOT_FOUND, "no group 'app'");
	assert_ok(user_lookup_owner(scratch.fd, "root", &uid, &gid));
	assert_true(uid == 0 && gid == 0);
	assert_ok(user_lookup_owner(scratch.fd, ":7", &uid, &gid));
	assert_true(uid == 0 && gid == 7);
	assert_ok(user_lookup_owner(scratch.fd, "5:", &uid, &gid));
	assert_true(uid == 5 && gid == 5);
	assert_error(user_lookup_owner(scratch.fd, "app", &uid, &gid), ERR_NOT_FOUND,
			"no user 'app'");
}

UNIT_TESTS(finds, refuses, without_files)

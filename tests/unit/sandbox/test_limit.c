#include "unit.h"

#include "sandbox/sandbox.h"

#include <sys/resource.h>

static void parses(void **state)
{
	static const struct {
		const char *text;
		int resource;
		uint64_t soft, hard;
	} cases[] = {
		{ "nofile=1024:2048", RLIMIT_NOFILE, 1024, 2048 },
		{ "core=0", RLIMIT_CORE, 0, 0 },
		{ "nproc=5:-1", RLIMIT_NPROC, 5, RLIM_INFINITY },
		{ "memlock=unlimited", RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sandbox_limit limit;

		note("%s", cases[i].text);
		assert_ok(sandbox_limit_parse(str_of(cases[i].text), &limit));
		assert_int_equal(limit.resource, cases[i].resource);
		assert_true(limit.soft == cases[i].soft);
		assert_true(limit.hard == cases[i].hard);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "nofile", "has no '='" },
		{ "nofiles=1", "of an unknown kind" },
		{ "nofile=", "limit 'nofile='" },
		{ "nofile=a", "limit 'nofile=a'" },
		{ "nofile=2:1", "higher soft than hard" },
		{ "nofile=-1:5", "higher soft than hard" },
		{ "nofile=1:2:3", "limit 'nofile=1:2:3'" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sandbox_limit limit;

		note("%s", cases[i].text);
		assert_error(sandbox_limit_parse(str_of(cases[i].text), &limit), ERR_INVALID,
				cases[i].says);
	}
}

UNIT_TESTS(parses, refuses)

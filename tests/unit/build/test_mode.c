#include "build/place.h"
#include "unit.h"

#include <sys/stat.h>

static void applies(void **state)
{
	static const struct {
		const char *text;
		uint32_t before, after;
	} cases[] = {
		{ "644", S_IFREG | 0777, S_IFREG | 0644 },
		{ "0755", S_IFDIR | 0700, S_IFDIR | 0755 },
		{ "4755", S_IFREG | 0644, S_IFREG | 04755 },
		{ "0", S_IFREG | 06777, S_IFREG },
		{ "u+x", S_IFREG | 0644, S_IFREG | 0744 },
		{ "+x", S_IFREG | 0644, S_IFREG | 0755 },
		{ "a-w", S_IFREG | 0666, S_IFREG | 0444 },
		{ "go=", S_IFREG | 0777, S_IFREG | 0700 },
		{ "u=rwX,go=rX", S_IFREG | 0600, S_IFREG | 0644 },
		{ "u=rwX,go=rX", S_IFREG | 0700, S_IFREG | 0755 },
		{ "u=rwX,go=rX", S_IFDIR | 0600, S_IFDIR | 0755 },
		{ "g=u", S_IFREG | 0640, S_IFREG | 0660 },
		{ "o=g", S_IFREG | 0751, S_IFREG | 0755 },
		{ "u+s", S_IFREG | 0755, S_IFREG | 04755 },
		{ "g+s,o+t", S_IFDIR | 0755, S_IFDIR | 03755 },
		{ "u-s", S_IFREG | 04755, S_IFREG | 0755 },
		{ "+t", S_IFDIR | 0755, S_IFDIR | 01755 },
		{ "u=rw", S_IFREG | 04755, S_IFREG | 0655 },
		{ "u=rw", S_IFDIR | 04755, S_IFDIR | 04655 }, /* as chmod(1) for directories */
		{ "u+r-w", S_IFREG | 0200, S_IFREG | 0400 },
		{ "ug+rw,o-rwx", S_IFREG | 0107, S_IFREG | 0760 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		note("%s on %o", cases[i].text, cases[i].before);
		assert_ok(mode_check(cases[i].text));
		assert_int_equal(mode_apply(cases[i].text, cases[i].before), cases[i].after);
	}
}

static void refuses(void **state)
{
	static const char *const cases[] = { "", "8", "77777", "10000", "0755x", "x", "u", "u+q",
		"u+x,", ",u+x", "u=rw;", "rwx", "-1", " 644", "u+x go-w" };

	for (size_t i = 0; i < COUNT(cases); i++) {
		note("'%s'", cases[i]);
		assert_error(mode_check(cases[i]), ERR_INVALID, "invalid chmod parameter");
	}
}

UNIT_TESTS(applies, refuses)

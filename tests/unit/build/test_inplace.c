#include "build/inplace.h"
#include "unit.h"

static void knows_what_is_kept(void **state)
{
	static const struct {
		const char *path;
		enum inplace_place place;
	} cases[] = {
		{ "", INPLACE_ABOVE },
		{ "kaniko", INPLACE_KEPT },
		{ "kaniko/.docker/config.json", INPLACE_KEPT },
		{ "kaniko2", INPLACE_FREE },
		{ "kan", INPLACE_FREE },
		{ "etc", INPLACE_ABOVE },
		{ "etc/resolv.conf", INPLACE_KEPT },
		{ "etc/resolv.conf.bak", INPLACE_FREE },
		{ "etc/passwd", INPLACE_FREE },
		{ "var", INPLACE_ABOVE },
		{ "var/lib", INPLACE_ABOVE },
		{ "var/lib/kiln", INPLACE_KEPT },
		{ "var/lib/dpkg", INPLACE_FREE },
	};
	AUTO(list) struct list kept = { 0 };

	list_add(&kept, "kaniko");
	list_add(&kept, "etc/resolv.conf");
	list_add(&kept, "var/lib/kiln");
	for (size_t i = 0; i < COUNT(cases); i++) {
		note("'%s'", cases[i].path);
		assert_int_equal(inplace_place(&kept, cases[i].path), cases[i].place);
	}
}

UNIT_TESTS(knows_what_is_kept)

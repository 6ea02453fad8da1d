#include "unit.h"

#include "sys/idmap.h"

static void parses_maps(void **state)
{
	struct idmap map;
	AUTO(strbuf) struct strbuf text = { 0 };

	assert_ok(idmap_parse(
			STR("         0       1001          1\n         1     100000      65535\n"),
			&map));
	assert_int_equal(map.n, 2);
	assert_true(idmap_count(&map) == 65536);
	idmap_text(&map, &text);
	assert_string_equal(strbuf_text(&text), "0 1001 1\n1 100000 65535\n");
	assert_true(idmap_covers(&map, 1, 65535));
	assert_true(idmap_covers(&map, 0, 1));
	assert_false(idmap_covers(&map, 0, 2)); /* two ranges do not make one */
	assert_false(idmap_covers(&map, 2, 65535));
	assert_ok(idmap_parse(STR("0 0 4294967295\n"), &map));
	assert_true(idmap_covers(&map, 0x70000000, 65536));
	assert_error(idmap_parse(STR("0 0\n"), &map), ERR_INVALID, "read an id map");
	assert_error(idmap_parse(STR("0 0 4294967296\n"), &map), ERR_INVALID, "read an id map");
}

static void finds_subordinate_ranges(void **state)
{
	static const char text[] = "alice:100000:65536\n"
				   "bob:165536:65536\n"
				   "1001:300000:10\n"
				   "alice:x:5\n"
				   "alice:4294967290:100\n"
				   "alice\n"
				   "alice:400000:1000\n";
	struct idmap map;

	idmap_parse_subids(str_of(text), "alice", 1001, &map);
	assert_int_equal(map.n, 3);
	assert_int_equal(map.range[0].outside, 100000);
	assert_int_equal(map.range[1].outside, 300000);
	assert_int_equal(map.range[2].count, 1000);
	idmap_parse_subids(str_of(text), NULL, 7, &map);
	assert_int_equal(map.n, 0);
}

static void fills_the_width_of_an_image(void **state)
{
	const struct idmap subids = { { { 0, 100000, 1000 }, { 0, 500000, 100000 } }, 2 };
	const struct idmap none = { 0 };
	struct idmap map;
	AUTO(strbuf) struct strbuf text = { 0 };

	idmap_with_self(1000, &subids, &map);
	idmap_text(&map, &text);
	assert_string_equal(strbuf_text(&text), "0 1000 1\n1 100000 1000\n1001 500000 64535\n");
	assert_true(idmap_count(&map) == IDMAP_WIDTH);
	idmap_with_self(1000, &none, &map);
	assert_true(idmap_count(&map) == 1);
}

UNIT_TESTS(parses_maps, finds_subordinate_ranges, fills_the_width_of_an_image)

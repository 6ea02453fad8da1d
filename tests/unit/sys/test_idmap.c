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

/* As Buildah writes them, and what is none. */
static void takes_triples(void **state)
{
	static const struct {
		const char *why, *text, *is;
	} good[] = {
		{ "one", "0:1000:1", "0:1000:1" },
		{ "two", "0:1000:1,1:100000:65535", "0:1000:1,1:100000:65535" },
		{ "any separator", "0 5/3 3-9:2", "0:5:3,3:9:2" },
	};
	static const struct {
		const char *why, *text;
	} bad[] = {
		{ "nothing", "" },
		{ "no digit", "a:b:c" },
		{ "no length", "0:1" },
		{ "half of the second", "0:1:2,3" },
		{ "too large", "0:4294967296:1" },
	};
	struct idmap map;

	for (size_t i = 0; i < COUNT(good); i++) {
		AUTO(strbuf) struct strbuf text = { 0 };

		note("%s", good[i].why);
		map = (struct idmap){ 0 };
		assert_ok(idmap_add_triples(str_of(good[i].text), &map));
		idmap_triples(&map, &text);
		assert_string_equal(strbuf_text(&text), good[i].is);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		note("%s", bad[i].why);
		map = (struct idmap){ 0 };
		assert_error(idmap_add_triples(str_of(bad[i].text), &map), ERR_INVALID, "mapping");
	}
	map = (struct idmap){ 0 };
	for (unsigned i = 0; i < IDMAP_RANGES; i++)
		assert_ok(idmap_add_triples(STR("0:1:1"), &map));
	assert_error(idmap_add_triples(STR("0:1:1"), &map), ERR_LIMIT, "ranges");
}

static void checks_and_maps_ids(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "0:1:10,5:300:10", "5:300:10 conflicts" },
		{ "0:1:10,10:5:10", "10:5:10 conflicts" },
		{ "0:1:0", "no ids" },
		{ "0:4294967290:10", "more than there are" },
	};
	struct idmap map = { 0 };
	uint32_t id = 0;

	for (size_t i = 0; i < COUNT(bad); i++) {
		map = (struct idmap){ 0 };
		assert_ok(idmap_add_triples(str_of(bad[i].text), &map));
		assert_error(idmap_check(&map), ERR_INVALID, bad[i].why);
	}
	map = (struct idmap){ 0 };
	assert_ok(idmap_add_triples(STR("0:1000:1,1:100000:9"), &map));
	assert_ok(idmap_check(&map));
	assert_true(idmap_out(&map, 9, &id) && id == 100008);
	assert_true(idmap_in(&map, 100008, &id) && id == 9);
	assert_true(idmap_out(&map, 0, &id) && id == 1000);
	assert_false(idmap_out(&map, 10, &id));
	assert_false(idmap_in(&map, 1001, &id));
	assert_false(idmap_in(&map, 99999, &id));
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

static void puts_the_ranges_behind_ourselves(void **state)
{
	const struct idmap subids = { { { 0, 100000, 1000 }, { 0, 500000, 100000 } }, 2 };
	const struct idmap none = { 0 };
	struct idmap map;
	AUTO(strbuf) struct strbuf text = { 0 };

	idmap_with_self(1000, &subids, &map);
	idmap_text(&map, &text);
	assert_string_equal(strbuf_text(&text), "0 1000 1\n1 100000 1000\n1001 500000 100000\n");
	assert_true(idmap_count(&map) == 101001);
	idmap_with_self(1000, &none, &map);
	assert_true(idmap_count(&map) == 1);
}

/* As the kernel wants it; files have a range by name and by number, or one that was made larger. */
static void leads_to_each_id_once(void **state)
{
	static const struct {
		struct idmap subids;
		const char *text;
	} cases[] = {
		{ { { { 0, 100000, 65536 }, { 0, 100000, 65536 } }, 2 },
				"0 1000 1\n1 100000 65536\n" },
		{ { { { 0, 100000, 1000 }, { 0, 100500, 1000 }, { 0, 99000, 5000 } }, 3 },
				"0 1000 1\n1 100000 1000\n1001 101000 500\n1501 99000 1000\n"
				"2501 101500 2500\n" },
		{ { { { 0, 999, 3 } }, 1 }, "0 1000 1\n1 999 1\n2 1001 1\n" },
		{ { { { 0, 1000, 1 } }, 1 }, "0 1000 1\n" },
		{ { { { 0, 1, 4294967294 } }, 1 }, "0 1000 1\n1 1 999\n1000 1001 4294966294\n" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(strbuf) struct strbuf text = { 0 };
		struct idmap map;

		idmap_with_self(1000, &cases[i].subids, &map);
		idmap_text(&map, &text);
		assert_string_equal(strbuf_text(&text), cases[i].text);
		assert_ok(idmap_check(&map));
	}

	struct idmap map;
	idmap_of_subids(&cases[0].subids, &map);
	assert_true(idmap_count(&map) == 65536);
	assert_ok(idmap_check(&map));
}

static void cuts(void **state)
{
	static const struct idmap whole = {
		{ { 0, 1000, 1 }, { 1, 100000, 65536 }, { 65537, 7, 9 } }, 3
	};
	static const struct {
		uint32_t width;
		const char *text;
	} cases[] = {
		{ UINT32_MAX, "0 1000 1\n1 100000 65536\n65537 7 9\n" },
		{ 65538, "0 1000 1\n1 100000 65536\n65537 7 1\n" },
		{ 65537, "0 1000 1\n1 100000 65536\n" },
		{ 65536, "0 1000 1\n1 100000 65535\n" },
		{ 1, "0 1000 1\n" },
		{ 0, "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(strbuf) struct strbuf text = { 0 };
		struct idmap map = whole;

		idmap_cut(&map, cases[i].width);
		idmap_text(&map, &text);
		assert_string_equal(strbuf_text(&text), cases[i].text);
	}
}

UNIT_TESTS(parses_maps, takes_triples, checks_and_maps_ids, finds_subordinate_ranges,
		puts_the_ranges_behind_ourselves, leads_to_each_id_once, cuts)

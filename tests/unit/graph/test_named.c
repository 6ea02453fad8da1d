/* Lists of names, short and long, behave the same. */
#include "graph/named.h"
#include "unit.h"

static void sets_and_drops(void **state)
{
	static const size_t sizes[] = { 1, 31, 32, 33, 500 };

	for (size_t k = 0; k < COUNT(sizes); k++) {
		AUTO(list) struct list list = { 0 };
		AUTO(named) struct named index = { 0 };

		for (size_t i = 0; i < sizes[k]; i++) {
			AUTO_FREE char *name = xasprintf("N%zu", i);

			named_set(&list, &index, name, "1");
			named_set(&list, &index, name, "2=3");
		}
		note("%zu names", sizes[k]);
		assert_int_equal(list.n, sizes[k]);
		assert_string_equal(list.p[0], "N0=2=3");
		assert_string_equal(named_get(&list, &index, "N0"), "2=3");
		assert_null(named_get(&list, &index, "N"));
		assert_null(named_get(&list, &index, ""));
		named_drop(&list, &index, "N0");
		assert_string_equal(list.p[0], "");
		assert_null(named_get(&list, &index, "N0"));
		named_set(&list, &index, "N0", "back");
		assert_int_equal(list.n, sizes[k] + 1);
		assert_string_equal(named_get(&list, &index, "N0"), "back");
	}
}

static void adds_once(void **state)
{
	AUTO(list) struct list list = { 0 };
	AUTO(named) struct named index = { 0 };

	for (size_t i = 0; i < 200; i++) {
		AUTO_FREE char *name = xasprintf("/v/%zu", i % 100);

		assert_int_equal(named_add(&list, &index, name), i < 100);
		assert_true(named_has(&list, &index, name));
	}
	assert_int_equal(list.n, 100);
	list_add(&list, "/behind");
	assert_true(named_has(&list, &index, "/behind"));
}

UNIT_TESTS(sets_and_drops, adds_once)

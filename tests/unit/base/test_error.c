#include "unit.h"

#include <errno.h>

static FALLIBLE fails(void)
{
	errno = ENOENT;
	return error_hint(error_sys("open '%s'", "x"), "create it");
}

static FALLIBLE wraps(void)
{
	TRY_WRAP(fails(), "step %d", 7);
	return NULL;
}

static void chains(void **state)
{
	struct error *error = wraps();
	AUTO(strbuf) struct strbuf text = { 0 };

	assert_true(error_is_errno(error, ENOENT));
	error_text(error, &text);
	assert_string_equal(strbuf_text(&text), "step 7: open 'x': No such file or directory");
	assert_string_equal(error_find_hint(error), "create it");
	error = error_at(error, (struct source_range){ "Dockerfile", 3, 1, 3, 9 });
	error = error_at(error, (struct source_range){ "Other", 9, 1, 9, 9 });
	assert_string_equal(error_find_at(error)->file, "Dockerfile");
	error_free(error);
}

static void keeps_the_real_one(void **state)
{
	struct error *error = error_first(error_new(ERR_CANCELED, "stopped"), fails());

	assert_true(error_is(error, ERR_SYS));
	error = error_first(error, error_new(ERR_INVALID, "later"));
	assert_true(error_is(error, ERR_SYS));
	error_free(error);
}

static void says_nothing_twice(void **state)
{
	struct error *error = error_new(ERR_INVALID, "blob 'x' of 'host': cut off");
	AUTO(strbuf) struct strbuf text = { 0 };

	error = error_wrap(error_wrap(error, "blob 'x'"), "blob 'x'");
	error = error_wrap(error_wrap(error, "blo"), "push");
	error_text(error, &text);
	assert_string_equal(strbuf_text(&text), "push: blo: blob 'x' of 'host': cut off");
	error_free(error);
}

UNIT_TESTS(chains, says_nothing_twice, keeps_the_real_one)

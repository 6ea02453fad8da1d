#include "base/clock.h"
#include "registry/retry.h"
#include "unit.h"

static void header(void **state)
{
	static const struct {
		const char *text;
		int64_t wanted;
	} cases[] = {
		{ "0", 0 },
		{ "120", 120000 },
		{ " 7 ", 7000 },
		{ "Mon, 23 Nov 2026 13:00:10 GMT", 10000 },
		{ "Mon, 23 Nov 2026 12:59:00 GMT", 0 },
		{ "-1", -1 },
		{ "soon", -1 },
		{ "", -1 },
		{ "99999999999999999999", INT64_MAX },
		{ "Mon, 23 Nov 2026 13:00:10 GMT and more", -1 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		note("'%s'", cases[i].text);
		assert_int_equal(retry_after_ms(cases[i].text, 1795438800), cases[i].wanted);
	}
}

static void classes(void **state)
{
	static const int temporary[] = { 408, 429, 500, 502, 503, 504 };
	static const int final[] = { 200, 202, 301, 400, 401, 403, 404, 405, 416, 501 };

	for (size_t i = 0; i < COUNT(temporary); i++)
		assert_true(retry_is_temporary(temporary[i]));
	for (size_t i = 0; i < COUNT(final); i++)
		assert_false(retry_is_temporary(final[i]));
	struct error *error = error_new(ERR_NETWORK, "x");
	assert_true(retry_is_broken(error));
	error_free(error);
	error = error_new(ERR_CANCELED, "x");
	assert_false(retry_is_broken(error));
	error_free(error);
	error = error_code(ERR_NETWORK, 60, "certificate"); /* CURLE_PEER_FAILED_VERIFICATION */
	assert_false(retry_is_broken(error));
	error_free(error);
	assert_false(retry_is_broken(NULL));
}

static void waits(void **state)
{
	struct retry retry = { .tries = 3, .base_ms = 8 };
	bool again = true;
	uint64_t started = clock_monotonic_ns();

	for (int i = 0; i < 3; i++) {
		assert_ok(retry_wait(&retry, NULL, NULL, NULL, &again));
		assert_true(again);
	}
	/* At least half of 8, 16 and 32. */
	assert_true(clock_monotonic_ns() - started >= 28 * 1000000ull);
	assert_true(retry.waited_ms >= 28 && retry.waited_ms <= 56);
	assert_ok(retry_wait(&retry, NULL, NULL, NULL, &again));
	assert_false(again);
}

static void knows_when_not_to(void **state)
{
	struct retry retry = { .tries = 9, .base_ms = 1 };
	AUTO(cancel) struct cancel *cancel = cancel_new();
	bool again = true;

	assert_ok(retry_wait(&retry, "3600", NULL, NULL, &again));
	assert_false(again);
	struct error *error = error_code(ERR_NETWORK, 7, "refused"); /* CURLE_COULDNT_CONNECT */
	int tries = 0;
	for (again = true; again; tries++)
		assert_ok(retry_wait(&retry, NULL, error, NULL, &again));
	assert_int_equal(tries, 3);
	error_free(error);
	retry = (struct retry){ .tries = 9, .base_ms = 60000 };
	cancel_set(cancel);
	assert_error(retry_wait(&retry, NULL, NULL, cancel, &again), ERR_CANCELED, "");
}

/* A wait that the user has fixed neither grows nor ends early for a host that cannot be reached. */
static void waits_as_told(void **state)
{
	struct retry retry = { .tries = 4, .base_ms = 60000, .delay_ms = 3 };
	struct error *error = error_code(ERR_NETWORK, 7, "refused");
	bool again = true;

	for (int i = 0; i < 4; i++) {
		assert_ok(retry_wait(&retry, NULL, error, NULL, &again));
		assert_true(again);
	}
	assert_int_equal(retry.waited_ms, 12);
	assert_ok(retry_wait(&retry, NULL, error, NULL, &again));
	assert_false(again);
	error_free(error);
	retry = (struct retry){ .tries = 1, .delay_ms = 3 };
	assert_ok(retry_wait(&retry, "1", NULL, NULL, &again));
	assert_int_equal(retry.waited_ms, 1000);
}

static void silence_is_the_end_where_that_is_said(void **state)
{
	struct retry patient = { .tries = 1, .base_ms = 1 };
	struct retry hurried = { .tries = 1, .base_ms = 1, .silence_ends = true };
	struct error *silence = error_code(ERR_NETWORK, 28, "x"); /* CURLE_OPERATION_TIMEDOUT */
	struct error *broken = error_code(ERR_NETWORK, 56, "x");  /* CURLE_RECV_ERROR */
	bool again = false;

	assert_ok(retry_wait(&patient, NULL, silence, NULL, &again));
	assert_true(again);
	assert_ok(retry_wait(&hurried, NULL, silence, NULL, &again));
	assert_false(again);
	assert_ok(retry_wait(&hurried, NULL, broken, NULL, &again));
	assert_true(again);
	error_free(silence);
	error_free(broken);
}

UNIT_TESTS(header, classes, waits, knows_when_not_to, waits_as_told,
		silence_is_the_end_where_that_is_said)

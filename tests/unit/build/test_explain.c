/*
 * Causes, from builds that are written by hand: what build/history.c writes is tested in
 * tests/cli/explain.bats.
 */
#include "build/explain.h"
#include "scratch.h"

/* A stage "s" on "base" with two RUNs; V is the ARG of the second. */
static char *build_text(const char *context, const char *chain, const char *keys[2],
		const char *parents[2], const char *v, const char *states[2], bool forced)
{
	return xasprintf("{\"version\":1,\"context\":\"%s\",\"dockerfile\":\"Dockerfile\","
			 "\"platform\":\"linux/amd64\",\"goal\":\"s\",\"names\":[],\"stages\":[{"
			 "\"name\":\"s\",\"base\":\"base\",\"base_digest\":\"%s\",\"count\":3,"
			 "\"steps\":[{\"number\":2,\"name\":\"RUN a\",\"kind\":\"run\",\"state\":"
			 "\"%s\",\"ms\":1000,\"key\":\"%s\",\"record\":{\"kind\":\"run\","
			 "\"parent\":\"%s\",\"argv\":[\"a\"],\"env\":[]},\"args\":[],"
			 "\"forced\":%s},{\"number\":3,\"name\":\"RUN b\",\"kind\":\"run\","
			 "\"state\":\"%s\",\"ms\":500,\"key\":\"%s\",\"record\":{\"kind\":\"run\","
			 "\"parent\":\"%s\",\"argv\":[\"b\"],\"env\":[\"V=%s\"]},\"args\":[\"V\"],"
			 "\"forced\":%s}]}]}",
			context, chain, states[0], keys[0], parents[0], forced ? "true" : "false",
			states[1], keys[1], parents[1], v, forced ? "true" : "false");
}

struct fixture {
	struct scratch scratch;
	struct store *store;
	uint64_t time;
};

static struct fixture fixture_new(void)
{
	struct fixture fixture = { scratch_new(), NULL, 1 };
	AUTO_FREE char *root = xasprintf("%s/store", fixture.scratch.path);
	struct store_settings settings = { .root = root };

	assert_ok(store_open(&settings, &fixture.store));
	return fixture;
}

static void fixture_done(struct fixture *fixture)
{
	store_close(fixture->store);
	scratch_done(&fixture->scratch);
}

DEFINE_AUTO_VALUE(fixture)

static const char *const ran[2] = { "ran", "ran" };
static const char *const one[2] = { "k1", "k2" };
static const char *const on_base[2] = { "p0", "k1" };

static void keep(struct fixture *fixture, const char *id, const char *context, const char *chain,
		const char *const keys[2], const char *const parents[2], const char *v,
		const char *const states[2], bool forced)
{
	const char *k[2] = { keys[0], keys[1] }, *p[2] = { parents[0], parents[1] },
		   *s[2] = { states[0], states[1] };
	AUTO_FREE char *text = build_text(context, chain, k, p, v, s, forced);

	assert_ok(history_add(fixture->store, id, ++fixture->time, text));
}

static void explain_one(struct fixture *fixture, const char *wanted, struct explained *ret)
{
	AUTO(explained_list) struct explained_list list = { 0 };

	assert_ok(explain_build(fixture->store, wanted, &list));
	assert_int_equal(list.n, 1);
	*ret = TAKE_VALUE(list.p[0]);
}

static void a_first_run_has_no_other_cause(void **state)
{
	AUTO(fixture) struct fixture fixture = fixture_new();
	AUTO(explained) struct explained told = { 0 };

	keep(&fixture, "aaaaaaaaaaaa", "/c", "d1", one, on_base, "1", ran, false);
	explain_one(&fixture, NULL, &told);
	assert_int_equal(told.steps.n, 2);
	assert_int_equal(told.steps.p[0].cause, CAUSE_FIRST);
	assert_int_equal(told.steps.p[1].cause, CAUSE_FIRST);
	assert_int_equal(told.ran_ms, 1500);
}

static void an_argument_is_named(void **state)
{
	AUTO(fixture) struct fixture fixture = fixture_new();
	AUTO(explained) struct explained told = { 0 };
	const char *const keys[2] = { "k1", "k3" }, *const states[2] = { "hit", "ran" };

	keep(&fixture, "aaaaaaaaaaaa", "/c", "d1", one, on_base, "1", ran, false);
	keep(&fixture, "bbbbbbbbbbbb", "/c", "d1", keys, on_base, "2", states, false);
	explain_one(&fixture, "bbb", &told);
	assert_int_equal(told.steps.p[0].cause, CAUSE_NONE);
	assert_int_equal(told.steps.p[1].cause, CAUSE_CHANGED);
	assert_string_equal(told.steps.p[1].changes.p[0].what, "ARG V");
	assert_string_equal(told.steps.p[1].changes.p[0].before, "1");
	assert_string_equal(told.steps.p[1].changes.p[0].after, "2");
	assert_string_equal(told.steps.p[1].compared_with, "aaaaaaaaaaaa");
}

static void a_base_moves_and_all_follows(void **state)
{
	AUTO(fixture) struct fixture fixture = fixture_new();
	AUTO(explained) struct explained told = { 0 };
	const char *const keys[2] = { "k5", "k6" }, *const parents[2] = { "p9", "k5" };

	keep(&fixture, "aaaaaaaaaaaa", "/c", "d1", one, on_base, "1", ran, false);
	keep(&fixture, "bbbbbbbbbbbb", "/c", "d2", keys, parents, "1", ran, false);
	explain_one(&fixture, NULL, &told);
	assert_int_equal(told.steps.p[0].cause, CAUSE_BASE);
	assert_string_equal(told.stages.p[0].base_before, "d1");
	assert_int_equal(told.steps.p[1].cause, CAUSE_PARENT);
	assert_int_equal(told.steps.p[1].because, 0);
	assert_int_equal(told.steps.p[0].cost_ms, 1500);
	assert_int_equal(told.steps.p[1].cost_ms, 0);
}

static void the_same_key_was_lost_failed_or_follows(void **state)
{
	AUTO(fixture) struct fixture fixture = fixture_new();
	AUTO(explained) struct explained lost = { 0 }, failed = { 0 };
	const char *const broken[2] = { "hit", "failed" }, *const again[2] = { "hit", "ran" };

	keep(&fixture, "aaaaaaaaaaaa", "/c", "d1", one, on_base, "1", ran, false);
	keep(&fixture, "bbbbbbbbbbbb", "/c", "d1", one, on_base, "1", ran, false);
	explain_one(&fixture, NULL, &lost);
	assert_int_equal(lost.steps.p[0].cause, CAUSE_LOST);
	assert_int_equal(lost.steps.p[1].cause, CAUSE_PARENT);
	keep(&fixture, "cccccccccccc", "/c", "d1", one, on_base, "1", broken, false);
	keep(&fixture, "dddddddddddd", "/c", "d1", one, on_base, "1", again, false);
	explain_one(&fixture, "d", &failed);
	assert_int_equal(failed.steps.p[1].cause, CAUSE_FAILED);
	assert_string_equal(failed.steps.p[1].compared_with, "cccccccccccc");
}

static void forced_is_forced(void **state)
{
	AUTO(fixture) struct fixture fixture = fixture_new();
	AUTO(explained) struct explained told = { 0 };

	keep(&fixture, "aaaaaaaaaaaa", "/c", "d1", one, on_base, "1", ran, false);
	keep(&fixture, "bbbbbbbbbbbb", "/c", "d1", one, on_base, "1", ran, true);
	explain_one(&fixture, NULL, &told);
	assert_int_equal(told.steps.p[0].cause, CAUSE_FORCED);
}

/* The nearest, not the newest: b runs with V=1 again after a build with V=2 and another command. */
static void the_nearest_is_compared(void **state)
{
	AUTO(fixture) struct fixture fixture = fixture_new();
	AUTO(explained) struct explained told = { 0 };
	const char *const moved[2] = { "k1", "k7" }, *const parents[2] = { "p0", "x" };
	const char *const now[2] = { "k1", "k8" }, *const states[2] = { "hit", "ran" };

	keep(&fixture, "aaaaaaaaaaaa", "/c", "d1", one, on_base, "1", ran, false);
	keep(&fixture, "bbbbbbbbbbbb", "/c", "d1", moved, parents, "2", ran, false);
	keep(&fixture, "cccccccccccc", "/c", "d1", now, on_base, "3", states, false);
	explain_one(&fixture, NULL, &told);
	assert_string_equal(told.steps.p[1].compared_with, "aaaaaaaaaaaa");
	assert_string_equal(told.steps.p[1].changes.p[0].before, "1");
}

static void damage_is_passed_over(void **state)
{
	AUTO(fixture) struct fixture fixture = fixture_new();
	AUTO(explained) struct explained told = { 0 };
	AUTO(explained_list) struct explained_list list = { 0 };
	static const char *const bad[] = { "{", "[]", "{\"stages\":5}",
		"{\"stages\":[5,{\"steps\":[7,{\"number\":-1}]}]}" };

	keep(&fixture, "aaaaaaaaaaaa", "/c", "d1", one, on_base, "1", ran, false);
	for (size_t i = 0; i < COUNT(bad); i++) {
		AUTO_FREE char *id = xasprintf("badbadbad%03zu", i);

		assert_ok(history_add(fixture.store, id, ++fixture.time, bad[i]));
	}
	explain_one(&fixture, NULL, &told);
	assert_string_equal(told.id, "badbadbad003");
	assert_ok(explain_list(fixture.store, &list));
	assert_int_equal(list.n, 2);
	assert_error(explain_build(fixture.store, "zzz", &list), ERR_NOT_FOUND, "no build 'zzz'");
}

static void keep_for_platform(struct fixture *fixture, const char *id, const char *whole)
{
	const char *keys[2] = { "k1", "k2" }, *parents[2] = { "p0", "k1" },
		   *states[2] = { "ran", "ran" };
	AUTO_FREE char *text = build_text("/c", "d1", keys, parents, "1", states, false);
	AUTO_FREE char *more = xasprintf("{\"whole\":\"%s\",%s", whole, text + 1);

	assert_ok(history_add(fixture->store, id, ++fixture->time, more));
}

/* In their order, and none is compared with another of them. */
static void platforms_are_told_together(void **state)
{
	AUTO(fixture) struct fixture fixture = fixture_new();
	AUTO(explained_list) struct explained_list last = { 0 }, whole = { 0 };
	AUTO(explained) struct explained own = { 0 };

	keep_for_platform(&fixture, "aaaaaaaaaaaa", "eeeeeeeeeeee");
	keep_for_platform(&fixture, "bbbbbbbbbbbb", "eeeeeeeeeeee");
	keep_for_platform(&fixture, "cccccccccccc", "ffffffffffff");
	keep_for_platform(&fixture, "dddddddddddd", "ffffffffffff");
	assert_ok(explain_build(fixture.store, "eee", &whole));
	assert_int_equal(whole.n, 2);
	assert_string_equal(whole.p[0].id, "aaaaaaaaaaaa");
	assert_string_equal(whole.p[1].id, "bbbbbbbbbbbb");
	assert_int_equal(whole.p[0].steps.p[0].cause, CAUSE_FIRST);
	assert_int_equal(whole.p[1].steps.p[0].cause, CAUSE_FIRST);
	assert_ok(explain_build(fixture.store, NULL, &last));
	assert_int_equal(last.n, 2);
	assert_string_equal(last.p[0].id, "cccccccccccc");
	assert_string_equal(last.p[1].id, "dddddddddddd");
	assert_string_equal(last.p[1].steps.p[0].compared_with, "bbbbbbbbbbbb");
	explain_one(&fixture, "ddd", &own);
	assert_string_equal(own.id, "dddddddddddd");
}

/* Only the newest builds stay. */
static void the_history_is_bounded(void **state)
{
	AUTO(fixture) struct fixture fixture = fixture_new();
	AUTO(list) struct list names = { 0 };

	for (int i = 0; i < HISTORY_BUILDS + 5; i++) {
		AUTO_FREE char *id = xasprintf("%012d", i);

		assert_ok(history_add(fixture.store, id, ++fixture.time, "{}"));
	}
	assert_ok(history_names(fixture.store, &names));
	assert_int_equal(names.n, HISTORY_BUILDS);
	assert_string_equal(history_id(names.p[0]), "000000000104");
	list_done(&names);
	assert_ok(history_add(fixture.store, "aaaaaaaaaaaa", HISTORY_DAYS * 86400000000000ull + 200,
			"{}"));
	assert_ok(history_names(fixture.store, &names));
	assert_int_equal(names.n, 1);
}

UNIT_TESTS(a_first_run_has_no_other_cause, an_argument_is_named, a_base_moves_and_all_follows,
		the_same_key_was_lost_failed_or_follows, forced_is_forced, the_nearest_is_compared,
		damage_is_passed_over, platforms_are_told_together, the_history_is_bounded)

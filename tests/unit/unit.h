/*
 * unit: what every cmocka program here shares. A test file ends with
 *
 *	UNIT_TESTS(prints_what_it_parsed, refuses)
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Success: otherwise the error's text is the failure message. */
#define assert_ok(expr)                                                      \
	do {                                                                 \
		struct error *unit_error_ = (expr);                          \
		if (unit_error_) {                                           \
			struct strbuf unit_text_ = { 0 };                    \
			error_text(unit_error_, &unit_text_);                \
			fail_msg("%s: %s", #expr, strbuf_text(&unit_text_)); \
		}                                                            \
	} while (0)

/* Failure of that kind whose text contains part. */
#define assert_error(expr, wanted, part)                                                        \
	do {                                                                                    \
		struct error *unit_error_ = (expr);                                             \
		struct strbuf unit_text_ = { 0 };                                               \
		if (!unit_error_)                                                               \
			fail_msg("%s: succeeded, wanted an error with '%s'", #expr, (part));    \
		error_text(unit_error_, &unit_text_);                                           \
		if (unit_error_->kind != (wanted) || !strstr(strbuf_text(&unit_text_), (part))) \
			fail_msg("%s: kind %d, '%s'; wanted kind %d, '%s'", #expr,              \
					(int)unit_error_->kind, strbuf_text(&unit_text_),       \
					(int)(wanted), (part));                                 \
		strbuf_done(&unit_text_);                                                       \
		error_free(unit_error_);                                                        \
	} while (0)

/* What this program has had of the processors: a bound on it holds on a busy machine too. */
static inline uint64_t unit_cpu_ms(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#define note(...)                                  \
	do {                                       \
		print_message("  - " __VA_ARGS__); \
		print_message("\n");               \
	} while (0)

#define UNIT_1(f) cmocka_unit_test(f)
#define UNIT_PICK(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, _17, _18, \
		_19, _20, _21, _22, _23, _24, N, ...)                                              \
	N
#define UNIT_COUNT(...)                                                                          \
	UNIT_PICK(__VA_ARGS__, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, \
			7, 6, 5, 4, 3, 2, 1)
#define UNIT_CAT_(a, b)      a##b
#define UNIT_CAT(a, b)       UNIT_CAT_(a, b)
#define UNIT_EACH_1(f)       UNIT_1(f)
#define UNIT_EACH_2(f, ...)  UNIT_1(f), UNIT_EACH_1(__VA_ARGS__)
#define UNIT_EACH_3(f, ...)  UNIT_1(f), UNIT_EACH_2(__VA_ARGS__)
#define UNIT_EACH_4(f, ...)  UNIT_1(f), UNIT_EACH_3(__VA_ARGS__)
#define UNIT_EACH_5(f, ...)  UNIT_1(f), UNIT_EACH_4(__VA_ARGS__)
#define UNIT_EACH_6(f, ...)  UNIT_1(f), UNIT_EACH_5(__VA_ARGS__)
#define UNIT_EACH_7(f, ...)  UNIT_1(f), UNIT_EACH_6(__VA_ARGS__)
#define UNIT_EACH_8(f, ...)  UNIT_1(f), UNIT_EACH_7(__VA_ARGS__)
#define UNIT_EACH_9(f, ...)  UNIT_1(f), UNIT_EACH_8(__VA_ARGS__)
#define UNIT_EACH_10(f, ...) UNIT_1(f), UNIT_EACH_9(__VA_ARGS__)
#define UNIT_EACH_11(f, ...) UNIT_1(f), UNIT_EACH_10(__VA_ARGS__)
#define UNIT_EACH_12(f, ...) UNIT_1(f), UNIT_EACH_11(__VA_ARGS__)
#define UNIT_EACH_13(f, ...) UNIT_1(f), UNIT_EACH_12(__VA_ARGS__)
#define UNIT_EACH_14(f, ...) UNIT_1(f), UNIT_EACH_13(__VA_ARGS__)
#define UNIT_EACH_15(f, ...) UNIT_1(f), UNIT_EACH_14(__VA_ARGS__)
#define UNIT_EACH_16(f, ...) UNIT_1(f), UNIT_EACH_15(__VA_ARGS__)
#define UNIT_EACH_17(f, ...) UNIT_1(f), UNIT_EACH_16(__VA_ARGS__)
#define UNIT_EACH_18(f, ...) UNIT_1(f), UNIT_EACH_17(__VA_ARGS__)
#define UNIT_EACH_19(f, ...) UNIT_1(f), UNIT_EACH_18(__VA_ARGS__)
#define UNIT_EACH_20(f, ...) UNIT_1(f), UNIT_EACH_19(__VA_ARGS__)
#define UNIT_EACH_21(f, ...) UNIT_1(f), UNIT_EACH_20(__VA_ARGS__)
#define UNIT_EACH_22(f, ...) UNIT_1(f), UNIT_EACH_21(__VA_ARGS__)
#define UNIT_EACH_23(f, ...) UNIT_1(f), UNIT_EACH_22(__VA_ARGS__)
#define UNIT_EACH_24(f, ...) UNIT_1(f), UNIT_EACH_23(__VA_ARGS__)

/* The program: up to 24 tests in the order given. */
#define UNIT_TESTS(...)                                                                            \
	int main(void)                                                                             \
	{                                                                                          \
		const struct CMUnitTest tests[] = { UNIT_CAT(UNIT_EACH_, UNIT_COUNT(__VA_ARGS__))( \
				__VA_ARGS__) };                                                    \
		return cmocka_run_group_tests(tests, NULL, NULL);                                  \
	}

/*
 * clock: the only source of time.
 *
 * Floor: base.
 */
#pragma once
#include "base/error.h"
#include "base/str.h"
#include <stdint.h>

enum { CLOCK_RFC3339_TEXT = 40 };

uint64_t clock_monotonic_ns(void);
int64_t clock_now_seconds(void); /* wall clock, Unix */
uint64_t clock_now_ns(void);     /* wall clock, Unix */
/* Of a file's time. One beyond 2262, which an archive can say, wraps: good to compare, not to
 * order. */
int64_t clock_file_ns(int64_t seconds, int64_t nanoseconds);

/* "2026-11-23T13:00:00Z", with nanoseconds when not zero. Returns buf. */
char *clock_rfc3339(int64_t seconds, uint32_t nanoseconds, char buf[static CLOCK_RFC3339_TEXT]);
/* The other way; ERR_INVALID when it is not RFC 3339. */
FALLIBLE clock_parse_rfc3339(const char *text, int64_t *ret_seconds);

/*
 * A duration as Go writes it: "1h30m", "1.5s", "-250ms", "0"; ns, us, ms, s, m, h. ERR_INVALID when
 * it is not one or beyond 292 years.
 */
FALLIBLE clock_parse_duration(struct str text, int64_t *ret_ns);

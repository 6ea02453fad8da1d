/*
 * retry: when to try again, and how long to wait: exponential with jitter, or always as long as the
 * user says, or what the server's Retry-After says; all bounded.
 *
 * Floor: registry. A struct retry belongs to one call.
 * Spec: RFC 9110, 10.2.3 Retry-After.
 */
#pragma once
#include "registry/http.h"
#include "sys/cancel.h"

struct retry {
	unsigned tries;     /* allowed after the first */
	unsigned base_ms;   /* before the second */
	unsigned delay_ms;  /* before each instead; 0: growing from base_ms */
	unsigned after_ms;  /* the longest Retry-After; 0: LIMIT_RETRY_AFTER_SECONDS */
	bool silence_ends;  /* no other try after a time-out */
	unsigned used;      /* so far */
	uint64_t waited_ms; /* so far */
};

/* 408, 429, 500, 502, 503, 504. */
bool retry_is_temporary(int status);
/* Broken connections and time-outs; not certificates, limits, cancellation. */
bool retry_is_broken(const struct error *error);
/*
 * Wait before the next try. False, without waiting, when there shall be none: tries used up, or the
 * server asks for more patience than after_ms. ERR_CANCELED when stopped.
 * retry_after is the header's value or NULL; an unreachable host is given two tries only, unless
 * the user says how long to wait for it.
 */
FALLIBLE retry_wait(struct retry *retry, const char *retry_after, const struct error *why,
		struct cancel *cancel, bool *ret_again);
/*
 * The same for who holds what went wrong: takes why (NULL: only a status) and gives what is to be
 * returned if *ret_again is false: why, or ERR_CANCELED in its place.
 */
FALLIBLE retry_again(struct retry *retry, const char *retry_after, struct error *why,
		struct cancel *cancel, bool *ret_again);
/* Retry-After as milliseconds from now: seconds or an HTTP date. -1 when it is neither. */
int64_t retry_after_ms(const char *text, int64_t now_seconds);

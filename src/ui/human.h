/*
 * human: sizes, spans and ages as people read them.
 *
 * Floor: ui (pure).
 */
#pragma once
#include <stdint.h>

enum { HUMAN_TEXT = 32 };

/* Decimal units, as registries and docker count: "512B", "1.23kB", "146MB". Returns buf. */
char *human_size(uint64_t bytes, char buf[static HUMAN_TEXT]);
/* "0.0s", "12.3s", "754.1s". Returns buf. */
char *human_seconds(uint64_t ns, char buf[static HUMAN_TEXT]);
/* "0.000", "12.345": what stands before a line of a log. Returns a place in buf. */
char *human_log_time(uint64_t ns, char buf[static HUMAN_TEXT]);
/* As Go prints such: "0s", "12ms", "1.503s", "1m2.5s", rounded to milliseconds. Returns buf. */
char *human_duration(uint64_t ns, char buf[static HUMAN_TEXT]);
/* Four digits: "0B", "4.096kB", "69.63kB". Returns buf. */
char *human_size_4(uint64_t bytes, char buf[static HUMAN_TEXT]);
/* "5 seconds ago", "2 weeks ago"; "in the future" for a negative age. Returns buf. */
char *human_age(int64_t seconds, char buf[static HUMAN_TEXT]);

/*
 * log: lines for us, the developers, on standard error. Off unless asked (--debug, KILN_DEBUG).
 * Never a result, never progress, never a secret.
 *
 * Floor: base. The sink and its level are the one piece of global state; set once in main before
 * threads exist. A line is written by one write(2), so lines of threads do not mix.
 */
#pragma once
#include <stdbool.h>

enum log_level { LOG_OFF = 0, LOG_WARN, LOG_INFO, LOG_DEBUG };

typedef void log_sink_fn(enum log_level level, const char *text);

void log_set_level(enum log_level level);
/* Who writes the lines, for a program whose log has a form of its own. NULL: as above. */
void log_set_sink(log_sink_fn *sink);
bool log_enabled(enum log_level level);
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...)                                    \
	do {                                              \
		if (log_enabled(LOG_DEBUG))               \
			log_line(LOG_DEBUG, __VA_ARGS__); \
	} while (0)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)

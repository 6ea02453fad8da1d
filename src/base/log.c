#include "base/log.h"
#include "base/clock.h"
#include "base/strbuf.h"

#include <stdio.h>

static enum log_level current_level = LOG_OFF;
static log_sink_fn *current_sink;

void log_set_level(enum log_level level)
{
	current_level = level;
}

void log_set_sink(log_sink_fn *sink)
{
	current_sink = sink;
}

bool log_enabled(enum log_level level)
{
	return level <= current_level;
}

void log_line(enum log_level level, const char *format, ...)
{
	static const char *const names[] = { "", "warning", "info", "debug" };
	AUTO(strbuf) struct strbuf line = { 0 };
	char text[2048];
	va_list args;

	if (!log_enabled(level))
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (current_sink) {
		current_sink(level, text);
		return;
	}
	uint64_t us = clock_monotonic_ns() / 1000;
	strbuf_addf(&line, "kiln[%llu.%06llu] %s: %s\n", (unsigned long long)(us / 1000000),
			(unsigned long long)(us % 1000000), names[level], text);
	if (write(STDERR_FILENO, line.p, line.n) < 0)
		return;
}

#include "ui/human.h"

#include <stddef.h>
#include <stdio.h>

char *human_size(uint64_t bytes, char buf[static HUMAN_TEXT])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes;
	size_t unit = 0;

	/* 999.5 would be printed as 1000. */
	while (value >= 999.5) {
		value /= 1000;
		unit++;
	}
	if (unit == 0)
		(void)snprintf(buf, HUMAN_TEXT, "%uB", (unsigned)bytes);
	else
		(void)snprintf(buf, HUMAN_TEXT, "%.*f%s",
				value < 9.995   ? 2
				: value < 99.95 ? 1
						: 0,
				value, units[unit]);
	return buf;
}

char *human_seconds(uint64_t ns, char buf[static HUMAN_TEXT])
{
	(void)snprintf(buf, HUMAN_TEXT, "%.1fs", (double)ns / 1e9);
	return buf;
}

char *human_age(int64_t seconds, char buf[static HUMAN_TEXT])
{
	static const struct {
		const char *name;
		int64_t seconds, below; /* used while the count is less than below */
	} units[] = {
		{ "second", 1, 60 },
		{ "minute", 60, 60 },
		{ "hour", 3600, 48 },
		{ "day", 86400, 14 },
		{ "week", 604800, 9 },
		{ "month", 2629746, 24 },
		{ "year", 31556952, INT64_MAX },
	};

	if (seconds < 0) {
		(void)snprintf(buf, HUMAN_TEXT, "in the future");
		return buf;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		int64_t count = seconds / units[i].seconds;

		if (count < units[i].below) {
			(void)snprintf(buf, HUMAN_TEXT, "%lld %s%s ago", (long long)count,
					units[i].name, count == 1 ? "" : "s");
			break;
		}
	}
	return buf;
}

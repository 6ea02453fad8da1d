#include "ui/human.h"

#include <stddef.h>
#include <stdio.h>

static const char *const size_units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };

/* *value of the unit that is returned: below ceiling. */
static const char *scale(double *value, double ceiling)
{
	size_t unit = 0;

	for (; *value >= ceiling; unit++)
		*value /= 1000;
	return size_units[unit];
}

char *human_size(uint64_t bytes, char buf[static HUMAN_TEXT])
{
	double value = (double)bytes;
	/* 999.5 would be printed as 1000. */
	const char *unit = scale(&value, 999.5);

	if (unit == size_units[0])
		(void)snprintf(buf, HUMAN_TEXT, "%uB", (unsigned)bytes);
	else
		(void)snprintf(buf, HUMAN_TEXT, "%.*f%s",
				value < 9.995   ? 2
				: value < 99.95 ? 1
						: 0,
				value, unit);
	return buf;
}

char *human_size_4(uint64_t bytes, char buf[static HUMAN_TEXT])
{
	double value = (double)bytes;
	const char *unit = scale(&value, 1000);

	(void)snprintf(buf, HUMAN_TEXT, "%.4g%s", value, unit);
	return buf;
}

/* Millions of lines may come, and a double is slow to print. */
char *human_log_time(uint64_t ns, char buf[static HUMAN_TEXT])
{
	uint64_t ms = ns / 1000000 + (ns % 1000000 >= 500000);
	char *p = buf + HUMAN_TEXT - 1;

	*p = '\0';
	for (unsigned digits = 0; digits < 4 || ms; digits++) {
		if (digits == 3)
			*--p = '.';
		*--p = (char)('0' + ms % 10);
		ms /= 10;
	}
	return p;
}

char *human_duration(uint64_t ns, char buf[static HUMAN_TEXT])
{
	uint64_t ms = (ns + 500000) / 1000000;
	unsigned hours = (unsigned)(ms / 3600000), minutes = (unsigned)(ms / 60000 % 60);
	double seconds = (double)(ms % 60000) / 1000;

	if (ms == 0)
		(void)snprintf(buf, HUMAN_TEXT, "0s");
	else if (ms < 1000)
		(void)snprintf(buf, HUMAN_TEXT, "%ums", (unsigned)ms);
	else if (ms < 60000)
		(void)snprintf(buf, HUMAN_TEXT, "%.5gs", seconds);
	else if (hours == 0)
		(void)snprintf(buf, HUMAN_TEXT, "%um%.5gs", minutes, seconds);
	else
		(void)snprintf(buf, HUMAN_TEXT, "%uh%um%.5gs", hours, minutes, seconds);
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

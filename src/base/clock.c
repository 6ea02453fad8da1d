#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t read_ns(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t clock_now_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

int64_t clock_now_seconds(void)
{
	return (int64_t)(clock_now_ns() / 1000000000u);
}

int64_t clock_file_ns(int64_t seconds, int64_t nanoseconds)
{
	return (int64_t)((uint64_t)seconds * 1000000000 + (uint64_t)nanoseconds);
}

char *clock_rfc3339(int64_t seconds, uint32_t nanoseconds, char buf[static CLOCK_RFC3339_TEXT])
{
	struct tm tm;
	time_t when = (time_t)seconds;

	if (!gmtime_r(&when, &tm) || tm.tm_year > 8099 || tm.tm_year < -1900)
		(void)gmtime_r(&(time_t){ 0 }, &tm);
	size_t n = strftime(buf, CLOCK_RFC3339_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	if (nanoseconds)
		n += (size_t)snprintf(buf + n, CLOCK_RFC3339_TEXT - n, ".%09u",
				nanoseconds % 1000000000u);
	(void)snprintf(buf + n, CLOCK_RFC3339_TEXT - n, "Z");
	return buf;
}

FALLIBLE clock_parse_rfc3339(const char *text, int64_t *ret_seconds)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t offset = 0;

	if (!rest)
		return error_new(ERR_INVALID, "'%s' is not an RFC 3339 time", text);
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++)
			;
	if (*rest == '+' || *rest == '-') {
		int sign = *rest == '-' ? -1 : 1;

		if (strlen(rest) != 6 || rest[3] != ':')
			return error_new(ERR_INVALID, "'%s' is not an RFC 3339 time", text);
		offset = sign * ((rest[1] - '0') * 36000 + (rest[2] - '0') * 3600 +
						(rest[4] - '0') * 600 + (rest[5] - '0') * 60);
	} else if (strcmp(rest, "Z") != 0 && strcmp(rest, "z") != 0) {
		return error_new(ERR_INVALID, "'%s' is not an RFC 3339 time", text);
	}
	*ret_seconds = (int64_t)timegm(&tm) - offset;
	return NULL;
}

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	/* Longer names first: "ms" before "m". */
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 }, /* micro sign */
	{ "\xce\xbcs", 1000 }, /* Greek mu */
	{ "ms", 1000000 },
	{ "s", 1000000000u },
	{ "m", 60000000000u },
	{ "h", 3600000000000u },
};

/* Take the unit at the front of *rest; 0 when there is none. */
static uint64_t take_unit(struct str *rest)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!str_starts(*rest, units[i].name))
			continue;
		*rest = str_slice(*rest, strlen(units[i].name), rest->n);
		return units[i].ns;
	}
	return 0;
}

/* Take "12", "1.5" or ".5" and a unit; false when that is not there or does not fit. */
static bool take_part(struct str *rest, uint64_t *ret_ns)
{
	uint64_t whole = 0, fraction = 0, scale = 1;
	size_t digits = 0;

	for (; rest->n && rest->p[0] >= '0' && rest->p[0] <= '9'; digits++) {
		if (__builtin_mul_overflow(whole, 10u, &whole) ||
				__builtin_add_overflow(whole, (uint64_t)(rest->p[0] - '0'), &whole))
			return false;
		*rest = str_slice(*rest, 1, rest->n);
	}
	if (rest->n && rest->p[0] == '.') {
		*rest = str_slice(*rest, 1, rest->n);
		for (; rest->n && rest->p[0] >= '0' && rest->p[0] <= '9'; digits++) {
			if (scale < 1000000000000u) {
				fraction = fraction * 10 + (uint64_t)(rest->p[0] - '0');
				scale *= 10;
			}
			*rest = str_slice(*rest, 1, rest->n);
		}
	}
	uint64_t unit = take_unit(rest);
	if (!digits || !unit || __builtin_mul_overflow(whole, unit, &whole))
		return false;
	uint64_t part = (uint64_t)((unsigned __int128)fraction * unit / scale);
	return !__builtin_add_overflow(whole, part, ret_ns);
}

/* In Go's words, which scripts know from everything that is written in it; rest: where it failed.
 */
static struct error *no_duration(struct str text, struct str rest)
{
	size_t n = 0;
	bool has_number = rest.p > text.p && strchr("0123456789.", rest.p[-1]);

	while (n < rest.n && !strchr("0123456789.", rest.p[n]))
		n++;
	if (has_number && !rest.n)
		return error_new(ERR_INVALID, "time: missing unit in duration \"%.*s\"",
				STR_ARG(text));
	if (has_number && n)
		return error_new(ERR_INVALID, "time: unknown unit \"%.*s\" in duration \"%.*s\"",
				(int)n, rest.p, STR_ARG(text));
	return error_new(ERR_INVALID, "time: invalid duration \"%.*s\"", STR_ARG(text));
}

FALLIBLE clock_parse_duration(struct str text, int64_t *ret_ns)
{
	struct str rest = text;
	bool is_negative = str_starts(rest, "-");
	uint64_t total = 0;

	if (is_negative || str_starts(rest, "+"))
		rest = str_slice(rest, 1, rest.n);
	bool is_good = rest.n > 0;
	if (str_is(rest, "0"))
		rest.n = 0;
	while (is_good && rest.n) {
		uint64_t part = 0;

		is_good = take_part(&rest, &part) && !__builtin_add_overflow(total, part, &total);
	}
	if (!is_good || total > INT64_MAX)
		return error_hint(no_duration(text, rest),
				"write numbers with units, such as 30s, 1m30s or 250ms");
	*ret_ns = is_negative ? -(int64_t)total : (int64_t)total;
	return NULL;
}

#include "base/str.h"
#include "base/xalloc.h"

#include <string.h>
#include <strings.h>

struct str str_of(const char *text)
{
	return (struct str){ text ? text : "", text ? strlen(text) : 0 };
}

char *str_dup(struct str s)
{
	return xstrndup(s.p, s.n);
}

bool str_equal(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_is(struct str s, const char *text)
{
	return str_equal(s, str_of(text));
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool str_equal_nocase(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool str_is_nocase(struct str s, const char *text)
{
	return str_equal_nocase(s, str_of(text));
}

bool str_starts(struct str s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

bool str_ends(struct str s, const char *suffix)
{
	size_t n = strlen(suffix);

	return s.n >= n && memcmp(s.p + s.n - n, suffix, n) == 0;
}

struct str str_slice(struct str s, size_t from, size_t to)
{
	if (to > s.n)
		to = s.n;
	if (from > to)
		from = to;
	return (struct str){ s.p + from, to - from };
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
	while (s.n && is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

size_t str_find(struct str s, char c)
{
	const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;

	return hit ? (size_t)(hit - s.p) : s.n;
}

size_t str_find_last(struct str s, char c)
{
	const char *hit = s.n ? memrchr(s.p, c, s.n) : NULL;

	return hit ? (size_t)(hit - s.p) : s.n;
}

bool str_cut(struct str s, char c, struct str *head, struct str *tail)
{
	size_t at = str_find(s, c);

	*head = str_slice(s, 0, at);
	*tail = str_slice(s, at + 1, s.n);
	return at < s.n;
}

bool text_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool text_starts(const char *text, const char *prefix)
{
	return text && strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *text, const char *suffix)
{
	return text && str_ends(str_of(text), suffix);
}

static struct error *not_a_number(struct str s)
{
	return error_new(ERR_INVALID, "'%.*s' is not a number", (int)(s.n > 64 ? 64 : s.n), s.p);
}

static FALLIBLE parse_digits(struct str s, unsigned base, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (s.n == 0)
		return not_a_number(s);
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';

		if (digit >= base)
			return not_a_number(s);
		if (__builtin_mul_overflow(value, base, &value) ||
				__builtin_add_overflow(value, digit, &value) || value > max)
			return error_new(ERR_INVALID, "'%.*s' is too large (at most %llu)",
					(int)(s.n > 64 ? 64 : s.n), s.p, (unsigned long long)max);
	}
	*ret = value;
	return NULL;
}

FALLIBLE parse_u64(struct str s, uint64_t max, uint64_t *ret)
{
	return parse_digits(s, 10, max, ret);
}

FALLIBLE parse_octal(struct str s, uint64_t max, uint64_t *ret)
{
	return parse_digits(s, 8, max, ret);
}

FALLIBLE parse_i64(struct str s, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = s.n && s.p[0] == '-';
	uint64_t value = 0;

	TRY(parse_digits(negative ? str_slice(s, 1, s.n) : s, 10, INT64_MAX, &value));
	int64_t number = negative ? -(int64_t)value : (int64_t)value;
	if (number < min || number > max)
		return error_new(ERR_INVALID, "'%.*s' is not between %lld and %lld", STR_ARG(s),
				(long long)min, (long long)max);
	*ret = number;
	return NULL;
}

FALLIBLE parse_size(struct str s, uint64_t *ret)
{
	static const char units[] = "bkmgt";
	size_t digits = 0;
	uint64_t value = 0;

	while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
		digits++;
	if (digits == 0)
		return error_new(ERR_INVALID, "'%.*s' is not a size such as 64m or 2g", STR_ARG(s));
	struct str unit = str_slice(s, digits, s.n);
	TRY(parse_u64(str_slice(s, 0, digits), UINT64_MAX, &value));
	if (unit.n) {
		const char *at = strchr(units, lower(unit.p[0]));
		struct str rest = str_slice(unit, 1, unit.n);

		if (!at || !*at ||
				(rest.n && !str_is_nocase(rest, "b") && !str_is_nocase(rest, "ib")))
			return error_new(ERR_INVALID, "'%.*s' is not a size such as 64m or 2g",
					STR_ARG(s));
		unsigned shift = 10u * (unsigned)(at - units);
		if (value > UINT64_MAX >> shift)
			return error_new(ERR_INVALID, "'%.*s' is too large", STR_ARG(s));
		value <<= shift;
	}
	*ret = value;
	return NULL;
}

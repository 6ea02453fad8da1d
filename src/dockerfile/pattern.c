/*
 * A pattern is segments with "*" between. The shortest match puts every segment as far left as it
 * goes; the longest differs in the last segment only, which goes as far right as it can (whatever
 * the others do, that is possible). So no backtracking is needed: one search per segment.
 *
 * At the end of a value the same is done on both texts reversed.
 */
#include "dockerfile/pattern.h"

#include "base/xalloc.h"
#include "dockerfile/runes.h"

enum { ANY_TEXT = 0x110000, ANY_ONE = 0x110001, BYTE_BASE = 0x110100, NOWHERE = -1 };

/* The characters of s, and where each starts; bytes that are not UTF-8 stand for themselves. */
struct runes {
	uint32_t *p;
	size_t n;
};

static void runes_done(struct runes *runes)
{
	free(runes->p);
}

DEFINE_AUTO_VALUE(runes)

static struct runes decode(struct str s)
{
	struct runes runes = { xcalloc(s.n + 1, sizeof(uint32_t)), 0 };

	for (size_t at = 0, bytes = 0; at < s.n; at += bytes) {
		uint32_t rune = rune_at(s, at, &bytes);

		if (rune == RUNE_BAD && bytes == 1)
			rune = BYTE_BASE + (unsigned char)s.p[at];
		runes.p[runes.n++] = rune;
	}
	return runes;
}

static void reverse(uint32_t *p, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		uint32_t rune = p[i];

		p[i] = p[n - 1 - i];
		p[n - 1 - i] = rune;
	}
}

/* How many bytes the first count characters of s take. */
static size_t bytes_of(struct str s, size_t count)
{
	size_t at = 0, bytes = 0;

	for (; count; count--, at += bytes)
		(void)rune_at(s, at, &bytes);
	return at;
}

FALLIBLE pattern_parse(struct str text, struct pattern *ret)
{
	AUTO(runes) struct runes runes = decode(text);
	size_t n = 0;

	for (size_t i = 0; i < runes.n; i++) {
		uint32_t rune = runes.p[i];

		if (rune == '\\') {
			rune = ++i < runes.n ? runes.p[i] : 0;
			if (rune != '*' && rune != '?' && rune != '\\' && rune != '}' &&
					rune != '/')
				return error_new(ERR_INVALID,
						"invalid pattern '%.*s': '\\' stands before none "
						"of * ? \\ } /",
						STR_ARG(text));
		} else if (rune == '*') {
			rune = ANY_TEXT;
		} else if (rune == '?') {
			rune = ANY_ONE;
		}
		runes.p[n++] = rune;
	}
	ret->n = n;
	ret->runes = TAKE(runes.p);
	return NULL;
}

void pattern_done(struct pattern *pattern)
{
	free(pattern->runes);
	*pattern = (struct pattern){ 0 };
}

static bool segment_is_at(const uint32_t *segment, size_t n, const uint32_t *value)
{
	for (size_t i = 0; i < n; i++)
		if (segment[i] != ANY_ONE && segment[i] != value[i])
			return false;
	return true;
}

/* The first place of a segment in value[from, value_n), or NOWHERE. */
static ptrdiff_t find_first(const uint32_t *segment, size_t n, const uint32_t *value,
		size_t value_n, size_t from)
{
	for (size_t at = from; at + n <= value_n; at++)
		if (segment_is_at(segment, n, value + at))
			return (ptrdiff_t)at;
	return NOWHERE;
}

static ptrdiff_t find_last(const uint32_t *segment, size_t n, const uint32_t *value, size_t value_n,
		size_t from)
{
	if (value_n < from + n)
		return NOWHERE;
	for (size_t at = value_n - n + 1; at-- > from;)
		if (segment_is_at(segment, n, value + at))
			return (ptrdiff_t)at;
	return NOWHERE;
}

static size_t segment_length(const uint32_t *p, size_t n)
{
	size_t length = 0;

	while (length < n && p[length] != ANY_TEXT)
		length++;
	return length;
}

/* The end of the match of what follows the first segment, from on; NOWHERE if there is none. */
static ptrdiff_t match_rest(const uint32_t *p, size_t n, const uint32_t *value, size_t value_n,
		size_t from, bool longest)
{
	while (n) {
		size_t length = segment_length(p + 1, n - 1); /* p[0] is the star */
		bool is_last = length == n - 1;
		ptrdiff_t at = is_last && longest ? find_last(p + 1, length, value, value_n, from)
						  : find_first(p + 1, length, value, value_n, from);

		if (at < 0)
			return NOWHERE;
		from = (size_t)at + length;
		p += 1 + length;
		n -= 1 + length;
	}
	return (ptrdiff_t)from;
}

static FALLIBLE charge(size_t pattern_n, size_t value_n, size_t *budget)
{
	unsigned __int128 work = ((unsigned __int128)pattern_n + 1) * (value_n + 1) / 64 + value_n;

	if (work > *budget)
		return error_new(ERR_LIMIT,
				"a pattern of %zu characters on a value of %zu is too much work",
				pattern_n, value_n);
	*budget -= (size_t)work;
	return NULL;
}

FALLIBLE pattern_trim(const struct pattern *pattern, struct str value, bool at_end, bool longest,
		size_t *budget, struct str *ret)
{
	TRY(charge(pattern->n, value.n, budget));

	AUTO(runes) struct runes runes = decode(value);
	AUTO(runes) struct runes p = { xcalloc(pattern->n + 1, sizeof(uint32_t)), pattern->n };

	memcpy(p.p, pattern->runes, pattern->n * sizeof(uint32_t));
	if (at_end) {
		reverse(runes.p, runes.n);
		reverse(p.p, p.n);
	}
	size_t first = segment_length(p.p, p.n);
	ptrdiff_t end = NOWHERE;
	if (first <= runes.n && segment_is_at(p.p, first, runes.p))
		end = match_rest(p.p + first, p.n - first, runes.p, runes.n, first, longest);
	if (end < 0)
		*ret = value;
	else if (at_end)
		*ret = str_slice(value, 0, bytes_of(value, runes.n - (size_t)end));
	else
		*ret = str_slice(value, bytes_of(value, (size_t)end), value.n);
	return NULL;
}

/* The first longest match at or after from. False when there is none, now or further on. */
static bool find_match(const struct pattern *pattern, const struct runes *value, size_t from,
		size_t *ret_start, size_t *ret_end)
{
	size_t first = segment_length(pattern->runes, pattern->n);
	ptrdiff_t at = find_first(pattern->runes, first, value->p, value->n, from);

	if (at < 0)
		return false;
	/* When the rest has no place behind the first such start, it has none behind later ones. */
	ptrdiff_t end = match_rest(pattern->runes + first, pattern->n - first, value->p, value->n,
			(size_t)at + first, true);
	*ret_start = (size_t)at;
	*ret_end = (size_t)end;
	return end >= 0;
}

FALLIBLE pattern_replace(const struct pattern *pattern, struct str value, struct str replacement,
		bool all, size_t *budget, struct strbuf *out)
{
	TRY(charge(pattern->n, value.n, budget));

	AUTO(runes) struct runes runes = decode(value);
	size_t at = 0, byte = 0, start = 0, end = 0, bytes = 0;
	ptrdiff_t last_end = NOWHERE;
	bool was_replaced = false;
	while (at <= runes.n && (all || !was_replaced) &&
			find_match(pattern, &runes, at, &start, &end)) {
		size_t before = bytes_of(str_slice(value, byte, value.n), start - at);

		strbuf_add_bytes(out, value.p + byte, before);
		byte += before;
		/* An empty match right behind the one before does not count. */
		if ((ptrdiff_t)end > last_end) {
			if (replacement.n > *budget)
				return error_new(ERR_LIMIT, "a replacement grows too large");
			*budget -= replacement.n;
			strbuf_add_str(out, replacement);
			was_replaced = true;
			last_end = (ptrdiff_t)end;
		}
		bytes = bytes_of(str_slice(value, byte, value.n), end - start);
		byte += bytes;
		at = end;
		if (end == start) {
			if (at == runes.n)
				break;
			bytes = bytes_of(str_slice(value, byte, value.n), 1);
			strbuf_add_bytes(out, value.p + byte, bytes);
			byte += bytes;
			at++;
		}
	}
	strbuf_add_bytes(out, value.p + byte, value.n - byte);
	return NULL;
}

/* --chmod: octal, or the symbolic form of chmod(1): [ugoa]*[+-=][rwxXst]* , … */
#include "build/place.h"

#include <string.h>
#include <sys/stat.h>

struct clause {
	uint32_t who; /* mask of the bits it may touch, set-id and sticky included */
	bool is_all;
	char op;
	struct str perms;
};

static bool is_octal(const char *text)
{
	return text[0] >= '0' && text[0] <= '7';
}

static bool next_clause(struct str *rest, struct clause *ret)
{
	struct str s = *rest;

	*ret = (struct clause){ 0 };
	for (; s.n && strchr("ugoa", s.p[0]); s = str_slice(s, 1, s.n)) {
		if (s.p[0] == 'u')
			ret->who |= S_IRWXU | S_ISUID;
		else if (s.p[0] == 'g')
			ret->who |= S_IRWXG | S_ISGID;
		else if (s.p[0] == 'o')
			ret->who |= S_IRWXO | S_ISVTX;
		else
			ret->is_all = true;
	}
	if (ret->is_all || ret->who == 0)
		ret->who = 07777;
	if (!s.n || !strchr("+-=", s.p[0]))
		return false;
	ret->op = s.p[0];
	s = str_slice(s, 1, s.n);
	size_t n = 0;
	while (n < s.n && strchr("rwxXstugo", s.p[n]))
		n++;
	ret->perms = str_slice(s, 0, n);
	*rest = str_slice(s, n, s.n);
	return true;
}

static uint32_t spread(uint32_t bits)
{
	return bits << 6 | bits << 3 | bits;
}

static uint32_t bits_of(const struct clause *clause, uint32_t mode)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < clause->perms.n; i++) {
		switch (clause->perms.p[i]) {
		case 'r':
			bits |= spread(4);
			break;
		case 'w':
			bits |= spread(2);
			break;
		case 'x':
			bits |= spread(1);
			break;
		case 'X':
			if (S_ISDIR(mode) || mode & 0111)
				bits |= spread(1);
			break;
		case 's':
			bits |= S_ISUID | S_ISGID;
			break;
		case 't':
			bits |= S_ISVTX;
			break;
		case 'u':
			bits |= spread(mode >> 6 & 7);
			break;
		case 'g':
			bits |= spread(mode >> 3 & 7);
			break;
		default:
			bits |= spread(mode & 7);
			break;
		}
	}
	return bits & clause->who;
}

static uint32_t apply_clause(const struct clause *clause, uint32_t mode)
{
	uint32_t bits = bits_of(clause, mode);

	if (clause->op == '+')
		return mode | bits;
	if (clause->op == '-')
		return mode & ~bits;
	/* "=" leaves set-id and sticky bits of others alone, as chmod does for directories. */
	uint32_t cleared = clause->who & (S_ISDIR(mode) ? 0777 : 07777);
	return (mode & ~cleared) | bits;
}

FALLIBLE mode_check(const char *text)
{
	uint64_t octal = 0;
	struct str rest = str_of(text);
	struct clause clause;
	struct error *error = NULL;

	if (is_octal(text)) {
		error = parse_octal(rest, 07777, &octal);
		if (!error)
			return NULL;
	} else {
		while (next_clause(&rest, &clause)) {
			if (rest.n == 0)
				return NULL;
			if (rest.p[0] == ',')
				rest = str_slice(rest, 1, rest.n);
			else if (!strchr("+-=", rest.p[0]))
				break;
		}
	}
	error_free(error);
	return error_hint(error_new(ERR_INVALID,
					  "invalid chmod parameter: '%s'. it should be octal "
					  "string and "
					  "between 0 and 07777",
					  text),
			"or symbolic, such as u=rwX,go=rX");
}

uint32_t mode_apply(const char *text, uint32_t mode)
{
	uint64_t octal = 0;
	struct str rest = str_of(text);
	struct clause clause;

	if (is_octal(text)) {
		error_ignore(parse_octal(rest, 07777, &octal), "checked before");
		return (mode & S_IFMT) | (uint32_t)octal;
	}
	while (rest.n && next_clause(&rest, &clause)) {
		mode = apply_clause(&clause, mode);
		if (rest.n && rest.p[0] == ',')
			rest = str_slice(rest, 1, rest.n);
	}
	return mode;
}

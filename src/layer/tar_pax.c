#include "layer/tar_pax.h"
#include "base/limits.h"
#include "base/xalloc.h"

#include <string.h>

#define XATTR_KEY "SCHILY.xattr."

static FALLIBLE set_text(char **field, struct str value)
{
	if (value.n && memchr(value.p, '\0', value.n))
		return error_new(ERR_INVALID, "a name holds a NUL byte");
	if (value.n >= LIMIT_PATH_BYTES)
		return error_new(ERR_LIMIT, "a name is longer than %d bytes", LIMIT_PATH_BYTES - 1);
	free(*field);
	*field = str_dup(value);
	return NULL;
}

static FALLIBLE set_number(struct pax_number *field, struct str value)
{
	if (value.n == 0) {
		field->state = PAX_TAKEN_BACK;
		return NULL;
	}
	TRY(parse_u64(value, INT64_MAX, &field->value));
	field->state = PAX_SAID;
	return NULL;
}

/* "-12.75": a decimal number of seconds; kept as whole seconds rounded down and nanoseconds. */
static FALLIBLE set_time(struct pax *pax, struct str value)
{
	struct str whole, fraction;
	uint64_t ns = 0;
	int64_t seconds = 0;

	if (value.n == 0) {
		pax->mtime_state = PAX_TAKEN_BACK;
		return NULL;
	}
	bool has_fraction = str_cut(value, '.', &whole, &fraction);
	bool negative = str_starts(whole, "-");
	TRY(parse_i64(whole, -INT64_MAX, INT64_MAX, &seconds)); /* as wide as a header's */
	if (has_fraction && fraction.n) {
		char digits[10] = "000000000";

		memcpy(digits, fraction.p, fraction.n < 9 ? fraction.n : 9);
		TRY(parse_u64((struct str){ digits, 9 }, UINT64_MAX, &ns));
	}
	if (negative && ns) {
		seconds--;
		ns = 1000000000 - ns;
	}
	pax->mtime_state = PAX_SAID;
	pax->mtime = seconds;
	pax->mtime_ns = (uint32_t)ns;
	return NULL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* GNU tar writes "=" and "%" as %3D and %25; others are left as they stand. */
static char *decode_name(struct str name)
{
	char *text = xmalloc(name.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (c == '%' && i + 2 < name.n) {
			int value = hex_digit(name.p[i + 1]) * 16 + hex_digit(name.p[i + 2]);

			if (value == '=' || value == '%') {
				c = (char)value;
				i += 2;
			}
		}
		text[n++] = c;
	}
	text[n] = '\0';
	return text;
}

static FALLIBLE set_xattr(struct pax *pax, struct str key, struct str value)
{
	AUTO_FREE char *name = decode_name(str_slice(key, strlen(XATTR_KEY), key.n));

	if (!*name || strlen(name) > LIMIT_NAME_BYTES)
		return error_new(ERR_INVALID, "an attribute has no good name");
	if (value.n > LIMIT_XATTR_BYTES)
		return error_new(ERR_LIMIT, "attribute '%s' has more than %d bytes", name,
				LIMIT_XATTR_BYTES);
	if (pax->xattrs.n >= LIMIT_XATTRS && !xattrs_find(&pax->xattrs, name))
		return error_new(ERR_LIMIT, "more than %d attributes", LIMIT_XATTRS);
	xattrs_set(&pax->xattrs, name, value.p, value.n);
	return NULL;
}

static FALLIBLE add_extent(struct pax *pax, struct extent extent)
{
	if (pax->map.n == EXTENTS_MAX)
		return error_new(ERR_LIMIT, "a sparse file has more than %d pieces", EXTENTS_MAX);
	vec_push(&pax->map, extent);
	return NULL;
}

/* "offset,length,offset,length": sparse format 0.1. */
static FALLIBLE set_map(struct pax *pax, struct str value)
{
	pax->map.n = 0;
	pax->has_map = true;
	while (value.n) {
		struct str offset, n;
		struct extent extent = { 0 };

		(void)str_cut(value, ',', &offset, &value);
		(void)str_cut(value, ',', &n, &value);
		TRY(parse_u64(offset, INT64_MAX, &extent.offset));
		TRY(parse_u64(n, INT64_MAX, &extent.n));
		TRY(add_extent(pax, extent));
	}
	return NULL;
}

/* Sparse format 0.0: the two records alternate. */
static FALLIBLE add_offset(struct pax *pax, struct str value)
{
	struct extent extent = { 0 };

	if (pax->has_offset)
		return error_new(ERR_INVALID, "two sparse offsets in a row");
	TRY(parse_u64(value, INT64_MAX, &extent.offset));
	TRY(add_extent(pax, extent));
	pax->has_offset = pax->has_map = true;
	return NULL;
}

static FALLIBLE add_length(struct pax *pax, struct str value)
{
	if (!pax->has_offset)
		return error_new(ERR_INVALID, "a sparse length without an offset");
	TRY(parse_u64(value, INT64_MAX, &pax->map.p[pax->map.n - 1].n));
	pax->has_offset = false;
	return NULL;
}

static FALLIBLE set(struct pax *pax, struct str key, struct str value)
{
	if (str_starts(key, XATTR_KEY))
		return set_xattr(pax, key, value);
	if (str_is(key, "path"))
		return set_text(&pax->path, value);
	if (str_is(key, "linkpath"))
		return set_text(&pax->link, value);
	if (str_is(key, "size"))
		return set_number(&pax->size, value);
	if (str_is(key, "uid"))
		return set_number(&pax->uid, value);
	if (str_is(key, "gid"))
		return set_number(&pax->gid, value);
	if (str_is(key, "mtime"))
		return set_time(pax, value);
	if (str_is(key, "GNU.sparse.name"))
		return set_text(&pax->sparse_name, value);
	if (str_is(key, "GNU.sparse.major"))
		return set_number(&pax->major, value);
	if (str_is(key, "GNU.sparse.size") || str_is(key, "GNU.sparse.realsize"))
		return set_number(&pax->real_size, value);
	if (str_is(key, "GNU.sparse.map"))
		return set_map(pax, value);
	if (str_is(key, "GNU.sparse.offset"))
		return add_offset(pax, value);
	if (str_is(key, "GNU.sparse.numbytes"))
		return add_length(pax, value);
	return NULL; /* times we do not keep, names of owners, comments, others' own keys */
}

/* Cut "len key=value\n" off the front of *rest. */
static FALLIBLE next_record(struct str *rest, struct str *key, struct str *value)
{
	size_t space = str_find(*rest, ' ');
	uint64_t n = 0;

	if (space > 10 || space == rest->n)
		return error_new(ERR_INVALID, "a pax record has no length");
	TRY_WRAP(parse_u64(str_slice(*rest, 0, space), LIMIT_PAX_BYTES, &n),
			"the length of a pax record");
	if (n > rest->n || n < space + 4 || rest->p[n - 1] != '\n')
		return error_new(ERR_INVALID, "a pax record has the wrong length");
	struct str body = str_slice(*rest, space + 1, n - 1);
	if (!str_cut(body, '=', key, value) || key->n == 0 || memchr(key->p, '\0', key->n))
		return error_new(ERR_INVALID, "a pax record has no key");
	*rest = str_slice(*rest, n, rest->n);
	return NULL;
}

FALLIBLE pax_parse(struct str records, struct pax *pax)
{
	while (records.n) {
		struct str key = { 0 };
		struct str value = { 0 };

		TRY(next_record(&records, &key, &value));
		TRY_WRAP(set(pax, key, value), "pax record '%.*s'", (int)(key.n < 64 ? key.n : 64),
				key.p);
	}
	if (pax->has_offset)
		return error_new(ERR_INVALID, "a sparse offset without a length");
	return NULL;
}

void pax_clear(struct pax *pax)
{
	struct xattrs xattrs = pax->xattrs;
	struct extents map = pax->map;

	free(pax->path);
	free(pax->link);
	free(pax->sparse_name);
	xattrs_clear(&xattrs);
	map.n = 0;
	*pax = (struct pax){ .xattrs = xattrs, .map = map };
}

void pax_done(struct pax *pax)
{
	pax_clear(pax);
	xattrs_done(&pax->xattrs);
	vec_done(&pax->map);
}

const char *pax_text(const char *said, const char *header)
{
	return said && *said ? said : header;
}

uint64_t pax_value(struct pax_number said, uint64_t header)
{
	return said.state == PAX_SAID ? said.value : header;
}

void pax_entry_name(const struct pax *pax, const struct tar_header *header, const char *long_name,
		struct strbuf *out)
{
	const char *said = pax_text(pax->sparse_name, pax_text(pax->path, NULL));
	struct str prefix = tar_prefix(header);

	if (*long_name || said) {
		strbuf_add(out, *long_name ? long_name : said);
		return;
	}
	if (prefix.n) {
		strbuf_add_str(out, prefix);
		strbuf_add_char(out, '/');
	}
	strbuf_add_str(out, tar_text(header->name, sizeof(header->name)));
}

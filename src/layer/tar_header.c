#include "layer/tar_format.h"

#include <stddef.h>
#include <string.h>

struct str tar_text(const char *field, size_t width)
{
	return (struct str){ field, strnlen(field, width) };
}

/* Base-256: the first bit says so, the rest is a signed big-endian number. */
static FALLIBLE binary_number(const char *field, size_t n, int64_t *ret)
{
	const unsigned char *p = (const unsigned char *)field;
	int64_t value = (p[0] & 0x7f) - (p[0] & 0x40 ? 128 : 0);

	for (size_t i = 1; i < n; i++)
		if (__builtin_mul_overflow(value, 256, &value) ||
				__builtin_add_overflow(value, p[i], &value))
			return error_new(ERR_INVALID, "a number in the header is too large");
	*ret = value;
	return NULL;
}

FALLIBLE tar_number(const char *field, size_t n, int64_t min, int64_t max, int64_t *ret)
{
	int64_t value = 0;

	if ((unsigned char)field[0] & 0x80) {
		TRY(binary_number(field, n, &value));
	} else {
		uint64_t digits = 0;
		struct str text = { field, n };

		while (text.n && (text.p[0] == ' ' || text.p[0] == '\0'))
			text = str_slice(text, 1, text.n);
		size_t end = 0;
		while (end < text.n && text.p[end] != ' ' && text.p[end] != '\0')
			end++;
		if (end)
			TRY_WRAP(parse_octal(str_slice(text, 0, end), INT64_MAX, &digits),
					"a number in the header");
		value = (int64_t)digits;
	}
	if (value < min || value > max)
		return error_new(ERR_INVALID, "a number in the header (%lld) is out of range",
				(long long)value);
	*ret = value;
	return NULL;
}

bool tar_checksum_fits(const struct tar_header *header)
{
	const char *p = (const char *)header;
	int64_t wanted = 0;
	int64_t as_unsigned = 0;
	int64_t as_signed = 0;
	struct error *error = tar_number(
			header->checksum, sizeof(header->checksum), 0, INT64_MAX, &wanted);

	if (error) {
		error_free(error);
		return false;
	}
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		bool is_sum = i >= offsetof(struct tar_header, checksum) &&
			      i < offsetof(struct tar_header, type);

		as_unsigned += is_sum ? ' ' : (unsigned char)p[i];
		as_signed += is_sum ? ' ' : (signed char)p[i];
	}
	return wanted == as_unsigned || wanted == as_signed;
}

bool tar_is_zero(const void *block)
{
	static const char zeros[TAR_BLOCK];

	return memcmp(block, zeros, TAR_BLOCK) == 0;
}

static bool is_number(const char *field, size_t n)
{
	int64_t ignored;
	struct error *error = tar_number(field, n, INT64_MIN, INT64_MAX, &ignored);
	bool is = !error;

	error_free(error);
	return is;
}

static bool is_ascii(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] >= 0x80)
			return false;
	return true;
}

struct str tar_prefix(const struct tar_header *header)
{
	struct str prefix = tar_text(header->prefix, sizeof(header->prefix));
	bool is_posix = memcmp(header->magic, "ustar", 6) == 0;
	bool is_gnu = !is_posix && memcmp(header->magic, "ustar  ", 8) == 0;

	if (is_gnu && prefix.n)
		is_gnu = is_ascii(prefix) &&
			 !(is_number(header->prefix, 12) && is_number(header->prefix + 12, 12));
	return is_posix || is_gnu ? prefix : (struct str){ "", 0 };
}

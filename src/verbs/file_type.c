#include "verbs/file_type.h"

#include "base/xalloc.h"

#include <string.h>

static const struct {
	const char *ending, *type;
} endings[] = {
	{ ".avif", "image/avif" },
	{ ".css", "text/css" },
	{ ".gif", "image/gif" },
	{ ".htm", "text/html" },
	{ ".html", "text/html" },
	{ ".jpeg", "image/jpeg" },
	{ ".jpg", "image/jpeg" },
	{ ".js", "text/javascript" },
	{ ".json", "application/json" },
	{ ".mjs", "text/javascript" },
	{ ".pdf", "application/pdf" },
	{ ".png", "image/png" },
	{ ".svg", "image/svg+xml" },
	{ ".wasm", "application/wasm" },
	{ ".webp", "image/webp" },
	{ ".xml", "text/xml" },
};

static const struct {
	const char *bytes;
	size_t n;
	const char *type;
} beginnings[] = {
	{ "%PDF-", 5, "application/pdf" },
	{ "%!PS-Adobe-", 11, "application/postscript" },
	{ "\xfe\xff", 2, "text/plain" },
	{ "\xff\xfe", 2, "text/plain" },
	{ "\xef\xbb\xbf", 3, "text/plain" },
	{ "\x89PNG\r\n\x1a\n", 8, "image/png" },
	{ "\xff\xd8\xff", 3, "image/jpeg" },
	{ "GIF87a", 6, "image/gif" },
	{ "GIF89a", 6, "image/gif" },
	{ "\x1f\x8b\x08", 3, "application/x-gzip" },
	{ "PK\x03\x04", 4, "application/zip" },
	{ "\0asm", 4, "application/wasm" },
};

/* Bytes that no text has. */
static bool is_binary(struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c <= 8 || c == 0x0b || (c >= 0x0e && c <= 0x1a) || (c >= 0x1c && c <= 0x1f))
			return true;
	}
	return false;
}

const char *file_type(const char *name, struct str beginning)
{
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < COUNT(endings); i++)
		if (str_is_nocase(str_of(dot), endings[i].ending))
			return endings[i].type;
	for (size_t i = 0; i < COUNT(beginnings); i++)
		if (beginning.n >= beginnings[i].n &&
				memcmp(beginning.p, beginnings[i].bytes, beginnings[i].n) == 0)
			return beginnings[i].type;
	beginning = str_slice(beginning, 0, FILE_TYPE_BYTES);
	if (is_binary(beginning))
		return "application/octet-stream";
	return str_starts(str_trim(beginning), "<?xml") ? "text/xml" : "text/plain";
}

#include "oci/purl.h"

#include "base/strbuf.h"

#include <string.h>

/* Percent-encoded but for what RFC 3986 leaves alone, ':' and what keeps says. */
static void encode(struct strbuf *out, const char *text, const char *keeps)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
				(c >= '0' && c <= '9') || strchr("-._~:", c) || strchr(keeps, c);

		if (is_plain)
			strbuf_add_char(out, (char)c);
		else
			strbuf_addf(out, "%%%02X", c);
	}
}

/* The familiar name without tag and digest. New. */
static char *name_of(const struct reference *reference)
{
	AUTO(reference) struct reference bare = { 0 };

	reference_copy(reference, &bare);
	free(bare.tag);
	bare.tag = NULL;
	bare.digest = (struct digest){ 0 };
	return reference_familiar(&bare);
}

char *purl_of(const struct reference *reference, const struct platform *platform)
{
	AUTO(strbuf) struct strbuf out = { 0 };
	AUTO_FREE char *name = name_of(reference);
	char digest[DIGEST_TEXT], text[PLATFORM_TEXT];
	const char *join = "?";

	strbuf_add(&out, "pkg:docker/");
	encode(&out, name, "/");
	if (reference->tag) {
		strbuf_add_char(&out, '@');
		encode(&out, reference->tag, "");
	}
	if (digest_known(&reference->digest)) {
		strbuf_addf(&out, "?digest=%s", digest_text(&reference->digest, digest));
		join = "&";
	}
	if (platform) {
		strbuf_addf(&out, "%splatform=", join);
		encode(&out, platform_text(platform, text), "");
	}
	return strbuf_take(&out);
}

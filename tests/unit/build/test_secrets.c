#include "build/secrets.h"
#include "scratch.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Plain base64 with a line break every so many characters (0: none). */
static char *base64(const char *text, size_t line)
{
	struct strbuf out = { 0 };
	size_t n = strlen(text), column = 0;

	for (size_t i = 0; i < n; i += 3) {
		unsigned value = 0;

		for (size_t k = 0; k < 3; k++)
			value = value << 8 | (i + k < n ? (unsigned char)text[i + k] : 0u);
		for (size_t k = 0; k < 4; k++) {
			strbuf_add_char(&out,
					i + k > n ? '=' : alphabet[value >> (18 - 6 * k) & 63]);
			if (line && ++column % line == 0)
				strbuf_add_char(&out, '\n');
		}
	}
	return strbuf_take(&out);
}

static struct secrets *secrets_of(const struct build_secret *secret)
{
	struct secrets *secrets = secrets_new();

	secrets_add(secrets, secret);
	secrets_ready(secrets);
	return secrets;
}

static struct error *scan_text(const struct secrets *secrets, const char *text, size_t n)
{
	AUTO(scratch) struct scratch scratch = scratch_new();
	int fd = openat(scratch.fd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_ok(fd_write_all(fd, text, n));
	(void)close(fd);
	return secrets_scan(secrets, scratch.fd, NULL);
}

static void finds_base64_wherever_it_begins(void **state)
{
	static const char *const texts[] = { "hunter22", "p4ss-w0rd?>~~\xff\xfe",
		"a-token-of-forty-"
		"characters-0123456789ab",
		"a text that is longer than a line of base64 is, by far, with some more words, and "
		"then some that make it three lines long or so, which is all that it takes, yes." };
	static const size_t lines[] = { 0, 64, 76 };

	for (size_t t = 0; t < COUNT(texts); t++) {
		AUTO_FREE char *content = xstrdup(texts[t]);
		struct build_secret secret = { "id", content, strlen(content), NULL };
		AUTO(secrets) struct secrets *secrets = secrets_of(&secret);

		for (size_t before = 0; before < 80; before++) {
			AUTO_FREE char *whole = xasprintf("%.*s%s\n", (int)before,
					"0123456789012345678901234567890123456789"
					"0123456789012345678901234567890123456789",
					texts[t]);
			for (size_t l = 0; l < COUNT(lines); l++) {
				/* A break within a short one hides it: only these are not promised.
				 */
				if (lines[l] && strlen(texts[t]) < 18)
					continue;
				AUTO_FREE char *encoded = base64(whole, lines[l]);
				assert_error(scan_text(secrets, encoded, strlen(encoded)),
						ERR_DENIED, "in base64");
			}
		}
		assert_ok(scan_text(secrets, "nothing of it", 13));
	}
}

static void finds_across_reads_and_after_holes(void **state)
{
	AUTO_FREE char *content = xstrdup("hunter22\n");
	struct build_secret secret = { "id", content, 9, NULL };
	AUTO(secrets) struct secrets *secrets = secrets_of(&secret);
	size_t n = 3 << 20;
	AUTO_FREE char *big = xcalloc(1, n);

	memset(big, 'x', n);
	for (size_t at = (1 << 20) - 10; at < (1 << 20) + 3; at++) {
		memcpy(big + at, "hunter22", 8);
		assert_error(scan_text(secrets, big, n), ERR_DENIED, "'id' in '/file'");
		memset(big + at, 'x', 8);
	}
	assert_ok(scan_text(secrets, big, n));
	AUTO(scratch) struct scratch scratch = scratch_new();
	AUTO_FD int fd = openat(scratch.fd, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(pwrite(fd, "hunter22", 8, (off_t)1 << 36), 8);
	assert_error(secrets_scan(secrets, scratch.fd, NULL), ERR_DENIED, "/sparse");
}

static void finds_in_names_and_links(void **state)
{
	AUTO_FREE char *content = xstrdup("hunter22");
	struct build_secret secret = { "id", content, 8, NULL };
	AUTO(secrets) struct secrets *secrets = secrets_of(&secret);
	AUTO(scratch) struct scratch link = scratch_new();
	AUTO(scratch) struct scratch name = scratch_new();

	assert_int_equal(symlinkat("/to/hunter22", link.fd, "link"), 0);
	assert_error(secrets_scan(secrets, link.fd, NULL), ERR_DENIED, "the target of '/link'");
	assert_int_equal(mkdirat(name.fd, "d", 0755), 0);
	assert_int_equal(mkdirat(name.fd, "d/hunter22.txt", 0755), 0);
	assert_error(secrets_scan(secrets, name.fd, NULL), ERR_DENIED, "the name of '/d/");
}

static void leaves_short_ones(void **state)
{
	AUTO_FREE char *content = xstrdup("abc\n");
	struct build_secret secret = { "id", content, 4, NULL };
	AUTO(secrets) struct secrets *secrets = secrets_of(&secret);

	assert_ok(scan_text(secrets, "abc abc", 7));
}

static void collect(void *user, const char *text, size_t n)
{
	strbuf_add_bytes(user, text, n);
}

static void redacts_whatever_the_pieces(void **state)
{
	static const char text[] = "say hunter22, aHVudGVyMjI= and huntress hunter2";
	AUTO_FREE char *content = xstrdup("hunter22");
	struct build_secret secret = { "id", content, 8, NULL };
	AUTO(secrets) struct secrets *secrets = secrets_of(&secret);

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		AUTO(strbuf) struct strbuf out = { 0 };
		struct redact redact = { .secrets = secrets, .emit = collect, .user = &out };

		for (size_t at = 0; at < sizeof(text) - 1; at += piece)
			redact_feed(&redact, text + at,
					piece < sizeof(text) - 1 - at ? piece
								      : sizeof(text) - 1 - at);
		redact_end(&redact);
		/* The last base64 character and the padding say nothing of the secret alone. */
		assert_string_equal(strbuf_text(&out), "say ***, ***I= and huntress hunter2");
	}
}

UNIT_TESTS(finds_base64_wherever_it_begins, finds_across_reads_and_after_holes,
		finds_in_names_and_links, leaves_short_ones, redacts_whatever_the_pieces)

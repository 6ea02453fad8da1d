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

/* --- on the way into a layer --- */

/* Reads as a disk never does: a few bytes at a time. */
struct pieces {
	struct reader reader;
	struct str rest;
	size_t piece;
};

static FALLIBLE pieces_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct pieces *pieces = (struct pieces *)reader;

	n = n < pieces->piece ? n : pieces->piece;
	n = n < pieces->rest.n ? n : pieces->rest.n;
	memcpy(buf, pieces->rest.p, n);
	pieces->rest = str_slice(pieces->rest, n, pieces->rest.n);
	*ret_n = n;
	return NULL;
}

static void pieces_free(struct reader *reader)
{
}

/* A sink that takes the first `takes` bytes of each content, and keeps count of entries. */
struct eater {
	struct entry_sink sink;
	size_t takes, entries;
};

static FALLIBLE eat(struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	struct eater *eater = (struct eater *)sink;
	char buf[4096];
	size_t n = 1;

	eater->entries++;
	for (size_t left = eater->takes; content && left && n; left -= n)
		TRY(reader_read(content, buf, left < sizeof(buf) ? left : sizeof(buf), &n));
	return NULL;
}

static FALLIBLE eat_name(struct entry_sink *sink, const char *path)
{
	return NULL;
}

static FALLIBLE eat_close(struct entry_sink *sink)
{
	return NULL;
}

static void eat_free(struct entry_sink *sink)
{
}

static const struct reader_ops pieces_ops = { pieces_read, pieces_free, NULL };
static const struct entry_sink_ops eater_ops = { eat, eat_name, eat_name, eat_close, eat_free };

/* One file through the sink: what was found, or NULL. The caller's. */
static struct error *pass(const struct secrets *secrets, const struct entry *entry,
		const char *text, size_t n, size_t piece, size_t takes)
{
	struct secrets_watch watch = { .secrets = secrets };
	struct eater eater = { .sink = { .ops = &eater_ops }, .takes = takes };
	struct pieces pieces = { { .ops = &pieces_ops }, { text, n }, piece };
	struct entry_sink *sink = secrets_sink(&watch, &eater.sink);
	struct error *error = entry_sink_add(sink, entry, text ? &pieces.reader : NULL);

	assert_int_equal(error != NULL, watch.found != NULL);
	error_free(error);
	entry_sink_free(sink);
	return watch.found;
}

static void finds_on_the_way_wherever_reads_end(void **state)
{
	AUTO_FREE char *content = xstrdup("hunter22\n");
	struct build_secret secret = { "id", content, 9, NULL };
	AUTO(secrets) struct secrets *secrets = secrets_of(&secret);
	size_t n = (2 << 20) + 100, middle = 1 << 20;
	AUTO_FREE char *big = xcalloc(1, n);
	const struct entry entry = { .path = "d/file", .size = n };
	static const size_t pieces[] = { 1000, 65536, 1 << 20, 3 << 20 };

	for (size_t p = 0; p < COUNT(pieces); p++) {
		for (size_t at = middle - 10; at < middle + 20; at += 3) {
			memcpy(big + at, "hunter22", 8);
			assert_error(pass(secrets, &entry, big, n, pieces[p], n), ERR_DENIED,
					"the secret 'id' in '/d/file'");
			memset(big + at, 0, 8);
		}
		assert_null(pass(secrets, &entry, big, n, pieces[p], n));
	}
	/* At the very end, in what the layer's own sink leaves unread, and in a small file. */
	memcpy(big + n - 8, "hunter22", 8);
	assert_error(pass(secrets, &entry, big, n, 65536, n), ERR_DENIED, "/d/file");
	assert_error(pass(secrets, &entry, big, n, 65536, 0), ERR_DENIED, "/d/file");
	assert_error(pass(secrets, &entry, "hunter22", 8, 1, 8), ERR_DENIED, "/d/file");
	/* The end of one file and the start of the next are no find. */
	struct secrets_watch watch = { .secrets = secrets };
	struct eater eater = { .sink = { .ops = &eater_ops }, .takes = 100 };
	struct entry_sink *sink = secrets_sink(&watch, &eater.sink);
	for (int i = 0; i < 2; i++) {
		AUTO(reader) struct reader *half = reader_from_bytes(i ? "er22" : "hunt", 4);

		assert_ok(entry_sink_add(sink, &(struct entry){ .path = "a", .size = 4 }, half));
	}
	entry_sink_free(sink);
	assert_null(watch.found);
}

static void finds_on_the_way_beside_contents(void **state)
{
	AUTO_FREE char *content = xstrdup("hunter22");
	struct build_secret secret = { "id", content, 8, NULL };
	AUTO(secrets) struct secrets *secrets = secrets_of(&secret);
	char name[] = "user.k", value[] = "a hunter22";
	const struct xattr xattr = { .name = name, .value = value, .n = 10 };
	const struct {
		struct entry entry;
		const char *says;
	} cases[] = {
		{ { .path = "d/hunter22.txt" }, "the name of '/d/***.txt'" },
		{ { .path = "l", .link = "/to/hunter22" }, "the target of '/l'" },
		{ { .path = "x", .xattrs = &xattr, .n_xattrs = 1 }, "an attribute of '/x'" },
		/* What it is a link to was told of itself. */
		{ { .path = "h", .link = "d/hunter22.txt", .is_hardlink = true }, NULL },
		{ { .path = "clean", .link = "hunter2" }, NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct error *found = pass(secrets, &cases[i].entry, NULL, 0, 1, 0);

		if (cases[i].says)
			assert_error(found, ERR_DENIED, cases[i].says);
		else
			assert_null(found);
	}
	/* Allowed: the first is kept to be told, and all goes through. */
	AUTO(secrets_watch) struct secrets_watch watch = { .secrets = secrets, .goes_on = true };
	struct eater eater = { .sink = { .ops = &eater_ops } };
	struct entry_sink *sink = secrets_sink(&watch, &eater.sink);
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_ok(entry_sink_add(sink, &cases[i].entry, NULL));
	entry_sink_free(sink);
	assert_int_equal(eater.entries, COUNT(cases));
	assert_non_null(strstr(watch.found->message, "the name of"));
}

static void collect(void *user, const char *text, size_t n)
{
	strbuf_add_bytes(user, text, n);
}

static void leaves_short_ones(void **state)
{
	AUTO_FREE char *content = xstrdup("hunter2\n");
	struct build_secret secret = { "id", content, 8, NULL };
	AUTO(secrets) struct secrets *secrets = secrets_of(&secret);
	AUTO(strbuf) struct strbuf out = { 0 };
	struct redact redact = { .secrets = secrets, .emit = collect, .user = &out };

	assert_ok(scan_text(secrets, "hunter2 hunter2", 15));
	/* A log has few words, and one that is hidden by chance does no harm. */
	redact_feed(&redact, "say hunter2", 11);
	redact_end(&redact);
	assert_string_equal(strbuf_text(&out), "say ***");
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
		finds_in_names_and_links, finds_on_the_way_wherever_reads_end,
		finds_on_the_way_beside_contents, leaves_short_ones, redacts_whatever_the_pieces)

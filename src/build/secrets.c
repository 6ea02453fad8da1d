#include "base/xalloc.h"
#include "build/secrets_inner.h"

#include <stdlib.h>
#include <string.h>

enum {
	BASE64_SHORTEST = 6,
	BASE64_WHOLE = 24, /* longer texts are cut, so that a line break spoils one piece only */
	BASE64_PIECE = 38,
	BASE64_PIECES = 4,
	ALIGNMENTS = 3,
};

static const char *const alphabets[] = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

struct secrets {
	struct search *said; /* what logs are cleared of */
	struct search *left; /* what a layer may not have: the longer ones of them */
	struct {
		const struct build_secret **p;
		size_t n, capacity;
	} all; /* by tag / 2; an odd tag is its base64 */
};

struct secrets *secrets_new(void)
{
	struct secrets *secrets = xcalloc(1, sizeof(*secrets));

	secrets->said = search_new();
	secrets->left = search_new();
	return secrets;
}

void secrets_free(struct secrets *secrets)
{
	if (!secrets)
		return;
	search_free(secrets->said);
	search_free(secrets->left);
	vec_done(&secrets->all);
	free(secrets);
}

/*
 * The characters of the base64 of "?...?secret" with `before` unknown bytes in front that depend on
 * the secret alone. out has room for 4 characters for each 3 bytes, and 4 more.
 */
static size_t sure_base64(const unsigned char *bytes, size_t n, size_t before, const char *alphabet,
		char *out)
{
	size_t first = (before * 8 + 5) / 6, last = (before + n) * 8 / 6;

	for (size_t c = first; c < last; c++) {
		unsigned value = 0;

		for (size_t bit = c * 6; bit < c * 6 + 6; bit++) {
			size_t at = bit / 8 - before;

			value = value << 1 | (bytes[at] >> (7 - bit % 8) & 1u);
		}
		out[c - first] = alphabet[value];
	}
	return last - first;
}

static void add_base64(struct search *search, const char *text, size_t n, size_t tag)
{
	if (n < BASE64_SHORTEST)
		return;
	if (n < BASE64_WHOLE) {
		search_add(search, text, n, tag);
	} else if (n <= (size_t)BASE64_PIECE * 2) {
		search_add(search, text, n / 2, tag);
		search_add(search, text + n / 2, n - n / 2, tag);
	} else {
		size_t pieces = n / BASE64_PIECE < BASE64_PIECES ? n / BASE64_PIECE : BASE64_PIECES;
		size_t from = (n - pieces * BASE64_PIECE) / 2;

		for (size_t i = 0; i < pieces; i++)
			search_add(search, text + from + i * BASE64_PIECE, BASE64_PIECE, tag);
	}
}

/* As it is, and what is sure of its base64 wherever it begins there. */
static void add_forms(struct search *search, const unsigned char *bytes, size_t n, size_t tag)
{
	search_add(search, bytes, n, tag);
	char *text = xmalloc(n / 3 * 4 + 8), *plain = xmalloc(n / 3 * 4 + 8);
	for (size_t before = 0; before < ALIGNMENTS; before++) {
		size_t length = sure_base64(bytes, n, before, alphabets[0], plain);

		add_base64(search, plain, length, tag + 1);
		(void)sure_base64(bytes, n, before, alphabets[1], text);
		if (memcmp(text, plain, length) != 0)
			add_base64(search, text, length, tag + 1);
	}
	explicit_bzero(text, n / 3 * 4 + 8);
	explicit_bzero(plain, n / 3 * 4 + 8);
	free(text);
	free(plain);
}

void secrets_add(struct secrets *secrets, const struct build_secret *secret)
{
	const unsigned char *bytes = (const unsigned char *)secret->content;
	size_t n = secret->bytes, tag = secrets->all.n * 2;

	while (n && strchr(" \t\r\n", bytes[n - 1]) && bytes[n - 1])
		n--;
	vec_push(&secrets->all, secret);
	if (n >= SEARCH_SHORTEST)
		add_forms(secrets->said, bytes, n, tag);
	if (n >= SECRETS_SHORTEST)
		add_forms(secrets->left, bytes, n, tag);
}

void secrets_ready(struct secrets *secrets)
{
	search_ready(secrets->said);
	search_ready(secrets->left);
}

/* --- what it says --- */

static void emit(struct redact *redact, const char *text, size_t n)
{
	if (n)
		redact->emit(redact->user, text, n);
}

void redact_feed(struct redact *redact, const char *text, size_t n)
{
	const struct search *search = redact->secrets ? redact->secrets->said : NULL;
	struct search_hit hit;
	size_t done = 0;

	if (!search) {
		emit(redact, text, n);
		return;
	}
	strbuf_add_bytes(&redact->held, text, n);
	while (search_find(search, redact->held.p + done, redact->held.n - done, &hit)) {
		emit(redact, redact->held.p + done, hit.at);
		emit(redact, "***", 3);
		done += hit.at + hit.n;
	}
	size_t left = redact->held.n - done;
	size_t pending = search_pending(search, redact->held.p + done, left);
	emit(redact, redact->held.p + done, left - pending);
	memmove(redact->held.p, redact->held.p + redact->held.n - pending, pending);
	redact->held.n = pending;
}

void redact_end(struct redact *redact)
{
	emit(redact, redact->held.p, redact->held.n);
	if (redact->held.p)
		explicit_bzero(redact->held.p, redact->held.capacity);
	strbuf_done(&redact->held);
}

/* --- what it wrote: secrets_scan.c --- */

static void append(void *user, const char *text, size_t n)
{
	strbuf_add_bytes(user, text, n);
}

struct error *secrets_look(const struct secrets *secrets, const void *bytes, size_t n,
		const char *path, const char *where)
{
	struct search_hit hit;

	AUTO(strbuf) struct strbuf shown = { 0 };
	struct redact redact = { .secrets = secrets, .emit = append, .user = &shown };

	if (!search_find(secrets->left, bytes, n, &hit))
		return NULL;
	/* The name may be what holds it. */
	redact_feed(&redact, path, strlen(path));
	redact_end(&redact);
	return error_hint(error_new(ERR_DENIED, "the step left the secret '%s' in %s'/%s'%s",
					  secrets->all.p[hit.tag / 2]->id, where,
					  strbuf_text(&shown), hit.tag % 2 ? ", in base64" : ""),
			"remove it within the same RUN, or use it without writing it; "
			"--allow-secret-in-layer keeps it all the same");
}

size_t secrets_overlap(const struct secrets *secrets)
{
	return search_overlap(secrets->left);
}

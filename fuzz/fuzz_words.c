/*
 * Expansion: the first byte picks the options, the rest is the word. Beyond not crashing: without
 * quotes, escapes, dollars and "<" a word is itself, and what is split is part of what is expanded.
 */
#include "dockerfile/heredoc.h"
#include "dockerfile/words.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static const char *get(void *user, const char *name)
{
	(void)user;
	switch (name[0]) {
	case 'A':
		return "a b*c?/d/aab";
	case 'B':
		return "";
	case 'C':
		return "\xc3\xa4\xff\xc3\xb6";
	default:
		return NULL;
	}
}

static void used(void *user, const char *name, bool is_set, bool has_word)
{
	(void)has_word;
	require(is_set == (get(NULL, name) != NULL));
	++*(size_t *)user;
}

static bool is_plain(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (strchr("'\"\\`$<", text.p[i]))
			return false;
	return true;
}

static void check_heredocs(struct str text)
{
	AUTO(arena) struct arena *arena = arena_new();
	struct heredoc *heredocs = NULL;
	size_t count = 0;
	struct error *error = heredocs_of_line(arena, text, &heredocs, &count);

	for (size_t i = 0; !error && i < count; i++)
		require(heredocs[i].name && *heredocs[i].name);
	error_free(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (size < 1)
		return 0;

	struct str text = { (const char *)bytes + 1, size - 1 };
	AUTO(strbuf) struct strbuf out = { 0 };
	AUTO(list) struct list words = { 0 };
	size_t budget = 1024 * 1024, count = 0;
	const struct words_env env = {
		.get = get,
		.used = used,
		.user = &count,
		.budget = &budget,
		.escape = bytes[0] & 0x10 ? '`' : '\\',
		.flags = bytes[0] & 0x0F,
	};
	struct error *error = word_expand(text, &env, &out);
	budget = 1024 * 1024;
	struct error *split = words_expand(text, &env, &words);

	require(!error == !split);
	if (!error && is_plain(text))
		require(str_equal(strbuf_str(&out), text));
	for (size_t i = 0; !error && i < words.n; i++)
		require(memmem(strbuf_text(&out), out.n, words.p[i], strlen(words.p[i])) != NULL);
	error_free(error);
	error_free(split);
	check_heredocs(text);
	return 0;
}

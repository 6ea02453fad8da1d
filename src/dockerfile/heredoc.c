/*
 * Finding heredocs takes two steps, as BuildKit does it: split the line as a shell would, keeping
 * quotes and escapes, then read each word that looks like one. A line whose quotes do not close
 * has none.
 */
#include "dockerfile/heredoc.h"

#include "base/limits.h"
#include "base/vec.h"
#include "dockerfile/words.h"

/* Cut "3<<-NAME" apart; false when the word has not that shape. */
static bool cut(struct str word, struct heredoc *ret, struct str *ret_name)
{
	size_t at = 0;
	uint64_t fd = 0;

	while (at < word.n && word.p[at] >= '0' && word.p[at] <= '9')
		at++;
	struct str rest = str_slice(word, at, word.n);
	if (!str_starts(rest, "<<"))
		return false;
	if (at)
		error_ignore(parse_u64(str_slice(word, 0, at), UINT32_MAX, &fd),
				"no such descriptor: taken as none");
	ret->chomp = str_starts(rest, "<<-");
	ret->fd = (unsigned)fd;
	rest = str_slice(rest, ret->chomp ? 3 : 2, rest.n);
	while (rest.n && strchr(" \t\n\f\r", rest.p[0]))
		rest = str_slice(rest, 1, rest.n);
	*ret_name = rest;
	return rest.n > 0 && str_find(rest, '<') == rest.n;
}

static size_t count_quotes(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\'' || *text == '"';
	return n;
}

FALLIBLE heredoc_parse(struct arena *arena, struct str word, struct heredoc *ret, bool *ret_is)
{
	struct words_env env = { .flags = WORDS_SKIP_UNSET };
	AUTO(list) struct list words = { 0 };
	AUTO(list) struct list raw = { 0 };
	struct heredoc heredoc = { .content = "" };
	struct str name = { 0 };

	*ret_is = false;
	if (!cut(word, &heredoc, &name))
		return NULL;
	TRY(words_expand(name, &env, &words));
	if (words.n != 1)
		return NULL;
	env.flags |= WORDS_RAW_QUOTES;
	TRY(words_expand(name, &env, &raw));
	if (raw.n != 1)
		return error_new(ERR_INVALID, "'%.*s' is no name for a heredoc", STR_ARG(word));
	/* Quotes that were escaped are in both, quotes that quoted only in the raw form. */
	heredoc.expand = count_quotes(words.p[0]) == count_quotes(raw.p[0]);
	heredoc.name = arena_text(arena, words.p[0]);
	*ret = heredoc;
	*ret_is = true;
	return NULL;
}

FALLIBLE heredocs_of_line(
		struct arena *arena, struct str line, struct heredoc **ret, size_t *ret_count)
{
	struct words_env env = {
		.flags = WORDS_RAW_QUOTES | WORDS_RAW_ESCAPES | WORDS_SKIP_UNSET,
	};
	AUTO(list) struct list words = { 0 };
	size_t count = 0;

	*ret = NULL;
	*ret_count = 0;
	if (!memmem(line.p, line.n, "<<", 2))
		return NULL;
	struct error *error = words_expand(line, &env, &words);
	if (error) {
		error_ignore(error, "a line that is no shell words has no heredocs");
		return NULL;
	}
	struct heredoc *docs = NULL;
	for (size_t i = 0; i < words.n; i++) {
		struct heredoc heredoc = { 0 };
		bool is_heredoc = false;

		TRY(heredoc_parse(arena, str_of(words.p[i]), &heredoc, &is_heredoc));
		if (!is_heredoc)
			continue;
		if (count == LIMIT_HEREDOCS)
			return error_new(ERR_LIMIT, "more than %d heredocs on one line",
					LIMIT_HEREDOCS);
		if (!docs)
			docs = arena_array(arena,
					LIMIT_HEREDOCS < words.n ? LIMIT_HEREDOCS : words.n,
					sizeof(*docs));
		docs[count++] = heredoc;
	}
	*ret = docs;
	*ret_count = count;
	return NULL;
}

const char *heredoc_chomp(struct arena *arena, const char *content)
{
	char *out = arena_text(arena, content);
	size_t n = 0;
	bool at_start = true;

	for (const char *in = content; *in; in++) {
		if (at_start && *in == '\t')
			continue;
		at_start = *in == '\n';
		out[n++] = *in;
	}
	out[n] = '\0';
	return out;
}

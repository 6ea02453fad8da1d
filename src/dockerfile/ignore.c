#include "dockerfile/ignore.h"

#include "base/limits.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "dockerfile/glob.h"
#include "dockerfile/runes.h"

struct rule {
	char *text; /* cleaned, "!" kept */
	struct glob *glob;
	bool is_exception;
};

struct ignore {
	struct rule *p;
	size_t n, capacity;
	bool has_exceptions, is_by_prefix;
};

void ignore_free(struct ignore *ignore)
{
	if (!ignore)
		return;
	for (size_t i = 0; i < ignore->n; i++) {
		free(ignore->p[i].text);
		glob_free(ignore->p[i].glob);
	}
	free(ignore->p);
	free(ignore);
}

/* filepath.Clean: no empty names, no ".", ".." taken with the name before it. */
static void clean(struct str path, struct strbuf *out)
{
	bool is_rooted = str_starts(path, "/"), more = true;
	size_t floor = 0; /* what ".." cannot take away */
	size_t base = out->n;

	strbuf_add(out, is_rooted ? "/" : "");
	size_t start = out->n;
	floor = start;
	while (more) {
		struct str name = { 0 };

		more = str_cut(path, '/', &name, &path);
		if (!name.n || str_is(name, "."))
			continue;
		if (str_is(name, "..") && out->n > floor) {
			size_t slash = str_find_last(
					str_slice(strbuf_str(out), floor, out->n), '/');

			strbuf_truncate(out, slash == out->n - floor ? floor : floor + slash);
			continue;
		}
		if (str_is(name, "..") && is_rooted)
			continue;
		strbuf_add(out, out->n > start ? "/" : "");
		strbuf_add_str(out, name);
		if (str_is(name, ".."))
			floor = out->n;
	}
	if (out->n == base)
		strbuf_add_char(out, '.');
}

/* One line, comments aside: "!" and the cleaned pattern. False when it is empty. */
static FALLIBLE add_rule(struct ignore *ignore, struct str line)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	struct str pattern = rune_trim(line);
	bool is_exception = str_starts(pattern, "!");

	if (!pattern.n)
		return NULL;
	if (is_exception)
		pattern = rune_trim(str_slice(pattern, 1, pattern.n));
	if (!pattern.n)
		return error_hint(error_new(ERR_INVALID, "illegal exclusion pattern: \"!\""),
				"write !PATTERN to keep what matches PATTERN");
	if (memchr(pattern.p, '\0', pattern.n))
		return error_new(ERR_INVALID, "the pattern holds a NUL byte");
	clean(pattern, &text);
	const char *cleaned = strbuf_text(&text);
	if (text.n > 1 && cleaned[0] == '/')
		cleaned++;
	if (ignore->n == LIMIT_IGNORE_PATTERNS)
		return error_new(ERR_LIMIT, "more than %d patterns", LIMIT_IGNORE_PATTERNS);

	struct glob *glob = NULL;
	TRY(glob_parse(cleaned, &glob));
	vec_push(ignore, ((struct rule){ xasprintf("%s%s", is_exception ? "!" : "", cleaned), glob,
					 is_exception }));
	ignore->has_exceptions |= is_exception;
	return NULL;
}

FALLIBLE ignore_parse(struct str text, const char *name, struct ignore **ret)
{
	AUTO(ignore) struct ignore *ignore = xcalloc(1, sizeof(*ignore));
	struct source_range at = { name, 0, 1, 0, 0 };
	bool more = true;

	if (text.n > LIMIT_IGNORE_BYTES)
		return error_new(ERR_LIMIT, "'%s' is larger than %d bytes", name,
				LIMIT_IGNORE_BYTES);
	if (str_starts(text, "\xEF\xBB\xBF"))
		text = str_slice(text, 3, text.n);
	while (more) {
		struct str line = { 0 };

		more = str_cut(text, '\n', &line, &text);
		at.line = ++at.end_line;
		at.end_column = (unsigned)line.n + 1;
		if (str_starts(line, "#"))
			continue;
		struct error *error = add_rule(ignore, line);
		if (error)
			return error_at(error, at);
	}
	*ret = TAKE(ignore);
	return NULL;
}

FALLIBLE ignore_from_patterns(const struct list *patterns, struct ignore **ret)
{
	AUTO(ignore) struct ignore *ignore = xcalloc(1, sizeof(*ignore));

	for (size_t i = 0; i < patterns->n; i++)
		TRY(add_rule(ignore, str_of(patterns->p[i])));
	*ret = TAKE(ignore);
	return NULL;
}

bool ignore_is_empty(const struct ignore *ignore)
{
	return !ignore || ignore->n == 0;
}

bool ignore_has_exceptions(const struct ignore *ignore)
{
	return ignore && ignore->has_exceptions;
}

bool ignore_has_everything(const struct ignore *ignore)
{
	for (size_t i = 0; ignore && i < ignore->n; i++)
		if (text_equal(ignore->p[i].text, "*") || text_equal(ignore->p[i].text, "**"))
			return true;
	return false;
}

bool ignore_matches(const struct ignore *ignore, const char *path)
{
	struct glob_path names;
	bool is_ignored = false;

	if (ignore_is_empty(ignore))
		return false;
	glob_path_split(path, &names);
	for (size_t i = 0; i < ignore->n; i++)
		if (ignore->p[i].is_exception == is_ignored &&
				glob_matches_parents(ignore->p[i].glob, &names))
			is_ignored = !is_ignored;
	return is_ignored;
}

/* Names it, or something in it. */
static bool is_below(const char *text, const char *dir)
{
	const char *rest = text_starts(text, dir) ? text + strlen(dir) : NULL;

	return rest && (*rest == '/' || *rest == '\0');
}

bool ignore_may_skip_dir(const struct ignore *ignore, const char *path)
{
	struct glob_path names;

	if (!ignore_has_exceptions(ignore))
		return true;
	glob_path_split(path, &names);
	for (size_t i = 0; i < ignore->n; i++) {
		const struct rule *rule = &ignore->p[i];

		if (rule->is_exception &&
				(ignore->is_by_prefix ? is_below(rule->text + 1, path)
						      : glob_may_match_below(rule->glob, &names)))
			return false;
	}
	return true;
}

void ignore_by_prefix(struct ignore *ignore)
{
	ignore->is_by_prefix = true;
}

size_t ignore_count(const struct ignore *ignore)
{
	return ignore ? ignore->n : 0;
}

const char *ignore_pattern(const struct ignore *ignore, size_t i)
{
	return ignore->p[i].text;
}

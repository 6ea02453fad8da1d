#include "dockerfile/lines.h"

#include "base/limits.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "dockerfile/runes.h"

struct physical_line {
	struct str text; /* without its end */
	size_t offset;   /* in the file's text */
	unsigned number;
};

/* A logical line as it grows. */
struct joint {
	struct strbuf text;
	VEC(struct line_origin) origins;
};

static void joint_done(struct joint *joint)
{
	strbuf_done(&joint->text);
	vec_done(&joint->origins);
}

DEFINE_AUTO_VALUE(joint)

void lines_init(struct lines *lines, struct arena *arena, struct str text, const char *name)
{
	*lines = (struct lines){ .arena = arena, .name = name, .text = text };
	lines->directives.escape_char = '\\';
	if (str_starts(text, "\xEF\xBB\xBF"))
		lines->at = 3;
}

void lines_done(struct lines *lines)
{
	vec_done(&lines->comments);
}

static struct str without_end(struct str line)
{
	while (line.n && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
		line.n--;
	return line;
}

static bool read_line(struct lines *lines, struct physical_line *ret)
{
	struct str rest = str_slice(lines->text, lines->at, lines->text.n);

	if (!rest.n)
		return false;
	size_t end = str_find(rest, '\n');
	ret->offset = lines->at;
	ret->text = without_end(str_slice(rest, 0, end));
	ret->number = ++lines->line;
	lines->at += end < rest.n ? end + 1 : end;
	return true;
}

static struct source_range whole_line(const struct lines *lines, const struct physical_line *line)
{
	return (struct source_range){ lines->name, line->number, 1, line->number,
		(unsigned)line->text.n + 1 };
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static struct str skip(struct str s, const char *bytes)
{
	while (s.n && strchr(bytes, s.p[0]) && s.p[0])
		s = str_slice(s, 1, s.n);
	return s;
}

/* "name = value" behind the comment sign. */
static bool split_directive(struct str comment, struct str *ret_name, struct str *ret_value)
{
	size_t n = 0;

	while (n < comment.n && (is_letter(comment.p[n]) ||
						(n && comment.p[n] >= '0' && comment.p[n] <= '9')))
		n++;
	struct str rest = skip(str_slice(comment, n, comment.n), " \t\n\f\r");
	if (!n || !str_starts(rest, "="))
		return false;
	*ret_name = str_slice(comment, 0, n);
	*ret_value = str_trim(str_slice(rest, 1, rest.n));
	return ret_value->n > 0;
}

static struct directive *directive_named(
		struct directives *directives, struct str name, const char **ret_name)
{
	struct {
		const char *name;
		struct directive *directive;
	} const known[] = {
		{ "syntax", &directives->syntax },
		{ "escape", &directives->escape },
		{ "check", &directives->check },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (str_is_nocase(name, known[i].name)) {
			*ret_name = known[i].name;
			return known[i].directive;
		}
	}
	return NULL;
}

/*
 * Take line as a parser directive behind sign ("#"). *ret_is is false when it is none, which ends
 * the search for more.
 */
static FALLIBLE take_directive(struct lines *lines, const struct physical_line *line,
		const char *sign, bool *ret_is)
{
	struct str text = rune_trim_left(line->text);
	struct str name = { 0 }, value = { 0 };

	*ret_is = false;
	if (!str_starts(text, sign) ||
			!split_directive(rune_trim_left(str_slice(text, strlen(sign), text.n)),
					&name, &value))
		return NULL;
	const char *known = NULL;
	struct directive *directive = directive_named(&lines->directives, name, &known);
	if (!directive)
		return NULL;
	if (directive->text)
		return error_at(error_new(ERR_INVALID, "only one %s parser directive can be used",
						known),
				whole_line(lines, line));
	*directive = (struct directive){ arena_str(lines->arena, value), whole_line(lines, line) };
	*ret_is = true;
	if (directive != &lines->directives.escape)
		return NULL;
	if (!str_is(value, "\\") && !str_is(value, "`"))
		return error_at(error_new(ERR_INVALID,
						"invalid escape token '%.*s' does not match ` or "
						"\\",
						STR_ARG(value)),
				whole_line(lines, line));
	lines->directives.escape_char = value.p[0];
	return NULL;
}

static bool is_comment(struct str line)
{
	return str_starts(rune_trim_left(line), "#");
}

/* Keep it for the instruction below; an empty one cuts off those above. */
static void keep_comment(struct lines *lines, struct str line)
{
	struct str text = rune_trim_left(line);

	text = rune_trim(str_slice(text, 1, text.n));
	if (!text.n)
		lines->comments.n = 0;
	else
		vec_push(&lines->comments, arena_str(lines->arena, text));
}

/*
 * Does the line go on? True when its last character, spaces aside, is the escape character, and
 * the one before is not. *text loses it then.
 */
static bool cut_continuation(const struct lines *lines, struct str *text)
{
	char escape = lines->directives.escape_char;
	size_t n = text->n;

	while (n && (text->p[n - 1] == ' ' || text->p[n - 1] == '\t'))
		n--;
	if (!n || text->p[n - 1] != escape || (n > 1 && text->p[n - 2] == escape))
		return false;
	text->n = n - 1;
	return true;
}

/* Add part, a slice of line's text. */
static void joint_add(struct joint *joint, const struct physical_line *line, struct str part)
{
	vec_push(&joint->origins, ((struct line_origin){ joint->text.n, line->number,
						  (unsigned)(part.p - line->text.p) + 1 }));
	strbuf_add_str(&joint->text, part);
}

/* The lines that continue the first one. */
static void join_rest(struct lines *lines, struct joint *joint, struct logical_line *ret)
{
	struct physical_line line = { 0 };
	bool goes_on = true;

	while (goes_on && read_line(lines, &line)) {
		ret->last = line.number;
		if (is_comment(line.text))
			continue;
		if (!rune_trim_left(line.text).n) {
			ret->empty_continuation = line.number;
			continue;
		}
		struct str part = line.text;
		goes_on = cut_continuation(lines, &part);
		joint_add(joint, &line, part);
	}
}

/* Skip to the first line of an instruction; comments and directives are taken on the way. */
static FALLIBLE find_start(struct lines *lines, struct physical_line *line, bool *ret_found)
{
	*ret_found = false;
	while (read_line(lines, line)) {
		bool is_directive = false;

		if (line->number > LIMIT_DOCKERFILE_LINES)
			return error_at(error_new(ERR_LIMIT, "more than %d lines",
							LIMIT_DOCKERFILE_LINES),
					whole_line(lines, line));
		if (!lines->directives_done)
			TRY(take_directive(lines, line, "#", &is_directive));
		lines->directives_done = !is_directive;
		if (is_directive)
			continue;
		struct str text = rune_trim_left(line->text);
		*ret_found = text.n && text.p[0] != '#';
		if (*ret_found)
			return NULL;
		if (text.n)
			keep_comment(lines, text);
		else
			lines->comments.n = 0;
	}
	return NULL;
}

FALLIBLE lines_next(struct lines *lines, struct logical_line *ret, bool *ret_more)
{
	struct physical_line line = { 0 };
	AUTO(joint) struct joint joint = { 0 };
	struct logical_line logical = { 0 };

	TRY(find_start(lines, &line, ret_more));
	if (!*ret_more)
		return NULL;
	logical.first = logical.last = line.number;
	logical.comment_count = lines->comments.n;
	const char **comments = arena_array(lines->arena, lines->comments.n, sizeof(*comments));
	for (size_t i = 0; i < lines->comments.n; i++)
		comments[i] = lines->comments.p[i];
	logical.comments = comments;
	lines->comments.n = 0;

	struct str part = rune_trim_left(line.text);
	bool goes_on = cut_continuation(lines, &part);
	joint_add(&joint, &line, part);
	if (goes_on)
		join_rest(lines, &joint, &logical);
	logical.text = (struct str){ arena_str(lines->arena, strbuf_str(&joint.text)),
		joint.text.n };
	struct line_origin *origins = arena_array(lines->arena, joint.origins.n, sizeof(*origins));
	memcpy(origins, joint.origins.p, joint.origins.n * sizeof(*origins));
	logical.origins = origins;
	logical.origin_count = joint.origins.n;
	*ret = logical;
	return NULL;
}

bool lines_heredoc(struct lines *lines, struct str terminator, bool chomp, struct str *ret_body)
{
	size_t from = lines->at;
	struct physical_line line = { 0 };

	while (read_line(lines, &line)) {
		struct str text = chomp ? skip(line.text, "\t") : line.text;

		if (!str_equal(text, terminator))
			continue;
		*ret_body = str_slice(lines->text, from, line.offset);
		return true;
	}
	return false;
}

/* The line and column of one byte of a logical line. */
static void locate(const struct logical_line *line, size_t offset, unsigned *ret_line,
		unsigned *ret_column)
{
	size_t low = 0, high = line->origin_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (line->origins[middle].offset <= offset)
			low = middle;
		else
			high = middle;
	}
	*ret_line = line->origins[low].line;
	*ret_column = line->origins[low].column + (unsigned)(offset - line->origins[low].offset);
}

struct source_range line_range(
		const struct logical_line *line, const char *name, size_t from, size_t to)
{
	struct source_range range = { .file = name };

	locate(line, from, &range.line, &range.column);
	locate(line, to > from ? to - 1 : from, &range.end_line, &range.end_column);
	range.end_column += to > from;
	return range;
}

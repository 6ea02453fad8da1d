#include "ui/report.h"

#include "base/limits.h"
#include "base/xalloc.h"
#include "sys/fd.h"
#include "ui/options.h"
#include "ui/plain_text.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

/* A heredoc may run over hundreds of lines; the beginning says which one it is. */
enum { EXCERPT_LINES = 4 };

/* A message may quote a word, an excerpt a line, of a million bytes: nobody wants to read that. */
enum { MESSAGE_BYTES = 2000, EXCERPT_BYTES = 300, EXCERPT_BEFORE = 60 };

static void add_colour(const struct report_style *style, const char *sgr, struct strbuf *out)
{
	if (style->has_colour)
		strbuf_addf(out, "\x1b[%sm", sgr);
}

/* Not within a UTF-8 character. */
static size_t character_start(struct str text, size_t at)
{
	while (at > 0 && at < text.n && ((unsigned char)text.p[at] & 0xC0) == 0x80)
		at--;
	return at;
}

/* The beginning and the end, where the cause stands. */
static void add_escaped(const char *text, struct strbuf *out)
{
	struct str whole = str_of(text);

	if (whole.n <= MESSAGE_BYTES) {
		plain_text_escape(whole, out);
		return;
	}
	size_t head = character_start(whole, MESSAGE_BYTES / 2);
	size_t tail = character_start(whole, whole.n - MESSAGE_BYTES / 2);
	plain_text_escape(str_slice(whole, 0, head), out);
	strbuf_addf(out, " [%zu bytes left out] ", tail - head);
	plain_text_escape(str_slice(whole, tail, whole.n), out);
}

/* Line number n of text, from 1, without its end; false when there is none. */
static bool find_line(struct str text, unsigned n, struct str *ret)
{
	struct str rest = text;

	for (unsigned i = 1; rest.n > 0; i++) {
		str_cut(rest, '\n', ret, &rest);
		if (i == n) {
			if (str_ends(*ret, "\r"))
				ret->n--;
			return true;
		}
	}
	return false;
}

static unsigned digits(unsigned n)
{
	return n >= 10 ? 1 + digits(n / 10) : 1;
}

/* The part of a line that is shown, and how much in front of it is not. */
static struct str visible_part(struct str line, unsigned column, size_t *ret_from)
{
	size_t from = 0;

	if (line.n > EXCERPT_BYTES && column > EXCERPT_BEFORE)
		from = character_start(line, column - EXCERPT_BEFORE);
	*ret_from = from;
	return str_slice(line, from, character_start(line, from + EXCERPT_BYTES));
}

/* Columns count bytes from 1; the mark must stand below what the terminal shows. */
static void add_mark(const struct source_range *at, struct str line, struct strbuf *out)
{
	size_t from = at->column ? at->column - 1 : 0;
	size_t to = at->end_line == at->line && at->end_column > at->column ? at->end_column - 1
									    : line.n;
	AUTO(strbuf) struct strbuf before = { 0 }, marked = { 0 };

	if (from > line.n)
		from = line.n;
	if (to > line.n)
		to = line.n;
	plain_text_line(str_slice(line, 0, from), 0, &before);
	plain_text_line(str_slice(line, 0, to), 0, &marked);

	size_t start = plain_text_width(strbuf_str(&before));
	size_t end = plain_text_width(strbuf_str(&marked));

	for (size_t i = 0; i < start; i++)
		strbuf_add_char(out, ' ');
	do
		strbuf_add_char(out, '^');
	while (++start < end);
}

static void add_excerpt(const struct source_range *at, struct str text,
		const struct report_style *style, struct strbuf *out)
{
	unsigned last = at->end_line > at->line ? at->end_line : at->line;
	struct str line;

	if (last - at->line >= EXCERPT_LINES)
		last = at->line + EXCERPT_LINES - 1;

	int width = (int)digits(last);

	if (!find_line(text, at->line, &line))
		return;
	add_colour(style, "34", out);
	strbuf_addf(out, "%*s |\n", width, "");
	add_colour(style, "0", out);
	for (unsigned i = at->line; i <= last && find_line(text, i, &line); i++) {
		struct source_range shown_at = *at;
		size_t from = 0, whole = line.n;

		line = visible_part(line, i == at->line ? at->column : 0, &from);
		shown_at.column -= (unsigned)from;
		shown_at.end_column -= shown_at.end_column > from ? (unsigned)from : 0;
		add_colour(style, "34", out);
		strbuf_addf(out, "%*u | ", width, i);
		add_colour(style, "0", out);
		plain_text_line(line, 0, out);
		strbuf_add(out, from + line.n < whole ? "...\n" : "\n");
		if (i == at->line && at->column) {
			add_colour(style, "34", out);
			strbuf_addf(out, "%*s | ", width, "");
			add_colour(style, "0", out);
			add_colour(style, "1;31", out);
			add_mark(&shown_at, line, out);
			add_colour(style, "0", out);
			strbuf_add_char(out, '\n');
		}
	}
}

static void add_place(
		const struct source_range *at, const struct report_style *style, struct strbuf *out)
{
	AUTO_FREE char *read = NULL;
	size_t n = 0;

	if (!at || !at->line || !at->file)
		return;
	strbuf_add(out, "  --> ");
	add_escaped(at->file, out);
	strbuf_addf(out, ":%u", at->line);
	if (at->column)
		strbuf_addf(out, ":%u", at->column);
	strbuf_add_char(out, '\n');
	if (style->source && text_equal(at->file, style->source->name)) {
		add_excerpt(at, strbuf_str(&style->source->text), style, out);
		return;
	}

	struct error *error = file_read(AT_FDCWD, at->file, LIMIT_DOCKERFILE_BYTES, &read, &n);

	if (error)
		error_ignore(error, "the place without its text must do");
	else
		add_excerpt(at, (struct str){ read, n }, style, out);
}

static void add_frames(const struct error *error, struct strbuf *out)
{
	for (; error; error = error->cause) {
		strbuf_addf(out, "  in %s: ", error->where ? error->where : "?");
		add_escaped(error->message, out);
		strbuf_addf(out, " (kind %d, code %d)\n", (int)error->kind, error->code);
	}
}

/* Several lines of one hint stand below each other. */
static void add_hint(const char *hint, const struct report_style *style, struct strbuf *out)
{
	struct str rest = str_of(hint), line;
	const char *lead = "  hint: ";

	while (rest.n > 0) {
		str_cut(rest, '\n', &line, &rest);
		add_colour(style, "36", out);
		strbuf_add(out, lead);
		add_colour(style, "0", out);
		plain_text_escape(str_slice(line, 0, MESSAGE_BYTES), out);
		strbuf_add_char(out, '\n');
		lead = "        ";
	}
}

/* The kernel's words begin small. */
static void lower_errno(const struct error *error, struct strbuf *text)
{
	for (; error; error = error->cause) {
		const char *words = error->kind == ERR_SYS ? strerrordesc_np(error->code) : NULL;
		char *at = words ? strstr(text->p, words) : NULL;

		if (at && at > text->p && at[-1] == ' ')
			*at = (char)tolower((unsigned char)*at);
	}
}

void report_error(const struct error *error, const struct report_style *style, struct strbuf *out)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	const char *hint = error_find_hint(error);

	error_text(error, &text);
	if (style->has_low_errno && text.n)
		lower_errno(error, &text);
	add_colour(style, "1;31", out);
	strbuf_addf(out, "%s:", style->program);
	add_colour(style, "0", out);
	strbuf_add_char(out, ' ');
	add_escaped(strbuf_text(&text), out);
	strbuf_add_char(out, '\n');
	/* Whoever pressed Ctrl-C needs no explanation. */
	if (error->kind != ERR_CANCELED)
		add_place(error_find_at(error), style, out);
	if (hint)
		add_hint(hint, style, out);
	if (style->has_frames)
		add_frames(error, out);
}

void report_warning(const char *text, const struct source_range *at,
		const struct report_style *style, struct strbuf *out)
{
	add_colour(style, "1;33", out);
	strbuf_addf(out, "%s: warning:", style->program);
	add_colour(style, "0", out);
	strbuf_add_char(out, ' ');
	add_escaped(text, out);
	strbuf_add_char(out, '\n');
	add_place(at, style, out);
}

void report_place(const struct source_range *at, const char *hint, const struct report_style *style,
		struct strbuf *out)
{
	add_place(at, style, out);
	if (hint)
		add_hint(hint, style, out);
}

int report_exit_status(const struct error *error)
{
	if (!error)
		return 0;
	if (error->kind == ERR_EXIT && error->code > 0 && error->code < 256)
		return error->code;
	if (error->kind == ERR_INVALID && error->code == EXIT_USAGE)
		return EXIT_USAGE;
	if (error->kind == ERR_CANCELED)
		return EXIT_INTERRUPTED;
	return EXIT_FAILED;
}

void report_source_done(struct report_source *source)
{
	free(source->name);
	strbuf_done(&source->text);
}

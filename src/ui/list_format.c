#include "ui/list_format.h"

#include "base/str.h"
#include "ui/table.h"
#include "ui/template.h"

#include <string.h>

static const char table_word[] = "table ";

/* The template with a tab between columns. */
static void split(const char *format, struct strbuf *out)
{
	unsigned depth = 0;

	for (const char *at = format; *at; at++) {
		if (text_starts(at, "{{"))
			depth++;
		else if (text_starts(at, "}}") && depth)
			depth--;
		bool is_tab = !depth && text_starts(at, "\\t");
		strbuf_add_char(out, (!depth && *at == ' ') || is_tab ? '\t' : *at);
		at += is_tab;
	}
}

static size_t columns_of(const char *line)
{
	size_t n = 1;

	for (; *line; line++)
		n += *line == '\t';
	return n;
}

/* Each row has as many cells as the widest. */
static void add_row(struct table *table, const char *line)
{
	struct str rest = str_of(line), cell;

	for (size_t i = 0; i < table->columns; i++) {
		(void)str_cut(rest, '\t', &cell, &rest);
		AUTO_FREE char *text = str_dup(cell);
		table_add(table, text);
	}
}

static FALLIBLE add_line(const char *format, json_t *value, struct list *lines)
{
	AUTO(strbuf) struct strbuf line = { 0 };

	TRY(template_print(format, value, &line));
	list_add(lines, strbuf_text(&line));
	return NULL;
}

FALLIBLE list_format(const char *format, json_t *rows, json_t *heads, struct strbuf *out)
{
	AUTO(strbuf) struct strbuf split_format = { 0 };
	AUTO(list) struct list lines = { 0 };
	AUTO(table) struct table table = { .columns = 1 };
	bool is_table = text_starts(format, table_word);

	split(is_table ? format + strlen(table_word) : format, &split_format);
	if (is_table)
		TRY(add_line(strbuf_text(&split_format), heads, &lines));
	for (size_t i = 0; i < json_array_size(rows); i++)
		TRY(add_line(strbuf_text(&split_format), json_array_get(rows, i), &lines));
	for (size_t i = 0; i < lines.n; i++)
		if (columns_of(lines.p[i]) > table.columns)
			table.columns = columns_of(lines.p[i]);
	for (size_t i = 0; i < lines.n; i++)
		add_row(&table, lines.p[i]);
	table_print(&table, out);
	return NULL;
}

#include "ui/table.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "ui/options.h"
#include "ui/plain_text.h"

enum { TABLE_GAP = 3 };

void table_add(struct table *table, const char *text)
{
	AUTO(strbuf) struct strbuf cell = { 0 };

	plain_text_escape(str_of(text), &cell);
	list_add(&table->cells, strbuf_text(&cell));
}

void table_print(const struct table *table, struct strbuf *out)
{
	AUTO_FREE size_t *widths = xcalloc(table->columns, sizeof(*widths));

	for (size_t i = 0; i < table->cells.n; i++) {
		size_t width = plain_text_width(str_of(table->cells.p[i]));
		size_t *widest = &widths[i % table->columns];

		*widest = width > *widest ? width : *widest;
	}
	for (size_t i = 0; i < table->cells.n; i++) {
		size_t width = plain_text_width(str_of(table->cells.p[i]));

		strbuf_add(out, table->cells.p[i]);
		if ((i + 1) % table->columns == 0)
			strbuf_add_char(out, '\n');
		else
			strbuf_addf(out, "%*s",
					(int)(widths[i % table->columns] - width + TABLE_GAP), "");
	}
}

void table_done(struct table *table)
{
	list_done(&table->cells);
}

static FALLIBLE unknown_field(struct str inside, const struct template_field *fields, size_t n)
{
	AUTO(strbuf) struct strbuf known = { 0 };

	for (size_t i = 0; i < n; i++)
		strbuf_addf(&known, "%s{{.%s}}", i ? " " : "", fields[i].name);
	return error_hint(error_usage("format: '{{%.*s}}' is not a field here", STR_ARG(inside)),
			"there are %s", strbuf_text(&known));
}

static FALLIBLE add_field(struct str inside, const struct template_field *fields, size_t n,
		struct strbuf *out)
{
	struct str name = str_trim(inside);

	if (!str_starts(name, "."))
		return unknown_field(inside, fields, n);
	for (size_t i = 0; i < n; i++)
		if (str_is(str_slice(name, 1, name.n), fields[i].name)) {
			plain_text_escape(str_of(fields[i].value), out);
			return NULL;
		}
	return unknown_field(inside, fields, n);
}

FALLIBLE template_render(const char *format, const struct template_field *fields, size_t n,
		struct strbuf *out)
{
	for (const char *p = format; *p; p++) {
		if (p[0] == '{' && p[1] == '{') {
			const char *end = strstr(p, "}}");

			if (!end)
				return error_usage("format: '%s' has no '}}'", p);
			TRY(add_field((struct str){ p + 2, (size_t)(end - p) - 2 }, fields, n,
					out));
			p = end + 1;
		} else if (p[0] == '\\' && (p[1] == 'n' || p[1] == 't' || p[1] == '\\')) {
			strbuf_add_char(out, p[1] == 'n' ? '\n' : p[1] == 't' ? '\t' : '\\');
			p++;
		} else {
			strbuf_add_char(out, *p);
		}
	}
	return NULL;
}

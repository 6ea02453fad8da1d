/*
 * table, template: lists for people and for scripts.
 *
 *	struct table table = { .columns = 2 };
 *	table_add(&table, "NAME"); table_add(&table, "SIZE");
 *	table_add(&table, "a"); table_add(&table, "1MB");
 *	table_print(&table, &out);
 *
 * Floor: ui (pure).
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "base/vec.h"

struct table {
	size_t columns;
	struct list cells; /* row by row */
};

/* Add the next cell (copied; control characters are escaped). NULL is an empty one. */
void table_add(struct table *table, const char *text);
/* Columns as wide as their widest cell, three spaces between, nothing behind the last. */
void table_print(const struct table *table, struct strbuf *out);
void table_done(struct table *table);

struct template_field {
	const char *name, *value;
};

/*
 * What users know of Go templates: "{{.ID}}: {{ .Name }}\n". Fields only; \n, \t and \\ are what
 * they say. An unknown field or anything else between braces is error_usage naming the fields.
 */
FALLIBLE template_render(const char *format, const struct template_field *fields, size_t n,
		struct strbuf *out);

DEFINE_AUTO_VALUE(table)

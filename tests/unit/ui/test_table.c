#include "unit.h"

#include "ui/options.h"
#include "ui/table.h"

static void aligns(void **state)
{
	static const char *const cells[] = { "NAME", "SIZE", "a\xc3\xa4\x1b[1m", "1MB", NULL, "x" };
	AUTO(table) struct table table = { .columns = 2 };
	AUTO(strbuf) struct strbuf out = { 0 };

	for (size_t i = 0; i < COUNT(cells); i++)
		table_add(&table, cells[i]);
	table_print(&table, &out);
	assert_string_equal(strbuf_text(&out), "NAME        SIZE\n"
					       "a\xc3\xa4\\x1b[1m   1MB\n"
					       "            x\n");
}

static const struct template_field fields[] = { { "ID", "sha256:ab" }, { "Name", NULL } };

static void renders(void **state)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	assert_ok(template_render("{{.ID}}\\t{{ .Name }}|\\n{x}", fields, COUNT(fields), &out));
	assert_string_equal(strbuf_text(&out), "sha256:ab\t|\n{x}");
}

static void refuses(void **state)
{
	static const char *const formats[] = { "{{.Nope}}", "{{ID}}", "{{", "{{json .}}" };

	for (size_t i = 0; i < COUNT(formats); i++) {
		AUTO(strbuf) struct strbuf out = { 0 };

		assert_error(template_render(formats[i], fields, COUNT(fields), &out), ERR_INVALID,
				"format: ");
	}
}

UNIT_TESTS(aligns, renders, refuses)

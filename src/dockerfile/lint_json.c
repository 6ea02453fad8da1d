/*
 * What checks found, for programs: BuildKit's JSON and SARIF 2.1.0 (OASIS, "Static Analysis Results
 * Interchange Format", sections 3.13 on).
 */
#include "dockerfile/lint.h"
#include "dockerfile/runes.h"
#include "oci/json.h"

#include <string.h>

/* Lines count from 1, characters from 0; 0 is left out, as Go's encoder does. */
static void print_position(struct json_out *json, const char *key, unsigned line, unsigned column)
{
	json_out_open(json, key, '{');
	json_out_u64(json, "line", line);
	if (column > 1)
		json_out_u64(json, "character", column - 1);
	json_out_close(json, '}');
}

static void print_location(struct json_out *json, const struct source_range *at)
{
	json_out_open(json, "location", '{');
	json_out_open(json, "ranges", '[');
	if (at && at->line) {
		json_out_open(json, NULL, '{');
		print_position(json, "start", at->line, at->column);
		print_position(json, "end", at->end_line ? at->end_line : at->line, at->end_column);
		json_out_close(json, '}');
	}
	json_out_close(json, ']');
	json_out_close(json, '}');
}

/*
 * BuildKit's messages have the nearest name in brackets behind them, and no other advice: readers
 * compare them. Those of an instruction say its line in front.
 */
static void print_error(struct json_out *json, const struct error *error, bool is_parse_error)
{
	const struct source_range *at = error_find_at(error);
	AUTO(strbuf) struct strbuf text = { 0 };
	const char *hint = error_find_hint(error);

	if (is_parse_error && at)
		strbuf_addf(&text, "dockerfile parse error on line %u: ", at->line);
	error_text(error, &text);
	if (hint && text_starts(hint, "did you mean"))
		strbuf_addf(&text, " (%s)", hint);
	json_out_open(json, "buildError", '{');
	json_out_text(json, "message", strbuf_text(&text));
	if (at)
		print_location(json, at);
	json_out_close(json, '}');
}

void lint_print_json(const struct lint *lint, const char *name, struct str text,
		const struct error *error, bool is_parse_error, struct strbuf *out)
{
	AUTO(json_out) struct json_out json = { 0 };

	json_out_open(&json, NULL, '{');
	json_out_open(&json, "warnings", '[');
	for (size_t i = 0; i < lint->warnings.n; i++) {
		const struct lint_warning *warning = &lint->warnings.p[i];

		json_out_open(&json, NULL, '{');
		json_out_text(&json, "ruleName", warning->rule->name);
		json_out_text(&json, "description", warning->rule->description);
		json_out_text(&json, "url", warning->rule->url);
		json_out_text(&json, "detail", warning->message);
		json_out_text(&json, "suggestion", warning->detail);
		print_location(&json, &warning->at);
		json_out_close(&json, '}');
	}
	json_out_close(&json, ']');
	json_out_open(&json, "sources", '[');
	json_out_open(&json, NULL, '{');
	json_out_text(&json, "filename", name);
	json_out_text(&json, "language", "Dockerfile");
	json_out_base64(&json, "data", text);
	json_out_close(&json, '}');
	json_out_close(&json, ']');
	if (error)
		print_error(&json, error, is_parse_error);
	json_out_close(&json, '}');
	json_out_indented(&json, out);
}

static void print_message(struct json_out *json, const char *key, const char *text)
{
	json_out_open(json, key, '{');
	json_out_text(json, "text", text);
	json_out_close(json, '}');
}

/* A name in a repository: no "./" in front, or services do not find the file. */
static const char *artifact_name(const char *name)
{
	while (text_starts(name, "./"))
		name += 2;
	return name;
}

/*
 * Columns in UTF-16 units, which is what SARIF counts; ours are bytes. Warnings come sorted, so the
 * lines are walked through once; a place further up starts over.
 */
struct columns {
	struct str text, rest, line;
	unsigned number; /* of line; 0 before the first */
};

static void columns_go(struct columns *columns, unsigned number)
{
	if (number < columns->number) {
		columns->rest = columns->text;
		columns->number = 0;
	}
	while (columns->number < number && columns->rest.n) {
		(void)str_cut(columns->rest, '\n', &columns->line, &columns->rest);
		columns->number++;
	}
}

static unsigned column_of(struct columns *columns, unsigned line, unsigned column)
{
	unsigned units = 1;

	columns_go(columns, line);
	if (columns->number != line)
		return column;
	for (size_t at = 0, bytes = 0; at + 1 < column && at < columns->line.n; at += bytes)
		units += rune_at(columns->line, at, &bytes) > 0xFFFF ? 2 : 1;
	return units;
}

static void print_place(struct json_out *json, struct columns *columns, const char *name,
		const struct source_range *at)
{
	json_out_open(json, "locations", '[');
	json_out_open(json, NULL, '{');
	json_out_open(json, "physicalLocation", '{');
	json_out_open(json, "artifactLocation", '{');
	json_out_text(json, "uri", artifact_name(name));
	json_out_close(json, '}');
	if (at && at->line) {
		json_out_open(json, "region", '{');
		json_out_u64(json, "startLine", at->line);
		if (at->column)
			json_out_u64(json, "startColumn", column_of(columns, at->line, at->column));
		if (at->end_line)
			json_out_u64(json, "endLine", at->end_line);
		if (at->end_column)
			json_out_u64(json, "endColumn",
					column_of(columns, at->end_line, at->end_column));
		json_out_close(json, '}');
	}
	json_out_close(json, '}');
	json_out_close(json, '}');
	json_out_close(json, ']');
}

static void print_rules(struct json_out *json, const struct lint_rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		json_out_open(json, NULL, '{');
		json_out_text(json, "id", rules[i].name);
		json_out_text(json, "name", rules[i].name);
		print_message(json, "shortDescription", rules[i].description);
		json_out_text(json, "helpUri", rules[i].url);
		json_out_close(json, '}');
	}
}

static void print_tool(struct json_out *json, const struct lint *lint, const char *version)
{
	size_t count = 0, own_count = 0;
	const struct lint_rule *rules = lint_rules(&count), *own = lint_own_rules(&own_count);

	json_out_open(json, "tool", '{');
	json_out_open(json, "driver", '{');
	json_out_text(json, "name", "kiln");
	json_out_text(json, "version", version);
	json_out_open(json, "rules", '[');
	print_rules(json, rules, count);
	if (lint->with_own)
		print_rules(json, own, own_count);
	json_out_close(json, ']');
	json_out_close(json, '}');
	json_out_close(json, '}');
}

static void print_result(struct json_out *json, const char *rule, const char *level,
		const char *text, struct columns *columns, const char *name,
		const struct source_range *at)
{
	json_out_open(json, NULL, '{');
	json_out_text(json, "ruleId", rule);
	json_out_text(json, "level", level);
	print_message(json, "message", text);
	print_place(json, columns, name, at);
	json_out_close(json, '}');
}

static void print_results(struct json_out *json, const struct lint *lint, const char *name,
		const struct error *error)
{
	struct str source = lint->file ? lint->file->text : (struct str){ 0 };
	struct columns columns = { .text = source, .rest = source };

	json_out_open(json, "results", '[');
	for (size_t i = 0; i < lint->warnings.n; i++) {
		const struct lint_warning *warning = &lint->warnings.p[i];
		AUTO_FREE char *text = xasprintf("%s%s%s", warning->message,
				warning->detail ? ". Instead: " : "",
				warning->detail ? warning->detail : "");

		print_result(json, warning->rule->name, "warning", text, &columns, name,
				&warning->at);
	}
	if (error) {
		AUTO(strbuf) struct strbuf text = { 0 };

		error_text(error, &text);
		print_result(json, NULL, "error", strbuf_text(&text), &columns, name,
				error_find_at(error));
	}
	json_out_close(json, ']');
}

void lint_print_sarif(const struct lint *lint, const char *name, const char *version,
		const struct error *error, struct strbuf *out)
{
	AUTO(json_out) struct json_out json = { 0 };

	json_out_open(&json, NULL, '{');
	json_out_text(&json, "$schema",
			"https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/"
			"sarif-schema-2.1.0.json");
	json_out_text(&json, "version", "2.1.0");
	json_out_open(&json, "runs", '[');
	json_out_open(&json, NULL, '{');
	print_tool(&json, lint, version);
	json_out_text(&json, "columnKind", "utf16CodeUnits");
	print_results(&json, lint, name, error);
	json_out_close(&json, '}');
	json_out_close(&json, ']');
	json_out_close(&json, '}');
	json_out_indented(&json, out);
}

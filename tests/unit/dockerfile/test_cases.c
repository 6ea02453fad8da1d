/*
 * Runs tests/cases/dockerfile/?*.case. A file holds cases:
 *
 *	=== name of the case
 *	FROM busybox
 *	--- ast
 *	{"cmd":"from",...}
 *
 * The input is what stands above the first "---"; with "=== name (escaped)" \r \t \0 \xNN and \\
 * are decoded in it, and it has no end of line at its end. Sections, each compared with what the
 * parser says:
 *
 *	--- ast      one JSON object an instruction (ast.h)
 *	--- error    file:line:column-end: message (hint)
 *	--- stages   one stage a line: number name <- image (base stage) [count] description
 *	--- check    one warning a line: line:column rule: message
 *	--- places   one token a line: line:column-end text
 *
 * UPDATE=1 writes the files anew with what the parser says now; a case without sections gets "ast"
 * or "error".
 */
#include "dockerfile/ast.h"
#include "dockerfile/lint.h"
#include "dockerfile/stage.h"
#include "unit.h"

#include <dirent.h>
#include <stdlib.h>

struct session {
	size_t cases, failures;
	bool update;
};

static char *read_file(const char *path)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	char block[4096];
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	for (size_t n; (n = fread(block, 1, sizeof(block), file)) > 0;)
		strbuf_add_bytes(&text, block, n);
	(void)fclose(file);
	return strbuf_take(&text);
}

static unsigned hex(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

static void decode(struct str text, struct strbuf *out)
{
	if (str_ends(text, "\n"))
		text.n--;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c != '\\' || i + 1 == text.n) {
			strbuf_add_char(out, c);
			continue;
		}
		c = text.p[++i];
		if (c == 'x' && i + 2 < text.n) {
			strbuf_add_char(out, (char)(hex(text.p[i + 1]) << 4 | hex(text.p[i + 2])));
			i += 2;
		} else {
			strbuf_add_char(out, c == 'r'   ? '\r'
					     : c == 't' ? '\t'
					     : c == '0' ? '\0'
							: c);
		}
	}
}

static void print_place(const struct source_range *at, struct strbuf *out)
{
	strbuf_addf(out, "%u:%u-", at->line, at->column);
	if (at->end_line != at->line)
		strbuf_addf(out, "%u:", at->end_line);
	strbuf_addf(out, "%u", at->end_column);
}

static void show_error(const struct error *error, struct strbuf *out)
{
	const struct source_range *at = error_find_at(error);
	const char *hint = error_find_hint(error);

	if (at) {
		strbuf_addf(out, "%s:", at->file);
		print_place(at, out);
		strbuf_add(out, ": ");
	}
	error_text(error, out);
	strbuf_add(out, hint ? " (" : "\n");
	if (hint)
		strbuf_addf(out, "%s)\n", hint);
}

static void print_stages(const struct dockerfile *file, struct strbuf *out)
{
	strbuf_addf(out, "globals %zu\n", file->global_count);
	for (size_t i = 0; i < file->stage_count; i++) {
		const struct stage *stage = &file->stages[i];
		const struct from *from = &stage->from->from;

		strbuf_addf(out, "%zu %s <- %s", stage->index, from->name ? from->name : "-",
				from->image);
		if (from->platform)
			strbuf_addf(out, " on %s", from->platform);
		if (stage->base)
			strbuf_addf(out, " (stage %zu)", stage->base->index);
		if (stage->hides)
			strbuf_addf(out, " hides %zu", stage->hides->index);
		strbuf_addf(out, " [%zu]", stage->instruction_count);
		if (from->comment)
			strbuf_addf(out, " # %s", from->comment);
		strbuf_add(out, "\n");
	}
}

static void print_checks(const struct dockerfile *file, bool with_own, struct strbuf *out)
{
	AUTO(lint_config) struct lint_config config = { 0 };
	AUTO(lint) struct lint lint = { 0 };

	struct error *error = lint_config_parse(str_of(file->directives.check.text), &config);
	if (error) {
		show_error(error, out);
		error_free(error);
		return;
	}
	lint_init(&lint, file, &config, file->arena);
	lint.with_own = with_own;
	lint_run(&lint);
	for (size_t i = 0; i < lint.warnings.n; i++) {
		const struct lint_warning *warning = &lint.warnings.p[i];

		print_place(&warning->at, out);
		strbuf_addf(out, " %s: %s\n", warning->rule->name, warning->message);
		if (with_own && warning->detail)
			strbuf_addf(out, "  %s\n", warning->detail);
	}
	strbuf_add(out, config.is_error && lint.warnings.n ? "is an error\n" : "");
}

static void print_token(const char *text, const struct source_range *at, struct strbuf *out)
{
	print_place(at, out);
	strbuf_addf(out, " %s\n", text);
}

static void print_places(const struct dockerfile *file, struct strbuf *out)
{
	for (size_t i = 0; i < file->instruction_count; i++) {
		const struct instruction *instruction = &file->instructions[i];

		print_token(instruction->keyword, &instruction->at, out);
		for (size_t j = 0; j < instruction->flag_count; j++)
			print_token(instruction->flags[j].text, &instruction->flags[j].at, out);
		for (size_t j = 0; j < instruction->args.n; j++)
			print_token(instruction->args.p[j].text, &instruction->args.p[j].at, out);
		for (size_t j = 0; j < instruction->heredoc_count; j++)
			print_token(instruction->heredocs[j].name, &instruction->heredocs[j].at,
					out);
		if (instruction->kind == INSTRUCTION_ONBUILD)
			print_token(instruction->onbuild.text, &instruction->onbuild.trigger->at,
					out);
	}
}

/* What the parser says in one section. */
static void answer(const char *section, const struct dockerfile *file, const struct error *error,
		struct strbuf *out)
{
	if (error)
		show_error(error, out);
	else if (strcmp(section, "ast") == 0)
		ast_print(file, out);
	else if (strcmp(section, "stages") == 0)
		print_stages(file, out);
	else if (strcmp(section, "check") == 0)
		print_checks(file, false, out);
	else if (strcmp(section, "own") == 0)
		print_checks(file, true, out);
	else if (strcmp(section, "places") == 0)
		print_places(file, out);
	else
		strbuf_addf(out, "parsed, section %s\n", section);
}

/* Cut off everything before the next line that starts with mark. */
static struct str take_until(struct str *text, const char *mark, const char *other)
{
	size_t at = 0;

	while (at < text->n) {
		struct str rest = str_slice(*text, at, text->n);

		if (str_starts(rest, mark) || str_starts(rest, other))
			break;
		size_t end = str_find(rest, '\n');
		at += end < rest.n ? end + 1 : end;
	}
	struct str head = str_slice(*text, 0, at);
	*text = str_slice(*text, at, text->n);
	return head;
}

static struct str take_title(struct str *text)
{
	struct str line = { 0 };

	(void)str_cut(*text, '\n', &line, text);
	return str_trim(str_slice(line, 3, line.n));
}

static void run_section(struct session *session, const char *where, const char *section,
		const struct dockerfile *file, const struct error *error, struct str wanted,
		struct strbuf *out)
{
	AUTO(strbuf) struct strbuf got = { 0 };

	answer(section, file, error, &got);
	strbuf_addf(out, "--- %s\n%s", section, strbuf_text(&got));
	if (session->update || str_equal(wanted, strbuf_str(&got)))
		return;
	session->failures++;
	print_message("%s, %s:\n  wanted:\n%.*s  got:\n%s", where, section, STR_ARG(wanted),
			strbuf_text(&got));
}

static void run_case(
		struct session *session, const char *path, struct str *text, struct strbuf *out)
{
	AUTO_FREE char *title = str_dup(take_title(text));
	AUTO_FREE char *where = xasprintf("%s: %s", path, title);
	AUTO(strbuf) struct strbuf input = { 0 };
	AUTO(dockerfile) struct dockerfile *file = NULL;
	struct str body = take_until(text, "--- ", "=== ");
	bool has_section = false;

	if (text_ends(title, "(escaped)"))
		decode(body, &input);
	else
		strbuf_add_str(&input, body);
	struct error *error = dockerfile_parse(strbuf_str(&input), "Dockerfile", &file);
	strbuf_addf(out, "=== %s\n%.*s", title, STR_ARG(body));
	while (str_starts(*text, "--- ")) {
		AUTO_FREE char *section = str_dup(take_title(text));
		struct str wanted = take_until(text, "--- ", "=== ");

		run_section(session, where, section, file, error, wanted, out);
		has_section = true;
	}
	if (!has_section)
		run_section(session, where, error ? "error" : "ast", file, error, (struct str){ 0 },
				out);
	error_free(error);
	session->cases++;
}

static void run_file(struct session *session, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/dockerfile/%s", TEST_CASES, name);
	AUTO_FREE char *content = read_file(path);
	AUTO(strbuf) struct strbuf out = { 0 };
	struct str text = str_of(content);

	strbuf_add_str(&out, take_until(&text, "=== ", "=== "));
	while (text.n)
		run_case(session, name, &text, &out);
	if (!session->update || strcmp(strbuf_text(&out), content) == 0)
		return;
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(strbuf_text(&out), 1, out.n, file), out.n);
	assert_int_equal(fclose(file), 0);
}

static int is_case(const struct dirent *entry)
{
	return text_ends(entry->d_name, ".case");
}

static void all_cases(void **state)
{
	struct session session = { .update = getenv("UPDATE") != NULL };
	struct dirent **entries = NULL;
	int count = scandir(TEST_CASES "/dockerfile", &entries, is_case, alphasort);

	assert_true(count > 0);
	for (int i = 0; i < count; i++) {
		run_file(&session, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	print_message("%zu cases\n", session.cases);
	assert_int_equal(session.failures, 0);
	assert_true(session.cases > 100);
}

UNIT_TESTS(all_cases)

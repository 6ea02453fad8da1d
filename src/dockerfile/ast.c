#include "dockerfile/ast.h"

#include "dockerfile/runes.h"

static void print_string(const char *text, struct strbuf *out)
{
	struct str s = str_of(text);

	strbuf_add_char(out, '"');
	for (size_t at = 0, bytes = 0; at < s.n; at += bytes) {
		uint32_t rune = rune_at(s, at, &bytes);

		if (rune == '"' || rune == '\\')
			strbuf_addf(out, "\\%c", (char)rune);
		else if (rune == '\n')
			strbuf_add(out, "\\n");
		else if (rune == '\t')
			strbuf_add(out, "\\t");
		else if (rune == '\r')
			strbuf_add(out, "\\r");
		else if (rune < 0x20 || rune == 0x7F)
			strbuf_addf(out, "\\u%04x", rune);
		else if (rune == RUNE_BAD && bytes == 1)
			strbuf_add(out, "\\ufffd");
		else
			strbuf_add_bytes(out, s.p + at, bytes);
	}
	strbuf_add_char(out, '"');
}

static void print_lists(const struct instruction *instruction, struct strbuf *out)
{
	strbuf_add(out, ",\"flags\":[");
	for (size_t i = 0; i < instruction->flag_count; i++) {
		strbuf_add(out, i ? "," : "");
		print_string(instruction->flags[i].text, out);
	}
	strbuf_add(out, "],\"args\":[");
	for (size_t i = 0; i < instruction->args.n; i++) {
		strbuf_add(out, i ? "," : "");
		print_string(instruction->args.p[i].text, out);
	}
	strbuf_addf(out, "],\"json\":%s,\"heredocs\":[", instruction->is_json ? "true" : "false");
	for (size_t i = 0; i < instruction->heredoc_count; i++) {
		const struct heredoc *heredoc = &instruction->heredocs[i];

		strbuf_add(out, i ? ",{\"name\":" : "{\"name\":");
		print_string(heredoc->name, out);
		strbuf_add(out, ",\"content\":");
		print_string(heredoc->content, out);
		strbuf_addf(out, ",\"expand\":%s,\"chomp\":%s}", heredoc->expand ? "true" : "false",
				heredoc->chomp ? "true" : "false");
	}
	strbuf_add(out, "]");
}

void ast_print_instruction(const struct instruction *instruction, struct strbuf *out)
{
	strbuf_add(out, "{\"cmd\":\"");
	for (const char *p = instruction_name(instruction->kind); *p; p++)
		strbuf_add_char(out, (char)(*p | 0x20));
	strbuf_addf(out, "\",\"line\":%u,\"end_line\":%u", instruction->at.line,
			instruction->at.end_line);
	print_lists(instruction, out);
	strbuf_add(out, ",\"inner\":");
	if (instruction->kind == INSTRUCTION_ONBUILD)
		ast_print_instruction(instruction->onbuild.trigger, out);
	else
		strbuf_add(out, "null");
	strbuf_add(out, "}");
}

void ast_print(const struct dockerfile *file, struct strbuf *out)
{
	for (size_t i = 0; i < file->instruction_count; i++) {
		ast_print_instruction(&file->instructions[i], out);
		strbuf_add_char(out, '\n');
	}
}

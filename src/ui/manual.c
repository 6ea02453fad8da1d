/*
 * kiln(1) as roff, man macros. Every text goes through add_text(): a dash is written \-, so that it
 * can be copied from the page, and a leading dot or quote cannot become a macro.
 */
#include "ui/help.h"

#include "base/str.h"

static void add_text(struct str text, struct strbuf *out)
{
	if (text.n && (text.p[0] == '.' || text.p[0] == '\''))
		strbuf_add(out, "\\&");
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\\')
			strbuf_add(out, "\\e");
		else if (text.p[i] == '-')
			strbuf_add(out, "\\-");
		else
			strbuf_add_char(out, text.p[i]);
	}
}

static void add_line(const char *text, struct strbuf *out)
{
	add_text(str_of(text), out);
	strbuf_add_char(out, '\n');
}

static void add_paragraphs(const char *text, struct strbuf *out)
{
	struct str rest = str_of(text), line;

	while (rest.n > 0) {
		str_cut(rest, '\n', &line, &rest);
		if (!line.n) {
			strbuf_add(out, ".PP\n");
			continue;
		}
		add_text(line, out);
		strbuf_add_char(out, '\n');
	}
}

static void add_option(const struct option *row, struct strbuf *out)
{
	strbuf_add(out, ".TP\n");
	if (row->letter)
		strbuf_addf(out, "\\fB\\-%c\\fR, ", row->letter);
	strbuf_add(out, "\\fB\\-\\-");
	add_text(str_of(row->name), out);
	strbuf_add(out, "\\fR");
	if (row->value) {
		strbuf_add(out, row->implied ? "[=\\fI" : " \\fI");
		add_text(str_of(row->value), out);
		strbuf_add(out, row->implied ? "\\fR]" : "\\fR");
	}
	strbuf_add_char(out, '\n');
	add_line(row->help, out);
}

static void add_options(const struct option *rows, struct strbuf *out)
{
	for (; rows && rows->kind; rows++)
		if (rows->kind != OPTION_HEADING && rows->kind != OPTION_LATER && !rows->is_hidden)
			add_option(rows, out);
}

static void add_examples(const char *examples, struct strbuf *out)
{
	struct str rest = str_of(examples), line, command, comment;

	while (rest.n > 0) {
		str_cut(rest, '\n', &line, &rest);
		str_cut(line, '\t', &command, &comment);
		strbuf_add(out, ".PP\n");
		if (comment.n) {
			add_text(comment, out);
			strbuf_add(out, ":\n.br\n");
		}
		strbuf_add(out, ".RS 4\n.nf\n");
		add_text(command, out);
		strbuf_add(out, "\n.fi\n.RE\n");
	}
}

static void add_command(
		const struct program *program, const struct command *command, struct strbuf *out)
{
	AUTO(strbuf) struct strbuf usage = { 0 };

	command_usage(program, command, &usage);
	strbuf_add(out, ".SS ");
	add_line(strbuf_text(&usage), out);
	add_text(str_of(command->summary), out);
	strbuf_add(out, ".\n");
	if (command->description) {
		strbuf_add(out, ".PP\n");
		add_paragraphs(command->description, out);
	}
	add_options(command->options, out);
	if (command->examples)
		add_examples(command->examples, out);
}

static const char environment[] =
		"Each setting that \\fBkiln info\\fR lists may be given as \\fBKILN_\\fR and its "
		"name "
		"in capital letters, with _ for \\-: \\fBKILN_ROOT\\fR, "
		"\\fBKILN_COMPRESSION_LEVEL\\fR. Lists are separated by commas.\n"
		".TP\n\\fBSOURCE_DATE_EPOCH\\fR\n"
		"Seconds since 1970 for every time in an image, as \\fB\\-\\-timestamp\\fR.\n"
		".TP\n\\fBREGISTRY_AUTH_FILE\\fR, \\fBDOCKER_CONFIG\\fR, "
		"\\fBDOCKER_AUTH_CONFIG\\fR\n"
		"Where credentials of registries are.\n"
		".TP\n\\fBHTTP_PROXY\\fR, \\fBHTTPS_PROXY\\fR, \\fBNO_PROXY\\fR\n"
		"Proxies for registries; RUN steps see them too, and no layer keeps them.\n"
		".TP\n\\fBNO_COLOR\\fR\nNo colours on a terminal.\n"
		".TP\n\\fBTMPDIR\\fR\nWhere large temporary files may go.\n";

static const char files[] =
		".TP\n\\fI/etc/kiln/config.json\\fR, \\fI~/.config/kiln/config.json\\fR\n"
		"Settings, as one JSON object; the second wins. "
		"The environment wins over both, and an option over all.\n"
		".TP\n\\fI/var/lib/kiln\\fR (root), \\fI~/.local/share/kiln\\fR\n"
		"The store: images, layers and the cache.\n";

static const char statuses[] =
		".TP\n\\fB0\\fR\nIt worked.\n"
		".TP\n\\fB1\\fR\nIt failed; the message says what, where and why.\n"
		".TP\n\\fB2\\fR\nThe command line is wrong.\n"
		".TP\n\\fB125\\fR\nkiln itself could not begin: a wrong setting, for example.\n"
		".TP\n\\fB126\\fR, \\fB127\\fR\n"
		"The program of a step could not be executed, or is not there.\n"
		".TP\n\\fB130\\fR\nInterrupted.\n"
		".TP\nany other\nThe exit status of the RUN step that failed.\n";

void help_manual(const struct program *program, const char *version, struct strbuf *out)
{
	strbuf_addf(out, ".TH KILN 1 \"\" \"%s %s\" \"User Commands\"\n", program->name, version);
	strbuf_addf(out,
			".SH NAME\n%s \\- build container images without a daemon and without "
			"root\n",
			program->name);
	strbuf_addf(out, ".SH SYNOPSIS\n\\fB%s\\fR [\\fIOPTION\\fR...] \\fICOMMAND\\fR [...]\n",
			program->name);
	strbuf_add(out, ".SH DESCRIPTION\n");
	add_line(program->summary, out);
	strbuf_add(out, ".SH OPTIONS\nThese may stand before or behind the command.\n");
	add_options(program->options, out);
	strbuf_add(out, ".SH COMMANDS\n");
	for (const struct command *const *at = program->commands; *at; at++)
		if (!(*at)->is_hidden)
			add_command(program, *at, out);
	strbuf_addf(out, ".SH ENVIRONMENT\n%s.SH FILES\n%s.SH EXIT STATUS\n%s", environment, files,
			statuses);
}

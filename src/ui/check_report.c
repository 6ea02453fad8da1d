#include "ui/check_report.h"

#include "build/context.h"
#include "build/unused_args.h"
#include "ui/plain_text.h"
#include "ui/show.h"

#include <stdio.h>
#include <unistd.h>

/* Nobody reads more, and each looks its line up from the top of the file. */
enum { SHOWN_WARNINGS = 500, MESSAGE_BYTES = 2000 };

static void add_warning(const struct lint_warning *warning, const struct report_style *style,
		struct strbuf *out)
{
	strbuf_addf(out, "\n%sWARNING: %s%s", style->has_colour ? "\x1b[1;33m" : "",
			warning->rule->name, style->has_colour ? "\x1b[0m" : "");
	if (warning->rule->url)
		strbuf_addf(out, " - %s", warning->rule->url);
	strbuf_add_char(out, '\n');
	plain_text_escape(str_slice(str_of(warning->message), 0, MESSAGE_BYTES), out);
	strbuf_add_char(out, '\n');
	report_place(&warning->at, warning->detail, style, out);
}

static void report_text(
		const struct check *check, const struct report_style *style, struct strbuf *out)
{
	size_t n = check->lint.warnings.n;
	size_t shown = n < SHOWN_WARNINGS ? n : SHOWN_WARNINGS;

	if (n)
		strbuf_addf(out,
				n == 1 ? "Check complete, %zu warning has been found!\n"
				       : "Check complete, %zu warnings have been found!\n",
				n);
	for (size_t i = 0; i < shown; i++)
		add_warning(&check->lint.warnings.p[i], style, out);
	if (shown < n)
		strbuf_addf(out, "\nand %zu more\n", n - shown);
	if (!n && !check->error)
		strbuf_add(out, "Check complete, no warnings found.\n");
}

void check_report(const struct check *check, enum check_form form, const struct config *config,
		struct strbuf *out)
{
	const struct context *context = check->context;
	struct str text = { context->dockerfile, context->dockerfile_bytes };
	AUTO(report_source) struct report_source source = { 0 };
	struct report_style style = { .program = "kiln", .source = &source };

	if (form == CHECK_JSON) {
		lint_print_json(&check->lint, context->dockerfile_name, text, check->error,
				check->before != NULL, out);
		return;
	}
	if (form == CHECK_SARIF) {
		lint_print_sarif(&check->lint, context->dockerfile_name, KILN_VERSION, check->error,
				out);
		return;
	}
	style.has_colour = text_equal(config->colour, "always") ||
			   (isatty(STDOUT_FILENO) && show_has_colour(config));
	source.name = xstrdup(context->dockerfile_name);
	strbuf_add_str(&source.text, text);
	report_text(check, &style, out);
}

void check_tell_arguments(const struct check *check)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	if (unused_args_say(&check->unused_args, false, &text))
		(void)fprintf(stderr, "%s\n", strbuf_text(&text));
}

struct error *check_verdict(struct check *check)
{
	size_t n = check->lint.warnings.n;

	if (check->error)
		return TAKE(check->error);
	if (!n)
		return NULL;
	return error_new(ERR_INVALID, "'%s' has %zu warning%s", check->context->dockerfile_name, n,
			n == 1 ? "" : "s");
}

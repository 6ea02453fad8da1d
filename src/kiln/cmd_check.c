/*
 * kiln check: a Dockerfile looked at, without sandbox, and for a directory without store and
 * network.
 */
#include "kiln/commands.h"

#include "base/xalloc.h"
#include "build/context.h"
#include "dockerfile/ast.h"
#include "ui/check_report.h"
#include "ui/session.h"
#include "ui/source_environment.h"

#include <stdio.h>
#include <unistd.h>

struct check_opts {
	struct list build_args, skip;
	char *file, *target, *format, *platform;
	bool buildkit_only, list_rules;
};

#define OPTS check_opts
static const struct option rows[] = {
	OPT_TEXT('f', "file", file, "PATH", "the Dockerfile; - reads standard input",
			.is_path = true),
	OPT_CHOICE(0, "format", format, "text|json|sarif|ast",
			"how to print; ast: the parsed file, a JSON object a line"),
	OPT_LIST(0, "skip", skip, "RULE[,RULE]", "do not run these; 'all' skips every one"),
	OPT_FLAG(0, "buildkit-only", buildkit_only, "BuildKit's rules, without kiln's own"),
	OPT_TEXT(0, "target", target, "STAGE", "look at this stage and what it needs"),
	OPT_LIST(0, "build-arg", build_args, "NAME=VALUE", "set an ARG"),
	OPT_TEXT(0, "platform", platform, "OS/ARCH", "what would be built for"),
	OPT_FLAG(0, "list-rules", list_rules, "print the names of all rules and stop"),
	OPT_END,
};
#undef OPTS

static void add_rules(const struct lint_rule *rules, size_t count, struct strbuf *out)
{
	for (size_t i = 0; i < count; i++)
		strbuf_addf(out, "%-32s %s%s\n", rules[i].name, rules[i].description,
				rules[i].is_experimental ? " (experimental)" : "");
}

static void print_rules(bool buildkit_only)
{
	AUTO(strbuf) struct strbuf out = { 0 };
	size_t count = 0;
	const struct lint_rule *rules = lint_rules(&count);

	add_rules(rules, count, &out);
	rules = lint_own_rules(&count);
	if (!buildkit_only)
		add_rules(rules, count, &out);
	(void)fputs(strbuf_text(&out), stdout);
}

/* A name that no rule has does nothing, and was surely meant to. */
static FALLIBLE check_skip(const struct list *skip)
{
	for (size_t i = 0; i < skip->n; i++) {
		struct str rest = str_of(skip->p[i]), name = { 0 };

		for (bool more = true; more;) {
			more = str_cut(rest, ',', &name, &rest);
			AUTO_FREE char *text = str_dup(str_trim(name));
			if (*text && !text_equal(text, "all") && !lint_rule_find(text))
				return error_hint(error_usage("option '--skip': no rule is called "
							      "'%s'",
								  text),
						"'kiln check --list-rules' has the names");
		}
	}
	return NULL;
}

/* The one argument is a context, or the file itself. */
static void set_place(const struct invocation *call, struct build_options *options)
{
	const struct check_opts *opts = call->opts;
	const char *place = call->args->n ? call->args->p[0] : ".";
	options->context = place;
	options->dockerfile = opts->file;
	if (opts->file || context_is_remote(place))
		return;
	if (!context_is_directory(place)) {
		options->context = ".";
		options->dockerfile = place;
	}
}

/* What is no directory is brought, or unpacked with the owners it names, below the store. */
static FALLIBLE open_session(const struct invocation *call, struct session *session,
		struct build_options *options)
{
	if (context_is_directory(options->context))
		return NULL;
	TRY(session_open(call->config, SESSION_STORE | SESSION_REGISTRY | SESSION_TREES, session));
	options->store = session->store;
	options->registry = session->registry;
	options->cancel = session->cancel;
	return NULL;
}

static FALLIBLE print_ast(struct check *check)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	if (!check->file)
		return TAKE(check->error);
	ast_print(check->file, &out);
	(void)fputs(strbuf_text(&out), stdout);
	return NULL;
}

/* Errors want to show lines of what can be read once only. */
static void keep_source(const struct check *check, struct report_source *source)
{
	source->name = xstrdup(check->context->dockerfile_name);
	strbuf_add_bytes(&source->text, check->context->dockerfile,
			check->context->dockerfile_bytes);
}

static struct error *run(const struct invocation *call)
{
	const struct check_opts *opts = call->opts;
	struct platform platform = platform_host();
	struct build_options options = {
		.stdin_fd = STDIN_FILENO,
		.target = opts->target,
		.build_args = &opts->build_args,
		.platform = &platform,
	};
	const struct check_options check_options = {
		.build = &options,
		.is_offline = true,
		.with_own = !opts->buildkit_only,
		.all_stages = true,
		.skip = &opts->skip,
	};
	AUTO(session) struct session session = { 0 };
	AUTO(list) struct list source_environment = { 0 };
	AUTO(check) struct check check = { 0 };
	AUTO(strbuf) struct strbuf out = { 0 };
	enum check_form form = CHECK_TEXT;

	if (opts->list_rules) {
		print_rules(opts->buildkit_only);
		return NULL;
	}
	TRY(check_skip(&opts->skip));
	if (opts->platform)
		TRY(usage_of_option(
				platform_parse(str_of(opts->platform), &platform), "--platform"));
	set_place(call, &options);
	source_environment_add(call->config, &source_environment);
	options.source_environment = &source_environment;
	TRY(open_session(call, &session, &options));
	TRY(check_open(&check_options, &check));
	keep_source(&check, call->source);
	if (text_equal(opts->format, "ast"))
		return print_ast(&check);
	if (text_equal(opts->format, "json"))
		form = CHECK_JSON;
	else if (text_equal(opts->format, "sarif"))
		form = CHECK_SARIF;
	check_report(&check, form, call->config, &out);
	(void)fputs(strbuf_text(&out), stdout);
	check_tell_arguments(&check);
	return check_verdict(&check);
}

const struct command cmd_check = {
	.name = "check",
	.args = "[FILE|CONTEXT]",
	.summary = "Look for mistakes in a Dockerfile",
	.description = "Runs BuildKit's checks and kiln's own, without a build; only a CONTEXT "
		       "that is an address, a git repository or a tar (with -f) needs store and "
		       "network. A FILE is read with the current folder as context. Exits with 1 "
		       "when there "
		       "is something to say. '# check=skip=RULE' in the file, or --skip, turns a "
		       "rule off; docs/checks.md explains each. 'kiln build --check' runs "
		       "BuildKit's "
		       "alone and looks at the base images as well.",
	.examples = "kiln check\n"
		    "kiln check --format sarif app.Dockerfile\tfor code scanning services\n"
		    "kiln check --format ast Dockerfile\tfor editors and other tools\n",
	.options = rows,
	.opts_size = sizeof(struct check_opts),
	.max_args = 1,
	.run = run,
};

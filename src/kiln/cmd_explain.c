#include "kiln/commands.h"

#include "base/str.h"
#include "ui/explain_show.h"
#include "ui/session.h"

#include <stdio.h>

struct explain_opts {
	bool list, tree;
	char *format;
	int64_t files;
};

static const struct explain_opts defaults = { .files = 10 };

#define OPTS explain_opts
static const struct option rows[] = {
	OPT_FLAG(0, "list", list, "the builds that can be explained, the newest first"),
	OPT_FLAG(0, "tree", tree, "stages with what they stand on and copy from"),
	OPT_INT(0, "files", files, 0, 1000, "N", "name so many changed files of a step (10)"),
	OPT_CHOICE(0, "format", format, "text|json", "for people or for programs"),
	OPT_END,
};
#undef OPTS

static enum explain_form form_of(const struct explain_opts *opts)
{
	if (text_equal(opts->format, "json"))
		return EXPLAIN_JSON;
	return opts->tree ? EXPLAIN_TREE : EXPLAIN_TEXT;
}

static struct error *run(const struct invocation *call)
{
	const struct explain_opts *opts = call->opts;
	const char *wanted = call->args->n ? call->args->p[0] : NULL;
	AUTO(session) struct session session = { 0 };
	AUTO(explained_list) struct explained_list list = { 0 };
	AUTO(strbuf) struct strbuf out = { 0 };

	if (opts->list && wanted)
		return error_usage("'--list' lists all builds; '%s' is one", wanted);
	TRY(session_open(call->config, SESSION_STORE, &session));
	if (opts->list) {
		TRY(explain_list(session.store, &list));
		explain_show_list(&list, form_of(opts), &out);
	} else {
		TRY(explain_build(session.store, wanted, &list));
		explain_show(&list, form_of(opts), (size_t)opts->files, &out);
	}
	(void)fputs(strbuf_text(&out), stdout);
	return NULL;
}

const struct command cmd_explain = {
	.name = "explain",
	.args = "[BUILD]",
	.summary = "Tell why the steps of a build ran, or did not",
	.description = "Of each step of a build: whether the cache had it, and if not, what "
		       "changed: which file, argument, variable, base image or flag. BUILD is an "
		       "id of --list or a name that the image got; the last build by default, for "
		       "all its platforms. A step is compared with the nearest earlier run of it, "
		       "and what ran because "
		       "of it is added up.",
	.examples = "kiln explain\n"
		    "kiln explain --list\n"
		    "kiln explain --tree app\tthe last build of the name app\n"
		    "kiln explain --format json 3f2a91\n",
	.options = rows,
	.defaults = &defaults,
	.opts_size = sizeof(struct explain_opts),
	.max_args = 1,
	.run = run,
};

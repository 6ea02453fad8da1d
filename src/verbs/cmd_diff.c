/* diff: what a working container changed since it was made. */
#include "verbs/verbs.h"
#include "verbs/work.h"

#include "base/str.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "oci/json.h"
#include "ui/plain_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct diff_opts {
	char *format;
};

#define OPTS diff_opts
static const struct option options[] = {
	OPT_TEXT(0, "format", format, "json", "lists of what was added, changed and deleted"),
	OPT_END,
};
#undef OPTS

struct change {
	char kind;
	char *path;
};

struct changes {
	struct change *p;
	size_t n, capacity;
};

static void changes_done(struct changes *changes)
{
	for (size_t i = 0; i < changes->n; i++)
		free(changes->p[i].path);
	vec_done(changes);
}

DEFINE_AUTO_VALUE(changes)

static void keep(void *user, char kind, const char *path)
{
	struct changes *changes = user;
	struct change change = { kind, xasprintf("/%s", path) };

	vec_push(changes, change);
}

static int by_path(const void *a, const void *b)
{
	const struct change *one = a, *other = b;
	int order = strcmp(one->path, other->path);

	return order ? order : one->kind - other->kind;
}

static void print_json(const struct changes *changes)
{
	static const struct {
		const char *key;
		char kind;
	} kinds[] = { { "changed", 'C' }, { "added", 'A' }, { "deleted", 'D' } };
	AUTO(json_out) struct json_out out = { 0 };

	json_out_open(&out, NULL, '{');
	for (size_t k = 0; k < COUNT(kinds); k++) {
		AUTO(list) struct list paths = { 0 };

		for (size_t i = 0; i < changes->n; i++)
			if (changes->p[i].kind == kinds[k].kind)
				list_add(&paths, changes->p[i].path);
		if (paths.n)
			json_out_list(&out, kinds[k].key, &paths);
	}
	json_out_close(&out, '}');
	AUTO_FREE char *text = json_out_take(&out);
	(void)printf("%s\n", text);
}

static void print_line(const struct change *change)
{
	AUTO(strbuf) struct strbuf path = { 0 };

	plain_text_escape(str_of(change->path), &path);
	(void)printf("%c %s\n", change->kind, strbuf_text(&path));
}

static struct error *run(const struct invocation *call)
{
	const struct diff_opts *opts = call->opts;
	AUTO(work) struct work work = WORK_INIT;
	AUTO(changes) struct changes changes = { 0 };

	if (opts->format && !text_equal(opts->format, "json"))
		return error_usage("option '--format': '%s' is not json", opts->format);
	TRY(work_open(call, WORK_FILES, &work));
	TRY(work_take(&work, call->args->p[0], true));
	TRY(working_diff(work.working, &(struct working_change_to){ keep, &changes }));
	TRY(work_release(&work));
	if (changes.n)
		qsort(changes.p, changes.n, sizeof(*changes.p), by_path);
	if (opts->format)
		print_json(&changes);
	for (size_t i = 0; !opts->format && i < changes.n; i++)
		print_line(&changes.p[i]);
	return NULL;
}

const struct command cmd_diff = {
	.name = "diff",
	.args = "CONTAINER",
	.summary = "Show what changed in a working container",
	.description = "A line for each path: A added, C changed, D deleted, as Docker and Podman "
		       "have it.",
	.options = options,
	.opts_size = sizeof(struct diff_opts),
	.min_args = 1,
	.max_args = 1,
	.missing = "container ID must be specified",
	.run = run,
};

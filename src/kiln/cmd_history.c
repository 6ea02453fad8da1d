#include "kiln/commands.h"

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "image/image.h"
#include "ui/human.h"
#include "ui/image_names.h"
#include "ui/plain_text.h"
#include "ui/session.h"
#include "ui/table.h"

#include <jansson.h>
#include <stdio.h>

struct history_opts {
	bool no_trunc;
	char *format, *platform;
};

#define OPTS history_opts
static const struct option history_options[] = {
	OPT_TEXT(0, "format", format, "table|json|TEMPLATE",
			"as a table, as JSON, or one line a step: '{{.CreatedBy}}'"),
	OPT_FLAG(0, "no-trunc", no_trunc, "whole commands"),
	OPT_TEXT(0, "platform", platform, "OS/ARCH", "of which image of an index"),
	OPT_END,
};
#undef OPTS

enum { CREATED_BY_COLUMNS = 60 };

/* One step as it is shown. */
struct step {
	const char *created, *created_by, *comment;
	char age[HUMAN_TEXT], size_text[HUMAN_TEXT];
	uint64_t size;
};

/* The newest step first. Layers belong to the entries that are not empty, in order. */
static void step_of(const struct image *image, size_t i, size_t layer, struct step *ret)
{
	const struct history_entry *entry = &image->config.history.p[i];
	int64_t created = 0;

	*ret = (struct step){ .created = entry->created,
		.created_by = entry->created_by,
		.comment = entry->comment };
	if (!entry->empty_layer && layer < image->manifest.layers.n)
		ret->size = image->manifest.layers.p[layer].size;
	(void)human_size(ret->size, ret->size_text);
	if (!entry->created)
		return;

	struct error *error = clock_parse_rfc3339(entry->created, &created);

	if (!error)
		(void)human_age(clock_now_seconds() - created, ret->age);
	error_ignore(error, "a time that is none has no age");
}

static void add_row(struct table *table, const struct step *step, bool whole)
{
	AUTO(strbuf) struct strbuf by = { 0 };
	const char *text = step->created_by ? step->created_by : "";

	if (!whole && strlen(text) > CREATED_BY_COLUMNS)
		strbuf_addf(&by, "%.*s...", CREATED_BY_COLUMNS - 3, text);
	else
		strbuf_add(&by, text);
	table_add(table, step->age);
	table_add(table, strbuf_text(&by));
	table_add(table, step->size_text);
	table_add(table, step->comment);
}

static FALLIBLE add_step(const struct step *step, const struct history_opts *opts,
		struct table *table, json_t *array, struct strbuf *out)
{
	const struct template_field fields[] = {
		{ "CreatedAt", step->created },
		{ "CreatedSince", step->age },
		{ "CreatedBy", step->created_by },
		{ "Size", step->size_text },
		{ "Comment", step->comment },
	};

	if (!opts->format || text_equal(opts->format, "table")) {
		add_row(table, step, opts->no_trunc);
	} else if (text_equal(opts->format, "json")) {
		json_array_append_new(array,
				json_pack("{s:s?, s:s?, s:I, s:s?}", "Created", step->created,
						"CreatedBy", step->created_by, "Size",
						(json_int_t)step->size, "Comment", step->comment));
	} else {
		TRY(template_render(opts->format, fields, COUNT(fields), out));
		strbuf_add_char(out, '\n');
	}
	return NULL;
}

static FALLIBLE add_steps(
		const struct image *image, const struct history_opts *opts, struct strbuf *out)
{
	AUTO(table) struct table table = { .columns = 4 };
	json_auto_t *array = json_array();
	size_t layer = image->manifest.layers.n;

	table_add(&table, "CREATED");
	table_add(&table, "CREATED BY");
	table_add(&table, "SIZE");
	table_add(&table, "COMMENT");
	for (size_t i = image->config.history.n; i-- > 0;) {
		struct step step;

		if (!image->config.history.p[i].empty_layer && layer > 0)
			layer--;
		step_of(image, i, layer, &step);
		TRY(add_step(&step, opts, &table, array, out));
	}
	if (!opts->format || text_equal(opts->format, "table")) {
		table_print(&table, out);
	} else if (text_equal(opts->format, "json")) {
		AUTO_FREE char *text = plain_text_of_json(array, 2);

		strbuf_addf(out, "%s\n", text);
	}
	return NULL;
}

static struct error *run_history(const struct invocation *call)
{
	AUTO(session) struct session session = { 0 };
	AUTO(image) struct image *image = NULL;
	AUTO(list) struct list names = { 0 };
	AUTO(strbuf) struct strbuf out = { 0 };
	const struct history_opts *opts = call->opts;
	struct platform platform = platform_host();

	if (opts->platform)
		TRY(usage_of_option(
				platform_parse(str_of(opts->platform), &platform), "--platform"));
	TRY(session_open(call->config,
			SESSION_STORE | SESSION_REGISTRY |
					session_needs_of(call->config, call->args),
			&session));
	TRY(image_open_named(&session, call->args->p[0], opts->platform ? &platform : NULL, &image,
			&names));
	TRY(add_steps(image, opts, &out));
	(void)fputs(strbuf_text(&out), stdout);
	return NULL;
}

const struct command cmd_history = {
	.name = "history",
	.args = "IMAGE",
	.summary = "Show the steps that made an image",
	.options = history_options,
	.opts_size = sizeof(struct history_opts),
	.min_args = 1,
	.max_args = 1,
	.run = run_history,
};

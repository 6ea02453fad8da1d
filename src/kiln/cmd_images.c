#include "kiln/commands.h"

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "ui/human.h"
#include "ui/image_names.h"
#include "ui/plain_text.h"
#include "ui/session.h"
#include "ui/table.h"

#include <jansson.h>
#include <stdio.h>

struct images_opts {
	bool quiet, no_trunc, digests;
	char *format;
};

#define OPTS images_opts
static const struct option options[] = {
	OPT_FLAG('q', "quiet", quiet, "only image IDs"),
	OPT_FLAG(0, "digests", digests, "show digests of manifests"),
	OPT_FLAG(0, "no-trunc", no_trunc, "whole image IDs"),
	OPT_TEXT(0, "format", format, "table|json|TEMPLATE",
			"as a table, as JSON, or one line an image: '{{.ID}} {{.Repository}}'"),
	OPT_END,
};
#undef OPTS

/* One image as it is shown. */
struct row {
	char *repository, *tag;
	char id[DIGEST_TEXT], digest[DIGEST_TEXT];
	char age[HUMAN_TEXT], size[HUMAN_TEXT], created[CLOCK_RFC3339_TEXT];
};

static void row_init(const struct tag_record *record, bool whole, struct row *ret)
{
	char id[SHORT_ID_TEXT];
	const struct digest *shown =
			digest_known(&record->config) ? &record->config : &record->manifest;

	*ret = (struct row){ 0 };
	image_name_split(record->name, &ret->repository, &ret->tag);
	if (whole)
		(void)digest_text(shown, ret->id);
	else
		(void)snprintf(ret->id, sizeof(ret->id), "%s", short_id(shown, id));
	(void)digest_text(&record->manifest, ret->digest);
	(void)human_age(clock_now_seconds() - record->created, ret->age);
	(void)human_size(record->bytes, ret->size);
	(void)clock_rfc3339(record->created, 0, ret->created);
}

static void row_done(struct row *row)
{
	free(row->repository);
	free(row->tag);
}

DEFINE_AUTO_VALUE(row)

/* "busybox" means all its tags, "busybox:1" that one. */
static FALLIBLE is_wanted(const struct tag_record *record, const char *filter, bool *ret)
{
	AUTO_FREE char *wanted = NULL, *name = NULL, *wanted_tag = NULL, *tag = NULL;

	*ret = true;
	if (!filter)
		return NULL;
	AUTO_FREE char *complete = NULL;
	TRY(image_name_complete(filter, &complete));
	image_name_split(complete, &wanted, &wanted_tag);
	image_name_split(record->name, &name, &tag);
	*ret = text_equal(wanted, name) &&
	       (text_equal(tag, wanted_tag) || text_equal(filter, wanted));
	return NULL;
}

static void print_table(
		const struct tag_list *images, const struct images_opts *opts, struct strbuf *out)
{
	AUTO(table) struct table table = { .columns = opts->digests ? 6 : 5 };

	table_add(&table, "REPOSITORY");
	table_add(&table, "TAG");
	if (opts->digests)
		table_add(&table, "DIGEST");
	table_add(&table, "IMAGE ID");
	table_add(&table, "CREATED");
	table_add(&table, "SIZE");
	for (size_t i = 0; i < images->n; i++) {
		AUTO(row) struct row row;

		row_init(&images->p[i], opts->no_trunc, &row);
		table_add(&table, row.repository);
		table_add(&table, row.tag);
		if (opts->digests)
			table_add(&table, row.digest);
		table_add(&table, row.id);
		table_add(&table, row.age);
		table_add(&table, row.size);
	}
	table_print(&table, out);
}

static void print_json(const struct tag_list *images, struct strbuf *out)
{
	json_t *array = json_array();

	for (size_t i = 0; i < images->n; i++) {
		AUTO(row) struct row row;

		row_init(&images->p[i], true, &row);
		json_array_append_new(
				array, json_pack("{s:s, s:s?, s:s, s:s, s:s, s:s, s:I}", "ID",
						       row.id, "Name", images->p[i].name,
						       "Repository", row.repository, "Tag", row.tag,
						       "Digest", row.digest, "Created", row.created,
						       "Size", (json_int_t)images->p[i].bytes));
	}

	AUTO_FREE char *text = plain_text_of_json(array, 2);

	strbuf_addf(out, "%s\n", text);
	json_decref(array);
}

static FALLIBLE print_template(
		const struct tag_list *images, const struct images_opts *opts, struct strbuf *out)
{
	for (size_t i = 0; i < images->n; i++) {
		AUTO(row) struct row row;

		row_init(&images->p[i], opts->no_trunc, &row);

		const struct template_field fields[] = {
			{ "ID", row.id },
			{ "Name", images->p[i].name },
			{ "Repository", row.repository },
			{ "Tag", row.tag },
			{ "Digest", row.digest },
			{ "CreatedSince", row.age },
			{ "CreatedAt", row.created },
			{ "Size", row.size },
		};

		TRY(template_render(opts->format, fields, COUNT(fields), out));
		strbuf_add_char(out, '\n');
	}
	return NULL;
}

static FALLIBLE keep_wanted(struct tag_list *images, const char *filter)
{
	size_t kept = 0;

	for (size_t i = 0; i < images->n; i++) {
		bool wanted = false;

		TRY(is_wanted(&images->p[i], filter, &wanted));

		struct tag_record record = images->p[i];

		/* What is not kept moves behind, and is freed with the list. */
		if (wanted) {
			images->p[i] = images->p[kept];
			images->p[kept++] = record;
		}
	}
	for (size_t i = kept; i < images->n; i++)
		tag_record_done(&images->p[i]);
	images->n = kept;
	return NULL;
}

static struct error *run(const struct invocation *call)
{
	const struct images_opts *opts = call->opts;
	AUTO(session) struct session session = { 0 };
	AUTO(tag_list) struct tag_list images = { 0 };
	AUTO(strbuf) struct strbuf out = { 0 };

	TRY(session_open(call->config, SESSION_STORE, &session));
	TRY(tag_list(session.store, &images));
	TRY(keep_wanted(&images, call->args->n ? call->args->p[0] : NULL));
	if (opts->quiet) {
		static const struct images_opts ids = { .format = (char *)(uintptr_t) "{{.ID}}" };
		struct images_opts with = ids;

		with.no_trunc = opts->no_trunc;
		TRY(print_template(&images, &with, &out));
	} else if (!opts->format || text_equal(opts->format, "table")) {
		print_table(&images, opts, &out);
	} else if (text_equal(opts->format, "json")) {
		print_json(&images, &out);
	} else {
		TRY(print_template(&images, opts, &out));
	}
	(void)fputs(strbuf_text(&out), stdout);
	return NULL;
}

const struct command cmd_images = {
	.name = "images",
	.alias = "ls",
	.args = "[REPOSITORY[:TAG]]",
	.summary = "List the images of the store",
	.options = options,
	.opts_size = sizeof(struct images_opts),
	.max_args = 1,
	.run = run,
};

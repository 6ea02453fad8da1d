/* images: one row a name, newest first, with the time that the image itself says. */
#include "buildah/buildah.h"

#include "base/clock.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "dockerfile/glob.h"
#include "oci/json.h"
#include "store/containers.h"
#include "ui/human.h"
#include "ui/image_names.h"
#include "ui/list_format.h"
#include "ui/plain_text.h"
#include "ui/table.h"
#include "verbs/names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct images_opts {
	struct list filters;
	char *format;
	bool all, digests, history, json, no_trunc, no_heading, quiet;
};

#define OPTS images_opts
static const struct option options[] = {
	OPT_FLAG('a', "all", all, "taken: there are no images in between"),
	OPT_FLAG(0, "digests", digests, "show digests of manifests"),
	OPT_LIST('f', "filter", filters, "KEY=VALUE",
			"since, before, until, containers, dangling, id, label, manifest, "
			"reference, readonly, intermediate"),
	OPT_TEXT(0, "format", format, "TEMPLATE", "{{.ID}} {{.Name}} {{.Tag}} {{.Size}} …"),
	OPT_FLAG(0, "history", history, "taken: earlier names are not kept"),
	OPT_FLAG(0, "json", json, "as JSON"),
	OPT_FLAG(0, "no-trunc", no_trunc, "whole IDs"),
	OPT_FLAG('n', "noheading", no_heading, "no line of headings"),
	OPT_FLAG('q', "quiet", quiet, "only IDs"),
	OPT_END,
};
#undef OPTS

struct row {
	const struct tag_record *record;
	struct image *image;
	char *name, *tag; /* "<none>" */
	int64_t created;
	char id[DIGEST_TEXT], digest[DIGEST_TEXT], age[HUMAN_TEXT], size[HUMAN_TEXT + 1],
			raw[CLOCK_RFC3339_TEXT];
};

struct image_rows {
	struct tag_list records;
	struct {
		struct row *p;
		size_t n, capacity;
	} rows;
};

static void image_rows_done(struct image_rows *rows)
{
	for (size_t i = 0; i < rows->rows.n; i++) {
		free(rows->rows.p[i].name);
		free(rows->rows.p[i].tag);
		image_free(rows->rows.p[i].image);
	}
	vec_done(&rows->rows);
	tag_list_done(&rows->records);
}

DEFINE_AUTO_VALUE(image_rows)

/* "2.15 MB": Buildah has a space there. */
static void spaced_size(uint64_t bytes, char ret[static HUMAN_TEXT + 1])
{
	char plain[HUMAN_TEXT];
	size_t digits = strspn(human_size(bytes, plain), "0123456789.");

	(void)snprintf(ret, HUMAN_TEXT + 1, "%.*s %s", (int)digits, plain, plain + digits);
}

static char *whole_name(const char *name)
{
	AUTO(reference) struct reference reference = { 0 };
	struct error *error = name ? reference_parse(str_of(name), &reference) : NULL;

	if (!name || error) {
		error_ignore(error, "another tool's name");
		return xstrdup(name ? name : "<none>");
	}
	return reference_name(&reference);
}

static FALLIBLE add_row(struct session *session, const struct tag_record *record,
		const struct images_opts *opts, struct row *row)
{
	const struct image_homes homes = { session->store, NULL, NULL, session->cancel };
	char digest[DIGEST_TEXT], hex[DIGEST_HEX];
	AUTO_FREE char *by_digest = xasprintf("store:%s", digest_text(&record->manifest, digest));
	AUTO_FREE char *unused = NULL;
	struct error *error = image_open(&homes, by_digest, PULL_NEVER, &row->image);

	error_ignore(error, "an index without an image for this machine is listed all the same");
	row->record = record;
	row->name = whole_name(record->name);
	image_name_split(record->name, &unused, &row->tag);
	row->created = record->created;
	if (row->image && row->image->config.created)
		error_ignore(clock_parse_rfc3339(row->image->config.created, &row->created),
				"a time that is none");
	const struct digest *id =
			row->image ? &row->image->manifest.config.digest : &record->manifest;
	(void)snprintf(row->id, sizeof(row->id), opts->no_trunc ? "sha256:%s" : "%.12s",
			digest_hex(id, hex));
	(void)digest_text(&record->manifest, row->digest);
	(void)human_age(clock_now_seconds() - row->created, row->age);
	(void)clock_rfc3339(row->created, 0, row->raw);
	spaced_size(record->bytes, row->size);
	return NULL;
}

static FALLIBLE load(
		struct session *session, const struct images_opts *opts, struct image_rows *ret)
{
	TRY(tag_list(session->store, &ret->records));
	for (size_t i = 0; i < ret->records.n; i++)
		TRY(add_row(session, &ret->records.p[i], opts, vec_add(&ret->rows)));
	/* Newest first, as the images say; a short list. */
	for (size_t i = 1; i < ret->rows.n; i++)
		for (size_t k = i; k > 0 && ret->rows.p[k - 1].created < ret->rows.p[k].created;
				k--) {
			struct row row = ret->rows.p[k];

			ret->rows.p[k] = ret->rows.p[k - 1];
			ret->rows.p[k - 1] = row;
		}
	return NULL;
}

/* --- filters --- */

#define REFERENCE "reference="

struct filter {
	struct session *session;
	const char *program;
	bool has_name;
	struct digest named; /* the image that the argument is */
	const struct list *filters;
};

static bool is_reference(const struct row *row, const char *pattern)
{
	AUTO_FREE char *full = xasprintf("%s:%s", row->name, row->tag);
	AUTO_FREE char *familiar = NULL, *tag = NULL;

	image_name_split(row->record->name, &familiar, &tag);
	AUTO_FREE char *short_full = xasprintf("%s:%s", familiar, tag);
	const char *last = strrchr(row->name, '/') ? strrchr(row->name, '/') + 1 : row->name;
	AUTO_FREE char *last_full = xasprintf("%s:%s", last, row->tag);
	const char *const texts[] = { full, row->name, familiar, short_full, last, last_full };

	for (size_t i = 0; i < COUNT(texts); i++)
		if (glob_match(pattern, texts[i]))
			return true;
	return false;
}

static FALLIBLE created_of(const struct filter *filter, const char *text, int64_t *ret)
{
	AUTO(tag_record) struct tag_record record = { 0 };
	AUTO(image) struct image *image = NULL;
	const struct image_homes homes = { filter->session->store, NULL, NULL, NULL };
	char digest[DIGEST_TEXT];

	TRY(names_find(filter->session->store, filter->program, text, &record, NULL));
	AUTO_FREE char *by_digest = xasprintf("store:%s", digest_text(&record.manifest, digest));
	TRY(image_open(&homes, by_digest, PULL_NEVER, &image));
	*ret = record.created;
	if (image->config.created)
		error_ignore(clock_parse_rfc3339(image->config.created, ret), "no time");
	return NULL;
}

static bool has_label(const struct row *row, const char *wanted)
{
	struct str name, value;
	bool with_value = str_cut(str_of(wanted), '=', &name, &value);
	AUTO_FREE char *key = str_dup(name);
	const char *is = row->image ? list_env_get(&row->image->config.labels, key) : NULL;

	return is && (!with_value || str_is(value, is));
}

/* The moment that is meant: seconds, a time, or how long ago. */
static FALLIBLE parse_until(const char *text, int64_t *ret)
{
	int64_t ns = 0;
	struct error *error = parse_i64(str_of(text), 0, INT64_MAX, ret);

	if (!error)
		return NULL;
	error_free(error);
	error = clock_parse_rfc3339(text, ret);
	if (!error)
		return NULL;
	error_free(error);
	TRY(usage_of_option(clock_parse_duration(str_of(text), &ns), "--filter until"));
	*ret = clock_now_seconds() - ns / 1000000000;
	return NULL;
}

static FALLIBLE stands_under(const struct filter *filter, const struct row *row, bool *ret)
{
	AUTO(list) struct list ids = { 0 };

	TRY(container_users(filter->session->store, &row->record->manifest, &ids));
	*ret = ids.n > 0;
	return NULL;
}

/* The filters that take a truth. */
static FALLIBLE matches_truth(const struct filter *filter, const struct row *row, struct str key,
		const char *value, bool *ret)
{
	bool truth = false, is = false;

	TRY(usage_of_option(parse_bool(value, &truth), "--filter"));
	if (str_is(key, "containers"))
		TRY(stands_under(filter, row, &is));
	else if (str_is(key, "dangling"))
		is = !row->record->name;
	else if (str_is(key, "manifest"))
		is = !digest_known(&row->record->config);
	*ret = truth == is; /* nothing is read-only, and nothing an image in between */
	return NULL;
}

static FALLIBLE matches_key(const struct filter *filter, const struct row *row, struct str key,
		const char *value, bool *ret)
{
	static const char *const truths[] = { "containers", "dangling", "intermediate", "manifest",
		"readonly" };
	int64_t time = 0;

	for (size_t i = 0; i < COUNT(truths); i++)
		if (str_is(key, truths[i]))
			return matches_truth(filter, row, key, value, ret);
	if (str_is(key, "since") || str_is(key, "after")) {
		TRY(created_of(filter, value, &time));
		*ret = row->created > time;
	} else if (str_is(key, "before")) {
		TRY(created_of(filter, value, &time));
		*ret = row->created < time;
	} else if (str_is(key, "until")) {
		TRY(parse_until(value, &time));
		*ret = row->created < time;
	} else if (str_is(key, "id")) {
		*ret = text_starts(row->id + (text_starts(row->id, "sha256:") ? 7 : 0), value);
	} else if (str_is(key, "label")) {
		*ret = has_label(row, value);
	} else if (str_is(key, "reference")) {
		*ret = is_reference(row, value);
	} else {
		return error_usage("unsupported image filter \"%.*s\"", STR_ARG(key));
	}
	return NULL;
}

/* Of several names that are asked for, one will do; everything else must all be so. */
static bool is_one_of(const struct filter *filter, const struct row *row)
{
	size_t asked = 0, matching = 0;

	for (size_t i = 0; i < filter->filters->n; i++) {
		const char *text = filter->filters->p[i];

		if (!text_starts(text, REFERENCE))
			continue;
		asked++;
		matching += is_reference(row, text + strlen(REFERENCE));
	}
	return !asked || matching;
}

static FALLIBLE matches_one(
		const struct filter *filter, const struct row *row, const char *text, bool *ret)
{
	struct str key, rest;

	if (!str_cut(str_of(text), '=', &key, &rest))
		return error_usage("invalid image filter \"%s\": must be in the format "
				   "\"filter=value or filter!=value\"",
				text);
	bool is_not = key.n && key.p[key.n - 1] == '!';
	TRY(matches_key(filter, row, str_slice(key, 0, key.n - is_not), rest.p, ret));
	*ret = *ret != is_not;
	return NULL;
}

static FALLIBLE matches(const struct filter *filter, const struct row *row, bool *ret)
{
	*ret = is_one_of(filter, row) &&
	       (!filter->has_name || digest_equal(&filter->named, &row->record->manifest));
	for (size_t i = 0; i < filter->filters->n && *ret; i++)
		if (!text_starts(filter->filters->p[i], REFERENCE))
			TRY(matches_one(filter, row, filter->filters->p[i], ret));
	return NULL;
}

/* --- printing --- */

/* A time as Go prints one: "2023-11-14 22:13:20 +0000 UTC". */
static char *go_time(const struct row *row)
{
	return xasprintf("%.10s %.8s +0000 UTC", row->raw, row->raw + 11);
}

static json_t *row_json(const struct row *row)
{
	AUTO_FREE char *time = go_time(row);

	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s, s:b, s:s}", "ID", row->id,
			"Name", row->name, "Tag", row->tag, "Digest", row->digest, "Created",
			(json_int_t)row->created, "CreatedAt", row->age, "CreatedAtRaw", time,
			"Size", row->size, "ReadOnly", 0, "History", "<none>");
}

/* Buildah's is one object an image, with all its names. */
static void print_json(const struct image_rows *rows, struct strbuf *out)
{
	json_auto_t *array = json_array();

	for (size_t i = 0; i < rows->rows.n; i++) {
		const struct row *row = &rows->rows.p[i];
		json_t *names = json_array();
		bool is_told = false;

		for (size_t k = 0; k < rows->rows.n; k++) {
			const struct row *other = &rows->rows.p[k];

			if (!digest_equal(&other->record->manifest, &row->record->manifest))
				continue;
			is_told = is_told || k < i;
			if (other->record->name)
				json_array_append_new(names, json_string(other->record->name));
		}
		if (is_told) {
			json_decref(names);
			continue;
		}
		json_array_append_new(array,
				json_pack("{s:s, s:o, s:s, s:s, s:s, s:I, s:s, s:b, s:n}", "id",
						row->id, "names", names, "digest", row->digest,
						"createdat", row->age, "size", row->size, "created",
						(json_int_t)row->created, "createdatraw", row->raw,
						"readonly", 0, "history"));
	}
	AUTO_FREE char *text = plain_text_of_json(array, 4);
	strbuf_addf(out, "%s\n", text);
}

static FALLIBLE print_template(
		const struct image_rows *rows, const struct images_opts *opts, struct strbuf *out)
{
	json_auto_t *values = json_array();
	json_auto_t *heads = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "ID",
			"IMAGE ID", "Name", "REPOSITORY", "Tag", "TAG", "Digest", "DIGEST",
			"Created", "CREATED", "CreatedAt", "CREATED", "CreatedAtRaw", "CREATED",
			"Size", "SIZE", "ReadOnly", "R/O", "History", "HISTORY");

	for (size_t i = 0; i < rows->rows.n; i++)
		json_array_append_new(values, row_json(&rows->rows.p[i]));
	return list_format(opts->format, values, heads, out);
}

static void print_ids(const struct image_rows *rows, struct strbuf *out)
{
	AUTO(list) struct list seen = { 0 };

	for (size_t i = 0; i < rows->rows.n; i++) {
		if (list_has(&seen, rows->rows.p[i].id))
			continue;
		list_add(&seen, rows->rows.p[i].id);
		strbuf_addf(out, "%s\n", rows->rows.p[i].id);
	}
}

static void print_table(
		const struct image_rows *rows, const struct images_opts *opts, struct strbuf *out)
{
	AUTO(table) struct table table = { .columns = opts->digests ? 6 : 5 };
	static const char *const heads[] = { "REPOSITORY", "TAG", "DIGEST", "IMAGE ID", "CREATED",
		"SIZE" };

	for (size_t i = 0; i < COUNT(heads) && !opts->no_heading; i++)
		if (i != 2 || opts->digests)
			table_add(&table, heads[i]);
	for (size_t i = 0; i < rows->rows.n; i++) {
		const struct row *row = &rows->rows.p[i];

		table_add(&table, row->name);
		table_add(&table, row->tag);
		if (opts->digests)
			table_add(&table, row->digest);
		table_add(&table, row->id);
		table_add(&table, row->age);
		table_add(&table, row->size);
	}
	table_print(&table, out);
}

static FALLIBLE keep(struct image_rows *rows, const struct filter *filter)
{
	size_t kept = 0;

	for (size_t i = 0; i < rows->rows.n; i++) {
		struct row row = rows->rows.p[i];
		bool wanted = false;

		TRY(matches(filter, &row, &wanted));
		rows->rows.p[i] = rows->rows.p[kept];
		rows->rows.p[kept] = row;
		kept += wanted;
	}
	for (size_t i = kept; i < rows->rows.n; i++) {
		free(rows->rows.p[i].name);
		free(rows->rows.p[i].tag);
		image_free(rows->rows.p[i].image);
	}
	rows->rows.n = kept;
	return NULL;
}

static struct error *run(const struct invocation *call)
{
	const struct images_opts *opts = call->opts;
	AUTO(session) struct session session = { 0 };
	AUTO(image_rows) struct image_rows rows = { 0 };
	AUTO(strbuf) struct strbuf out = { 0 };

	if (opts->quiet && opts->format)
		return error_usage("quiet and format are mutually exclusive");
	if (opts->all && call->args->n)
		return error_usage("when using the --all switch, you may not pass any images names "
				   "or IDs");
	TRY(session_open(call->config, SESSION_STORE | SESSION_REGISTRY, &session));
	TRY(load(&session, opts, &rows));
	struct filter filter = { .session = &session,
		.program = call->program,
		.has_name = call->args->n > 0,
		.filters = &opts->filters };
	if (filter.has_name) {
		AUTO(tag_record) struct tag_record record = { 0 };

		TRY(names_find(session.store, call->program, call->args->p[0], &record, NULL));
		filter.named = record.manifest;
	}
	TRY(keep(&rows, &filter));
	if (opts->json)
		print_json(&rows, &out);
	else if (opts->quiet)
		print_ids(&rows, &out);
	else if (opts->format)
		TRY(print_template(&rows, opts, &out));
	else
		print_table(&rows, opts, &out);
	(void)fputs(strbuf_text(&out), stdout);
	return NULL;
}

const struct command buildah_images = {
	.name = "images",
	.args = "[IMAGE]",
	.summary = "List the images of the store",
	.options = options,
	.opts_size = sizeof(struct images_opts),
	.max_args = 1,
	.run = run,
};

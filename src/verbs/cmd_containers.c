#include "verbs/names.h"
#include "verbs/verbs.h"
#include "verbs/work.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "oci/json.h"
#include "ui/list_format.h"
#include "ui/plain_text.h"
#include "ui/table.h"

#include <stdio.h>
#include <string.h>

struct containers_opts {
	struct list filters;
	char *format;
	bool all, json, no_heading, no_trunc, quiet;
};

#define OPTS containers_opts
static const struct option options[] = {
	OPT_FLAG('a', "all", all, "also those that others made (there are none)"),
	OPT_LIST('f', "filter", filters, "KEY=VALUE", "id, name or ancestor"),
	OPT_TEXT(0, "format", format, "TEMPLATE", "{{.ContainerID}} {{.Builder}} {{.ImageID}} ..."),
	OPT_FLAG(0, "json", json, "as JSON"),
	OPT_FLAG('n', "noheading", no_heading, "no line of headings"),
	OPT_FLAG(0, "notruncate", no_trunc, "whole IDs and names"),
	OPT_FLAG('q', "quiet", quiet, "only IDs"),
	OPT_END,
};
#undef OPTS

static void image_id(const struct container *container, char hex[static DIGEST_HEX])
{
	hex[0] = '\0';
	if (digest_known(&container->image_id))
		(void)digest_hex(&container->image_id, hex);
}

static bool matches_ancestor(const struct container *container, const char *value)
{
	char hex[DIGEST_HEX];
	AUTO_FREE char *tagged = xasprintf("%s:latest", value);
	const char *name = container->image_name;
	const char *last = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;

	image_id(container, hex);
	return text_starts(hex, value) || text_equal(name, value) || text_equal(name, tagged) ||
	       text_equal(last, value) || text_equal(last, tagged);
}

static FALLIBLE matches(const struct container *container, const struct list *filters, bool *ret)
{
	*ret = true;
	for (size_t i = 0; i < filters->n && *ret; i++) {
		const char *equals = strchr(filters->p[i], '=');

		if (!equals)
			return error_usage("incorrect filter format: %s", filters->p[i]);
		struct str key = { filters->p[i], (size_t)(equals - filters->p[i]) };
		const char *value = equals + 1;
		if (str_is(key, "id"))
			*ret = strstr(container->id, value) != NULL;
		else if (str_is(key, "name"))
			*ret = strstr(container->name, value) != NULL;
		else if (str_is(key, "ancestor"))
			*ret = matches_ancestor(container, value);
		else
			return error_usage("invalid filter: %.*s", STR_ARG(key));
	}
	return NULL;
}

static void print_json(const struct container_set *set, struct strbuf *out)
{
	json_auto_t *array = json_array();

	for (size_t i = 0; i < set->n; i++) {
		const struct container *one = set->p[i];
		char hex[DIGEST_HEX];

		image_id(one, hex);
		json_array_append_new(array,
				json_pack("{s:s, s:b, s:s, s:s, s:s}", "id", one->id, "builder", 1,
						"imageid", hex, "imagename", one->image_name,
						"containername", one->name));
	}
	AUTO_FREE char *text = plain_text_of_json(array, 4);
	strbuf_addf(out, "%s\n", text);
}

static FALLIBLE print_template(
		const struct container_set *set, const char *format, struct strbuf *out)
{
	json_auto_t *values = json_array();
	json_auto_t *heads = json_pack("{s:s, s:s, s:s, s:s, s:s}", "ContainerID", "CONTAINER ID",
			"Builder", "BUILDER", "ImageID", "IMAGE ID", "ImageName", "IMAGE NAME",
			"ContainerName", "CONTAINER NAME");

	for (size_t i = 0; i < set->n; i++) {
		const struct container *one = set->p[i];
		char hex[DIGEST_HEX];

		image_id(one, hex);
		json_array_append_new(values,
				json_pack("{s:s, s:s, s:s, s:s, s:s}", "ContainerID", one->id,
						"Builder", "   *", "ImageID", hex, "ImageName",
						one->image_name, "ContainerName", one->name));
	}
	return list_format(format, values, heads, out);
}

static void add_cut(struct table *table, const char *text, size_t width, bool whole)
{
	AUTO_FREE char *cut = whole || strlen(text) <= width
					      ? xstrdup(text)
					      : xasprintf("%.*s...", (int)width - 3, text);

	table_add(table, cut);
}

static void print_table(const struct container_set *set, const struct containers_opts *opts,
		struct strbuf *out)
{
	AUTO(table) struct table table = { .columns = 5 };
	static const char *const heads[] = { "CONTAINER ID", "BUILDER", "IMAGE ID", "IMAGE NAME",
		"CONTAINER NAME" };

	for (size_t i = 0; i < COUNT(heads) && !opts->no_heading; i++)
		table_add(&table, heads[i]);
	for (size_t i = 0; i < set->n; i++) {
		const struct container *one = set->p[i];
		char hex[DIGEST_HEX];

		image_id(one, hex);
		AUTO_FREE char *id = xstrndup(one->id, opts->no_trunc ? 64 : 12);
		AUTO_FREE char *image = xstrndup(hex, opts->no_trunc ? 64 : 12);
		table_add(&table, id);
		table_add(&table, "   *");
		table_add(&table, image);
		add_cut(&table, one->image_name[0] ? one->image_name : "scratch", 32,
				opts->no_trunc);
		table_add(&table, one->name);
	}
	table_print(&table, out);
}

static FALLIBLE keep(struct container_set *set, const struct list *filters)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->n; i++) {
		struct container *one = set->p[i];
		bool wanted = false;

		TRY(matches(one, filters, &wanted));
		set->p[i] = set->p[kept];
		set->p[kept] = one;
		kept += wanted;
	}
	for (size_t i = kept; i < set->n; i++)
		container_free(set->p[i]);
	set->n = kept;
	return NULL;
}

static struct error *run(const struct invocation *call)
{
	const struct containers_opts *opts = call->opts;
	AUTO(work) struct work work = WORK_INIT;
	AUTO(container_set) struct container_set set = { 0 };
	AUTO(strbuf) struct strbuf out = { 0 };

	if (opts->quiet && opts->format)
		return error_usage("quiet and format are mutually exclusive");
	TRY(work_open(call, WORK_ROWS, &work));
	TRY(container_all(work.session.store, &set));
	TRY(keep(&set, &opts->filters));
	if (opts->json)
		print_json(&set, &out);
	else if (opts->quiet)
		TRY(print_template(&set, "{{.ContainerID}}", &out));
	else if (opts->format)
		TRY(print_template(&set, opts->format, &out));
	else if (set.n || !opts->no_heading)
		print_table(&set, opts, &out);
	(void)fputs(strbuf_text(&out), stdout);
	return NULL;
}

#define COMMAND                                                                         \
	.name = "containers", .summary = "List working containers", .options = options, \
	.opts_size = sizeof(struct containers_opts), .run = run

const struct command cmd_containers = { COMMAND, .alias = "ps" };
/* kiln's own 'ls' is of images. */
const struct command cmd_containers_ls = { COMMAND, .alias = "ps ls list" };

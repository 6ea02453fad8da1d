#include "kiln/commands.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "oci/platform.h"
#include "store/cache_mount.h"
#include "store/prune.h"
#include "ui/disk_show.h"
#include "ui/human.h"
#include "ui/plain_text.h"
#include "ui/session.h"
#include "ui/table.h"

#include <jansson.h>
#include <stdio.h>

struct info_opts {
	char *format;
	bool disk;
};

#define OPTS info_opts
static const struct option info_options[] = {
	OPT_FLAG(0, "disk", disk, "what each image costs, alone and shared with others"),
	OPT_CHOICE(0, "format", format, "text|json", "for people or for programs"),
	OPT_END,
};
#undef OPTS

static void print_text(const struct config *config, const struct store_usage *usage)
{
	AUTO(table) struct table settings = { .columns = 3 };
	AUTO(strbuf) struct strbuf out = { 0 }, value = { 0 };
	struct setting_view view;
	struct platform host = platform_host();
	char platform[PLATFORM_TEXT], size[HUMAN_TEXT];
	size_t at = 0;

	strbuf_addf(&out, "kiln %s on %s\n\n", KILN_VERSION, platform_text(&host, platform));
	table_add(&settings, "SETTING");
	table_add(&settings, "VALUE");
	table_add(&settings, "FROM");
	while (config_each(config, &at, &value, &view)) {
		table_add(&settings, view.name);
		table_add(&settings, view.value);
		table_add(&settings, view.from);
	}
	table_print(&settings, &out);
	strbuf_addf(&out, "\n%llu images, %llu blobs, %llu unpacked layers, %llu cached steps: ",
			(unsigned long long)usage->images.things,
			(unsigned long long)usage->blobs.things,
			(unsigned long long)usage->trees.things,
			(unsigned long long)usage->cache.things);
	strbuf_addf(&out, "%s", human_size(usage->bytes, size));
	strbuf_addf(&out, ", of which prune can free %s\n",
			human_size(usage->reclaimable_bytes, size));
	(void)fputs(strbuf_text(&out), stdout);
}

static json_t *count_of(const struct usage_count *count)
{
	return json_pack("{s:I, s:I}", "Count", (json_int_t)count->things, "Bytes",
			(json_int_t)count->bytes);
}

static void print_json(const struct config *config, const struct store_usage *usage)
{
	AUTO(strbuf) struct strbuf value = { 0 };
	struct platform host = platform_host();
	struct setting_view view;
	char platform[PLATFORM_TEXT];
	json_t *settings = json_object();
	size_t at = 0;

	while (config_each(config, &at, &value, &view))
		json_object_set_new(settings, view.name,
				json_pack("{s:s, s:s}", "Value", view.value, "From", view.from));

	json_auto_t *document = json_pack("{s:s, s:s, s:o, s:{s:o, s:o, s:o, s:o, s:I, s:I}}",
			"Version", KILN_VERSION, "Platform", platform_text(&host, platform),
			"Settings", settings, "Store", "Images", count_of(&usage->images), "Blobs",
			count_of(&usage->blobs), "Layers", count_of(&usage->trees), "Cache",
			count_of(&usage->cache), "Bytes", (json_int_t)usage->bytes, "Reclaimable",
			(json_int_t)usage->reclaimable_bytes);
	AUTO_FREE char *text = plain_text_of_json(document, 2);

	(void)printf("%s\n", text);
}

static struct error *show_disk(const struct config *config, bool as_json)
{
	AUTO(session) struct session session = { 0 };
	AUTO(disk_report) struct disk_report report = { 0 };
	AUTO(strbuf) struct strbuf out = { 0 };
	AUTO(cache_mount_list) struct cache_mount_list mounts = { 0 };
	struct store_usage usage = { 0 };

	/* Trees of other users can be measured only from within the user namespace. */
	TRY(session_open(config, SESSION_STORE | SESSION_TREES, &session));
	TRY(store_usage(session.store, &usage));
	TRY(store_disk(session.store, &report));
	TRY(cache_mounts_list(session.store, &mounts));
	disk_show(&report, &usage, &mounts, as_json, &out);
	(void)fputs(strbuf_text(&out), stdout);
	return NULL;
}

static struct error *run(const struct invocation *call)
{
	const struct info_opts *opts = call->opts;
	AUTO(session) struct session session = { 0 };
	struct store_usage usage = { 0 };

	if (opts->disk)
		return show_disk(call->config, text_equal(opts->format, "json"));
	TRY(session_open(call->config, SESSION_STORE, &session));
	TRY(store_usage(session.store, &usage));
	if (opts->format && text_equal(opts->format, "json"))
		print_json(call->config, &usage);
	else
		print_text(call->config, &usage);
	return NULL;
}

const struct command cmd_info = {
	.name = "info",
	.summary = "Show settings, where they come from, and what the store holds",
	.options = info_options,
	.opts_size = sizeof(struct info_opts),
	.run = run,
};

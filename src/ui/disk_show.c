#include "ui/disk_show.h"
#include "base/clock.h"
#include "oci/json.h"
#include "ui/human.h"
#include "ui/table.h"

static void add_size(struct table *table, uint64_t bytes)
{
	char text[HUMAN_TEXT];

	table_add(table, human_size(bytes, text));
}

static void add_names(const struct image_cost *cost, struct strbuf *out)
{
	char hex[DIGEST_HEX];

	for (size_t i = 0; i < cost->names.n; i++)
		strbuf_addf(out, "%s%s", i ? ", " : "", cost->names.p[i]);
	if (!cost->names.n)
		strbuf_addf(out, "<none> %.12s", digest_hex(&cost->manifest, hex));
}

static void show_text(const struct disk_report *report, const struct store_usage *usage,
		struct strbuf *out)
{
	static const char *const heads[] = { "IMAGE", "ALONE", "UNPACKED", "SHARED", "UNPACKED" };
	AUTO(table) struct table table = { .columns = COUNT(heads) };
	const struct {
		const char *what;
		uint64_t bytes;
	} sums[] = {
		{ "images, what they share counted once", report->image_bytes },
		{ "cache: layers and blobs of no image", report->cache_bytes },
		{ "cache mounts", usage->mounts.bytes },
		{ "file digests, history and work in flight",
				usage->digests.bytes + usage->history.bytes + usage->tmp.bytes },
		{ "all of the store", usage->bytes },
		{ "'kiln prune --all' frees", usage->reclaimable_bytes },
		{ "free on its disk", report->free_bytes },
	};
	char size[HUMAN_TEXT];

	for (size_t i = 0; i < COUNT(heads); i++)
		table_add(&table, heads[i]);
	for (size_t i = 0; i < report->images.n; i++) {
		const struct image_cost *cost = &report->images.p[i];
		AUTO(strbuf) struct strbuf names = { 0 };

		add_names(cost, &names);
		table_add(&table, strbuf_text(&names));
		add_size(&table, cost->own_bytes);
		add_size(&table, cost->own_tree_bytes);
		add_size(&table, cost->shared_bytes);
		add_size(&table, cost->shared_tree_bytes);
	}
	table_print(&table, out);
	strbuf_add_char(out, '\n');
	for (size_t i = 0; i < COUNT(sums); i++)
		strbuf_addf(out, "%8s  %s\n", human_size(sums[i].bytes, size), sums[i].what);
}

static void show_mounts(const struct cache_mount_list *mounts, struct strbuf *out)
{
	AUTO(table) struct table table = { .columns = 3 };
	char age[HUMAN_TEXT];

	if (!mounts->n)
		return;
	table_add(&table, "CACHE MOUNT");
	table_add(&table, "USED");
	table_add(&table, "SIZE");
	for (size_t i = 0; i < mounts->n; i++) {
		table_add(&table, mounts->p[i].id);
		table_add(&table, human_age(clock_now_seconds() - mounts->p[i].used, age));
		add_size(&table, mounts->p[i].bytes);
	}
	strbuf_add_char(out, '\n');
	table_print(&table, out);
}

static void show_image(struct json_out *out, const struct image_cost *cost)
{
	json_out_open(out, NULL, '{');
	json_out_digest(out, "Digest", &cost->manifest);
	json_out_list(out, "Names", &cost->names);
	json_out_u64(out, "Own", cost->own_bytes);
	json_out_u64(out, "OwnUnpacked", cost->own_tree_bytes);
	json_out_u64(out, "Shared", cost->shared_bytes);
	json_out_u64(out, "SharedUnpacked", cost->shared_tree_bytes);
	json_out_close(out, '}');
}

void disk_show(const struct disk_report *report, const struct store_usage *usage,
		const struct cache_mount_list *mounts, bool as_json, struct strbuf *out)
{
	AUTO(json_out) struct json_out json = { 0 };

	if (!as_json) {
		show_text(report, usage, out);
		show_mounts(mounts, out);
		return;
	}
	json_out_open(&json, NULL, '{');
	json_out_open(&json, "Images", '[');
	for (size_t i = 0; i < report->images.n; i++)
		show_image(&json, &report->images.p[i]);
	json_out_close(&json, ']');
	json_out_open(&json, "CacheMounts", '[');
	for (size_t i = 0; i < mounts->n; i++) {
		json_out_open(&json, NULL, '{');
		json_out_text(&json, "Id", mounts->p[i].id);
		json_out_u64(&json, "Used", (uint64_t)mounts->p[i].used);
		json_out_u64(&json, "Bytes", mounts->p[i].bytes);
		json_out_close(&json, '}');
	}
	json_out_close(&json, ']');
	json_out_u64(&json, "MountBytes", usage->mounts.bytes);
	json_out_u64(&json, "ImageBytes", report->image_bytes);
	json_out_u64(&json, "CacheBytes", report->cache_bytes);
	json_out_u64(&json, "DigestBytes", usage->digests.bytes);
	json_out_u64(&json, "HistoryBytes", usage->history.bytes);
	json_out_u64(&json, "TemporaryBytes", usage->tmp.bytes);
	json_out_u64(&json, "Bytes", usage->bytes);
	json_out_u64(&json, "Reclaimable", usage->reclaimable_bytes);
	json_out_u64(&json, "DiskFree", report->free_bytes);
	json_out_u64(&json, "DiskTotal", report->total_bytes);
	json_out_close(&json, '}');
	AUTO_FREE char *text = json_out_take(&json);
	strbuf_addf(out, "%s\n", text);
}

#include "kiln/commands.h"

#include "base/str.h"
#include "store/check.h"
#include "store/prune.h"
#include "ui/human.h"
#include "ui/prune_flags.h"
#include "ui/session.h"
#include "ui/table.h"

#include <stdio.h>

struct prune_opts {
	bool all, images, dry_run, force, quiet;
	char *older_than, *keep_duration;
	uint64_t keep, min_free;
	struct list filters;
};

#define OPTS prune_opts
static const struct option prune_options[] = {
	OPT_FLAG('a', "all", all, "everything but images with a name, whatever its age"),
	OPT_FLAG(0, "images", images, "images with a name, too"),
	OPT_TEXT(0, "older-than", older_than, "DURATION",
			"only what was not used for so long: 72h, 30m"),
	OPT_LIST(0, "filter", filters, "NAME=VALUE",
			"until=72h, or type=cache, layers, blobs, images, mounts, digests, "
			"history; may be "
			"repeated"),
	OPT_SIZE(0, "keep", keep, "BYTES", "stop when the store is this small: 10g"),
	OPT_SIZE(0, "min-free-space", min_free, "BYTES", "stop when so much of the disk is free"),
	OPT_FLAG(0, "dry-run", dry_run, "only tell what would go"),
	OPT_FLAG('q', "quiet", quiet, "print nothing"),
	OPT_SIZE(0, "keep-storage", keep, "BYTES", "another name of --keep", .is_hidden = true),
	OPT_SIZE(0, "max-used-space", keep, "BYTES", "another name of --keep", .is_hidden = true),
	OPT_SIZE(0, "reserved-space", keep, "BYTES", "another name of --keep", .is_hidden = true),
	OPT_TEXT(0, "keep-duration", keep_duration, "DURATION", "another name of --older-than",
			.is_hidden = true),
	OPT_FLAG('f', "force", force, "nothing is asked anyway", .is_hidden = true),
	OPT_END,
};
#undef OPTS

static void print_report(const struct prune_report *report, bool dry_run)
{
	AUTO(table) struct table table = { .columns = 3 };
	AUTO(strbuf) struct strbuf out = { 0 };
	char size[HUMAN_TEXT];

	for (int i = 0; i < PRUNE_KINDS; i++) {
		char count[HUMAN_TEXT];

		if (!report->freed[i].things)
			continue;
		(void)snprintf(count, sizeof(count), "%llu",
				(unsigned long long)report->freed[i].things);
		table_add(&table, count);
		table_add(&table, prune_kind_name((enum prune_kind)i));
		table_add(&table, human_size(report->freed[i].bytes, size));
	}
	table_print(&table, &out);
	(void)fputs(strbuf_text(&out), stdout);
	(void)printf("%s %s", dry_run ? "would free" : "freed", human_size(report->bytes, size));
	(void)printf(", kept %s\n", human_size(report->kept_bytes, size));
}

static struct error *run_prune(const struct invocation *call)
{
	const struct prune_opts *opts = call->opts;
	AUTO(session) struct session session = { 0 };
	struct prune_report report = { 0 };
	struct prune_options options = {
		.all = opts->all,
		.keep_bytes = opts->keep,
		.free_bytes = opts->min_free,
		.dry_run = opts->dry_run,
	};

	for (size_t i = 0; i < opts->filters.n; i++)
		TRY(prune_flags_filter(opts->filters.p[i], &options));
	TRY(prune_flags_duration(
			opts->keep_duration, "--keep-duration", &options.older_than_seconds));
	TRY(prune_flags_duration(opts->older_than, "--older-than", &options.older_than_seconds));
	if (opts->images && options.kinds)
		options.kinds |= 1u << PRUNE_TAGGED;
	else if (opts->images)
		options.kinds = ((1u << PRUNE_KINDS) - 1) & ~(1u << PRUNE_HISTORY);
	TRY(session_open(call->config, SESSION_STORE | SESSION_TREES, &session));
	TRY(store_prune(session.store, &options, &report));
	if (!opts->quiet)
		print_report(&report, opts->dry_run);
	return NULL;
}

const struct command cmd_prune = {
	.name = "prune",
	.summary = "Give space of the store back",
	.description = "Without options: what dead processes left, images without a name, and "
		       "blobs "
		       "that nothing needs. With --all, an age or a bound also unpacked "
		       "layers "
		       "and the cache, cheapest to get back first. Never what a running build "
		       "uses.",
	.options = prune_options,
	.opts_size = sizeof(struct prune_opts),
	.examples = "kiln prune --keep 20g\n"
		    "kiln prune --older-than 168h\n"
		    "kiln prune --filter type=layers --filter until=24h\n"
		    "kiln prune --min-free-space 10g\tonly if there is less\n",
	.run = run_prune,
};

static struct error *run_fsck(const struct invocation *call)
{
	AUTO(session) struct session session = { 0 };
	AUTO(findings) struct findings findings = { 0 };

	TRY(session_open(call->config, SESSION_STORE | SESSION_TREES, &session));
	TRY(store_check(session.store, &findings));
	for (size_t i = 0; i < findings.n; i++)
		(void)printf("%s%s\n", findings.p[i].leftover ? "leftover: " : "",
				findings.p[i].text);

	size_t damage = findings_damage(&findings);

	if (damage)
		return error_hint(
				error_new(ERR_DIGEST, "the store '%s' has %zu damaged part%s",
						call->config->root, damage, damage == 1 ? "" : "s"),
				"what is damaged is fetched or built anew when it is needed");
	(void)printf("the store '%s' is sound\n", call->config->root);
	return NULL;
}

const struct command cmd_fsck = {
	.name = "fsck",
	.summary = "Check that the store is what it says",
	.description = "Reads every byte of it, and changes nothing.",
	.run = run_fsck,
};

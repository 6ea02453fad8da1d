#include "kiln/commands.h"

#include "base/clock.h"
#include "base/str.h"
#include "cache/prune.h"
#include "oci/reference.h"
#include "ui/prune_flags.h"
#include "ui/registry_flags.h"
#include "ui/session.h"

#include <stdio.h>

struct cache_opts {
	char *repo, *older_than;
	bool dry_run, quiet;
};

#define OPTS cache_opts
static const struct option rows[] = {
	OPT_TEXT(0, "repo", repo, "REPOSITORY", "that --cache-repo or --cache-to writes to"),
	OPT_TEXT(0, "older-than", older_than, "DURATION", "records of steps that ran before: 336h"),
	OPT_FLAG(0, "dry-run", dry_run, "only tell what would go"),
	OPT_FLAG('q', "quiet", quiet, "print nothing"),
	INSECURE_REGISTRY_ROW,
	REGISTRY_REACH_ROWS,
	OPT_END,
};
#undef OPTS

static void tell(void *user, const char *tag, int64_t created)
{
	char when[CLOCK_RFC3339_TEXT];

	(void)user;
	(void)printf("%s %s\n", clock_rfc3339(created, 0, when), tag);
}

static FALLIBLE check(const struct invocation *call)
{
	const struct cache_opts *opts = call->opts;
	AUTO(reference) struct reference reference = { 0 };

	if (!text_equal(call->args->p[0], "prune"))
		return error_hint(error_usage("there is no 'kiln cache %s'", call->args->p[0]),
				"'kiln cache prune' takes old records out of a repository");
	if (!opts->repo || !opts->older_than)
		return error_usage("'kiln cache prune' needs '--repo' and '--older-than'");
	return usage_of_option(reference_parse(str_of(opts->repo), &reference), "--repo");
}

static struct error *run(const struct invocation *call)
{
	const struct cache_opts *opts = call->opts;
	AUTO(session) struct session session = { 0 };
	struct cache_prune_report report = { 0 };
	struct cache_prune_options options = { .dry_run = opts->dry_run,
		.told = opts->quiet ? NULL : tell };

	TRY(check(call));
	TRY(prune_flags_duration(opts->older_than, "--older-than", &options.older_than_seconds));
	TRY(session_open(call->config, SESSION_REGISTRY, &session));
	TRY(cache_prune_repository(
			session.registry, opts->repo, &options, session.cancel, &report));
	if (!opts->quiet)
		(void)printf("%s %zu of %zu records; %zu tags are in '%s'\n",
				opts->dry_run ? "would delete" : "deleted", report.deleted,
				report.ours, report.tags, opts->repo);
	return NULL;
}

const struct command cmd_cache = {
	.name = "cache",
	.args = "prune",
	.summary = "Take old records out of a cache repository",
	.description = "Deletes the manifests of cache records whose steps ran before a time; the "
		       "registry's own collection then frees their layers. What is no cache of "
		       "kiln is left alone, images with an inline cache too.",
	.examples = "kiln cache prune --repo registry.example/team/cache --older-than 336h\n",
	.options = rows,
	.opts_size = sizeof(struct cache_opts),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};

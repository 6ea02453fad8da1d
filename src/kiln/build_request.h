/*
 * build_request: flags and settings of kiln build, checked, as the options of a build.
 *
 * Everything that a flag can get wrong is found here, before anything is opened, run or written.
 *
 * Floor: kiln.
 */
#pragma once
#include "build/build.h"
#include "ui/annotation_flag.h"
#include "ui/attest_flag.h"
#include "ui/cache_flag.h"
#include "ui/options.h"
#include "ui/output_flag.h"
#include "ui/platform_flag.h"
#include "ui/secret_flag.h"
#include "ui/ssh_flag.h"
#include "ui/steps_flag.h"

struct build_opts {
	struct list secrets, agents, allows;
	struct resource_flags limits;
	struct list tags, build_args, labels, platforms, hosts, ulimits, outputs, no_cache_filter,
			annotations, contexts, cache_from, cache_to, cache_repos, attests;
	char *file, *target, *pull, *iid_file, *metadata_file, *cache_ttl, *cache_timeout, *cache,
			*source_policy, *call, *provenance, *sbom;
	uint64_t shm_bytes;
	int64_t timestamp;
	bool secret_in_layer, no_cache, quiet, squash, dry_run, push, load, http_proxy, explain,
			check;
	bool keep_failed, all_platforms, skip_unused;
	bool compress, rm, force_rm;
};

/* Everything that flags and settings say, owned, with options pointing into it. */
struct build_request {
	struct list build_args, labels, no_cache_stages;
	struct platform_flags platforms;
	struct output_flags out;
	struct annotation_flags annotations;
	struct secret_flags secrets;
	struct ssh_flags ssh;
	struct cache_flags cache;
	unsigned cache_patience_ms;
	struct {
		struct build_host *p;
		size_t n, capacity;
	} hosts;
	struct list texts;
	struct attest_flags attests;
	struct list source_environment;
	struct {
		struct build_context *p;
		size_t n, capacity;
	} contexts;
	struct source_policy *policy;
	struct build_options options;
};

/* *ret begins as { .out = OUTPUT_FLAGS_INIT }. Every failure is error_usage. */
FALLIBLE build_request_make(const struct invocation *call, struct build_request *ret);
/* Not before the sandbox's helper is forked: no other process of ours shall have them. */
FALLIBLE build_request_load_secrets(struct build_request *request);
void build_request_done(struct build_request *request);

DEFINE_AUTO_VALUE(build_request)

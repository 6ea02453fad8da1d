/*
 * bud_request: Buildah's flags as struct build_options. What differs from kiln's own: names
 * without a registry are localhost's, Containerfile comes before Dockerfile, .containerignore
 * before .dockerignore, tags may be transports.
 *
 * Floor: buildah.
 */
#pragma once
#include "build/build.h"
#include "buildah/dockerfiles.h"
#include "ui/annotation_flag.h"
#include "ui/cache_flag.h"
#include "ui/options.h"
#include "ui/output_flag.h"
#include "ui/platform_flag.h"
#include "ui/session.h"
#include "verbs/build_steps.h"
#include "verbs/run_flags.h"

struct bud_opts {
	struct run_flags run;
	struct list files, tags, build_args, arg_files, contexts, labels, annotations, outputs,
			platforms, env, cpp_flags, cache_from, cache_to, secrets, agents,
			unset_annotations, unset_env, unset_labels, os_features, mounts,
			layer_labels, hooks_dirs;
	char *ignore_file, *target, *from, *pull, *os, *arch, *variant, *iid_file, *raw_iid_file,
			*metadata_file, *compression, *log_file, *cache_ttl, *log_level, *manifest,
			*os_version, *source_policy, *identity_label, *usage_file, *blob_cache,
			*disable_compression;
	int64_t timestamp, source_date_epoch, level;
	bool pull_always, pull_never, no_cache, layers, squash, quiet, rm, force_rm, compress,
			skip_unused, inherit_labels, inherit_annotations, created_annotation,
			omit_history, all_platforms, no_hosts, no_hostname, uses_stdin,
			force_compression, save_stages, stage_labels, content_trust,
			rewrite_timestamp, no_pivot, compat_volumes, log_split, log_usage;
};

/* Everything owned, with options pointing into it. */
struct bud_request {
	struct list build_args, labels, tags, sent_after, texts, files;
	struct run_flags run; /* with containers.conf below it */
	struct run_parts parts;
	struct build_steps steps;
	struct output_flags out;
	struct annotation_flags annotations;
	struct cache_flags cache;
	struct platform_flags platforms;
	struct {
		struct build_host *p;
		size_t n, capacity;
	} hosts;
	struct {
		struct build_context *p;
		size_t n, capacity;
	} contexts;
	struct dockerfiles dockerfiles;
	int text_fd; /* the Dockerfile's text, or -1 */
	struct source_policy *policy;
	bool is_plain;          /* layers in dir: and layouts are without compression */
	struct session_ids ids; /* of --userns-uid-map and --userns; or none */
	struct build_options options;
};

/* Every wrong flag is error_usage. Secrets are not read yet: build_steps_load() does that. */
FALLIBLE bud_request_make(const struct invocation *call, struct bud_request *ret);
/* The Dockerfile, if it is to be made of what -f and others say. */
FALLIBLE bud_request_read(const struct invocation *call, const struct session *session,
		struct bud_request *request);
void bud_request_done(struct bud_request *request);

DEFINE_AUTO_VALUE(bud_request)

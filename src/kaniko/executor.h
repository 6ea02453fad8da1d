/*
 * executor: the options of a build as Kaniko's executor has them, and the steps from them to a
 * build. Private to kaniko/.
 *
 * Floor: kaniko.
 */
#pragma once
#include "build/build.h"
#include "kaniko/kaniko.h"
#include "kaniko/log.h"
#include "kaniko/trace.h"
#include "ui/annotation_flag.h"
#include "ui/cache_flag.h"
#include "ui/secret_flag.h"

/* Since when the other targets of a bakefile are built: seconds, of bake to itself. */
#define EXECUTOR_BAKE_SINCE "KILN_BAKE_SINCE"

struct executor_opts {
	/* what */
	char *dockerfile, *context, *sub_path, *bucket, *platform;
	struct list targets, build_args, secrets, git, ignore_paths;
	/* the image */
	struct list destinations, labels, annotations;
	struct list sets; /* of bake */
	char *compression, *format;
	int64_t compression_level;
	bool single_snapshot, reproducible;
	/* where it goes */
	char *tar_path, *layout_path, *digest_file, *name_digest_file, *name_tag_digest_file;
	bool no_push, no_push_cache, dry_run;
	/* cache */
	bool cache, cache_copy_layers, cache_run_layers;
	char *cache_repo, *cache_dir, *cache_ttl;
	/* the container around it */
	bool cleanup, pre_cleanup, preserve_context, materialize, secret_in_layer;
	/* taken, and without effect: docs/kaniko.md says why */
	char *snapshot_mode;
	bool use_new_run, compressed_caching, ignore_var_run, force, force_metadata, skip_unused;
	int64_t extract_retry;
};

extern const struct option executor_options[];
extern const struct executor_opts executor_defaults;

/* Everything that flags and variables say, owned, with build pointing into it. */
struct request {
	struct list build_args, names; /* names: destinations as complete references */
	struct list ignore;            /* cleaned */
	struct list targets;           /* one by one, as --target names them */
	struct list also;              /* those behind the first; borrows */
	struct list kept;              /* isolation inplace: paths that are not the image's */
	struct annotation_flags annotations;
	struct cache_flags caches;
	struct secret_flags secrets;
	struct list source_environment;
	struct kaniko_trace *trace; /* or NULL */
	char *cache_repo;           /* a registry's repository that this build writes to, or NULL */
	char *object;               /* the context in an object store, to be fetched, or NULL */
	struct build_output outputs[3];
	struct platform platform;
	char *context, *dockerfile; /* for build; NULL: its own default */
	int stdin_fd;
	bool pushes, cleanup, pre_cleanup, prints_plan;
	bool forced; /* --force: in place even where nothing shows that this is a container */
	struct build_options build;
};

/*
 * All that can be wrong in flags and variables is found here, before anything is opened, read over
 * the network or written. log hears of what is taken without effect.
 */
FALLIBLE request_make(const struct kaniko_globals *globals, const struct executor_opts *opts,
		const struct kaniko_log *log, struct request *ret);
void request_done(struct request *request);
/* --build-arg: "NAME" takes the variable's value, and is empty where there is none. */
FALLIBLE kaniko_build_args(const struct list *given, struct list *ret);

/* kept.c: what has to outlive the container's own files, once the settings are known. */
void request_keep(const struct config *config, const struct kaniko_globals *globals,
		const struct executor_opts *opts, struct request *request);

/* What --secret names, read once no other process can see it. */
FALLIBLE request_load_secrets(struct request *request);

/* Fetch object into a folder (*ret), where the build finds it as an archive. */
struct scratch;
FALLIBLE request_fetch_context(struct request *request, struct store *store,
		struct registry_client *registry, struct scratch *ret);

/* context.c: --context, --bucket, --context-sub-path, --git and --dockerfile as build has them. */
FALLIBLE request_set_context(const struct executor_opts *opts, const struct kaniko_log *log,
		struct request *request);

/*
 * result_files.c: --digest-file and its kin, BUILDER_OUTPUT. names: complete references; output_dir
 * (may be NULL) is for what was really pushed.
 */
struct result_files {
	const char *digest, *name_digest, *name_tag_digest, *output_dir;
	const struct list *destinations; /* as they were given, which output_dir is told */
};
FALLIBLE result_files_check(const struct result_files *files, const struct list *names);
FALLIBLE result_files_write(const struct result_files *files, const struct list *names,
		const struct digest *digest, struct http_client *client);

/* Whether each destination may be pushed to, asked once a repository. */
FALLIBLE check_destinations(struct registry_client *registry, const struct list *names);

DEFINE_AUTO_VALUE(request)

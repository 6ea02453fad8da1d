/*
 * build: a Dockerfile and a context in, images out. The one entry of the machine: what stands above
 * (kiln build, later the names executor and buildah) fills options and reads a result.
 *
 *	options -> context, Dockerfile -> plan -> keys -> {hit | run} -> image -> outputs
 *
 * Nothing is printed: what happens is told through progress. Nothing is read from the environment.
 * Options are borrowed until build_run returns.
 *
 * Floor: build. One build per call; calls from several threads may share store and sandbox.
 */
#pragma once
#include "base/auto.h"
#include "base/vec.h"
#include "build/progress.h"
#include "build/volume.h"
#include "cache/spec.h"
#include "image/image.h"
#include "oci/mediatype.h"
#include "oci/platform.h"
#include "sandbox/resources.h"
#include "store/history.h"
#include "sys/cancel.h"
#include "sys/userns.h"

struct registry_client;
struct sandbox;
struct source_policy;
struct signer;
struct store;
struct seal_keys;
struct trust;

enum build_network {
	BUILD_NETWORK_HOST = 1,
	BUILD_NETWORK_NONE,
	BUILD_NETWORK_PRIVATE,
	BUILD_NETWORK_JOINED /* the sandbox has joined it: there is no host's for steps */
};

enum output_kind {
	OUTPUT_STORE = 1, /* type=image: tagged in the store */
	OUTPUT_REGISTRY,  /* type=registry, --push */
	OUTPUT_OCI,       /* dest: a tar, or a directory with tar=false; "-" is standard output */
	OUTPUT_DOCKER,    /* dest: a tar for docker load */
	OUTPUT_PODMAN,    /* Podman's store; dest: "[DRIVER@GRAPHROOT+RUNROOT]" or NULL */
	OUTPUT_TAR,       /* dest: the root file system as a tar */
	OUTPUT_LOCAL,     /* dest: the root file system as files */
	OUTPUT_CACHE,     /* type=cacheonly: nothing but what the steps leave in the cache */
};

enum output_split { SPLIT_SEVERAL = 0, SPLIT_ALWAYS, SPLIT_NEVER };

struct build_output {
	enum output_kind kind;
	const char *dest;        /* NULL for STORE and REGISTRY */
	bool is_directory;       /* OCI: tar=false */
	bool is_alone;           /* a layout's directory lists nothing else then */
	enum output_split split; /* TAR, LOCAL: a folder for each platform */
	bool by_digest;          /* REGISTRY: no tag shall stand for it, and no name may have one */
	struct list names;       /* name=; the -t names when empty */
};

struct build_host {
	const char *name, *address;
};

/* --build-context NAME=VALUE */
struct build_context {
	const char *name, *value;
};

/* --secret, wiped by who made it. */
struct build_secret {
	const char *id;
	char *content; /* NULL: it was named and is not there */
	size_t bytes;
	char *missing; /* why not: "the variable 'X' is not set" */
};

/* --ssh: an agent's socket, or key files for an agent of the build's own. */
struct build_agent {
	char *id, *socket;
	struct list keys;
};

enum annotation_kind {
	ANNOTATE_MANIFEST = 0,
	ANNOTATE_INDEX,
	ANNOTATE_MANIFEST_DESCRIPTOR, /* in the index that lists the image: an OCI layout's */
	ANNOTATE_INDEX_DESCRIPTOR,
};

struct build_annotation {
	enum annotation_kind kind;
	bool has_platform; /* only for images of this platform */
	struct platform platform;
	char *pair; /* "key=value" */
};

/*
 * What 'buildah build' is told about every RUN: as in struct sandbox_step, and part of each RUN's
 * key. 0 is the default. Dropping all (UINT64_MAX) leaves what is added.
 */
struct build_run_options {
	uint64_t add_capabilities, drop_capabilities;
	bool is_unconfined, no_new_privileges;
	struct sandbox_security security;
	const struct list *security_texts; /* what stands for it in keys; or NULL */
	bool no_hosts_file, no_hostname_file, no_resolv_file;
	const char *namespaces; /* as in working_run: those that the sandbox shares */
	const char *hostname;   /* NULL: as the sandbox has it; images of Docker's format say it */
	const char *engine;     /* /run/.containerenv names it; NULL: there is no such file */
	const char *const *dns, *const *dns_search, *const *dns_options;
	const uint32_t *groups; /* besides the user's own */
	size_t group_count;
	/* Of the host. Their names are in keys, what they hold is not: unless caches_volumes, every
	 * RUN that has files of the host among them runs again. */
	const struct volume *volumes;
	size_t volume_count;
	bool caches_volumes;
	bool reads_stdin;          /* each RUN has our standard input, and runs again */
	const struct list *mounts; /* the value of a --mount that each RUN has; or NULL */
};

/* A label: which version of Buildah made the image. */
#define IDENTITY_LABEL "io.buildah.version"

/*
 * What 'buildah build' is told about the image that is made; of a zeroed one nothing is asked.
 * Lists are of names, or NULL; what is unset goes last, whoever set it.
 */
struct build_image_options {
	const struct list *unset_env, *unset_labels, *unset_annotations;
	const struct list *os_features;  /* "NAME" is added, "NAME-" taken away */
	const char *os_version;          /* or NULL: the base's */
	bool says_platform;              /* the one asked for, not that of the target's FROM */
	const char *identity;            /* IDENTITY_LABEL's; or NULL. A lone base stays as it is */
	const struct list *stage_labels; /* "key=value" of the images of saves_stages, if the stage
					    itself has no such key */
	bool saves_stages;  /* each stage that the target needs is in the store afterwards as an
			       image without a name, but for a FROM alone */
	bool names_stages;  /* images say in labels which stage they are, and what it stands on */
	bool drops_labels;  /* of what a stage stands on */
	bool omits_history; /* no entry at all, the base's neither */
	bool inherits_annotations;  /* of the base image's manifest */
	bool adds_base_annotations; /* what the base is: its name and digest */
	bool adds_created_annotation;
	bool keeps_lone_base; /* FROM alone, and nothing told that changes it, is the base itself */
};

enum provenance_mode { PROVENANCE_NONE = 0, PROVENANCE_MIN, PROVENANCE_MAX };

/* What is said of the result beside it: SLSA provenance, how it was made and of what; an SBOM,
 * what is in it. */
struct build_attest {
	enum provenance_mode provenance; /* MAX has build arguments, labels, all steps */
	bool is_slsa_02;                 /* the older form of SLSA's predicate */
	const char *builder_id;          /* or NULL */
	bool reproducible;               /* the word of who builds */
	bool inline_only;                /* beside images only, not beside files */
	const char *file_name;           /* beside files; NULL: provenance.json */
	/* An image that writes the result's SBOM (BuildKit's scanning protocol), NULL: none. */
	const char *generator;
	const struct list *generator_params; /* "NAME=value" */
};

enum { BUILD_MOST_PLATFORMS = 64 };

struct build_options {
	/* what */
	const char *context;     /* a directory and more: see build/context.h */
	const char *context_dir; /* the folder of a context that is brought here; NULL: its top */
	const char *dockerfile;  /* path, address, "-" for stdin_fd, NULL: Dockerfile in the context
				  */
	const char *ignore_file; /* in the place of the context's .dockerignore; or NULL */
	/* Containerfile and .containerignore first; ignore files, patterns of sources, and what
	 * a copy may replace. */
	bool as_buildah;
	bool files_are_late; /* bases that are files may be made by stages above, as for Buildah */
	bool from_variables; /* COPY --from= and from= of a mount may have some, as in Buildah */
	bool keeps_volumes;  /* steps change nothing in volumes, as for older Buildahs */
	bool makes_volumes;  /* VOLUME makes its directory, as in Buildah */
	bool sources_need_dir; /* several of a COPY go into a directory, as in Buildah */
	bool keeps_defaults;   /* plan.h */
	int stdin_fd;
	const struct build_context *contexts; /* named ones */
	size_t context_count;
	/*
	 * "NAME=value": what git and ssh may see of the environment (agent, askpass, proxies); or
	 * NULL.
	 */
	const struct list *source_environment;
	/* Told the Dockerfile's text once it is read, if its name is no file that can be opened. */
	void (*keep_dockerfile)(void *user, const char *name, struct str text);
	void *keep_dockerfile_user;
	const char *target; /* or NULL */
	const struct list
			*also_targets; /* further stages that are built and not part of the image */
	bool builds_unused;            /* stages above the target are built, whoever needs them */
	const struct list *build_args; /* "NAME=value"; names without value were filled by the
					  caller */
	const struct list *labels;     /* "key=value" */
	const struct list *tags;       /* as typed */
	const struct platform *platform; /* NULL: the host's */
	/*
	 * An image for each of these, all different, and an index that lists them. None: an image
	 * for platform, without an index (but for the build argument BUILDKIT_MULTI_PLATFORM).
	 */
	const struct platform *platforms;
	size_t platform_count; /* at most BUILD_MOST_PLATFORMS */
	bool all_platforms;    /* all that every base image has; platforms says nothing then */
	bool no_cache;
	bool keep_failed;  /* what the last failed step had written, for enter.h */
	bool verify_cache; /* run hits again, and compare: build_result.verified */
	enum pull_policy
			pull; /* 0 is PULL_MISSING for tags of the store, resolved anew otherwise */
	const struct list *no_cache_stages; /* names or numbers of stages whose steps run again */
	const char *base_cache; /* layouts of base images, looked into before a registry; or NULL */

	/* caches besides the store; NULL: none */
	const struct cache_specs *cache_from, *cache_to;
	bool cache_inline;         /* records of the image's steps go into its manifest */
	int64_t cache_ttl_seconds; /* older records do not count, the store's too; 0: any age */
	int64_t cache_since;       /* nor those made before this time (Unix); 0: any */

	/* steps */
	const struct build_host *hosts;
	size_t host_count;
	const struct list *ignore; /* paths of a rootfs (path_clean) that no layer gets; or NULL */
	uint64_t shm_bytes;        /* 0: 64 MiB */
	const struct build_secret *secrets;
	size_t secret_count;
	const struct build_agent *agents;
	size_t agent_count;
	bool allows_secret_in_layer; /* what a step writes is not looked through for secrets */
	bool allows_insecure, allows_host_network; /* --allow: see rights.h */
	enum build_network network;                /* 0 is BUILD_NETWORK_HOST */
	struct sandbox_resources resources;        /* of each step */
	const struct list *ulimits;                /* "nofile=1024:2048" */
	struct build_run_options run;

	/* the image */
	enum image_format format;     /* 0 is FORMAT_OCI */
	enum compression compression; /* 0 is COMPRESSION_GZIP */
	int compression_level;        /* CODEC_LEVEL_DEFAULT */
	bool inherits_format;         /* format is 0: as the base image of the target has it */
	bool squash;
	bool squashes_base;     /* squash takes the base's layers, too, and their history */
	bool force_compression; /* of the base's layers, too */
	struct build_image_options image;
	const struct build_annotation *annotations;
	size_t annotation_count;
	struct build_attest attest; /* with it an image has an index (format OCI) */
	int64_t epoch;              /* Unix seconds: created times and files' times in new layers */
	bool has_epoch;             /* --timestamp, SOURCE_DATE_EPOCH */
	bool epoch_is_named;        /* SOURCE_DATE_EPOCH=NAME: the time of that, if it has one */

	/* out; none: OUTPUT_STORE */
	bool materializes; /* isolation inplace: in the end "/" is the image, though nothing ran */
	bool tolerates_immutable; /* a tag that the registry will not overwrite is no error */
	bool dry_run;             /* stop after the plan; its text is the result */
	const struct list *inplace_keep; /* isolation inplace: more paths that stay; or NULL */
	const struct build_output *outputs;
	size_t output_count;

	/* with what */
	struct store *store;
	struct store *const *lowers; /* read-only ones below it (lower_store.h) */
	size_t lower_count;
	const struct podman_settings *podman; /* NULL: Podman's store is not looked into */
	struct registry_client *registry;     /* NULL: no network for images */
	/* Less patient, for caches; NULL: as registry. */
	struct registry_client *cache_reader, *cache_writer;
	const struct source_policy *source_policy; /* asked about every source; or NULL */
	struct trust *trust; /* asked about every base image; NULL: only of the store */
	const struct seal_keys *decryption; /* as in image_homes, of base images */
	struct signer *signer;              /* of what is pushed; or NULL */
	struct sandbox *sandbox;
	const struct userns *userns;
	struct progress *progress; /* or NULL */
	struct cancel *cancel;
	unsigned jobs;    /* stages and steps at the same time; 0: CPUs, at least 2 */
	bool short_names; /* as in image_homes */
	bool keeps_bases; /* of one platform: images that were fetched are in the store afterwards,
			     by their names */
	bool says_step;   /* errors of steps in Buildah's words: building at STEP "RUN make" */
};

/* What verify_cache found. */
struct build_verified {
	size_t steps, unlike, timed; /* run again; other files; the same with other times */
	struct list texts;           /* lines: a step that is unlike, then what differs */
};

struct build_result {
	char *plan;             /* dry_run: the plan's text; else NULL */
	bool is_index;          /* of images for several platforms; the digests are the index's */
	struct digest image_id; /* digest of the config */
	struct digest manifest; /* digest of the manifest */
	uint64_t manifest_bytes;
	char *manifest_media_type;
	struct list names;               /* complete references that the image has now */
	char *vcs_source, *vcs_revision; /* of a context that is a git repository; or NULL */
	/* How it came to be, where that was asked for: a predicate (JSON) of each platform. */
	struct list provenances, provenance_platforms;
	struct build_verified verified;
	char build_id[HISTORY_ID_TEXT]; /* in the history, of all platforms, also of a build that
					   failed; or "" */
};

/*
 * A registry that keeps tags from being overwritten refused to. There is no status of its own for
 * it: ECR and Artifact Registry say it in words.
 */
bool error_is_immutable_tag(const struct error *error);

FALLIBLE build_run(const struct build_options *options, struct build_result *ret);
void build_result_done(struct build_result *result);

DEFINE_AUTO_VALUE(build_result)

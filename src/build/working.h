/*
 * working: what is done in a working container (container/container.h): the steps of a build,
 * called one by one by a person or a script.
 *
 *	AUTO(working) struct working *working = NULL;
 *	TRY(working_open(&with, container, &working));
 *	TRY(working_run(working, &run, &result));
 *
 * The container's files are an overlay: the layers of its image, those that it sealed, and its own
 * upper directory. An overlay is mounted for as long as one step takes, in kiln's own namespace; a
 * container that is mounted for its user (working_mount.c) is taken off there first and put back
 * after, since two overlays on one upper do not know of each other.
 *
 * Floor: build. One thread at a time; the container is locked by who opened it.
 */
#pragma once
#include "build/build.h"
#include "build/volume.h"
#include "container/container.h"
#include "sandbox/sandbox.h"

/* What it takes; all borrowed. */
struct working_with {
	struct store *store;
	struct registry_client *registry; /* NULL: no network for images */
	struct trust *trust;              /* asked about images; NULL: only of the store */
	bool short_names;                 /* as in image_homes */
	struct sandbox *sandbox;          /* NULL: nothing will be run */
	const struct userns *userns;
	const struct userns *usual; /* that of containers without ids of their own; or NULL */
	struct progress *progress;  /* or NULL */
	struct cancel *cancel;
	const struct list *source_environment; /* as in build_options; or NULL */
	const struct podman_settings *podman;  /* or NULL */
	const struct seal_keys *decryption;    /* as in image_homes */
};

struct working;

/* Borrows container. ERR_UNSUPPORTED when another kind of user made it. */
FALLIBLE working_open(
		const struct working_with *with, struct container *container, struct working **ret);
void working_free(struct working *working); /* NULL is fine */

/*
 * Directories for all layers, and an upper with the root's owner and mode. The others do it
 * themselves; before a change to the container that is not to be saved it must have been done.
 */
FALLIBLE working_prepare(struct working *working);
/* Instructions that change the config only ("CMD [...]", "ENV A=b"), without saving it. */
FALLIBLE working_change(struct container *container, const struct list *instructions);

/*
 * --layers: the step is a layer of its own, and the container takes that from the cache when a step
 * with the same key was done before. Keys are those of a Dockerfile's steps, so builds and scripts
 * share results. What no key can see (files of the host, a terminal, standard input), and what
 * stands on files that were changed without --layers, is done as ever and not remembered.
 */
struct working_layers {
	bool no_cache;          /* do it anyhow */
	const char *declared;   /* stands for what no key can see; or NULL */
	const char *unseen;     /* that there is such a thing: "standard input"; or NULL */
	const char *created_by; /* of its entry in the history; of a copy NULL */
	/* Filled: */
	bool is_hit;
	const char *uncached; /* why it was done as without --layers; NULL: it was not */
};

/* --- run --- */

struct working_run {
	const struct list *argv;
	const struct list *env;       /* "NAME=value", over the container's own */
	const struct list *quiet_env; /* the same, and part of no key: proxies; or NULL */
	const char *user;             /* NULL: the container's */
	const char *workdir;          /* NULL: the container's */
	const char *hostname;         /* NULL: the beginning of its id */
	enum sandbox_network network;
	const char *namespaces; /* stands in keys for those it shares; NULL: none */
	const struct sandbox_host *hosts;
	size_t host_count;
	const struct volume *volumes;
	size_t volume_count;
	const struct sandbox_limit *limits;
	size_t limit_count;
	const struct list *limit_texts;  /* the same as they were typed */
	const struct plan_mount *mounts; /* caches, secrets, agents: as of RUN --mount */
	size_t mount_count;
	const struct build_secret *secrets;
	size_t secret_count;
	const struct build_agent *agents; /* of sockets */
	size_t agent_count;
	const char *const *dns; /* as in sandbox_step */
	const char *const *dns_search;
	const char *const *dns_options;
	uint64_t add_capabilities, drop_capabilities; /* bits */
	bool drops_all, is_unconfined, no_new_privileges;
	bool has_umask; /* as in sandbox_step */
	uint32_t umask;
	struct sandbox_security security;
	const struct list *security_texts; /* what stands for it in keys; or NULL */
	bool no_hosts_file, no_hostname_file, no_resolv_file; /* as in sandbox_step */
	const char *engine; /* /run/.containerenv names it; NULL: there is no such file */
	uint64_t shm_bytes;
	struct sandbox_resources resources;
	const uint32_t *groups; /* besides the user's own */
	size_t group_count;
	int stdin_fd, stdout_fd, stderr_fd; /* as in sandbox_step */
	bool has_terminal;                  /* stdin_fd is one, and becomes the step's own */
	struct working_layers *layers;      /* or NULL */
};

/* Errors as sandbox_run()'s; a command that fails is no error here: see ret->status. */
FALLIBLE working_run(
		struct working *working, const struct working_run *run, struct sandbox_result *ret);

/* --- copy, add --- */

struct working_copy {
	bool is_add;
	int origin_fd;          /* a directory of the host that sources are in; -1: none */
	struct container *from; /* or a container to read from (not the same) */
	const char *from_image; /* or an image, as image_open() takes it */
	enum pull_policy pull;
	const struct list *sources; /* paths, http(s) addresses; of an add also git repositories */
	const char *checksum;       /* of the one address that is the source, or NULL */
	const char *dest;           /* "": the working directory; relative ones are below it */
	const char *chown, *chmod;
	const char *ignore_file; /* on the host, or NULL */
	bool has_context; /* origin_fd is a build context: what its own ignore file says counts */
	const struct list *excludes, *includes; /* patterns; or NULL */
	const struct list *required;            /* paths in a source that have to be copied */
	bool parents;
	bool keeps_links;       /* a source that is a link is copied as one */
	bool allows_none;       /* a pattern may match nothing */
	bool ignores_by_prefix; /* ignore_by_prefix() */
	bool globs_deep;        /* source_glob() */
	bool replaces;          /* place_rules.replaces */
	bool has_epoch;
	int64_t epoch;
	const struct list *typed; /* sources as they were typed, for history and key */
	bool adds_history;
	struct working_layers *layers; /* or NULL */
	bool is_link; /* with layers: a layer of its own, whether it has a key or not */
};

/* Is that source brought from elsewhere: an http(s) address or a git repository? */
bool working_copy_is_remote(const char *source);
/* *ret_content: digest of what was selected. */
FALLIBLE working_copy(struct working *working, const struct working_copy *copy,
		struct digest *ret_content);

/* --- commit --- */

struct working_file {
	const char *source; /* a regular file of the host */
	const char *path;   /* clean: relative, without "..", not "" */
};

struct working_commit {
	const char *name; /* for messages */
	bool squash;      /* base and all: one layer */
	bool omit_history;
	bool has_epoch;
	int64_t epoch;
	bool fixes_times;             /* of files, too, to the epoch */
	enum image_format format;     /* 0: the container's */
	enum compression compression; /* 0: none, for the store */
	int compression_level;
	const struct list *unset_env;
	const struct list *annotations;
	bool no_created_annotation;
	/* Files of the host, in a layer of their own on top: root's, 0644. Not with squash. */
	const struct working_file *files;
	size_t file_count;
};

/*
 * What working_commit() needs to see is at hand; saves the container. Changes to it that are only
 * for the image are made after that.
 */
FALLIBLE working_commit_begin(struct working *working, const struct working_commit *commit);
/* The image; its blobs are in the store. It has no name yet. */
FALLIBLE working_commit(
		struct working *working, const struct working_commit *commit, struct image **ret);

/* --- looking and mounting --- */

/* Told of each path (without a slash in front): 'A' added, 'C' changed, 'D' deleted. */
struct working_change_to {
	void (*tell)(void *user, char kind, const char *path);
	void *user;
};

/* What differs from the image that the container was made from, in no order. */
FALLIBLE working_diff(struct working *working, const struct working_change_to *to);

/* The merged files, to be read; closing the fd unmounts. */
FALLIBLE working_view(struct working *working, int *ret_fd);

/*
 * Mount it at path for the user (in the namespace that host_fd is), files with the owners that
 * the image gives them. Saves the container. host_fd -1: in our own namespace, for what we start
 * there; path is made then.
 */
FALLIBLE working_mount(struct working *working, int host_fd, const char *path);
/*
 * Take what is mounted at the container's mount point away; not mounted is fine. for_good: the
 * empty directory, too.
 */
FALLIBLE working_unmount(int host_fd, const char *path, bool for_good);
/* True when something is mounted there (in that namespace). */
bool working_is_mounted(int host_fd, const char *path);

static inline void working_auto_(struct working **working)
{
	working_free(*working);
}

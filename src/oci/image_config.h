/*
 * image_config: how to run an image, its history, and the diffIDs of its layers.
 *
 * Everything that OCI and Docker define is parsed into fields; whatever else a base image's config
 * holds is dropped on purpose (BuildKit does the same), so that what we print is what we know.
 * Malformed but common things are mended as BuildKit does (Env without '=', relative WorkingDir).
 *
 * Floor: oci (pure).
 * Spec: OCI image-spec v1.1, config.md; Docker image spec v1.2/1.3 (Healthcheck, OnBuild, Shell …).
 */
#pragma once
#include "base/auto.h"
#include "base/vec.h"
#include "oci/digest.h"
#include "oci/mediatype.h"
#include "oci/platform.h"

struct image_healthcheck {
	bool set;
	struct list test; /* {"NONE"} | {"CMD", …} | {"CMD-SHELL", text} */
	int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns;
	int retries;
};

struct history_entry {
	char *created;                       /* RFC 3339 or NULL */
	char *created_by, *author, *comment; /* or NULL */
	bool empty_layer;
};

struct image_config {
	struct platform platform;
	struct list os_features;
	char *created; /* RFC 3339 or NULL */
	char *author;
	/* Docker's, of this very image: a copy, which is for another, has none. container: an ID.
	 */
	char *comment, *container;
	/* config */
	char *user, *working_dir, *stop_signal, *domainname, *hostname; /* or NULL */
	struct list env;                                                /* "NAME=value" */
	struct list entrypoint, cmd, shell, on_build;
	bool has_entrypoint, has_cmd; /* in what was read, maybe as []: what a merge takes over */
	bool args_escaped;
	struct list labels;                 /* "key=value", order kept; printed sorted by key */
	struct list exposed_ports, volumes; /* names; printed sorted */
	struct image_healthcheck healthcheck;
	/* rootfs and history */
	struct {
		struct digest *p;
		size_t n, capacity;
	} diff_ids;
	struct {
		struct history_entry *p;
		size_t n, capacity;
	} history;
};

FALLIBLE image_config_parse(struct str json, struct image_config *ret);
void image_config_done(struct image_config *config);
void image_config_copy(const struct image_config *from, struct image_config *ret); /* deep */
/*
 * Canonical bytes: fixed key order, no spaces. The Docker-only fields (Healthcheck, OnBuild,
 * Shell…) are printed in both formats, as BuildKit does. New; free().
 */
char *image_config_print(const struct image_config *config);
void image_config_clear_history(struct image_config *config);
void image_config_add_history(struct image_config *config, const char *created,
		const char *created_by, const char *comment, bool empty_layer);

DEFINE_AUTO_VALUE(image_config)

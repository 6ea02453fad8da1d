/*
 * manifest_artifact: files as an artifact in a list: a manifest with a type of its own whose layers
 * are the files as they are.
 *
 * Floor: verbs.
 * Spec: OCI image-spec v1.1, manifest.md, "Guidelines for Artifact Usage".
 */
#pragma once
#include "verbs/manifest_list.h"

#define UNKNOWN_ARTIFACT "application/vnd.unknown.artifact.v1"

struct artifact {
	const char *type;               /* NULL: UNKNOWN_ARTIFACT */
	const char *config;             /* a file; NULL: an empty object */
	const char *config_type;        /* NULL: as there is a file or none */
	const char *layer_type;         /* of every file; NULL: guessed of each (file_type.h) */
	const char *subject;            /* an image's name, or NULL */
	bool has_no_titles;             /* layers are not annotated with their files' names */
	const struct list *annotations; /* "key=value", of the manifest */
	const char *const *files;
	size_t file_count;
};

/* *ret: the digest of its manifest. ERR_UNSUPPORTED: a list of Docker's format takes none. */
FALLIBLE manifest_list_add_artifact(struct session *session, struct manifest_list *list,
		const char *program, const struct artifact *artifact,
		const struct list_change *change, struct digest *ret);

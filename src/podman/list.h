/*
 * list: a list of images (an index) in Podman's store: an image without layers, whose data are the
 * index and "instances.json", which says where each manifest is:
 *
 *	{"": ID of the list, "sha256:...": "containers-storage:[overlay@ROOT]@ID" or "docker://..."}
 *
 * Floor: podman. Spec: buildah 1.28, manifests/manifests.go (what Podman 4.3 has); containers/image
 * 5.23, storage_reference.go.
 */
#pragma once
#include "podman/write.h"

/* Where a manifest of the list is; borrowed. */
struct podman_instance {
	struct digest digest;
	const char *id;    /* an image of the store; or NULL */
	const char *where; /* else "docker://NAME@DIGEST" */
};

/* Borrowed. */
struct podman_new_list {
	struct str json;
	struct digest digest;
	const struct podman_instance *instances;
	size_t instance_count;
	const struct list *names; /* complete references; they leave whatever image has them */
};

/*
 * Make it visible. ERR_BUSY: an image that it names was removed meanwhile. The same list under no
 * other names is used again; so *ret_id (new) is that of what was there, or the digest's.
 */
FALLIBLE podman_writer_commit_list(
		struct podman_writer *writer, const struct podman_new_list *list, char **ret_id);

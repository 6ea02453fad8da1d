/*
 * destination: where a commit or push goes, as scripts write it:
 *
 *	NAME, store:NAME                 the store
 *	containers-storage:[[...]]NAME   Podman's store
 *	docker://HOST/NAME[:TAG]         a registry
 *	oci:DIR[:TAG]                    a layout
 *	oci-archive:FILE[:TAG], docker-archive:FILE[:NAME]
 *	dir:DIR                          one file a blob, as skopeo and Buildah write it
 *
 * Floor: verbs.
 */
#pragma once
#include "image/convert.h"
#include "image/encrypt.h"
#include "image/image.h"
#include "image/set.h"
#include "ui/session.h"

struct destination {
	enum destination_kind {
		TO_STORE = 1,
		TO_REGISTRY,
		TO_LAYOUT,
		TO_OCI_ARCHIVE,
		TO_DOCKER_ARCHIVE,
		TO_DIR,
		TO_PODMAN,
	} kind;
	char *path; /* of a layout or archive; what stands before the name of Podman's store */
	char *name; /* complete reference, or the tag of a layout; NULL: none */
	/* For whom it is encrypted on the way (borrowed); NULL: it is not. */
	const struct image_sealing *sealing;
};

/* bare: what a name without a transport is, TO_STORE or TO_REGISTRY. */
FALLIBLE destination_parse(const char *program, const char *text, enum destination_kind bare,
		struct destination *ret);
void destination_done(struct destination *destination);

/*
 * Send it. form says what is asked for; what the destination needs (compressed layers, the docker
 * format of a docker archive stays as it is, encrypted layers are OCI's) is added. With
 * form->leaves_plain layers are without compression where that is nobody's loss: in dir:, layouts
 * and archives of them, as in Buildah. *ret_manifest: the digest it has there.
 */
FALLIBLE destination_send(struct session *session, const struct image *image,
		const struct destination *to, const struct image_form *form, bool quiet,
		struct digest *ret_manifest);

/*
 * Everything that a name stands for, as it is, or encrypted. A docker archive takes one image:
 * ERR_UNSUPPORTED. *ret_digest (may be NULL): the one it has there.
 */
FALLIBLE destination_send_set(struct session *session, const struct image_set *set,
		const struct destination *to, bool quiet, struct digest *ret_digest);

DEFINE_AUTO_VALUE(destination)

/*
 * names: what a script types for an image, under either name of ours.
 *
 *	buildah  "app" is localhost/app if that is in the store, else docker.io/library/app, else
 *	         what it is in Podman's store; a name that is given is localhost/app
 *	kiln     "app" is docker.io/library/app, as in 'kiln build -t app', else localhost/app if
 *	         that is in the store
 *
 * Transports stand in front of a name as in image/image.h, store: means kiln's own store, and
 * containers-storage: Podman's.
 *
 * Floor: verbs.
 */
#pragma once
#include "image/image.h"
#include "store/tag.h"
#include "ui/session.h"

/* The complete reference that a new name becomes. New; free(). ERR_INVALID. */
FALLIBLE names_new(const char *program, const char *text, char **ret);

/*
 * The image of the store that text means, by name or ID. *ret_name (may be NULL; new) is the name
 * that text was, else NULL. ERR_NOT_FOUND "TEXT: image not known".
 */
FALLIBLE names_find(struct store *store, const char *program, const char *text,
		struct tag_record *ret, char **ret_name);

struct names_request {
	const char *program;
	const char *text;
	enum pull_policy pull;
	const struct platform *platform; /* NULL: the host's */
	bool is_platform_asked; /* by the user: what is here for another one is not meant */
	bool quiet;
	bool own_only; /* Podman's store is not looked into for a plain name */
};

struct named_image {
	struct image *image;
	struct digest record;   /* in the store: what tag_record.manifest is */
	char *name;             /* as it is shown: a complete reference; "" without one */
	struct list more_names; /* all that an archive calls it, name first */
};

/*
 * Open, and bring it into the store whole; an image of Podman's without its name, since what is
 * called so there may be another tomorrow. The session has SESSION_REGISTRY, and for Podman's store
 * SESSION_TREES.
 */
FALLIBLE names_open(struct session *session, const struct names_request *request,
		struct named_image *ret);
/*
 * What a container is named after that is made from a file that says no name: the last word of
 * oci:, else the kind of file. New; NULL: text is no such thing.
 */
char *names_of_transport(const char *text);
void named_image_done(struct named_image *named);

/* "always", "missing", "never", "newer", "ifnewer", "true", "false", "" (always). */
FALLIBLE names_pull_policy(const char *text, enum pull_policy *ret);

DEFINE_AUTO_VALUE(named_image)

/*
 * place: where Podman, Buildah and skopeo keep their images: the graph root that storage.conf, the
 * environment or a name itself says, and the additional stores that are only read.
 *
 *	$CONTAINERS_STORAGE_CONF, else $XDG_CONFIG_HOME/containers/storage.conf, else (root)
 *	/etc/containers/storage.conf, else /usr/share/containers/storage.conf
 *	"[driver@graphroot+runroot:options]name" in front of a name counts alone
 *
 * Floor: podman. Values; nothing is opened but storage.conf.
 * Spec: containers-storage.conf(5), containers-transports(5).
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stdint.h>

struct userns;

/* What the environment says; borrowed. NULL: not set. */
struct podman_settings {
	const char *home;
	const char *config_home; /* $XDG_CONFIG_HOME, else ~/.config */
	const char *data_home;   /* $XDG_DATA_HOME, else ~/.local/share */
	const char *conf;        /* $CONTAINERS_STORAGE_CONF */
	const char *driver;      /* $STORAGE_DRIVER */
	const char *options;     /* $STORAGE_OPTS: "overlay.imagestore=DIR,..." */
	bool is_rootless;        /* an ordinary user started us */
	bool is_mapped;  /* we are inside a user namespace of one: files have their owners */
	bool has_one_id; /* and it has our own id alone */
	const struct userns *steps; /* of root: steps have these ids (OWNER_SHIFTED); or NULL */
	uint32_t uid;               /* of whoever started us */
	const char *root;           /* the graph root, whatever storage.conf says; or NULL */
	bool is_shared;             /* plain names that our store has not may mean what is there */
	const char *system_conf[2]; /* tests have their own; NULL: those above */
};

struct podman_place {
	char *driver;           /* as it was asked for; NULL: whatever is there */
	char *root;             /* the graph root, absolute */
	struct list more;       /* graph roots of additional image stores */
	bool has_mount_program; /* fuse-overlayfs, whose layers look otherwise */
};

/*
 * What text means behind "containers-storage:": *ret_name points into text at the name. ERR_INVALID
 * for what does not read, with the file's line; ERR_UNSUPPORTED for a driver that is not overlay.
 */
FALLIBLE podman_place_find(const struct podman_settings *settings, const char *text,
		struct podman_place *ret, const char **ret_name);
void podman_place_done(struct podman_place *place);

DEFINE_AUTO_VALUE(podman_place)

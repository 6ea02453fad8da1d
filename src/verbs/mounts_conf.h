/*
 * mounts_conf: what mounts.conf gives to every command that runs: lines "/SOURCE[:/TARGET]", files
 * of the host that are copied for it. Under Buildah's name; with --default-mounts-file under any.
 *
 *	--default-mounts-file, else the first that there is of ~/.config/containers/mounts.conf
 *	(an ordinary user's), /etc/containers/mounts.conf, /usr/share/containers/mounts.conf
 *
 * Floor: verbs. Spec: containers-mounts.conf(5).
 */
#pragma once
#include "ui/options.h"
#include "verbs/volume_flag.h"

/* The line of a container's settings that keeps which file 'from' was told. */
#define MOUNTS_CONF_SETTING "default-mounts-file"

/*
 * settings: of the container, or NULL; what they remember is asked behind --default-mounts-file.
 * Added to *ret; what is not there is told on standard error and left out. Before the user
 * namespace is entered, or is_rootless says who started us.
 */
FALLIBLE mounts_conf_read(const struct invocation *call, const struct list *settings,
		bool is_rootless, struct volume_flags *ret);

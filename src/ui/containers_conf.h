/*
 * containers_conf: what containers.conf says of how commands run, for the name that reads it:
 * Buildah's.
 *
 *	$CONTAINERS_CONF, else in this order, later ones over earlier ones:
 *	/usr/share/containers/containers.conf
 *	/etc/containers/containers.conf, the *.conf of /etc/containers/containers.conf.d
 *	$XDG_CONFIG_HOME/containers/containers.conf (~/.config), the *.conf of its containers.conf.d
 *	and behind either: $CONTAINERS_CONF_OVERRIDE
 *
 * A list takes the place of an earlier file's, unless one of them has an item {append = true}. Keys
 * that say nothing to a build are read over, unknown ones too.
 *
 * Floor: ui. Constant once read.
 * Spec: containers.conf(5).
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/vec.h"
#include "registry/toml.h"
#include <stdbool.h>

/* A list of several files. */
struct conf_list {
	struct list texts;
	bool is_said; /* by some file; texts may be empty all the same */
	bool appends;
};

struct containers_conf {
	struct conf_list capabilities; /* instead of the default set */
	struct conf_list ulimits, devices, volumes, dns, dns_options, dns_search;
	struct conf_list environment; /* of [engine]: for this process */
	struct conf_list add_compression;
	char *cgroupns, *ipcns, *netns, *pidns, *utsns; /* "host" and others; or NULL */
	char *shm_size;                                 /* or NULL */
	char *base_hosts_file;                          /* a path, "none" or "image"; or NULL */
	char *compression;                              /* compression_format; or NULL */
	char *retry_delay; /* between them, as Go writes a time; or NULL */
	int64_t retries;   /* of transfers; -1: not said */
	int64_t level;     /* compression_level; -1: not said */
	bool names_hosts;  /* container_name_as_hostname */
};

#define CONTAINERS_CONF_INIT                \
	{                                   \
		.retries = -1, .level = -1, \
	}

/* Where the files are; NULL: the system's folders. Tests have their own. */
struct containers_conf_dirs {
	const char *share, *etc; /* "/usr/share/containers", "/etc/containers" */
};

/*
 * get: as config_getenv(). ERR_INVALID names file, line and key; a file that the environment names
 * must be there. containers_conf_done(), also after a failure.
 */
FALLIBLE containers_conf_read(const char *(*get)(const char *name),
		const struct containers_conf_dirs *dirs, struct containers_conf *ret);
/* Add one file's text. */
FALLIBLE containers_conf_add(struct containers_conf *conf, struct str text, const char *what);
void containers_conf_done(struct containers_conf *conf);

DEFINE_AUTO_VALUE(containers_conf)

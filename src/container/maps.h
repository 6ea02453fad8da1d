/*
 * maps: the ids that a working container's files and commands have, when 'from' was told
 * (--userns-uid-map): among its settings, for as long as it lives.
 *
 * Floor: container (pure).
 */
#pragma once
#include "container/container.h"
#include "sys/idmap.h"

/* Lines of container->settings. */
#define CONTAINER_UID_MAP "userns-uid-map"
#define CONTAINER_GID_MAP "userns-gid-map"
#define CONTAINER_USERNS  "userns" /* the file of a namespace that commands join */

/* Nothing where both maps are empty. */
void container_set_maps(struct container *container, const struct id_maps *maps);
/* Empty: the usual. */
FALLIBLE container_maps(const struct container *container, struct id_maps *ret);

/*
 * run_mount_options: the keys of RUN --mount that Buildah adds to BuildKit's: flags of the mount
 * itself. Most are words without a value.
 *
 * Floor: dockerfile (pure), inside run_mount. Spec: buildah-build(1), "RUN --mount" and --volume.
 */
#pragma once
#include "dockerfile/run_mount.h"

/* How many there are, and the name of each, for "did you mean". */
size_t mount_option_count(void);
const char *mount_option_name(size_t i);
/* The index of a name in lower case; mount_option_count() when it is none of them. */
size_t mount_option_find(const char *name);
/* "true" when it may stand without a value, else NULL. */
const char *mount_option_bare(size_t i);
/*
 * False: the value is none of its. What kiln does not do is ERR_UNSUPPORTED with the reason, and is
 * not at any place yet.
 */
FALLIBLE mount_option_set(struct run_mount *mount, size_t i, const char *value, bool *ret);
/* The value that is nearest to a wrong one, or NULL. */
const char *mount_option_nearest(size_t i, const char *value);
/* NULL, or which option is not for the mount's type. */
const char *mount_option_misplaced(const struct run_mount *mount);

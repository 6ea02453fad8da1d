/*
 * hooks: folders of programs that an OCI runtime starts around a container (oci-hooks(5)). kiln has
 * no runtime, so a folder with a hook in it is refused; one without is as good as none.
 *
 * Floor: buildah.
 */
#pragma once
#include "base/error.h"
#include "base/vec.h"

/* isolation: as --isolation or BUILDAH_ISOLATION has it, or NULL: with "chroot" no hook ever runs.
 */
FALLIBLE hooks_check(const struct list *dirs, const char *isolation);

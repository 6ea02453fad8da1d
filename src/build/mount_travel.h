/*
 * mount_travel: cache mounts to and from cache homes, where mounts=true asks for it.
 *
 *	mount_import()    before a step that must run: what a home has, where this machine has none
 *	mounts_export()   after the build: what its steps had mounted
 *
 * Both work under the mount's lock, so that no step writes meanwhile. A mount is brought whole or
 * not at all; whatever goes wrong is a warning, and the mount begins as it would have without.
 *
 * Floor: build.
 */
#pragma once
#include "build/mounts.h"

/* Which mount it is to homes: what tells one from another here, and the platform. */
struct digest mount_travel_name(const struct build *build, const char *id, const char *variant);
/* Some home is read for cache mounts. */
bool mount_imports(const struct build *build);
/*
 * Fill what is not there, or empty, from a home; the lock is held alone. ERR_CANCELED only: what
 * does not work is told, and held.tree_fd stays -1.
 */
FALLIBLE mount_import(struct build *build, struct step_run *run, struct step_cache *cache);
/* A step has it mounted: mounts_export() brings it. Any thread. */
void mount_was_used(struct build *build, const struct step_cache *cache);

/* To a home, if it was asked for them. An error only where ignore-error=false, or canceled. */
struct cache_target;
FALLIBLE mounts_export(struct build *build, const struct cache_target *target);
void mount_travel_done(struct mount_travel *travel);

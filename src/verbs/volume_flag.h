/*
 * volume_flag: -v, --device and --mount=type=bind|tmpfs of what runs in a container or a build.
 * Every failure is error_usage.
 *
 * Floor: verbs (pure).
 */
#pragma once
#include "build/volume.h"
#include "dockerfile/run_mount.h"

struct volume_flags {
	struct {
		struct volume *p;
		size_t n, capacity;
	} volumes;
	struct list texts; /* what they point to */
};

/* "/HOST:/CONTAINER[:ro,rw,O,upperdir=/U,workdir=/W,U,z,Z,shared,...]" */
FALLIBLE volume_flag_add(struct volume_flags *flags, const char *text);
/* "/dev/fuse", "/dev/fuse:/dev/other", "/dev/fuse:/dev/other:rwm" */
FALLIBLE device_flag_add(struct volume_flags *flags, const char *text);
/*
 * A parsed --mount of type bind or tmpfs. target is absolute. Relative sources of the host are
 * below context_dir (NULL: the current folder).
 */
FALLIBLE mount_flag_add(struct volume_flags *flags, const struct run_mount *mount,
		const char *target, const char *context_dir);
/* "/SOURCE:/TARGET" of mounts_conf.h. */
void volume_flag_add_copy(struct volume_flags *flags, const char *text);
void volume_flags_done(struct volume_flags *flags);

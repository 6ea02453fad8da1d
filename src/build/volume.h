/*
 * volume: what -v, --device and --mount=type=bind|tmpfs of 'run' and of 'buildah build' show to a
 * step: files, directories and devices of the host. Nothing of it is ever part of a layer, and no
 * key knows what is in it.
 *
 * Floor: build.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "sandbox/sandbox.h"
#include "store/layers.h"
#include "sys/userns.h"

struct user;

struct volume {
	const char *source; /* on the host; NULL: a tmpfs */
	/* In an image or a container of that name, source is below its root. What is written then
	 * goes away after the step. */
	const char *from;
	const struct mount_dir *layers; /* of from, topmost first */
	size_t n_layers;
	const char *target;
	bool read_only;
	bool is_scratch;          /* "O": what is written goes away after the step, */
	const char *upper, *work; /* or stays in upper ("upperdir="); both or none */
	bool discards;            /* the same of a file, too: that is copied */
	bool is_device;
	bool is_copied;  /* as host_copy.h has it; of no key */
	bool takes_over; /* "U": the source, and all in it, is given to the step's user */
	bool no_exec, has_set_id, is_flat;
	unsigned long propagation; /* MS_SHARED and its kin; 0: private */
	bool propagates_below;
	uint64_t size_bytes;
	uint32_t mode;
};

/* What mounts of volumes borrow. */
struct volumes {
	struct volume_held {
		int fd, scratch_fd; /* or -1 */
		struct layer_draft scratch;
		struct mount_dir below;
	} * p;
	size_t n;
};

/*
 * Fill mounts[0..n). user is the step's. Whoever ends the step frees *ret, also after a failure;
 * mounts are good until then.
 */
FALLIBLE volumes_open(const struct volume *wanted, size_t n, struct store *store,
		const struct userns *userns, const struct user *user, struct sandbox_mount *mounts,
		struct volumes *ret);
void volumes_done(struct volumes *volumes);

/* What was asked for, which is not what is in it. */
struct key;
void volume_key(const struct volume *volume, struct key *key);

DEFINE_AUTO_VALUE(volumes)

/*
 * stage: where a sandbox is put together. The helper builds it once, as its own root (of a helper
 * that expects one step, its PID 1 does): a small tmpfs that holds nothing of the host but its
 * /proc, /sys and six device nodes. Every PID 1 gets a copy with its mount namespace, and moves
 * pieces of it into the step's root.
 *
 *	/proc /sys /dev/null ...   the host's; /sys read-only
 *	/empty                     an empty read-only directory, to hide others
 *	/scaffold                  the lowest layer: targets for the mounts every step has
 *	/shared/{shm,mqueue}       of an IPC namespace that steps share
 *	/root /hold                mount points: the step's root; directories that were sent
 *	/ready/{proc,dev,files}    what stage_prepare made, before the step is known
 *
 * Floor: sandbox. Single-threaded processes only.
 */
#pragma once
#include "base/error.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "sandbox/namespaces.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * Build it and make it the root of this process, in a private mount namespace. What mounts has of
 * namespaces that were joined stands in the place of the host's (and is taken), and IPC of the
 * host's is at /shared/{shm,mqueue}.
 */
FALLIBLE stage_build(struct namespaces_mounts *mounts);

/* Mounts of a step that do not depend on it, detached from nothing: below /ready. */
struct stage {
	bool is_masked;       /* /ready/proc has its paths hidden */
	bool has_outer_proc;  /* a fresh /proc was refused: it shows other pids than ours */
	bool shares_ipc;      /* /dev/mqueue is that of a namespace that others have, too */
	bool has_host_ipc;    /* and so is /dev/shm, which is the host's */
	bool shares_pids;     /* no pid namespace holds the step together */
	int proc_fd;          /* then, where its processes are seen; else -1 */
	uint64_t shm_bytes;   /* of /ready/dev/shm */
	struct strbuf *notes; /* what had to be given up */
};

FALLIBLE stage_prepare(struct stage *stage, uint64_t shm_bytes);
/* A /proc without masks in place of the prepared one. */
FALLIBLE stage_unmask(struct stage *stage);
/* A sysfs of our own network namespace, attached at /ready/sys. */
FALLIBLE stage_own_sysfs(void);
/*
 * Hide what the tables of defaults.h name below the mount whose root is fd and that will be at
 * base, but for what a pattern of unmask means (fnmatch(3); "ALL"; NULL: hide all).
 */
struct default_path;
FALLIBLE stage_mask(int fd, const char *base, const struct default_path *paths,
		const struct list *unmask);
/* A mount to hide a directory or something else with. */
FALLIBLE stage_cover(bool is_directory, int *ret_mount_fd);

void stage_note(struct strbuf *notes, const char *text);

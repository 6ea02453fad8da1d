/*
 * bare_scene: the mount part of a plan, carried out without mounting. What others mount is here
 * put into the rootfs itself and taken away again after the step, and what was there before is put
 * aside for that time, so that a snapshot before and one after the step do not see the difference:
 *
 *	/dev        a directory of its own: the usual devices, links, shm
 *	/proc       copies of what programs commonly read; no processes. /proc/self/fd/1 and 2 are
 *	            pipes into the step's output, so that "> /dev/stderr" works
 *	/sys        an empty directory
 *	FILE        a file
 *	TMPFS       an empty directory
 *	BIND        read-only: a copy (a clone where the file system can); else the directory or
 *	            file itself, moved in and back: the caller sees that no other step wants it
 *
 * In place (USERNS_INPLACE) the container's own /dev, /proc, /sys, resolv.conf, hosts and hostname
 * stay as they are.
 *
 * Floor: sandbox. Single-threaded processes only.
 */
#pragma once
#include "base/auto.h"
#include "base/vec.h"
#include "sandbox/plan.h"
#include "sandbox/target.h"
#include "sys/userns.h"
#include <sys/stat.h>

/* Something that was put at name in parent_fd. */
struct placed {
	int parent_fd;
	char *name;
	struct stat parent_before, parent_after;
	char *aside; /* what was there, below aside_fd; NULL: nothing */
	/* BIND, moved in: where it goes back to, what it is, and the target as asked for. */
	int source_fd;
	char *source_name;
	struct stat source;
	const char *target;
};

struct bare_scene {
	const struct plan *plan;
	const int *fds;
	size_t n_fds;
	enum userns_mode mode;
	struct strbuf *notes;
	int root_fd, aside_fd;
	char *root_path; /* for proot: as /proc/self/fd gives it */
	unsigned aside_count;
	struct targets targets;
	VEC(struct placed) placed;
	int outputs[2]; /* read ends of /proc/self/fd/1 and 2, or -1 */
	int holders[2]; /* their write ends, held until the end of the step */
};

/* Up to and including PLAN_ENTER; *ret_next is the operation behind it. */
FALLIBLE bare_scene_set(struct bare_scene *scene, size_t *ret_next);
/* Take everything away again. After the step's processes are gone. */
FALLIBLE bare_scene_clear(struct bare_scene *scene);
void bare_scene_done(struct bare_scene *scene);

/* bare_system.c: what is in the step's own /dev and /proc, into an empty directory. */
FALLIBLE bare_fill_dev(struct bare_scene *scene, int dir_fd);
FALLIBLE bare_fill_proc(struct bare_scene *scene, int dir_fd);

DEFINE_AUTO_VALUE(bare_scene)

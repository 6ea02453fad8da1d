/*
 * cgroup: groups of the unified hierarchy (cgroup2) that bound what a step uses.
 *
 *	cgroup_find(&host)                                    where this process is
 *	cgroup_base_open(&host, parent, controllers, &base)   may groups be made there?
 *	cgroup_open(base, settings, n, &group)                one group, with its limits
 *	... the process writes "0" to group->procs_fd ...
 *	cgroup_close(group)                                   it is gone
 *
 * Groups lie below our own cgroup, or below one that the user names. Our own can have groups with
 * limits only when no process is in it ("no internal processes"), so kiln and its children move to
 * a group beside those of the steps, and back in the end. Processes of others are never moved.
 *
 * A group's name is "kiln-PIDNS-PID-START-N". What a killed kiln leaves is removed by the next
 * cgroup_base_open() there of the same pid namespace: of another's processes ours knows nothing.
 * The kernel does not remove what has processes.
 *
 * Floor: sys. cgroup_open and cgroup_close from any thread. Spec: cgroup-v2.rst; systemd's
 * CGROUP_DELEGATION.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>

enum cgroup_controller {
	CGROUP_MEMORY = 1 << 0,
	CGROUP_CPU = 1 << 1,
	CGROUP_CPUSET = 1 << 2,
	CGROUP_PIDS = 1 << 3,
};

/* A directory with the hierarchy, and our own cgroup in it. Tests fill it with one of theirs. */
struct cgroup_host {
	char *root; /* "/sys/fs/cgroup"; NULL: there is none */
	char *own;  /* "/user.slice/x.scope", below root; "/" is root itself */
};

/* Looks at /proc/self. Never fails: what is not there is told by cgroup_base_open(). */
void cgroup_find(struct cgroup_host *ret);
void cgroup_host_done(struct cgroup_host *host);

struct cgroup_base;

/*
 * The place below which groups with these controllers (bits) can be made. parent NULL: our own
 * cgroup; "/a/b": from the root of the hierarchy; "a": below our own; made when it is not there.
 * ERR_UNSUPPORTED with what is in the way (no cgroup2, a controller that is not there, no right to
 * write, processes of others), and as its hint what to do.
 */
FALLIBLE cgroup_base_open(const struct cgroup_host *host, const char *parent, unsigned controllers,
		struct cgroup_base **ret);
/* The same questions about our own cgroup, with nothing changed. */
FALLIBLE cgroup_check(const struct cgroup_host *host, unsigned controllers);
/* Back to where we came from. NULL is fine. */
void cgroup_base_free(struct cgroup_base *base);

/* "memory.max", "1048576" */
struct cgroup_setting {
	const char *file;
	char value[64];
	bool is_optional; /* a kernel that has no such file needs no such limit */
};

struct cgroup {
	char *path;
	int procs_fd; /* for writing: who writes "0" joins */
};

/* ERR_SYS names the file and value that the kernel refuses. */
FALLIBLE cgroup_open(struct cgroup_base *base, const struct cgroup_setting *settings, size_t n,
		struct cgroup **ret);
/* How many processes the kernel has killed for want of memory. */
unsigned cgroup_oom_kills(const struct cgroup *group);
/* Ends what is still in it, and removes it. NULL is fine. */
void cgroup_close(struct cgroup *group);

DEFINE_AUTO_VALUE(cgroup_host)
DEFINE_AUTO_PTR(cgroup_base, cgroup_base_free)
DEFINE_AUTO_PTR(cgroup, cgroup_close)

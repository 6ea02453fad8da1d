/*
 * plan: what PID 1 of a sandbox does, as flat data: an ordered list of operations of one fixed
 * size, and a pool of bytes that they point into by offset. No pointers; fds are places in the
 * list of fds that travels beside it. Made by plan_make, sent by launch, carried out by init,
 * printed for people and tests.
 *
 * Encoded: header, operations, pool, in the byte order of the machine (both ends are one program).
 * plan_decode checks everything it hands out: kinds, flags, fd places, offsets, NUL-termination.
 *
 * Floor: sandbox (pure: no I/O).
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum plan_kind {
	PLAN_HOSTNAME = 1, /* text */
	PLAN_LOWER,        /* fd, text: one layer; the next OVERLAY or MERGE stacks them */
	PLAN_UPPER,        /* fd, text upper, more work: for the next OVERLAY or MERGE */
	PLAN_OVERLAY,      /* the layers so far are the root */
	PLAN_ROOT,         /* fd, text: this directory is the root */
	PLAN_NETWORK,      /* fd: join this namespace; none: a new one with loopback only */
	PLAN_UNMASK,       /* text pattern: paths that the next two leave alone */
	PLAN_PROC,         /* flag MASKED: paths of defaults.c are hidden or read-only */
	PLAN_SYS,
	PLAN_DEV,    /* number: bytes of /dev/shm */
	PLAN_FILE,   /* text target, more content, number uid:gid, mode: a file of its own */
	PLAN_BIND,   /* fd, text target, more path below fd */
	PLAN_MERGE,  /* text target, more path inside: the layers so far on target */
	PLAN_TMPFS,  /* text target, number bytes, mode, second uid:gid */
	PLAN_MASK,   /* text target: nothing is to be seen there */
	PLAN_ENTER,  /* pivot into the root; what follows is for the command alone */
	PLAN_LIMIT,  /* mode resource, number soft, second hard */
	PLAN_CGROUP, /* fd: cgroup.procs of the group to join */
	PLAN_INPUT,  /* fd; number 1: the controlling terminal */
	PLAN_OUTPUT,
	PLAN_ERRORS,
	PLAN_GROUP,        /* number */
	PLAN_USER,         /* number uid, second gid */
	PLAN_CAPABILITIES, /* number: the set, bit by bit */
	PLAN_SECCOMP,      /* more: a program; none: Docker's default profile */
	PLAN_RECORD,       /* owners are answered and recorded by a supervisor */
	PLAN_NO_NEW_PRIVILEGES,
	PLAN_UMASK,     /* mode; none: 022 */
	PLAN_DIRECTORY, /* text */
	PLAN_VARIABLE,  /* text NAME=value */
	PLAN_ARGUMENT,  /* text */
	PLAN_EXEC,      /* always last */
};

enum plan_flag {
	PLAN_READ_ONLY = 1 << 0,
	PLAN_NO_EXEC = 1 << 1,
	PLAN_VOLATILE = 1 << 2,
	PLAN_SCAFFOLD = 1 << 3,  /* OVERLAY: the helper's own lowest layer goes below */
	PLAN_HOST_NET = 1 << 4,  /* SYS, NETWORK: stay where we are */
	PLAN_MASKED = 1 << 5,    /* PROC, SYS */
	PLAN_SET_ID = 1 << 6,    /* BIND, MERGE, TMPFS: set-id bits count */
	PLAN_FLAT = 1 << 7,      /* BIND: not what is mounted below */
	PLAN_DEEP = 1 << 8,      /* BIND, MERGE: propagation of what is below, too */
	PLAN_DEVICE = 1 << 9,    /* BIND: it may be opened as the device that it is */
	PLAN_MAY_LACK = 1 << 10, /* MERGE: what is not there is empty */
};

/* A piece of the pool. Texts end with a NUL that n does not count. */
struct plan_text {
	uint32_t at, n;
};

struct plan_op {
	uint16_t kind, flags;
	int32_t fd;                 /* place in the list of fds, or -1 */
	uint32_t mode, propagation; /* propagation: BIND, MERGE: MS_SHARED and its kin, or 0 */
	struct plan_text text, more;
	uint64_t number, second;
};

/* An fd to send along, borrowed. */
struct plan_fd {
	int fd;
	bool is_tree; /* a directory or file, sent as a mount of its own with all below it */
};

struct plan {
	VEC(struct plan_op) ops;
	VEC(struct plan_fd) fds; /* empty after plan_decode */
	struct strbuf pool;
};

enum { PLAN_FDS = 200, PLAN_OPS = 100000, PLAN_BYTES = 64 << 20 };

void plan_done(struct plan *plan);
/* Add an operation, zeroed but for kind and fd -1; fill the rest in. Valid until the next. */
struct plan_op *plan_add(struct plan *plan, enum plan_kind kind);
struct plan_text plan_keep(struct plan *plan, const char *text);
struct plan_text plan_keep_bytes(struct plan *plan, const void *bytes, size_t n);
/* The place of fd in the list; the same fd keeps its place. */
int32_t plan_fd(struct plan *plan, int fd, bool is_tree);

const char *plan_text_of(const struct plan *plan, struct plan_text text);
/* Owner pairs in one number. */
uint64_t plan_owner(uint32_t uid, uint32_t gid);

/* One operation a line: "bind fd2/src on /src read-only". Content is given by its size. */
void plan_print(const struct plan *plan, struct strbuf *out);

/* ERR_LIMIT when it is larger than PLAN_BYTES, PLAN_OPS or PLAN_FDS allow. */
FALLIBLE plan_encode(const struct plan *plan, struct strbuf *out);
/* The other way, n_fds of which came along; copies. Anything odd is ERR_INVALID. */
FALLIBLE plan_decode(const void *bytes, size_t n, size_t n_fds, struct plan *ret);

DEFINE_AUTO_VALUE(plan)

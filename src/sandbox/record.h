/*
 * record: the supervisor of row two. One id is mapped, so the kernel cannot change owners or
 * identities; a seccomp listener hands the calls that would, and PID 1 answers them as if it could:
 *
 *	chown family      written down where the file is (sys/owner.h), success
 *	mknod of devices  an empty file, recorded as the device
 *	set*id, setgroups kept for the process; get*id and getgroups answer what was kept
 *	stat family       owner (and device) as recorded
 *	open, mkdir, ...  files made by a process that is "somebody else" are recorded as theirs
 *
 * What a process is, is kept where the kernel inherits it over fork and exec: the soft RLIMIT_LOCKS
 * (which Linux has ignored since 2.4.25) holds a number in a table of identities.
 *
 * Trust: all processes of a step are one user to the kernel and could write the same records by
 * themselves, so a race on a path or argument can only change the step's own files, which it owns
 * anyway. Paths are looked up by PID 1 from the caller's own root and directory, as the caller, and
 * nothing outside the sandbox's mount namespace can be named.
 *
 * Not answered: programs of the machine's 32-bit ABI, and permission checks: a process that became
 * "somebody else" may still do to files what root may.
 *
 * Floor: sandbox. PID 1 only.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "sandbox/filter.h"
#include "sandbox/plan.h"

struct record;

/* The listener's program. */
void record_filter(struct filter_program *ret);
/* NULL when the plan does not ask for it. */
struct record *record_new(const struct plan *plan);
void record_free(struct record *record);
/* The listener is there (listener_fd is taken). */
FALLIBLE record_start(int listener_fd, struct record *record);
/* To poll; -1 before record_start and for NULL. */
int record_fd(const struct record *record);
/* Answer what is waiting. */
void record_answer(struct record *record);

DEFINE_AUTO_PTR(record, record_free)

/*
 * filter: the seccomp filters of a step.
 *
 * The profile is Docker's default: a list of allowed system calls; the rest is EPERM, and ENOSYS
 * for calls newer than the list, so that programs fall back. It is written as BPF directly: sorted
 * numbers in a balanced tree of comparisons, about ten instructions a call and no compile time
 * (libseccomp's own compiler would take milliseconds in every build; it gives the numbers here).
 *
 * The listener's filter sends the calls that row two answers (record.h) to the supervisor. It
 * covers the machine's own ABI; programs of its 32-bit one are not answered.
 *
 * A step under proot has one more: calls that name files and that proot 5.1 does not know reach the
 * kernel with the step's path, and would find the machine's own file or none. They are ENOSYS, and
 * libraries fall back on those that it translates. And clone3, whose flags no filter sees, is let
 * through there, where it is ENOSYS elsewhere: what libraries fall back on is clone, and proot 5.1
 * takes parent and child of CLONE_VM for one program, so that a parent's heap is gone when its
 * child executes (github.com/proot-me/proot, pull request 119).
 *
 * Floor: sandbox. Spec: seccomp(2).
 */
#pragma once
#include "base/error.h"
#include "base/vec.h"
#include <linux/filter.h>
#include <stdint.h>

struct filter_program {
	VEC(struct sock_filter) code;
};

/* Calls that one argument decides about: sent to the supervisor when (argument & mask) is set. */
struct filter_watch {
	int number;
	unsigned argument; /* with mask 0: always */
	uint32_t mask;
};

/* The programs; vec_done() the code. is_traced: under proot. */
void filter_profile(bool is_traced, struct filter_program *ret);
void filter_proot(struct filter_program *ret);
void filter_listener(const struct filter_watch *watch, size_t n, struct filter_program *ret);

/* Load the program. Needs CAP_SYS_ADMIN in the namespace, or no_new_privs. */
FALLIBLE filter_load(const struct filter_program *program);
/* The same of instructions as they lie (profile.h), which may be anywhere. */
FALLIBLE filter_load_bytes(const void *program, size_t bytes);
/* Load a listener's; *ret_fd is its notification fd. */
FALLIBLE filter_listen(const struct filter_program *program, int *ret_fd);

/*
 * proc: starting other programs (git, newuidmap, credential helpers), the only way to do so.
 * posix_spawn underneath: no code of ours runs between fork and exec, so it is safe with threads.
 *
 * Floor: sys.
 */
#pragma once
#include "base/error.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "sys/cancel.h"
#include <sys/types.h>

struct proc_spec {
	const char *const *argv;  /* NULL-terminated; argv[0] is looked up in PATH */
	const char *const *env;   /* NULL-terminated, or NULL: only PATH, HOME, LANG=C.UTF-8 */
	int dir_fd;               /* working directory; 0 or less: ours */
	int stdin_fd;             /* 0 or less: /dev/null */
	int stdout_fd, stderr_fd; /* 0 or less: captured by proc_run, /dev/null by proc_spawn */
	unsigned timeout_ms;      /* proc_run: 0 is none */
	const void *input;        /* proc_run: bytes for its stdin, or NULL */
	size_t input_bytes;
	size_t output_limit; /* proc_run: 0 means 1 MiB */
};

struct proc_result {
	int status; /* exit code, or 128 + signal */
	struct strbuf out, err;
};

/*
 * Run to the end. A program that is not there is ERR_NOT_FOUND; one that takes too long is killed
 * and ERR_LIMIT; a non-zero exit is not an error here: look at result->status.
 */
FALLIBLE proc_run(const struct proc_spec *spec, struct cancel *cancel, struct proc_result *ret);
void proc_result_done(struct proc_result *result);

/* Start; *ret_pid_fd (may be NULL) is a pidfd. */
FALLIBLE proc_spawn(const struct proc_spec *spec, pid_t *ret_pid, int *ret_pid_fd);
/* Wait for pid (our child; pid_fd may be -1); cancel kills it (SIGTERM, after 10 s SIGKILL). */
FALLIBLE proc_wait(pid_t pid, int pid_fd, struct cancel *cancel, int *ret_status);
/*
 * Be a program from now on, with stderr_fd and otherwise nothing of ours: for the child of a fork
 * in a single-threaded process that has to wait for something first. Comes back on failure alone.
 */
FALLIBLE proc_become(const char *const *argv, int stderr_fd);
/*
 * As vfork does, which spares the copy of our memory (a quarter of a millisecond): a child that
 * does work(user) in our memory while we sleep until it has ended, with what work returns as its
 * status, or has executed a program. flags are more of clone's, for namespaces. Single-threaded
 * callers alone. Under sanitizers the memory is copied. -1 with errno.
 */
pid_t proc_share(int (*work)(void *user), void *user, int flags);
/*
 * Have a new child run at once, on another CPU than ours: on two CPUs the scheduler was seen to
 * leave it behind us for a millisecond with the other one idle. Where there is one CPU nothing
 * happens.
 */
void proc_start_elsewhere(pid_t pid);
/* A child that is in a namespace, say, for as long as somebody wants to look at it. */
struct held {
	pid_t pid;
	int fd; /* closing it ends the child */
};

/*
 * A child that does enter(fd), which returns 0 or an errno value, and stays there with nothing of
 * ours open, until it is let go or we end. For any thread, so enter() may do system calls alone.
 * Returns 0, or an errno value: then there is none.
 */
int proc_hold(int (*enter)(int fd), int fd, struct held *ret);
void proc_let_go(struct held *held);
/* The full path of a program in PATH, or NULL. New; free(). */
char *proc_find(const char *name);

DEFINE_AUTO_VALUE(proc_result)

/*
 * tracee: a process that waits for the supervisor's answer (record.h): its memory, and files as it
 * would find them. Everything is checked by the listener's ID_VALID before it counts, so a reused
 * pid is never mistaken for the caller.
 *
 * Functions return 0 or a negative errno, as the caller of the system call will see it.
 *
 * Floor: sandbox. PID 1 only.
 */
#pragma once
#include "base/limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tracee {
	int listener_fd;
	uint64_t id; /* of the notification */
	pid_t pid;   /* thread, in our pid namespace */
	bool may_have_chrooted;
};

int tracee_read(const struct tracee *tracee, uint64_t address, void *buf, size_t n);
int tracee_write(const struct tracee *tracee, uint64_t address, const void *buf, size_t n);
/* A path of at most LIMIT_PATH_BYTES with its NUL. */
int tracee_read_path(
		const struct tracee *tracee, uint64_t address, char buf[static LIMIT_PATH_BYTES]);
/* True for paths of /proc and /dev, which mean something else to us than to the caller. */
bool tracee_is_special(const char *path);
/*
 * An O_PATH fd of path as the caller's *at call with dir_fd finds it. path "" is dir_fd itself.
 * Does not follow a last link unless follow.
 */
int tracee_open(const struct tracee *tracee, int dir_fd, const char *path, bool follow,
		int *ret_fd);
/* An O_PATH fd of the directory that path's last component is in; *ret_name points into path. */
int tracee_open_parent(const struct tracee *tracee, int dir_fd, char *path, int *ret_fd,
		const char **ret_name);
mode_t tracee_umask(const struct tracee *tracee);

/*
 * namespaces: which namespaces steps have that are not made for them: those that kiln is in, or
 * ones that are there already. For the whole of a sandbox: its helper goes there before it enters
 * the user namespace of steps, from where most of them are out of reach.
 *
 * Floor: sandbox. Spec: namespaces(7).
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/vec.h"
#include <stdbool.h>

enum sandbox_namespace {
	SANDBOX_IPC = 0,
	SANDBOX_PID,
	SANDBOX_UTS,
	SANDBOX_CGROUP,
	SANDBOX_NET, /* path only: whether it is the host's a step says */
	SANDBOX_NAMESPACES
};

/* A zeroed one is the usual: all are a step's own. */
struct sandbox_namespaces {
	bool is_host[SANDBOX_NAMESPACES];     /* the one that kiln is in */
	const char *path[SANDBOX_NAMESPACES]; /* or that of this file; borrowed; NULL: none */
};

bool namespaces_any(const struct sandbox_namespaces *wish); /* NULL is none */
/* "ipc", "pid", "uts", "cgroup", "network"; the file below /proc/self. */
const char *namespace_name(enum sandbox_namespace which);
const char *namespace_file(enum sandbox_namespace which);

/* The same, opened: what travels to the helper. */
struct namespaces {
	unsigned shared; /* CLONE_NEW... of those that are not made for a step */
	unsigned joined; /* of these, those that fds are of, in the order of the enum */
	int fds[SANDBOX_NAMESPACES];
	size_t n;
};

void namespaces_done(struct namespaces *namespaces);
/* ERR_INVALID: the file is no such namespace. ERR_DENIED: it is not ours to join. */
FALLIBLE namespaces_open(const struct sandbox_namespaces *wish, struct namespaces *ret);

/* File systems that only somebody outside the steps' user namespace can make. */
struct namespaces_mounts {
	int proc_fd, sys_fd, mqueue_fd; /* detached; -1: none */
	bool has_host_ipc;
};

bool namespaces_has_mounts(const struct namespaces_mounts *mounts);

/* For the helper, single-threaded: go there; children are in a pid namespace that was joined. */
FALLIBLE namespaces_enter(const struct namespaces *namespaces, struct namespaces_mounts *ret);

DEFINE_AUTO_VALUE(namespaces)

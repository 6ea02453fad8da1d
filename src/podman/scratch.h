/*
 * scratch: a directory in Podman's store for what is not there yet: tmp/kiln-HEX, on the file
 * system that layers are on, so that a layer is moved into its place by one rename. A lock file
 * beside it lives as long as its process; what a killed process left is removed by the next.
 *
 * Floor: podman.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"

struct podman_scratch {
	int root_fd; /* borrowed: the store's */
	char *name;  /* "tmp/kiln-HEX", below it */
	char *lock_name;
	int fd, lock;
};

/* Remove the dead's. */
void scratch_clean(int root_fd);
FALLIBLE scratch_open(int root_fd, struct podman_scratch *ret);
void podman_scratch_done(struct podman_scratch *scratch);

DEFINE_AUTO_VALUE(podman_scratch)

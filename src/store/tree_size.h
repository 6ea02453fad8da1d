/*
 * tree_size: how much room trees take on the disk.
 *
 * Floor: store, inside.
 */
#pragma once
#include "base/error.h"
#include <stdint.h>

struct store;

/* Blocks of all files below path, each hard-linked file once for each name. Not there is 0. */
FALLIBLE tree_size(int dir_fd, const char *path, uint64_t *ret_bytes, uint64_t *ret_files);
/* Fill tree_bytes of the layers whose maker did not know it. Not within a visit. */
FALLIBLE measure_new_trees(struct store *store);

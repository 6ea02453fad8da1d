/*
 * cgroup_parts: what the two files of cgroup share.
 *
 * Floor: sys.
 */
#pragma once
#include "sys/cgroup.h"

/* Write a value to dir/file, in one write. */
FALLIBLE cgroup_write(const char *dir, const char *file, const char *value);
/* The path of the next group of this process below base: new, free(). */
char *cgroup_base_name(struct cgroup_base *base);

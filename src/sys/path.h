/*
 * path: paths as text. Nothing here asks the kernel, so nothing here knows about links: use it for
 * names (archive entries, Dockerfile arguments), and sys/rootfs for what a path leads to.
 *
 * Floor: sys (pure).
 */
#pragma once
#include "base/str.h"
#include <stdbool.h>

/*
 * The path relative to the root: no "/" at either end, no empty, "." or ".." component; ".." stops
 * at the root. "" is the root. New; free(). Never longer than path.
 */
char *path_clean(struct str path);
/* True when path_clean() had to drop a ".." that leads above the root. */
bool path_climbs(struct str path);
/* Clean "base/path", or path alone when it starts with "/". New; free(). */
char *path_join(const char *base, const char *path);

/* For cleaned paths: the last component ("" of the root), and what is before it ("" at the top). */
const char *path_name(const char *path);
struct str path_parent(const char *path);
/* True when path is dir or lies below it; "" holds everything. Both cleaned. */
bool path_is_in(const char *path, const char *dir);
/*
 * Order of a tree walk: component-wise by bytes, so that a directory comes before its contents and
 * those before its next sibling ("a" < "a/b" < "a-b"). As strcmp. Both cleaned.
 */
int path_compare(const char *a, const char *b);

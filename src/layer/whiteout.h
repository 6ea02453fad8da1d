/*
 * whiteout: how a layer's tar says "not there any more" (AUFS names), and how overlayfs says it.
 *
 *	dir/.wh.name        dir/name is gone
 *	dir/.wh..wh..opq    nothing of the lower dir is left
 *	dir/.wh..wh.*       AUFS's own files, without meaning here
 *
 * Floor: layer (names: pure). Spec: OCI image-spec v1.1, layer.md; kernel overlayfs.rst.
 */
#pragma once
#include "base/error.h"
#include <stdbool.h>
#include <sys/stat.h>

enum whiteout { WHITEOUT_NO = 0, WHITEOUT_PATH, WHITEOUT_OPAQUE, WHITEOUT_OTHER };

/*
 * What a cleaned path in a layer's tar means. *ret_target (new; free()) is the path that is gone,
 * or the opaque directory; set for those two only. ".wh." before nothing, "." or ".." is
 * ERR_INVALID.
 */
FALLIBLE whiteout_parse(const char *path, enum whiteout *ret, char **ret_target);
/* The tar's name for it. New; free(). */
char *whiteout_path(const char *path);
char *whiteout_opaque_path(const char *dir);
/* True when path's last component starts with ".wh." and so cannot name a file in a layer. */
bool whiteout_is_name(const char *path);

/* The overlay's form on disk, in a directory fd (userxattr flavour). */
/*
 * is_flat: no overlay will stack it. Then the mark will do where the device is refused: on a
 * container's own root, which is an overlay itself.
 */
FALLIBLE whiteout_make(int dir_fd, const char *name, bool is_flat);
/* st is the lstat of name. Both forms: device 0:0, and the xattr on an empty file (Linux 6.7+). */
FALLIBLE whiteout_is(int dir_fd, const char *name, const struct stat *st, bool *ret);
/* is_trusted: for overlays that root mounts outside a user namespace, without userxattr. */
FALLIBLE whiteout_make_opaque(int dir_fd, bool is_trusted);
/* Either form; the trusted one is seen by who may see it. */
FALLIBLE whiteout_is_opaque(int dir_fd, bool *ret);
/* The form that overlays with userxattr see. */
FALLIBLE whiteout_is_opaque_to_users(int dir_fd, bool *ret);

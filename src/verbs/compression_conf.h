/*
 * compression_conf: compression_format and compression_level of containers.conf, for what sends or
 * builds images under Buildah's name and was told neither; and what their values mean.
 *
 * Floor: verbs.
 */
#pragma once
#include "base/error.h"
#include "stream/codec.h"
#include <stdbool.h>

/* Also for "zstd:chunked", which anybody can read who reads zstd: what is written has no chunks. */
bool compression_is_zstd(const char *text);
/*
 * *ret and *level stay as they are where the file says nothing, or gzip alone, which is how layers
 * are anyway. Docker's format has no zstd. ERR_INVALID: a format that there is not.
 */
FALLIBLE compression_conf(const char *program, bool is_docker, enum compression *ret, int *level);

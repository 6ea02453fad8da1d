/*
 * compression_conf: compression_format and compression_level of containers.conf, for what sends or
 * builds images under Buildah's name and was told neither.
 *
 * Floor: verbs.
 */
#pragma once
#include "base/error.h"
#include "stream/codec.h"

/*
 * *ret and *level stay as they are where the file says nothing, or gzip alone, which is how layers
 * are anyway. Docker's format has no zstd. ERR_INVALID: a format that there is not.
 */
FALLIBLE compression_conf(const char *program, bool is_docker, enum compression *ret, int *level);

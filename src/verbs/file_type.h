/*
 * file_type: the media type of a file that nobody named one for: by its name's ending, else by its
 * first bytes. What Go's mime and net/http say of the commonest files, without a system's own
 * tables: the same file is the same type everywhere.
 *
 * Floor: verbs (pure).
 * Spec: WHATWG MIME Sniffing, in the small.
 */
#pragma once
#include "base/str.h"

/* Of which FILE_TYPE_BYTES are enough. */
enum { FILE_TYPE_BYTES = 512 };

const char *file_type(const char *name, struct str beginning);

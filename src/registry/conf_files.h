/*
 * conf_files: the files that one of the container tools' configurations is made of: in the order
 * given, of a directory its *.conf by name. What is not there is passed over.
 *
 * Floor: registry.
 */
#pragma once
#include "base/str.h"
#include "base/vec.h"

/* add is told each file's text, and what to call it in messages ("'/etc/x.conf'"). */
FALLIBLE conf_files_read(const struct list *paths,
		struct error *(*add)(void *user, struct str text, const char *what), void *user);
/* One file, which has to be there. */
FALLIBLE conf_file_read(const char *path,
		struct error *(*add)(void *user, struct str text, const char *what), void *user);

/*
 * conf_files: the files that one of the container tools' configurations is made of: in the order
 * given, of a directory its *.conf by name. What is not there is passed over.
 *
 * Floor: registry.
 */
#pragma once
#include "base/str.h"
#include "base/vec.h"

struct conf_file {
	struct str text;
	const char *what; /* for messages: "'/etc/x.conf'" */
	bool is_drop_in;  /* of a directory */
};

/* add is told each file. */
FALLIBLE conf_files_read(const struct list *paths,
		struct error *(*add)(void *user, const struct conf_file *file), void *user);
/* One file, which has to be there. */
FALLIBLE conf_file_read(const char *path,
		struct error *(*add)(void *user, const struct conf_file *file), void *user);

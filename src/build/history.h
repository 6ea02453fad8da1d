/*
 * history: writes down what a build did, whether it succeeded or not, and which files its COPYs
 * selected. explain.h reads it; the store keeps it (store/history.h).
 *
 * A build is one JSON object: what it was about (context, Dockerfile, names), and its stages with
 * their base and their steps, each with its key, the record that the key was made of, what became
 * of it and how long that took. The keys of the object are in history.c, once for writing and
 * reading.
 *
 * A list of files is lines "mode uid gid size digest xattrs shared rest", where path is the first
 * `shared` bytes of the path before it and rest (percent-encoded).
 *
 * Floor: build.
 */
#pragma once
#include "base/auto.h"
#include "base/vec.h"
#include "build/select.h"
#include "oci/digest.h"
#include "store/history.h"

struct build;
struct step_run;

/*
 * Keep the build under ret_id ("" when nothing was kept). error (borrowed): why it failed. whole:
 * what the builds of several platforms have in common, as an id; NULL: there is one.
 */
void history_keep(struct build *build, const struct error *error, const char *whole,
		char ret_id[HISTORY_ID_TEXT]);
/* Keep which files a COPY selected or a RUN has mounted, unless that selection is known. */
void history_keep_files(struct build *build, const struct step_run *run);

/* Beside a mode's type: another name of a file that is listed before. */
enum { HISTORY_HARD_LINK = 01000000 };

/* One file of a list. digest, xattrs: first 8 bytes of a hash; 0: none. */
struct history_file {
	char *path;
	uint32_t mode, uid, gid;
	uint64_t size, xattrs;
	uint64_t digest; /* start of that of the content, of a link's target or other name */
};

struct history_files {
	struct history_file *p;
	size_t n, capacity;
};

/* Append a list as text; and back. ERR_INVALID: not a list. */
void history_files_write(const struct selection *selection, struct strbuf *out);
FALLIBLE history_files_read(const char *text, size_t n, struct history_files *ret);
void history_files_done(struct history_files *files);

DEFINE_AUTO_VALUE(history_files)

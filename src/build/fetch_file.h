/*
 * fetch_file: an http(s) address becomes a file in a directory of this build, and what its server
 * said about it.
 *
 * Floor: build. Any thread.
 */
#pragma once
#include "build/sources.h"
#include "registry/download.h"

#define FETCHED_FILE "file"

struct fetched_file {
	struct scratch scratch; /* holds it as FETCHED_FILE, mode 0600 */
	int fd;                 /* at its start */
	struct download download;
	bool is_converted; /* the source policy took it from another address */
};

FALLIBLE fetch_file(const struct sources *sources, const char *url, struct fetched_file *ret);
/* The same unless what known says (etag, last_modified) is still true: download.is_unchanged. */
FALLIBLE fetch_file_if_changed(const struct sources *sources, const char *url,
		const struct download *known, struct fetched_file *ret);
/* A small one: a Dockerfile. New text; more than limit bytes are ERR_LIMIT. */
FALLIBLE fetch_text(const struct sources *sources, const char *url, size_t limit, char **ret,
		size_t *ret_bytes);
/* When it was last changed, as the server said (Unix seconds); 0: it did not say. */
int64_t fetch_time(const struct download *download);
void fetched_file_done(struct fetched_file *file);

DEFINE_AUTO_VALUE(fetched_file)

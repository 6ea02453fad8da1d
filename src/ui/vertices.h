/*
 * vertices: what the events of a build add up to: the state of every vertex, its transfers, and its
 * log as whole, clean lines. Shared by the renderers that draw for people.
 *
 * The log of a vertex is kept until it ends well, so that a failure can show it in full: at most
 * VERTEX_LOG_BYTES, the oldest lines go first.
 *
 * Floor: ui. One thread.
 */
#pragma once
#include "build/progress.h"

#include "base/strbuf.h"
#include "base/vec.h"

enum {
	VERTEX_LOG_BYTES = 1024 * 1024,
	/* Transfers below one vertex: an image has at most LIMIT_LAYERS. */
	VERTEX_TRANSFERS = 1024,
	VERTEX_STREAMS = 2,
};

struct transfer {
	char *what;
	uint64_t done_bytes, total_bytes;
	uint64_t started_ns, ended_ns, shown_ns;
	bool is_done, is_note;
};

struct vertex {
	unsigned number; /* from 1 */
	char *name;      /* clean */
	uint64_t started_ns, ended_ns;
	struct progress_usage usage;
	bool is_started, is_ended;
	enum progress_end how;
	char *why;
	VEC(struct transfer) transfers;
	struct strbuf log; /* "0.123 text\n" lines */
	uint64_t lines_cut;
	struct strbuf partial[VERTEX_STREAMS]; /* a line whose end has not come yet, raw */
};

struct vertices {
	VEC(struct vertex) all; /* [number - 1] */
	VEC(unsigned) shown;    /* numbers, in the order they began */
	VEC(char *) warnings;   /* clean, with their place */
	size_t n_ended;
	bool has_failed, has_canceled;
	/* Called for every whole line of a log, clean; may be NULL. */
	void (*on_line)(void *user, struct vertex *vertex, uint64_t time_ns, struct str line);
	void *user;
	unsigned keep; /* KEEP_TABS in lines of a log */
};

/* Take the event in. Returns its vertex, or NULL for what is about none. Numbers that were never
 * declared are ignored. */
struct vertex *vertices_event(struct vertices *vertices, const struct progress_event *event);
void vertices_done(struct vertices *vertices);
/* The unfinished line of a stream, clean: a progress bar that redraws itself. */
void vertex_partial(const struct vertex *vertex, unsigned stream, struct strbuf *out);
/* The logs of failed vertices, framed, for the end. */
void vertices_failed_logs(const struct vertices *vertices, bool has_colour, struct strbuf *out);
/* "12.3MB / 40.1MB", "12.3MB" or "" for a note. */
void transfer_size(const struct transfer *transfer, struct strbuf *out);

/*
 * progress: what a build tells about itself, as events in a bounded queue. No drawing here: the
 * builders put events in from any thread, one renderer (ui/display.h) takes them out.
 *
 * A vertex is one line of the display: a step, a pull, a context transfer, an export. It is
 * declared once, starts, may tell bytes and log output, and ends once. Numbers (#1, #2, …) follow
 * the order of declaration, so the same plan is numbered the same way in every run.
 *
 *	unsigned v = progress_vertex(progress, "[build 2/3] RUN make", key, at);
 *	progress_start(progress, v);
 *	progress_log(progress, v, 1, bytes, n);
 *	progress_end(progress, v, PROGRESS_DONE, NULL);
 *
 * Text and bytes are copied; nothing is borrowed past a call. Every function takes a NULL progress
 * and does nothing (progress_vertex returns 0 then; vertex 0 is ignored everywhere).
 *
 * The queue holds at most PROGRESS_QUEUE_EVENTS events and PROGRESS_QUEUE_BYTES of text; a producer
 * that is faster than the renderer waits, as it would with a pipe. Byte counters are the exception:
 * a count that is not the last one is dropped rather than waited for, and two counts of the same
 * thing in a row become one.
 *
 * Floor: build. Producers: any thread. Consumer: one thread.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "oci/platform.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PROGRESS_QUEUE_EVENTS = 4096,
	PROGRESS_QUEUE_BYTES = 4 * 1024 * 1024,
	PROGRESS_LOG_BYTES = 32 * 1024, /* a longer chunk becomes several events */
};

struct progress;

enum progress_end {
	PROGRESS_DONE = 1,
	PROGRESS_CACHED,   /* nothing had to be done */
	PROGRESS_CANCELED, /* somebody asked to stop, or another step failed */
	PROGRESS_FAILED,
};

/* Where an instruction stands: number of count in a stage of stages, all from 1. */
struct progress_place {
	unsigned stage, stages, number, count;
	bool is_cached;               /* its stage is not run: nothing has to be done */
	char platform[PLATFORM_TEXT]; /* for which one of several; else "" */
};

struct progress *progress_new(void);
void progress_free(struct progress *progress);

/*
 * Declare a vertex and return its number, from 1. name is shown as it is:
 * "[internal] load build definition from Dockerfile", "[build 2/3] RUN make". key is a stable
 * identity for machine readers (the cache key as "sha256:…"), or NULL; at is its place in the
 * Dockerfile, or { 0 }.
 */
unsigned progress_vertex(struct progress *progress, const char *name, const char *key,
		struct source_range at);
/*
 * An instruction of a stage that is planned, as it is written, for displays that count instructions
 * and not steps. All are declared together, in the order of the file; the first of the first stage
 * begins a new list. vertex is what carries it out, or 0.
 */
void progress_instruction(struct progress *progress, const struct progress_place *place,
		const char *text, unsigned vertex);
void progress_start(struct progress *progress, unsigned vertex);
/* Raw output of a step, as it came: stream is 1 or 2. Lines may be cut anywhere. */
void progress_log(struct progress *progress, unsigned vertex, int stream, const void *bytes,
		size_t n);
/*
 * done_bytes of total_bytes (0: unknown) of what: "sha256:4f53…", "transferring context". The last
 * count of a thing is told by done_bytes == total_bytes, or by progress_note.
 */
void progress_bytes(struct progress *progress, unsigned vertex, const char *what,
		uint64_t done_bytes, uint64_t total_bytes);
/* A line below the vertex that is complete as it is: "naming to docker.io/library/app:1". */
void progress_note(struct progress *progress, unsigned vertex, const char *format, ...)
		PRINTF_LIKE(3, 4);
/* Something the user should know that stops nothing. vertex may be 0: about the whole build. */
void progress_warn(struct progress *progress, unsigned vertex, struct source_range at,
		const char *format, ...) PRINTF_LIKE(4, 5);
/* The same of the Dockerfile's text, which builds well: what its checks found. */
void progress_advise(struct progress *progress, struct source_range at, const char *format, ...)
		PRINTF_LIKE(3, 4);
/* What processes of the vertex used; several add up. */
struct progress_usage {
	uint64_t user_ns, system_ns, read_bytes, written_bytes;
};
void progress_usage(struct progress *progress, unsigned vertex, const struct progress_usage *usage);
/* The vertex is over. why is the error's text for PROGRESS_FAILED, otherwise NULL. */
void progress_end(
		struct progress *progress, unsigned vertex, enum progress_end how, const char *why);
/* No more events will come; the consumer gets what is queued, then the end. */
void progress_close(struct progress *progress);

/* --- the renderer's side --- */

enum progress_kind {
	PROGRESS_EVENT_VERTEX = 1, /* text: name; key; at */
	PROGRESS_EVENT_START,
	PROGRESS_EVENT_LOG,         /* text: bytes; stream */
	PROGRESS_EVENT_BYTES,       /* text: what; done, total */
	PROGRESS_EVENT_NOTE,        /* text */
	PROGRESS_EVENT_WARN,        /* text; at; is_advice */
	PROGRESS_EVENT_USAGE,       /* usage */
	PROGRESS_EVENT_INSTRUCTION, /* text; place; vertex is its own, or 0 */
	PROGRESS_EVENT_END,         /* how; text: why, or "" */
};

struct progress_event {
	enum progress_kind kind;
	unsigned vertex;
	uint64_t time_ns; /* since progress_new(), never going back */
	int stream;
	enum progress_end how;
	uint64_t done_bytes, total_bytes;
	struct source_range at; /* file is owned by the event here */
	bool is_advice;
	struct progress_place place;
	struct progress_usage usage;
	char *text; /* text_bytes of it, NUL behind; NULL bytes may be inside a log */
	size_t text_bytes;
	char *key;
};

enum progress_next {
	PROGRESS_NEXT_EVENT = 1,
	PROGRESS_NEXT_TIMEOUT,
	PROGRESS_NEXT_CLOSED,
};

/*
 * Take the next event into *ret (free with progress_event_done), waiting at most timeout_ms
 * (negative: for ever).
 */
enum progress_next progress_next(
		struct progress *progress, int timeout_ms, struct progress_event *ret);
void progress_event_done(struct progress_event *event);
/* Wall clock of time_ns == 0, for renderers that print dates. */
uint64_t progress_epoch_ns(const struct progress *progress);
/* Time as the events count it. */
uint64_t progress_now_ns(const struct progress *progress);

DEFINE_AUTO_PTR(progress, progress_free)
DEFINE_AUTO_VALUE(progress_event)

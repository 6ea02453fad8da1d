/*
 * renderer: one way of showing a build. A renderer is a function of events and time: it appends
 * what is to be written to out, and knows neither threads nor file descriptors (ui/display.h does).
 *
 * Floor: ui. One thread.
 */
#pragma once
#include "build/progress.h"

#include "base/strbuf.h"

struct renderer;

struct renderer_ops {
	void (*event)(struct renderer *renderer, const struct progress_event *event,
			struct strbuf *out);
	/* Time has passed; called about ten times a second. NULL for those that do not move. */
	void (*draw)(struct renderer *renderer, uint64_t now_ns, struct strbuf *out);
	/* The last call: leave the output clean. */
	void (*finish)(struct renderer *renderer, uint64_t now_ns, struct strbuf *out);
	void (*free)(struct renderer *renderer);
};

/* Each kind of renderer begins with this. */
struct renderer {
	const struct renderer_ops *ops;
	unsigned columns, rows; /* of the terminal; kept up to date by who calls draw */
	bool has_colour;
};

/* BuildKit's familiar picture, redrawn in place. */
struct renderer *renderer_tty(void);
/* Lines with the number of their vertex before them, in the order of the events. */
struct renderer *renderer_plain(void);
/* One JSON object a line, as BuildKit's --progress=rawjson. epoch_ns: progress_epoch_ns(). */
struct renderer *renderer_json(uint64_t epoch_ns);
/* Instructions as Buildah counts them; commit is the image's name, copied, or NULL. */
struct renderer *renderer_steps(const char *commit);
/* Nothing, but the log of a step that failed. */
struct renderer *renderer_quiet(void);

void renderer_free(struct renderer *renderer);

DEFINE_AUTO_PTR(renderer, renderer_free)

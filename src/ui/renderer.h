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

struct steps_view {
	const char *commit; /* the image's name, or NULL */
	bool tells_usage;   /* behind each instruction, what its processes used */
	/*
	 * Asked before anything is shown: what is told for a platform ("": for the only one, or for
	 * none), or (is_usage) of an instruction's use. True when it was taken and is not to be
	 * shown. Or NULL.
	 */
	bool (*take)(void *user, const char *platform, bool is_usage, struct str text);
	void *user;
};
/* Instructions as Buildah counts them; view is copied. */
struct renderer *renderer_steps(const struct steps_view *view);
/* Nothing, but the log of a step that failed. */
struct renderer *renderer_quiet(void);

void renderer_free(struct renderer *renderer);

DEFINE_AUTO_PTR(renderer, renderer_free)

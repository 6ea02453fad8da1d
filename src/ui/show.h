/*
 * show: a display as the settings want it, and image copies told to it.
 *
 *	AUTO(show) struct show show = { 0 };
 *	TRY(show_open(config, opts->quiet, &show));
 *	show_begin(&show, "pulling %s", name);
 *	TRY(show_end(&show, copy(…, &show.copies)));
 *
 * Floor: ui.
 */
#pragma once
#include "build/progress.h"
#include "image/image.h"
#include "ui/config.h"
#include "ui/display.h"

struct show {
	struct progress *progress;
	struct display *display;
	unsigned vertex; /* that copies are told to belong to */
	struct image_progress copies;
};

/* Colours on standard error, as settings, environment and terminal have it. */
bool show_has_colour(const struct config *config);
/* Start a display on standard error. After session_open(). */
FALLIBLE show_open(const struct config *config, bool quiet, struct show *ret);
/* The same with a renderer of the caller's (takes it). */
FALLIBLE show_open_with(struct renderer *renderer, struct show *ret);
/* On fd (borrowed) instead of standard error. */
FALLIBLE show_open_on(int fd, struct renderer *renderer, struct show *ret);
/* End the display; everything is written. */
void show_done(struct show *show);

/* One thing that is done: begin, do it, end with its error (which is handed through). */
void show_begin(struct show *show, const char *format, ...) PRINTF_LIKE(2, 3);
struct error *show_end(struct show *show, struct error *error);

DEFINE_AUTO_VALUE(show)

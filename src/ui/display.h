/*
 * display: the thread that takes a build's events, has a renderer make text of them, and writes it.
 *
 *	TRY(display_start(progress, &options, &display));
 *	… build …
 *	display_stop(display);      closes progress; everything is on the terminal when it returns
 *
 * Start it after userns_enter() and sandbox_start(): those want a single thread. When its output
 * goes away (a closed pipe), it goes on taking events so that the build is not held up.
 *
 * Floor: ui.
 */
#pragma once
#include "build/progress.h"

#include "base/auto.h"

enum display_mode { DISPLAY_TTY = 1, DISPLAY_PLAIN, DISPLAY_JSON, DISPLAY_QUIET };

struct display_options {
	enum display_mode mode;
	int fd; /* standard error; borrowed */
	bool has_colour;
	struct renderer *renderer; /* taken; instead of the mode's own, or NULL */
};

struct display;
struct renderer;

FALLIBLE display_start(struct progress *progress, const struct display_options *options,
		struct display **ret);
void display_stop(struct display *display);

/*
 * The mode of a name: auto, tty, plain, rawjson (also json), quiet (also none). auto is tty where
 * fd is a terminal that can move its cursor; tty elsewhere is ERR_INVALID.
 */
FALLIBLE display_mode_parse(
		const char *name, int fd, const char *term, bool debug, enum display_mode *ret);

DEFINE_AUTO_PTR(display, display_stop)

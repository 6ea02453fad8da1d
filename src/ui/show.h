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
#include "image/set.h"
#include "ui/config.h"
#include "ui/display.h"

struct show {
	struct progress *progress;
	struct display *display;
	unsigned vertex; /* that copies are told to belong to */
	struct image_progress copies;
	bool says_copies;   /* in Buildah's words */
	struct strbuf rest; /* of these, for the end */
};

/* Colours on standard error, as settings, environment and terminal have it. */
bool show_has_colour(const struct config *config);
/* Start a display on standard error. After session_open(). */
FALLIBLE show_open(const struct config *config, bool quiet, struct show *ret);
/* The same with a renderer of the caller's (takes it). */
FALLIBLE show_open_with(struct renderer *renderer, struct show *ret);
/* On fd (borrowed) instead of standard error. */
FALLIBLE show_open_on(int fd, struct renderer *renderer, struct show *ret);
/*
 * For an image that is copied. Under Buildah's name, where standard error is no terminal and nobody
 * chose another progress, it is told there in the lines that scripts look for:
 *
 *	Getting image source signatures
 *	Copying blob sha256:…
 *	Copying config sha256:…
 *	Writing manifest to image destination
 *	Storing signatures
 *
 * the last three by show_end(), when all is there. show_copy_image(), or show_copy_set(), begins;
 * neither writes anything elsewhere.
 */
FALLIBLE show_open_copy(const struct config *config, bool quiet, struct show *ret);
void show_copy_image(struct show *show, const struct image *image);
/* Of an index each of its images is told, at the end. */
FALLIBLE show_copy_set(struct show *show, const struct image_set *set);
/* "Trying to pull NAME...", before a registry is asked, where copies are told so. */
void show_trying(const struct config *config, bool quiet, const char *name);
/* End the display; everything is written. */
void show_done(struct show *show);

/* One thing that is done: begin, do it, end with its error (which is handed through). */
void show_begin(struct show *show, const char *format, ...) PRINTF_LIKE(2, 3);
struct error *show_end(struct show *show, struct error *error);

DEFINE_AUTO_VALUE(show)

#include "ui/display.h"

#include "base/str.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "sys/fd.h"
#include "ui/options.h"
#include "ui/renderer.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { FRAME_MS = 100, BATCH_BYTES = 64 * 1024 };

struct display {
	struct progress *progress;
	struct renderer *renderer;
	struct strbuf out;
	int fd;
	bool is_gone; /* nobody reads fd any more */
	pthread_t thread;
};

static void write_out(struct display *display)
{
	if (display->out.n && !display->is_gone) {
		struct error *error = fd_write_all(display->fd, display->out.p, display->out.n);

		display->is_gone = error != NULL;
		error_ignore(error, "a build goes on without its display");
	}
	strbuf_clear(&display->out);
}

static void measure(struct display *display)
{
	struct winsize size = { 0 };

	if (ioctl(display->fd, TIOCGWINSZ, &size) != 0)
		return;
	display->renderer->columns = size.ws_col;
	display->renderer->rows = size.ws_row;
}

static void draw(struct display *display)
{
	measure(display);
	display->renderer->ops->draw(
			display->renderer, progress_now_ns(display->progress), &display->out);
	write_out(display);
}

/* Milliseconds until a frame is due; -1 when the renderer draws none. */
static int until_frame(const struct display *display, uint64_t drawn_ns)
{
	uint64_t passed_ms = (progress_now_ns(display->progress) - drawn_ns) / 1000000;

	if (!display->renderer->ops->draw)
		return -1;
	return passed_ms >= FRAME_MS ? 0 : (int)(FRAME_MS - passed_ms);
}

static void *loop(void *argument)
{
	struct display *display = argument;
	uint64_t drawn_ns = progress_now_ns(display->progress);
	enum progress_next next = PROGRESS_NEXT_TIMEOUT;

	while (next != PROGRESS_NEXT_CLOSED) {
		AUTO(progress_event) struct progress_event event = { 0 };

		/* What is queued goes out in one write; then wait. */
		next = progress_next(display->progress, 0, &event);
		if (next == PROGRESS_NEXT_TIMEOUT) {
			write_out(display);
			next = progress_next(
					display->progress, until_frame(display, drawn_ns), &event);
		}
		if (next == PROGRESS_NEXT_EVENT)
			display->renderer->ops->event(display->renderer, &event, &display->out);
		if (display->out.n > BATCH_BYTES)
			write_out(display);
		if (until_frame(display, drawn_ns) == 0 && next != PROGRESS_NEXT_CLOSED) {
			draw(display);
			drawn_ns = progress_now_ns(display->progress);
		}
	}
	measure(display);
	display->renderer->ops->finish(
			display->renderer, progress_now_ns(display->progress), &display->out);
	write_out(display);
	return NULL;
}

static struct renderer *renderer_of(enum display_mode mode, const struct progress *progress)
{
	switch (mode) {
	case DISPLAY_TTY:
		return renderer_tty();
	case DISPLAY_PLAIN:
		return renderer_plain();
	case DISPLAY_JSON:
		return renderer_json(progress_epoch_ns(progress));
	case DISPLAY_QUIET:
		break;
	}
	return renderer_quiet();
}

static void display_free(struct display *display)
{
	renderer_free(display->renderer);
	strbuf_done(&display->out);
	free(display);
}

FALLIBLE display_start(struct progress *progress, const struct display_options *options,
		struct display **ret)
{
	struct display *display = xcalloc(1, sizeof(*display));

	display->progress = progress;
	display->fd = options->fd;
	display->renderer = options->renderer ? options->renderer
					      : renderer_of(options->mode, progress);
	display->renderer->has_colour = options->has_colour;

	int number = pthread_create(&display->thread, NULL, loop, display);

	if (number) {
		display_free(display);
		return error_errno(number, "start a thread for the display");
	}
	*ret = display;
	return NULL;
}

void display_stop(struct display *display)
{
	if (!display)
		return;
	progress_close(display->progress);
	(void)pthread_join(display->thread, NULL);
	display_free(display);
}

FALLIBLE display_mode_parse(
		const char *name, int fd, const char *term, bool debug, enum display_mode *ret)
{
	bool can_draw = isatty(fd) && term && !text_equal(term, "dumb");

	if (text_equal(name, "auto"))
		*ret = can_draw && !debug ? DISPLAY_TTY : DISPLAY_PLAIN;
	else if (text_equal(name, "plain"))
		*ret = DISPLAY_PLAIN;
	else if (text_equal(name, "rawjson") || text_equal(name, "json"))
		*ret = DISPLAY_JSON;
	else if (text_equal(name, "quiet") || text_equal(name, "none"))
		*ret = DISPLAY_QUIET;
	else if (!text_equal(name, "tty"))
		return error_usage("progress cannot be '%s'", name);
	else if (!isatty(fd))
		return error_hint(error_usage("progress 'tty' needs a terminal on standard error"),
				"'--progress plain' works everywhere");
	else
		*ret = DISPLAY_TTY;
	return NULL;
}

#include "ui/show.h"

#include "base/xalloc.h"
#include "ui/renderer.h"

#include <unistd.h>

static void report(void *user, const char *what, uint64_t done_bytes, uint64_t total_bytes,
		bool finished)
{
	struct show *show = user;

	if (finished && !total_bytes)
		total_bytes = done_bytes;
	progress_bytes(show->progress, show->vertex, what, done_bytes, total_bytes);
}

bool show_has_colour(const struct config *config)
{
	const struct environment *environment = &config->environment;

	if (strcmp(config->colour, "auto") != 0)
		return strcmp(config->colour, "always") == 0;
	return isatty(STDERR_FILENO) && !environment->has_no_colour && environment->term &&
	       strcmp(environment->term, "dumb") != 0;
}

FALLIBLE show_open(const struct config *config, bool quiet, struct show *ret)
{
	struct display_options options = { .fd = STDERR_FILENO };

	TRY(display_mode_parse(quiet ? "quiet" : config->progress, STDERR_FILENO,
			config->environment.term, config->debug, &options.mode));
	options.has_colour = show_has_colour(config);
	ret->progress = progress_new();
	ret->copies = (struct image_progress){ report, ret };
	return display_start(ret->progress, &options, &ret->display);
}

FALLIBLE show_open_with(struct renderer *renderer, struct show *ret)
{
	return show_open_on(STDERR_FILENO, renderer, ret);
}

FALLIBLE show_open_on(int fd, struct renderer *renderer, struct show *ret)
{
	const struct display_options options = {
		.fd = fd, .has_colour = renderer->has_colour, .renderer = renderer
	};

	ret->progress = progress_new();
	ret->copies = (struct image_progress){ report, ret };
	return display_start(ret->progress, &options, &ret->display);
}

void show_done(struct show *show)
{
	display_stop(show->display);
	progress_free(show->progress);
	*show = (struct show){ 0 };
}

void show_begin(struct show *show, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	AUTO_FREE char *name = xvasprintf(format, args);
	va_end(args);
	show->vertex = progress_vertex(show->progress, name, NULL, (struct source_range){ 0 });
	progress_start(show->progress, show->vertex);
}

struct error *show_end(struct show *show, struct error *error)
{
	AUTO(strbuf) struct strbuf why = { 0 };
	enum progress_end how = PROGRESS_DONE;

	if (error) {
		how = error->kind == ERR_CANCELED ? PROGRESS_CANCELED : PROGRESS_FAILED;
		error_text(error, &why);
	}
	progress_end(show->progress, show->vertex, how, error ? strbuf_text(&why) : NULL);
	return error;
}

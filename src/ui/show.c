#include "ui/show.h"

#include "base/limits.h"
#include "base/xalloc.h"
#include "ui/renderer.h"

#include <stdio.h>
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
	strbuf_done(&show->rest);
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
	if (!error && show->rest.n)
		(void)fputs(strbuf_text(&show->rest), stderr);
	strbuf_clear(&show->rest);
	return error;
}

/* --- copies in Buildah's words --- */

static bool says_copies(const struct config *config, bool quiet)
{
	return config->has_buildah_words && !quiet && strcmp(config->progress, "auto") == 0 &&
	       !isatty(STDERR_FILENO);
}

FALLIBLE show_open_copy(const struct config *config, bool quiet, struct show *ret)
{
	ret->says_copies = says_copies(config, quiet);
	return show_open(config, quiet || ret->says_copies, ret);
}

void show_trying(const struct config *config, bool quiet, const char *name)
{
	if (says_copies(config, quiet))
		(void)fprintf(stderr, "Trying to pull %s...\n", name);
}

/* Layers that an image has twice are copied once. */
static void begin_manifest(const struct manifest *manifest, struct strbuf *out)
{
	char text[DIGEST_TEXT];

	strbuf_add(out, "Getting image source signatures\n");
	for (size_t i = 0; i < manifest->layers.n; i++) {
		const struct digest *digest = &manifest->layers.p[i].digest;
		bool is_repeated = false;

		for (size_t k = 0; k < i && !is_repeated; k++)
			is_repeated = digest_equal(&manifest->layers.p[k].digest, digest);
		if (!is_repeated)
			strbuf_addf(out, "Copying blob %s\n", digest_text(digest, text));
	}
}

static void end_manifest(const struct manifest *manifest, struct strbuf *out)
{
	char text[DIGEST_TEXT];

	if (digest_known(&manifest->config.digest))
		strbuf_addf(out, "Copying config %s\n",
				digest_text(&manifest->config.digest, text));
	strbuf_add(out, "Writing manifest to image destination\nStoring signatures\n");
}

static void say_manifest(struct show *show, const struct manifest *manifest)
{
	AUTO(strbuf) struct strbuf begin = { 0 };

	begin_manifest(manifest, &begin);
	(void)fputs(strbuf_text(&begin), stderr);
	end_manifest(manifest, &show->rest);
}

void show_copy_image(struct show *show, const struct image *image)
{
	if (show->says_copies)
		say_manifest(show, &image->manifest);
}

static FALLIBLE add_entry(
		struct image_source *source, const struct descriptor *what, struct strbuf *out)
{
	AUTO(reader) struct reader *reader = NULL;
	AUTO(manifest) struct manifest manifest = { 0 };
	AUTO_FREE char *json = NULL;
	size_t n = 0;

	TRY(source->ops->open_blob(source, what, &reader));
	TRY(reader_read_all(reader, LIMIT_MANIFEST_BYTES, &json, &n));
	TRY(manifest_parse((struct str){ json, n }, what->media_type, &manifest));
	begin_manifest(&manifest, out);
	end_manifest(&manifest, out);
	return NULL;
}

/* All are on their way at the same time: what is told of each is told when they are there. */
static FALLIBLE say_index(struct show *show, const struct image_set *set)
{
	AUTO(image_index) struct image_index index = { 0 };
	struct strbuf *rest = &show->rest;
	char text[DIGEST_TEXT];

	TRY(image_index_parse((struct str){ set->json, set->n }, set->media_type, &index));
	(void)fprintf(stderr, "Getting image list signatures\nCopying %zu of %zu images in list\n",
			index.manifests.n, index.manifests.n);
	for (size_t i = 0; i < index.manifests.n; i++) {
		const struct descriptor *what = &index.manifests.p[i];

		strbuf_addf(rest, "Copying image %s (%zu/%zu)\n", digest_text(&what->digest, text),
				i + 1, index.manifests.n);
		error_ignore(add_entry(set->source, what, rest), "who copies it tells");
	}
	strbuf_add(rest, "Writing manifest list to image destination\nStoring list signatures\n");
	return NULL;
}

FALLIBLE show_copy_set(struct show *show, const struct image_set *set)
{
	AUTO(manifest) struct manifest manifest = { 0 };

	if (!show->says_copies)
		return NULL;
	if (set->is_index)
		return say_index(show, set);
	TRY(manifest_parse((struct str){ set->json, set->n }, set->media_type, &manifest));
	say_manifest(show, &manifest);
	return NULL;
}

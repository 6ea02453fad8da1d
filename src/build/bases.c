#include "build/bases.h"
#include "build/judge.h"

#include "build/lower_store.h"
#include "dockerfile/stage.h"

struct opening {
	struct build *build;
	struct plan_image *image;
};

static struct error *open_one(void *argument)
{
	struct opening *opening = argument;
	struct plan_image *image = opening->image;
	const struct build_options *options = opening->build->options;
	struct image_homes homes = { options->store, options->registry, &image->platform,
		options->cancel, options->base_cache, options->trust, options->short_names,
		.podman = options->podman, .decryption = options->decryption };
	AUTO_FREE char *name = xasprintf("[internal] load metadata for %s", image->name);
	unsigned vertex =
			progress_vertex(options->progress, name, NULL, (struct source_range){ 0 });

	progress_start(options->progress, vertex);
	AUTO_FREE char *judged = NULL;
	struct error *error = judge_image(options->source_policy, image->name, &judged);
	if (!error)
		error = lower_open_image(options, &homes, judged,
				options->pull ? options->pull : PULL_MISSING, &image->image);
	if (error) {
		progress_end(options->progress, vertex, PROGRESS_FAILED, error->message);
		if (options->says_step && options->pull == PULL_NEVER &&
				error_is(error, ERR_NOT_FOUND)) {
			error_free(error);
			return error_at(error_new(ERR_NOT_FOUND,
							"creating build container: %s: image not "
							"known",
							image->name),
					image->at);
		}
		error = error_at(error_wrap(error, "image '%s'", image->name), image->at);
		const char *near = stage_suggest(opening->build->file, image->name);
		return near ? error_hint(error, "did you mean the stage '%s'?", near) : error;
	}
	progress_end(options->progress, vertex, PROGRESS_DONE, NULL);
	return NULL;
}

FALLIBLE bases_open(struct build *build, struct plan_image *const *images, size_t n)
{
	AUTO_FREE struct opening *openings = xcalloc(n, sizeof(*openings));
	AUTO(group) struct group *group = group_new();

	for (size_t i = 0; i < n; i++) {
		openings[i] = (struct opening){ build, images[i] };
		if (n == 1)
			return open_one(&openings[i]);
		group_start(group, "open image", open_one, &openings[i]);
	}
	return group_join(group);
}

struct error *build_open_images(void *user, struct plan_image *const *images, size_t n)
{
	AUTO_FREE struct plan_image **now = xcalloc(n, sizeof(struct plan_image *));
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		if (!images[i]->late_of)
			now[count++] = images[i];
	return bases_open(user, now, count);
}

FALLIBLE bases_keep(struct build *build)
{
	const struct build_options *options = build->options;

	for (size_t i = 0; i < build->plan->image_count; i++) {
		const struct image *image = build->plan->images[i]->image;

		if (image && image->fetched_as)
			TRY_WRAP(image_save_store(image, options->store, image->fetched_as,
						 options->cancel, NULL),
					"keep '%s'", image->fetched_as);
	}
	return NULL;
}

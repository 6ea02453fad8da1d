#include "build/all_platforms.h"
#include "build/judge.h"
#include "build/way.h"
#include "image/set.h"

#include <string.h>

void platform_list_done(struct platform_list *list)
{
	vec_done(list);
}

static bool has(const struct platform_list *list, const struct platform *platform)
{
	for (size_t i = 0; i < list->n; i++)
		if (platform_equal(&list->p[i], platform))
			return true;
	return false;
}

/* No platform that anybody builds for: what a plan for it opens is what depends on the target. */
static struct platform nobodys(void)
{
	return (struct platform){ .os = "linux", .architecture = "any" };
}

/* Instead of opening them: the names of those that are of the target's platform. */
static struct error *collect(void *user, struct plan_image *const *images, size_t n)
{
	struct platform target = nobodys();
	struct list *names = user;

	for (size_t i = 0; i < n; i++)
		if (!images[i]->late_of && platform_equal(&images[i]->platform, &target) &&
				!list_has(names, images[i]->name))
			list_add(names, images[i]->name);
	return NULL;
}

static FALLIBLE of_index(const struct image_set *set, struct platform_list *ret)
{
	AUTO(image_index) struct image_index index = { 0 };

	TRY(image_index_parse((struct str){ set->json, set->n }, set->media_type, &index));
	for (size_t i = 0; i < index.manifests.n; i++) {
		const struct descriptor *entry = &index.manifests.p[i];

		/* BuildKit's attestations are of "unknown". */
		if (entry->has_platform && strcmp(entry->platform.os, "unknown") != 0 &&
				!has(ret, &entry->platform))
			vec_push(ret, entry->platform);
	}
	return NULL;
}

/* An index says it; an image alone has its own. */
static FALLIBLE of_image(const struct build *build, const char *name, struct platform_list *ret)
{
	const struct build_options *options = build->options;
	const struct image_homes homes = { .store = options->store,
		.registry = options->registry,
		.cancel = options->cancel,
		.cache_dir = options->base_cache,
		.trust = options->trust,
		.short_names = options->short_names,
		.podman = options->podman };
	enum pull_policy pull = options->pull ? options->pull : PULL_MISSING;
	AUTO(image_set) struct image_set set = { 0 };
	AUTO(image) struct image *image = NULL;
	AUTO_FREE char *judged = NULL;

	TRY(judge_image(options->source_policy, name, &judged));
	TRY(image_set_open(&homes, judged, pull, &set));
	if (set.is_index)
		return of_index(&set, ret);
	TRY(image_open(&homes, judged, pull, &image));
	vec_push(ret, image->config.platform);
	return NULL;
}

static FALLIBLE keep_common(const struct build *build, const char *name, struct platform_list *ret)
{
	AUTO(platform_list) struct platform_list theirs = { 0 };
	size_t kept = 0;

	TRY_WRAP(of_image(build, name, &theirs), "image '%s'", name);
	for (size_t i = 0; i < ret->n; i++)
		if (has(&theirs, &ret->p[i]))
			ret->p[kept++] = ret->p[i];
	ret->n = kept;
	return NULL;
}

FALLIBLE all_platforms(const struct build *build, struct platform_list *ret)
{
	AUTO(list) struct list names = { 0 };
	const struct plan_for what = { nobodys(), collect, &names, NULL };
	struct plan *plan = NULL;

	TRY(build_plan_for(build, &what, &plan));
	plan_free(plan);
	if (!names.n)
		return error_hint(error_new(ERR_NOT_FOUND,
						  "--all-platforms: no stage stands on an image, "
						  "which would say for what it is"),
				"name the platforms: --platform linux/amd64,linux/arm64");
	TRY_WRAP(of_image(build, names.p[0], ret), "image '%s'", names.p[0]);
	for (size_t i = 1; i < names.n; i++)
		TRY(keep_common(build, names.p[i], ret));
	if (!ret->n)
		return error_new(ERR_NOT_FOUND,
				"--all-platforms: the base images have no platform in common");
	if (ret->n > BUILD_MOST_PLATFORMS)
		return error_new(ERR_LIMIT, "--all-platforms: more than %d platforms",
				BUILD_MOST_PLATFORMS);
	return NULL;
}

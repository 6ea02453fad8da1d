/*
 * 'commit --change': instructions of a Dockerfile that only say something about the image. They are
 * read as one, on top of the container's config, so that every rule of theirs holds here too.
 */
#include "base/strbuf.h"
#include "build/working.h"
#include "graph/plan.h"

#include <string.h>

#define NAME "change"

static struct error *open_images(void *user, struct plan_image *const *images, size_t n)
{
	const struct container *container = user;
	static const char manifest[] =
			"{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST "\","
			"\"config\":{\"mediaType\":\"" MEDIA_OCI_CONFIG "\",\"digest\":"
			"\"sha256:"
			"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\","
			"\"size\":0},\"layers\":[]}";
	AUTO(image_config) struct image_config config = { 0 };

	image_config_copy(&container->config, &config);
	list_done(&config.on_build); /* they are for who builds on the image */
	vec_done(&config.diff_ids);  /* nobody reads files: the manifest names none either */
	AUTO_FREE char *json = image_config_print(&config);
	for (size_t i = 0; i < n; i++)
		TRY(image_make(NAME, manifest, json, NULL, &images[i]->image));
	return NULL;
}

static FALLIBLE check_steps(const struct plan *plan)
{
	for (size_t i = 0; i < plan->target->step_count; i++)
		if (plan->target->steps[i].kind != STEP_WORKDIR)
			return error_hint(error_new(ERR_INVALID, "'%s' changes files",
							  plan->target->steps[i].name),
					"use 'run', 'copy' or 'add' on the container");
	return NULL;
}

FALLIBLE working_change(struct container *container, const struct list *instructions)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	struct dockerfile *file = NULL;
	AUTO(plan) struct plan *plan = NULL;

	if (!instructions->n)
		return NULL;
	strbuf_add(&text, "FROM " NAME "\n");
	for (size_t i = 0; i < instructions->n; i++)
		strbuf_addf(&text, "%s\n", instructions->p[i]);
	TRY(dockerfile_parse(strbuf_str(&text), "--change", &file));
	struct plan_input input = {
		.file = file,
		.platform = container->config.platform,
		.build_platform = platform_host(),
		.open_images = open_images,
		.user = container,
	};
	struct error *error = plan_new(&input, &plan);
	if (!error)
		error = check_steps(plan);
	if (!error) {
		struct image_config changed = { 0 };

		image_config_copy(&plan->target->config, &changed);
		/* These instructions are part of the commit's own entry. */
		for (size_t i = changed.history.n; i-- > container->config.history.n;) {
			free(changed.history.p[i].created);
			free(changed.history.p[i].created_by);
			free(changed.history.p[i].author);
			free(changed.history.p[i].comment);
			changed.history.n = i;
		}
		if (!changed.on_build.n)
			list_add_all(&changed.on_build, &container->config.on_build);
		image_config_done(&container->config);
		container->config = changed;
	}
	dockerfile_free(file);
	return error;
}

/*
 * What 'buildah build' is told about config and manifest of the image, as struct
 * build_image_options has it. A zeroed one changes nothing.
 */
#include "base/clock.h"
#include "build/state.h"
#include "oci/manifest.h"
#include "oci/reference.h"

#include <string.h>

#define IMAGE_ANNOTATION "org.opencontainers.image."

static void unset(struct list *pairs, const struct list *names)
{
	for (size_t i = 0; names && i < names->n; i++)
		list_env_unset(pairs, names->p[i]);
}

static void edit_feature(struct list *features, const char *text)
{
	bool goes = text_ends(text, "-");
	AUTO_FREE char *name = xstrndup(text, strlen(text) - goes);

	for (size_t i = features->n; i-- > 0;)
		if (text_equal(features->p[i], name))
			list_remove(features, i);
	if (!goes)
		list_add(features, name);
}

void result_edit_config(const struct build *build, struct image_config *config)
{
	const struct build_image_options *told = &build->options->image;

	unset(&config->env, told->unset_env);
	unset(&config->labels, told->unset_labels);
	for (size_t i = 0; told->os_features && i < told->os_features->n; i++)
		edit_feature(&config->os_features, told->os_features->p[i]);
	if (told->os_version)
		(void)strncpy(config->platform.os_version, told->os_version,
				sizeof(config->platform.os_version) - 1);
}

static void add_base(const struct plan_image *base, struct list *to)
{
	const char *found = base->image->fetched_as ? base->image->fetched_as : base->image->name;
	AUTO(reference) struct reference named = { 0 };
	char text[DIGEST_TEXT];
	/* Of another transport it is no reference. */
	struct error *error = reference_parse(str_of(found), &named);
	AUTO_FREE char *name = error ? xstrdup(base->name) : reference_text(&named);

	error_ignore(error, "the name as it is");
	list_env_set(to, IMAGE_ANNOTATION "base.digest", digest_text(&base->image->digest, text));
	list_env_set(to, IMAGE_ANNOTATION "base.name", name);
}

void result_inherit_annotations(
		const struct build *build, const struct stage_run *run, struct list *to)
{
	const struct build_image_options *told = &build->options->image;
	const struct plan_image *base = plan_stage_image(run->stage);

	if (build->options->format == FORMAT_DOCKER)
		return;
	if (told->inherits_annotations && base)
		list_add_all(to, &base->image->manifest.annotations);
	/* That is the base's time. */
	if (told->adds_created_annotation)
		list_env_unset(to, IMAGE_ANNOTATION "created");
	if (told->adds_base_annotations && base)
		add_base(base, to);
}

void result_finish_annotations(
		const struct build *build, const struct image_config *config, struct list *to)
{
	const struct build_image_options *told = &build->options->image;

	if (build->options->format != FORMAT_DOCKER && told->adds_created_annotation &&
			config->created && !list_env_get(to, IMAGE_ANNOTATION "created"))
		list_env_set(to, IMAGE_ANNOTATION "created", config->created);
	unset(to, told->unset_annotations);
}

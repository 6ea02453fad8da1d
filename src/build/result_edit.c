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
#define STAGE_LABEL      "io.buildah.stage."

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

/* What the stage stands on: a stage by the ID of its image, an image by its name. New. */
static char *base_of(const struct stage_run *run)
{
	const struct plan_image *image = plan_stage_image(run->stage);
	char hex[DIGEST_HEX];

	if (!run->base)
		return xstrdup(run->stage->base_name);
	for (run = run->base; run; run = run->base)
		if (digest_known(&run->image_id))
			return xstrdup(digest_hex(&run->image_id, hex));
	return xstrdup(image ? digest_hex(&image->image->manifest.config.digest, hex) : "scratch");
}

static void name_stage(const struct stage_run *run, struct list *labels)
{
	AUTO_FREE char *base = base_of(run);
	AUTO_FREE char *number = xasprintf("%zu", run->stage->index);

	list_env_set(labels, STAGE_LABEL "name", run->stage->has_name ? run->stage->name : number);
	list_env_set(labels, STAGE_LABEL "base", base);
}

void result_label(
		const struct build *build, const struct stage_run *run, struct image_config *config)
{
	const struct build_image_options *told = &build->options->image;
	const struct list *more = run->stage == build->plan->target ? NULL : told->stage_labels;

	for (size_t i = 0; more && i < more->n; i++) {
		struct str key, value = { 0 };

		(void)str_cut(str_of(more->p[i]), '=', &key, &value);
		AUTO_FREE char *name = str_dup(key);
		if (!list_env_get(&config->labels, name))
			list_env_set(&config->labels, name, value.p ? value.p : "");
	}
	if (told->names_stages)
		name_stage(run, &config->labels);
	if (told->identity)
		list_env_set(&config->labels, IDENTITY_LABEL, told->identity);
}

void result_edit_config(const struct build *build, struct image_config *config)
{
	const struct build_image_options *told = &build->options->image;

	unset(&config->env, told->unset_env);
	unset(&config->labels, told->unset_labels);
	for (size_t i = 0; told->os_features && i < told->os_features->n; i++)
		edit_feature(&config->os_features, told->os_features->p[i]);
	if (build->options->run.hostname && build->options->format == FORMAT_DOCKER) {
		free(config->hostname);
		config->hostname = xstrdup(build->options->run.hostname);
		config->domainname = config->domainname ? config->domainname : xstrdup("");
	}
	if (told->os_version)
		(void)strncpy(config->platform.os_version, told->os_version,
				sizeof(config->platform.os_version) - 1);
}

void result_say_platform(const struct build *build, struct image_config *config)
{
	struct platform *have = &config->platform;
	const struct platform *want = &build->platform;

	if (!build->options->image.says_platform || platform_match(want, have) > 0)
		return;
	memcpy(have->os, want->os, sizeof(have->os));
	memcpy(have->architecture, want->architecture, sizeof(have->architecture));
	memcpy(have->variant, want->variant, sizeof(have->variant));
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
	/* An ID is no name, nor is the one that the base's own base had. */
	if (image_may_be_id(found))
		list_env_unset(to, IMAGE_ANNOTATION "base.name");
	else
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

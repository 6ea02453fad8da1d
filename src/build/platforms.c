#include "build/platforms.h"
#include "build/all_platforms.h"
#include "build/attested.h"
#include "build/history.h"
#include "build/output.h"
#include "build/remote.h"
#include "build/trees.h"
#include "build/verify.h"
#include "build/way.h"

#include <string.h>

struct platforms {
	struct build *builds;
	struct image **images; /* of those that are made; NULL where outputs are files alone */
	size_t n, made;
};

static void platforms_forget(struct platforms *platforms)
{
	for (size_t i = 0; i < platforms->n; i++) {
		image_free(TAKE(platforms->images[i]));
		build_forget_runs(&platforms->builds[i]);
	}
	platforms->made = 0;
}

static void platforms_done(struct platforms *platforms)
{
	for (size_t i = platforms->n; i-- > 0;) {
		image_free(platforms->images[i]);
		build_done(&platforms->builds[i]);
	}
	free(platforms->images);
	free(platforms->builds);
}

DEFINE_AUTO_VALUE(platforms)

/* An index is what was asked for, not what attestations need. */
static bool is_split(const struct build_options *options)
{
	return options->platform_count || options->all_platforms ||
	       build_arg_is_set(options, "BUILDKIT_MULTI_PLATFORM");
}

bool platforms_are_wanted(const struct build_options *options)
{
	return is_split(options) || attested_is_image(options);
}

static FALLIBLE check(const struct build_options *options)
{
	bool is_several = options->platform_count > 1 || options->all_platforms;

	if (is_several && options->userns->mode == USERNS_INPLACE)
		return error_hint(
				error_new(ERR_UNSUPPORTED,
						"several platforms cannot be built with isolation "
						"'inplace': there is one '/'"),
				"build them one by one, and list them with 'kiln manifest'");
	return output_check_index(options);
}

/* The first build loads what all need, and that may be what tells for which platforms. */
static FALLIBLE load(const struct build_options *options, struct platforms *ret,
		struct platform_list *platforms)
{
	struct platform one = options->platform ? *options->platform : platform_host();

	ret->builds = xcalloc(BUILD_MOST_PLATFORMS, sizeof(*ret->builds));
	ret->images = xcalloc(BUILD_MOST_PLATFORMS, sizeof(struct image *));
	ret->n = 1;
	build_begin(&ret->builds[0], options, &one);
	TRY(build_load(&ret->builds[0]));
	if (options->all_platforms)
		return all_platforms(&ret->builds[0], platforms);
	for (size_t i = 0; i < options->platform_count; i++)
		vec_push(platforms, options->platforms[i]);
	if (!platforms->n)
		vec_push(platforms, one);
	return NULL;
}

static FALLIBLE begin(const struct build_options *options, struct platforms *ret)
{
	AUTO(platform_list) struct platform_list platforms = { 0 };

	TRY(load(options, ret, &platforms));
	ret->builds[0].platform = platforms.p[0];
	ret->builds[0].is_one_of_many = platforms.n > 1;
	for (; ret->n < platforms.n; ret->n++) {
		struct build *build = &ret->builds[ret->n];

		build_begin(build, options, &platforms.p[ret->n]);
		build->before = build - 1;
		build->is_one_of_many = true;
		build->is_last = ret->n + 1 == platforms.n;
	}
	return NULL;
}

/* Which of them it was. Takes error; NULL is NULL. */
static struct error *of_platform(const struct build *build, struct error *error)
{
	char text[PLATFORM_TEXT];

	return error && build->is_one_of_many
			       ? error_wrap(error, "%s", platform_text(&build->platform, text))
			       : error;
}

static FALLIBLE plan_all(struct platforms *platforms, struct build_options *options)
{
	for (size_t i = 0; i < platforms->n; i++) {
		struct build *build = &platforms->builds[i];

		if (i)
			TRY(of_platform(build, build_load(build)));
		TRY(of_platform(build, build_plan(build, options)));
	}
	return NULL;
}

static char *plans_text(const struct platforms *platforms)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	char platform[PLATFORM_TEXT];

	for (size_t i = 0; i < platforms->n; i++) {
		const struct build *build = &platforms->builds[i];

		strbuf_addf(&text, "platform %s\n", platform_text(&build->platform, platform));
		plan_show(build->plan, build->options->build_args, &text);
	}
	return strbuf_take(&text);
}

/* The index of what was made and of what is said of it, or nothing where outputs are files alone.
 */
static FALLIBLE join(const struct platforms *platforms, const struct attested *said,
		struct image_set *set)
{
	const struct build *build = &platforms->builds[0];
	AUTO(list) struct list annotations = { 0 };
	AUTO(attested_entries) struct attested_entries attested = { 0 };

	if (!platforms->images[0])
		return NULL;
	result_annotations(build, ANNOTATE_INDEX, &annotations);
	TRY(attested_keep(build, platforms->images, platforms->n, said, &attested));
	struct image_source *beside = image_source_store(build->options->store, NULL);
	const struct image_set_parts parts = { .images = platforms->images,
		.n = platforms->n,
		.more = attested.p,
		.more_n = attested.n,
		.beside = beside,
		.annotations = &annotations };
	struct error *error = image_set_join(build->plan->target->name, &parts, set);
	image_source_unref(beside);
	TRY(error);
	result_annotations(build, ANNOTATE_INDEX_DESCRIPTOR, &set->entry_annotations);
	return NULL;
}

static FALLIBLE put_out_said(const struct platforms *platforms, const struct attested *said,
		struct build_result *ret)
{
	AUTO(image_set) struct image_set set = { 0 };
	const struct made made = { .builds = platforms->builds,
		.n = platforms->n,
		.is_index = true,
		.is_split = is_split(platforms->builds[0].options),
		.attested = said,
		.set = &set };

	TRY(join(platforms, said, &set));
	ret->is_index = true;
	ret->image_id = ret->manifest = set.digest;
	ret->manifest_bytes = set.n;
	free(ret->manifest_media_type);
	ret->manifest_media_type = xstrdup(set.media_type);
	return output_all(&made, ret);
}

static FALLIBLE put_out(const struct platforms *platforms, struct build_result *ret)
{
	struct image *const *images = platforms->images[0] ? platforms->images : NULL;
	struct attested *said = NULL;
	struct error *error = attested_tell(platforms->builds, images, platforms->n, &said, ret);

	if (!error)
		error = put_out_said(platforms, said, ret);
	attested_free(said, platforms->n);
	return error;
}

static FALLIBLE make_all(struct platforms *platforms, struct build_result *ret)
{
	for (size_t i = 0; i < platforms->n; i++)
		remote_begin(&platforms->builds[i]);
	for (; platforms->made < platforms->n; platforms->made++) {
		struct build *build = &platforms->builds[platforms->made];

		TRY(of_platform(build, build_make(build, &platforms->images[platforms->made])));
	}
	return put_out(platforms, ret);
}

/* A record of a cache home was found wrong: worth another try, as for a single build. */
static bool may_try_again(const struct platforms *platforms)
{
	bool failed = false;

	for (size_t i = 0; i < platforms->n; i++)
		failed = failed || remote_failed(&platforms->builds[i]);
	return failed && !cancel_is_set(platforms->builds[0].options->cancel);
}

static FALLIBLE run_plans(struct platforms *platforms, struct build_result *ret)
{
	for (size_t i = 0; i < platforms->n; i++)
		TRY(of_platform(&platforms->builds[i], trees_open(&platforms->builds[i])));
	build_tell_source(&platforms->builds[0], ret);
	for (;;) {
		struct error *error = make_all(platforms, ret);

		if (!error)
			break;
		if (!may_try_again(platforms))
			return error;
		error_ignore(error, "tried again without the record");
		platforms_forget(platforms);
	}
	for (size_t i = 0; i < platforms->n; i++)
		TRY(remote_keep(&platforms->builds[i]));
	for (size_t i = 0; i < platforms->n; i++)
		TRY(remote_export(&platforms->builds[i]));
	return NULL;
}

/* Each is a build of its own in the history; what none came to is none. */
static void keep_histories(
		struct platforms *platforms, const struct error *error, struct build_result *ret)
{
	bool is_made = platforms->made == platforms->n;
	size_t begun = is_made ? platforms->n : platforms->made + 1;
	char whole[HISTORY_ID_TEXT], id[HISTORY_ID_TEXT];

	history_new_id(whole);
	for (size_t i = 0; i < begun; i++) {
		bool is_failed = is_made || i == platforms->made;

		history_keep(&platforms->builds[i], is_failed ? error : NULL, whole, id);
		if (id[0])
			memcpy(ret->build_id, whole, sizeof(whole));
		verify_collect(&platforms->builds[i], &ret->verified);
	}
}

FALLIBLE platforms_run(struct build_options *options, struct build_result *ret)
{
	AUTO(platforms) struct platforms platforms = { 0 };

	TRY(check(options));
	TRY(begin(options, &platforms));
	TRY(plan_all(&platforms, options));
	if (options->dry_run) {
		ret->plan = plans_text(&platforms);
		return NULL;
	}
	struct error *error = run_plans(&platforms, ret);
	keep_histories(&platforms, error, ret);
	return error;
}

/*
 * The way of one build, from options to result. What needs a look at the registry (base images) is
 * asked for all at once; what is in the Dockerfile is checked before that.
 */
#include "build/build.h"
#include "base/clock.h"
#include "build/attested.h"
#include "build/bases.h"
#include "build/epoch.h"
#include "build/flat.h"
#include "build/history.h"
#include "build/inplace.h"
#include "build/key_agent.h"
#include "build/late.h"
#include "build/mount_travel.h"
#include "build/output.h"
#include "build/platforms.h"
#include "build/remote.h"
#include "build/rights.h"
#include "build/runs.h"
#include "build/state.h"
#include "build/trees.h"
#include "build/turns.h"
#include "build/unused_args.h"
#include "build/verify.h"
#include "build/way.h"
#include "dockerfile/frontend.h"
#include "dockerfile/stage.h"
#include "image/convert.h"
#include "sys/path.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum { TOLD_WARNINGS = 500 };

/* A name that is no stage would silently do nothing. */
static FALLIBLE check_no_cache_stages(const struct build *build)
{
	const struct list *names = build->options->no_cache_stages;

	for (size_t i = 0; names && i < names->n; i++) {
		const struct stage *stage = NULL;

		TRY_WRAP(stage_find(build->file, names->p[i], &stage), "--no-cache-filter");
		if (stage)
			continue;
		struct error *error = error_new(ERR_NOT_FOUND,
				"--no-cache-filter: stage '%s' is not in '%s'", names->p[i],
				build->file->name);
		const char *near = stage_suggest(build->file, names->p[i]);
		return near ? error_hint(error, "did you mean '%s'?", near) : error;
	}
	return NULL;
}

/*
 * What the checks found, as BuildKit tells it; an error when the file wants that. Nobody reads more
 * than the first few hundred.
 */
static FALLIBLE tell_checks(struct build *build, const struct lint *lint)
{
	size_t told = lint->warnings.n < TOLD_WARNINGS ? lint->warnings.n : TOLD_WARNINGS;

	for (size_t i = 0; i < told; i++) {
		const struct lint_warning *warning = &lint->warnings.p[i];

		progress_advise(build->options->progress, warning->at, "%s: %s",
				warning->rule->name, warning->message);
	}
	if (told < lint->warnings.n)
		progress_advise(build->options->progress, lint->warnings.p[told].at,
				"and %zu more warnings from here on; 'kiln check --format json' "
				"has all",
				lint->warnings.n - told);
	return lint_violation(lint);
}

/* Of a file that does not parse: what is odd above the mistake, as BuildKit has told it by then. */
static void tell_early_checks(struct build *build)
{
	AUTO(lint_config) struct lint_config config = { 0 };
	AUTO(lint) struct lint lint = { 0 };
	struct error *error = check_config(build->file, build->options->build_args, &config);

	if (!error) {
		lint_init(&lint, build->file, &config, build->file->arena);
		lint_run_early(&lint);
		error = tell_checks(build, &lint);
	}
	error_free(error);
}

/* As Buildah tells it; Docker says nothing of an ARG that has no value. */
static void tell_missing_args(struct build *build, const bool *built)
{
	AUTO(list) struct list names = { 0 };

	missing_args_find(build->file, built, build->options->build_args, &names);
	for (size_t i = 0; i < names.n && i < TOLD_WARNINGS; i++)
		progress_warn(build->options->progress, 0, (struct source_range){ 0 },
				"missing \"%s\" build argument. Try adding \"--build-arg "
				"%s=<VALUE>\" to the command line",
				names.p[i], names.p[i]);
}

static void tell_unused_args(struct build *build)
{
	AUTO(list) struct list names = { 0 };
	AUTO(strbuf) struct strbuf text = { 0 };

	unused_args_find(build->file, build->plan, build->options->build_args, &names);
	if (unused_args_say(&names, build->options->says_step, &text))
		progress_advise(build->options->progress, (struct source_range){ 0 }, "%s",
				strbuf_text(&text));
}

FALLIBLE build_plan_for(const struct build *build, const struct plan_for *what, struct plan **ret)
{
	const struct build_options *options = build->options;
	AUTO_FREE char *context_time = context_epoch(build->context);
	struct plan_input input = {
		.file = build->file,
		.target = options->target,
		.also = options->also_targets,
		.build_args = options->build_args,
		.labels = options->labels,
		.run_mounts = options->run.mounts,
		.drops_labels = options->image.drops_labels,
		.platform = what->platform,
		.build_platform = platform_host(),
		.open_images = what->open_images,
		.user = what->user,
		.lint = what->lint,
		.ignore = build->context->ignore,
		.epoch_name = build->epoch_name ? build->epoch_name : PLAN_EPOCH_OF_CONTEXT,
		.epoch = build->epoch_name ? build->epoch : context_time,
		.all_stages = what->all_stages,
		.up_to_target = options->builds_unused,
		.from_variables = options->from_variables,
		.files_are_late = options->files_are_late,
		.makes_volumes = options->makes_volumes,
		.keeps_volumes = options->keeps_volumes,
		.sources_need_dir = options->sources_need_dir,
		.keeps_defaults = options->keeps_defaults,
	};
	struct plan_context *contexts = NULL;
	const struct plan_scanner scanner = { options->attest.generator,
		options->attest.generator_params };

	if (what->scans && attested_has_sbom(options))
		input.scanner = &scanner;
	TRY(trees_plan(options, &contexts));
	input.contexts = contexts;
	input.context_count = options->context_count;
	struct error *error = plan_new(&input, ret);
	trees_plan_free(contexts, options->context_count);
	return error;
}

/* Which stages the target needs, by their numbers: none when there is no plan. */
static bool *built_stages(const struct build *build)
{
	bool *built = xcalloc(build->file->stage_count + 1, sizeof(*built));

	for (size_t i = 0; build->plan && i < build->plan->stage_count; i++)
		built[build->plan->stages[i]->index] = true;
	return built;
}

static FALLIBLE make_plan(struct build *build)
{
	AUTO(lint_config) struct lint_config config = { 0 };
	AUTO(lint) struct lint lint = { 0 };
	const struct plan_for what = { build->platform, build_open_images, build, &lint,
		.scans = true };

	TRY(check_config(build->file, build->options->build_args, &config));
	lint_init(&lint, build->file, &config, build->file->arena);
	struct error *error = build_plan_for(build, &what, &build->plan);
	/* What the Dockerfile looks like was told for the first platform. */
	if (build->before)
		return error;
	AUTO_FREE bool *built = built_stages(build);
	if (!error && build->options->says_step)
		tell_missing_args(build, built);
	if (!error)
		tell_unused_args(build);
	lint.built = built;
	lint_run(&lint);
	struct error *violation = tell_checks(build, &lint);
	if (!error)
		return violation;
	error_free(violation);
	return error;
}

/* Docker's format where the target stands on an image in it, unless its layers could not be, or the
 * image is opened later (late.h): layers are written before that. */
static enum image_format format_of_base(const struct build *build)
{
	const struct plan_image *base = plan_stage_image(build->plan->target);

	if (!base || !base->image || build->options->compression == COMPRESSION_ZSTD)
		return FORMAT_OCI;

	const struct manifest *manifest = &base->image->manifest;

	for (size_t i = 0; i < manifest->layers.n; i++)
		if (!mediatype_layer(FORMAT_DOCKER,
				    mediatype_compression(manifest->layers.p[i].media_type)))
			return FORMAT_OCI;
	return manifest->format == FORMAT_DOCKER ? FORMAT_DOCKER : FORMAT_OCI;
}

void build_done(struct build *build)
{
	build_forget_runs(build);
	key_agents_stop(build->key_agents, build->options->agent_count);
	inplace_free(build->inplace);
	layer_set_done(&build->layers);
	for (size_t i = 0; i < build->push_count; i++)
		reference_done(&build->pushes[i]);
	free(build->pushes);
	mount_travel_done(&build->travel);
	remote_brought_free(build);
	cache_homes_free(build->homes);
	free(build->index_name);
	free(build->epoch_name);
	free(build->epoch);
	vec_done(&build->wanted);
	plan_free(build->plan);
	for (size_t i = 0; i < build->images_before.n; i++)
		image_free(build->images_before.p[i]);
	vec_done(&build->images_before);
	if (!build->before) {
		dockerfile_free(build->file);
		context_free(build->context);
	}
	trees_free(build);
	if (!build->before)
		pool_free(build->pool);
	if (build->empty_fd >= 0)
		(void)close(build->empty_fd);
}

/* --- the way --- */

static FALLIBLE load_files(struct build *build)
{
	const struct build_options *options = build->options;

	struct context_input input = {
		.path = options->context,
		.dir = options->context_dir,
		.ignore_file = options->ignore_file,
		.dockerfile = options->dockerfile,
		.stdin_fd = options->stdin_fd,
		.keep_git_dir = build_arg_is_set(options, "BUILDKIT_CONTEXT_KEEP_GIT_DIR"),
		.as_buildah = options->as_buildah,
		.sources = &build->sources,
	};

	TRY(context_open(&input, &build->context));
	struct str text = { build->context->dockerfile, build->context->dockerfile_bytes };
	if (options->keep_dockerfile)
		options->keep_dockerfile(options->keep_dockerfile_user,
				build->context->dockerfile_name, text);
	TRY(frontend_check(text, build->context->dockerfile_name, options->build_args));
	struct error *error = dockerfile_parse_before(
			text, build->context->dockerfile_name, options->as_buildah, &build->file);
	if (error && build->file)
		tell_early_checks(build);
	return error;
}

/* Where steps cannot have namespaces of their own, which is worth knowing. */
static void tell_isolation(const struct build *build)
{
	struct progress *progress = build->options->progress;
	const struct userns *userns = build->options->userns;

	if (!userns_is_bare(userns->mode))
		return;
	AUTO_FREE char *name = xasprintf("[internal] steps run with isolation '%s'%s%s",
			userns_mode_name(userns->mode), userns->reason[0] ? ": " : "",
			userns->reason);
	unsigned vertex = progress_vertex(progress, name, NULL, (struct source_range){ 0 });
	progress_start(progress, vertex);
	progress_end(progress, vertex, PROGRESS_DONE, NULL);
}

/* What has no name of its own, or an address, is called by the usual one, as buildx does. */
static const char *dockerfile_name(const struct build_options *options)
{
	const char *name = options->dockerfile;

	if (!name || strcmp(name, "-") == 0 || url_is_http(name))
		return "Dockerfile";
	return path_name(name);
}

static FALLIBLE load(struct build *build)
{
	if (build->before) {
		build->context = build->before->context;
		build->file = build->before->file;
		return NULL;
	}

	struct progress *progress = build->options->progress;
	struct source_range nowhere = { 0 };
	AUTO_FREE char *name = xasprintf("[internal] load build definition from %s",
			dockerfile_name(build->options));
	unsigned vertex = progress_vertex(progress, name, NULL, nowhere);

	progress_start(progress, vertex);
	struct error *error = load_files(build);
	progress_end(progress, vertex, error ? PROGRESS_FAILED : PROGRESS_DONE,
			error ? error->message : NULL);
	tell_isolation(build);
	return error;
}

static bool wants_image(const struct build_options *options)
{
	bool wants = options->output_count == 0;

	for (size_t i = 0; i < options->output_count; i++)
		wants = wants || (options->outputs[i].kind != OUTPUT_TAR &&
						 options->outputs[i].kind != OUTPUT_LOCAL &&
						 options->outputs[i].kind != OUTPUT_CACHE);
	return wants;
}

/* The image, with all layers in the wanted compression where that was asked for. */
static FALLIBLE make_image(struct build *build, struct image **ret)
{
	const struct build_options *options = build->options;
	const struct image_form form = { .compression = options->compression,
		.level = options->compression_level,
		.force = true };
	AUTO(image) struct image *image = NULL;

	TRY(result_image(build, &image));
	if (!options->force_compression) {
		*ret = TAKE(image);
		return NULL;
	}
	return image_convert(image, options->store, &form, build->pool, options->cancel, ret);
}

/* The image's files in the container's own "/", whoever had that last. */
static FALLIBLE materialize(struct build *build)
{
	struct stage_run *target = build_stage(build, build->plan->target);
	struct flat *flat = stage_flat(build, target, true);

	TRY_WRAP(flat_raise(&build->layers, flat, &target->stack, target->vertex),
			"put the image into '/'");
	return NULL;
}

FALLIBLE build_make(struct build *build, struct image **ret)
{
	bool with_image = wants_image(build->options), more = false;

	TRY(late_begin(build));
	runs_make(build);
	if (with_image && !build->options->squash)
		build->exports = exports_new(build);
	if (build->exports && build->push_count)
		build->layers.push = &build->pushes[0];
	do {
		late_mark(build);
		TRY(build_resolve(build));
		runs_declare(build);
		TRY(build_execute(build));
		late_finish(build);
		TRY(late_open(build, &more));
	} while (more);
	if (build->options->image.saves_stages)
		TRY(result_save_stages(build));
	if (!with_image)
		return NULL;
	if (build->exports)
		TRY(exports_join(build->exports));
	TRY(make_image(build, ret));
	build->image_id = (*ret)->manifest.config.digest;
	return NULL;
}

/* With what is said of it, where outputs are files: images have an index then (platforms.h). */
static FALLIBLE put_out(struct build *build, struct image *image, struct build_result *ret)
{
	struct attested *said = NULL;
	struct error *error = attested_tell(build, image ? &image : NULL, 1, &said, ret);
	const struct made made = { .builds = build, .n = 1, .attested = said, .image = image };

	if (!error)
		error = output_all(&made, ret);
	attested_free(said, 1);
	return error;
}

/* Keys, steps, image, outputs. */
static FALLIBLE run_once(struct build *build, struct build_result *ret)
{
	AUTO(image) struct image *image = NULL;

	TRY(build_make(build, &image));
	if (image) {
		ret->image_id = build->image_id;
		ret->manifest = image->digest;
		ret->manifest_bytes = image->manifest_bytes;
		free(ret->manifest_media_type);
		ret->manifest_media_type = xstrdup(image->manifest.media_type);
	}
	TRY(put_out(build, image, ret));
	return build->inplace && build->options->materializes ? materialize(build) : NULL;
}

void build_tell_source(const struct build *build, struct build_result *ret)
{
	if (!build->context->vcs_source)
		return;
	ret->vcs_source = xstrdup(build->context->vcs_source);
	ret->vcs_revision = xstrdup(build->context->vcs_revision);
}

/*
 * A record of a cache home may turn out to be wrong when its layer is needed at last. It is not
 * believed again, so that the next try runs the step; what ran meanwhile is in the store. Each try
 * knows at least one wrong record more, so this ends.
 */
static FALLIBLE run_plan(struct build *build, struct build_result *ret)
{
	TRY(trees_open(build));
	build_tell_source(build, ret);
	for (;;) {
		remote_begin(build);
		struct error *error = run_once(build, ret);

		if (!error)
			break;
		if (!remote_failed(build) || cancel_is_set(build->options->cancel))
			return error;
		error_ignore(error, "tried again without the record");
		build_forget_runs(build);
	}
	TRY(remote_keep(build));
	return remote_export(build);
}

/* A directory that holds nothing and never will: what "no files" looks like to rootfs_*. */
static FALLIBLE open_empty(struct build *build)
{
	AUTO(layer_draft) struct layer_draft draft = { .tree_fd = -1 };

	if (userns_is_bare(build->options->userns->mode)) {
		/* Nobody can put anything into a directory that is removed already. */
		TRY(layer_begin(build->options->store, &draft));
		build->empty_fd = TAKE_FD(draft.tree_fd);
		return NULL;
	}
	return mount_new("tmpfs", NULL, 0, MOUNT_ATTR_RDONLY, &build->empty_fd);
}

/*
 * Podman's directories are like ours for an ordinary user with subordinate ids, and can be seen so
 * for root. Where files of the base go out, they come from its blobs.
 */
static bool may_use_trees(const struct build_options *options)
{
	const struct userns *userns = options->userns;
	bool may = (userns->mode == USERNS_SUBUID && userns->owner.kind == OWNER_PLAIN) ||
		   (userns->mode == USERNS_ROOT && userns->owner.kind == OWNER_SHIFTED);

	may = may && !options->squash;

	for (size_t i = 0; i < options->output_count && may; i++)
		may = options->outputs[i].kind != OUTPUT_TAR &&
		      options->outputs[i].kind != OUTPUT_LOCAL;
	return may;
}

void build_begin(struct build *build, const struct build_options *options,
		const struct platform *platform)
{
	*build = (struct build){ .options = options,
		.platform = *platform,
		.empty_fd = -1,
		.began_ns = clock_now_ns(),
		.travel.lock = PTHREAD_MUTEX_INITIALIZER };
	layer_set_init(&build->layers, options, NULL);
	build->layers.uses_trees = may_use_trees(options);
}

FALLIBLE build_load(struct build *build)
{
	const struct build_options *options = build->options;

	TRY(output_pushes(build));
	TRY(open_empty(build));
	build->layers.pool = build->pool = build->before ? build->before->pool : pool_new(0);
	build->sources = build_sources(options);
	TRY(layer_set_open(&build->layers));
	return load(build);
}

/* The time of what was named, where something was; else the Dockerfile's own. */
static FALLIBLE take_epoch(const struct build *build, struct build_options *options)
{
	const char *text = options->epoch_is_named ? build->epoch : build->plan->epoch;

	if (options->has_epoch || !text || !*text)
		return NULL;
	struct error *error = parse_i64(str_of(text), 0, 253402300799, &options->epoch);
	if (error) {
		error_free(error);
		return error_hint(error_new(ERR_INVALID, "invalid SOURCE_DATE_EPOCH: %s", text),
				"give seconds since 1970");
	}
	options->has_epoch = true;
	return NULL;
}

FALLIBLE build_plan(struct build *build, struct build_options *options)
{
	if (options->userns->mode == USERNS_INPLACE)
		TRY(inplace_new(&build->layers, build->context->path, &build->inplace));
	TRY(check_no_cache_stages(build));
	if (!options->dry_run)
		TRY(remote_open(build));
	TRY(epoch_find(build));
	TRY(make_plan(build));
	TRY(take_epoch(build, options));
	TRY(rights_check(options, build->plan));
	if (!options->format)
		options->format = format_of_base(build);
	return options->dry_run ? NULL : key_agents_start(options, &build->key_agents);
}

/* One image, of one platform. */
static FALLIBLE run_one(struct build_options *options, struct build_result *ret)
{
	struct platform platform = options->platform ? *options->platform : platform_host();
	AUTO(build) struct build build;

	build_begin(&build, options, &platform);
	TRY(build_load(&build));
	TRY(build_plan(&build, options));
	if (options->dry_run) {
		AUTO(strbuf) struct strbuf text = { 0 };

		plan_show(build.plan, options->build_args, &text);
		ret->plan = strbuf_take(&text);
		return NULL;
	}
	struct error *error = run_plan(&build, ret);
	if (!error && options->keeps_bases)
		error = bases_keep(&build);
	history_keep(&build, error, NULL, ret->build_id);
	verify_collect(&build, &ret->verified);
	return error;
}

FALLIBLE build_run(const struct build_options *options, struct build_result *ret)
{
	struct build_options filled = *options;

	build_options_fill(&filled);
	TRY(build_options_check(&filled));
	return platforms_are_wanted(&filled) ? platforms_run(&filled, ret) : run_one(&filled, ret);
}

void build_result_done(struct build_result *result)
{
	free(result->plan);
	free(result->manifest_media_type);
	free(result->vcs_source);
	free(result->vcs_revision);
	list_done(&result->names);
	list_done(&result->provenances);
	list_done(&result->provenance_platforms);
	list_done(&result->verified.texts);
}

#include "build/check.h"

#include "build/unused_args.h"
#include "build/way.h"
#include "dockerfile/frontend.h"

static FALLIBLE leave_closed(void *user, struct plan_image *const *images, size_t n)
{
	return NULL;
}

/* BUILDKIT_DOCKERFILE_CHECK says all that "# check=" says, and wins. */
FALLIBLE check_config(const struct dockerfile *file, const struct list *build_args,
		struct lint_config *ret)
{
	const char *given =
			build_args ? list_env_get(build_args, "BUILDKIT_DOCKERFILE_CHECK") : NULL;

	if (given)
		TRY_WRAP(lint_config_parse(str_of(given), ret),
				"build argument BUILDKIT_DOCKERFILE_CHECK");
	else if (file->directives.check.text)
		return error_at(lint_config_parse(str_of(file->directives.check.text), ret),
				file->directives.check.at);
	return NULL;
}

static FALLIBLE configure(const struct check_options *options, const struct dockerfile *file,
		struct check *check)
{
	TRY(check_config(file, options->build->build_args, &check->config));
	for (size_t i = 0; options->skip && i < options->skip->n; i++)
		lint_config_skip(&check->config, str_of(options->skip->p[i]));
	lint_init(&check->lint, file, &check->config, check->arena);
	check->lint.with_own = options->with_own;
	return NULL;
}

/* A mistake does not hide the warnings about what stands before it. */
static FALLIBLE parse(const struct check_options *options, struct str text, struct check *check)
{
	struct dockerfile *file = NULL;
	struct error *error = dockerfile_parse_before(
			text, check->context->dockerfile_name, false, &file);

	if (!error) {
		check->file = file;
		return configure(options, file, check);
	}
	check->before = file;
	if (!file)
		return error;
	struct error *worse = configure(options, file, check);
	if (!worse)
		lint_run_early(&check->lint);
	error_free(worse);
	return error;
}

/* What is wrong with the file is the result. */
static FALLIBLE look(const struct check_options *options, struct check *check)
{
	const struct build_options *build = options->build;
	struct str text = { check->context->dockerfile, check->context->dockerfile_bytes };
	struct build opening = { .options = build, .context = check->context };
	const struct plan_for what = {
		.platform = build->platform ? *build->platform : platform_host(),
		.open_images = options->is_offline ? leave_closed : build_open_images,
		.user = &opening,
		.lint = &check->lint,
		.all_stages = options->all_stages && !build->target,
	};

	TRY(frontend_check(text, check->context->dockerfile_name, build->build_args));
	TRY(parse(options, text, check));
	opening.file = check->file;
	struct error *error = build_plan_for(&opening, &what, &check->plan);
	lint_run(&check->lint);
	unused_args_find(check->file, check->plan, build->build_args, &check->unused_args);
	return error ? error : lint_violation(&check->lint);
}

FALLIBLE check_open(const struct check_options *options, struct check *ret)
{
	const struct build_options *build = options->build;
	const struct sources sources = build_sources(build);
	struct context_input input = {
		.path = build->context,
		.dockerfile = build->dockerfile,
		.stdin_fd = build->stdin_fd,
		.sources = &sources,
	};

	TRY(context_open(&input, &ret->context));
	if (build->keep_dockerfile)
		build->keep_dockerfile(build->keep_dockerfile_user, ret->context->dockerfile_name,
				(struct str){ ret->context->dockerfile,
						ret->context->dockerfile_bytes });
	ret->arena = arena_new();
	ret->error = look(options, ret);
	return NULL;
}

void check_done(struct check *check)
{
	lint_done(&check->lint);
	lint_config_done(&check->config);
	list_done(&check->unused_args);
	plan_free(check->plan);
	dockerfile_free(check->file);
	dockerfile_free(check->before);
	context_free(check->context);
	arena_free(check->arena);
	error_free(check->error);
}

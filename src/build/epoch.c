#include "build/epoch.h"

#include "base/limits.h"
#include "base/map.h"
#include "build/context.h"
#include "build/fetch_file.h"
#include "build/trees.h"
#include "dockerfile/git_url.h"
#include "dockerfile/stage.h"
#include "dockerfile/words.h"
#include "registry/url.h"

#include <string.h>
#include <strings.h>

#define VARIABLE "SOURCE_DATE_EPOCH"

/*
 * What ARG lines make known. Not the scope of a plan (graph/scope.c): as in BuildKit the stage that
 * is named sees the ARGs before the first FROM without naming them, and this comes before any plan.
 */
struct known {
	const struct build *build;
	struct map *values; /* by name */
	size_t budget;      /* what expansion may still produce */
};

static void known_done(struct known *known)
{
	map_free(known->values);
}

DEFINE_AUTO_VALUE(known)

static struct known known_new(const struct build *build)
{
	return (struct known){ build, map_new(free), LIMIT_EXPANDED_BYTES };
}

static const char *value_of(void *user, const char *name)
{
	return map_get(((const struct known *)user)->values, name);
}

static FALLIBLE expand(struct known *known, const char *text, struct strbuf *out)
{
	const struct words_env env = {
		.get = value_of, .user = known, .escape = known->build->file->directives.escape_char
	};

	TRY(word_expand(str_of(text), &env, out));
	size_t n = strbuf_str(out).n;
	if (n > known->budget)
		return error_new(ERR_LIMIT, "ARGs that expand to more than %d bytes",
				LIMIT_EXPANDED_BYTES);
	known->budget -= n;
	return NULL;
}

static const char *given_of(const struct build *build, const char *name)
{
	const struct list *build_args = build->options->build_args;

	return build_args ? list_env_get(build_args, name) : NULL;
}

/* What was given, else its default. */
static FALLIBLE take_args(const struct instruction *arg, struct known *known)
{
	for (size_t i = 0; i < arg->pairs.n; i++) {
		const struct pair *pair = &arg->pairs.p[i];
		const char *given = given_of(known->build, pair->name);
		AUTO(strbuf) struct strbuf text = { 0 };

		if (given)
			map_set(known->values, pair->name, xstrdup(given));
		if (given || !pair->value)
			continue;
		struct error *error = expand(known, pair->value, &text);
		if (error)
			return error_at(error, pair->at);
		map_set(known->values, pair->name, strbuf_take(&text));
	}
	return NULL;
}

static FALLIBLE take_globals(struct known *known)
{
	const struct dockerfile *file = known->build->file;

	for (size_t i = 0; i < file->global_count; i++)
		TRY(take_args(&file->instructions[i], known));
	return NULL;
}

/* Most Dockerfiles say nothing of it, and nothing of them needs to be known then. */
static bool is_declared(const struct dockerfile *file)
{
	for (size_t i = 0; i < file->global_count; i++)
		for (size_t k = 0; k < file->instructions[i].pairs.n; k++)
			if (text_equal(file->instructions[i].pairs.p[k].name, VARIABLE))
				return true;
	return false;
}

static FALLIBLE time_of_context(
		const struct build *build, const char *path, const char *name, int64_t *ret)
{
	AUTO(context) struct context *context = NULL;
	const struct context_input input = {
		.path = path,
		.name = name,
		.as_buildah = build->options->as_buildah,
		.sources = &build->sources,
	};

	TRY(context_open(&input, &context));
	*ret = context->time;
	return NULL;
}

/* A file need not be an archive. */
static FALLIBLE time_of_address(
		const struct build *build, const char *address, const char *name, int64_t *ret)
{
	AUTO(fetched_file) struct fetched_file file = { .fd = -1 };

	if (git_url_matches(address, false))
		return time_of_context(build, address, name, ret);
	TRY(fetch_file(&build->sources, address, &file));
	*ret = fetch_time(&file.download);
	if (*ret > 0)
		return NULL;
	error_ignore(time_of_context(build, address, name, ret), "a file without a time");
	return NULL;
}

/* The one thing that the stage adds; into ret with its variables expanded. */
static FALLIBLE read_source(
		const struct build *build, const struct stage *stage, struct strbuf *ret)
{
	AUTO(known) struct known known = known_new(build);
	AUTO(strbuf) struct strbuf base = { 0 };
	bool has_source = false;

	TRY(take_globals(&known));
	map_remove(known.values, VARIABLE);
	TRY(expand(&known, stage->from->from.image, &base));
	if (!text_equal(strbuf_text(&base), "scratch"))
		return error_new(ERR_INVALID, VARIABLE " stage must use FROM scratch");
	for (size_t i = 0; i < stage->instruction_count; i++) {
		const struct instruction *in = &stage->instructions[i];
		const struct copy *copy = &in->copy;

		if (in->kind == INSTRUCTION_ARG) {
			TRY(take_args(in, &known));
			continue;
		}
		if (in->kind != INSTRUCTION_ADD)
			return error_new(ERR_INVALID,
					VARIABLE " stage does not meet source-only requirements: "
						 "unsupported %s instruction",
					instruction_name(in->kind));
		if (has_source || copy->source_count != 1 || copy->sources[0].heredoc)
			return error_new(ERR_INVALID,
					VARIABLE " stage must contain exactly one remote ADD");
		has_source = true;
		TRY(expand(&known, copy->sources[0].path, ret));
	}
	const char *source = strbuf_text(ret);
	if (!has_source)
		return error_new(
				ERR_INVALID, VARIABLE " stage must contain exactly one remote ADD");
	if (!url_is_http(source) && !git_url_matches(source, false))
		return error_new(ERR_INVALID,
				VARIABLE " stage source must be a single HTTP(S) or Git ADD");
	return NULL;
}

static FALLIBLE time_of_stage(const struct build *build, const struct stage *stage, int64_t *ret)
{
	AUTO(strbuf) struct strbuf source = { 0 };
	struct error *error = read_source(build, stage, &source);

	if (!error)
		error = time_of_address(build, strbuf_text(&source), stage->from->from.name, ret);
	return error_at(error, stage->from->at);
}

/* The last of that name, or NULL. */
static const struct build_context *find_context(const struct build *build, const char *name)
{
	const struct build_options *options = build->options;
	const struct build_context *found = NULL;
	AUTO_FREE char *wanted = plan_context_name(name);

	for (size_t i = 0; i < options->context_count; i++) {
		AUTO_FREE char *known = plan_context_name(options->contexts[i].name);

		if (text_equal(known, wanted))
			found = &options->contexts[i];
	}
	return found;
}

static FALLIBLE find_time(const struct build *build, const char *name, int64_t *ret)
{
	if (text_equal(name, PLAN_EPOCH_OF_CONTEXT)) {
		*ret = build->context->time;
		return NULL;
	}
	const struct build_context *context = find_context(build, name);
	if (context)
		return trees_is_image(context->value)
				       ? NULL
				       : time_of_context(build, context->value, context->name, ret);
	const struct stage *stage = stage_by_name(build->file, name, build->file->stage_count);
	if (stage)
		return time_of_stage(build, stage, ret);
	return error_hint(error_new(ERR_INVALID, "invalid " VARIABLE ": %s", name),
			"give seconds since 1970, 'context' for the time of a git, http or tar "
			"context, or the name of a context or stage; of a commit: "
			"git log -1 --format=%%ct");
}

FALLIBLE epoch_find(struct build *build)
{
	AUTO(known) struct known known = known_new(build);
	const char *given = given_of(build, VARIABLE);
	int64_t seconds = 0;

	if (build->before) {
		const struct build *before = build->before;

		build->epoch_name = before->epoch_name ? xstrdup(before->epoch_name) : NULL;
		build->epoch = before->epoch ? xstrdup(before->epoch) : NULL;
		return NULL;
	}
	if (build->options->has_epoch || (!given && !is_declared(build->file)))
		return NULL;
	TRY(take_globals(&known));
	const char *name = given ? given : map_get(known.values, VARIABLE);
	if (!name || plan_epoch_is_number(name))
		return NULL;
	build->epoch_name = xstrdup(name);
	TRY(find_time(build, name, &seconds));
	if (seconds > 0)
		build->epoch = xasprintf("%lld", (long long)seconds);
	return NULL;
}

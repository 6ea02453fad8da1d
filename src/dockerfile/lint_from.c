#include "dockerfile/lint_from.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/nearest.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "dockerfile/stage.h"
#include "dockerfile/words.h"
#include "oci/platform.h"
#include "oci/reference.h"

static const char *const platform_args[] = { "TARGETPLATFORM", "TARGETOS", "TARGETOSVERSION",
	"TARGETARCH", "TARGETVARIANT", "TARGETSTAGE", "BUILDPLATFORM", "BUILDOS", "BUILDOSVERSION",
	"BUILDARCH", "BUILDVARIANT" };

/* Global ARGs with their defaults, and who asked for what is not among them. */
struct globals {
	struct map *values; /* owned text */
	struct lint *lint;
	const struct lint_rule *rule;
	struct source_range at;
};

static const char *get_global(void *user, const char *name)
{
	struct globals *globals = user;

	return map_get(globals->values, name);
}

/* Suggestions for the first mistakes among a reasonable number of names: work stays bounded. */
enum { SUGGEST_WARNINGS = 100, SUGGEST_NAMES = 1000 };

static const char *nearest_global(const struct globals *globals, const char *name)
{
	VEC(const char *) names = { 0 };
	void *at = NULL;
	const char *key = NULL;
	void *value = NULL;

	if (globals->lint->warnings.n >= SUGGEST_WARNINGS)
		return NULL;
	while (names.n < SUGGEST_NAMES && map_next(globals->values, &at, &key, &value))
		vec_push(&names, key);
	const char *nearest = text_nearest(name, names.p, names.n);
	vec_done(&names);
	return nearest;
}

static void report_unset(void *user, const char *name, bool is_set, bool has_word)
{
	struct globals *globals = user;

	(void)has_word; /* a default does not help: what is not declared can never be set */
	if (is_set)
		return;
	const char *nearest = nearest_global(globals, name);
	lint_add(globals->lint, globals->rule, globals->at, NULL,
			"FROM argument '%s' is not declared%s%s%s", name,
			nearest ? " (did you mean " : "", nearest ? nearest : "",
			nearest ? "?)" : "");
}

/* Expand as if no --build-arg were given. NULL when that fails. */
static char *expand_global(
		struct globals *globals, const struct lint *lint, const char *text, size_t *budget)
{
	const struct words_env env = {
		.get = get_global,
		.used = globals->rule ? report_unset : NULL,
		.user = globals,
		.budget = budget,
		.escape = lint->file->directives.escape_char,
	};
	AUTO(strbuf) struct strbuf out = { 0 };
	struct error *error = word_expand(str_of(text), &env, &out);

	if (!error)
		return strbuf_take(&out);
	error_ignore(error, "the build reports it, not the check");
	return NULL;
}

/* ARGs without default count as set to nothing when declared_too is set. */
static void collect_globals(
		struct globals *globals, struct lint *lint, bool declared_too, size_t *budget)
{
	globals->values = map_new(free);
	for (size_t i = 0; i < COUNT(platform_args); i++)
		map_set(globals->values, platform_args[i], xstrdup("linux"));
	for (size_t i = 0; i < lint->file->global_count; i++) {
		const struct pairs *pairs = &lint->file->instructions[i].pairs;

		for (size_t j = 0; j < pairs->n; j++) {
			const char *text = pairs->p[j].value;
			char *value = text ? expand_global(globals, lint, text, budget) : NULL;

			if (!value && (declared_too || text))
				value = xstrdup("");
			if (value)
				map_set(globals->values, pairs->p[j].name, value);
		}
	}
}

void lint_undefined_arg_in_from(struct lint *lint, const struct lint_rule *rule)
{
	size_t budget = LIMIT_EXPANDED_BYTES;
	struct globals globals = { .lint = lint };

	collect_globals(&globals, lint, true, &budget);
	globals.rule = rule;
	for (size_t i = 0; i < lint->file->stage_count; i++) {
		const struct instruction *instruction = lint->file->stages[i].from;
		const struct from *from = &instruction->from;

		globals.at = from->image_at;
		free(expand_global(&globals, lint, from->image, &budget));
		if (!from->platform)
			continue;
		globals.at = instruction->flags[0].at;
		free(expand_global(&globals, lint, from->platform, &budget));
	}
	map_free(globals.values);
}

static bool is_image(const char *text)
{
	AUTO(reference) struct reference reference = { 0 };
	struct error *error = reference_parse(str_of(text), &reference);
	bool is_good = !error;

	error_free(error);
	return is_good;
}

void lint_invalid_default_arg_in_from(struct lint *lint, const struct lint_rule *rule)
{
	size_t budget = LIMIT_EXPANDED_BYTES;
	struct globals globals = { .lint = lint };

	collect_globals(&globals, lint, false, &budget);
	for (size_t i = 0; i < lint->file->stage_count; i++) {
		const struct from *from = &lint->file->stages[i].from->from;

		if (!strchr(from->image, '$'))
			continue;
		AUTO_FREE char *image = expand_global(&globals, lint, from->image, &budget);
		if (image && !is_image(image))
			lint_add(lint, rule, from->image_at, NULL,
					"Default value for ARG %s results in empty or invalid base "
					"image name",
					from->image);
	}
	map_free(globals.values);
}

void lint_redundant_target_platform(struct lint *lint, const struct lint_rule *rule)
{
	for (size_t i = 0; i < lint->file->stage_count; i++) {
		const struct instruction *from = lint->file->stages[i].from;
		const char *platform = from->from.platform;

		if (text_equal(platform, "$TARGETPLATFORM") ||
				text_equal(platform, "${TARGETPLATFORM}"))
			lint_add(lint, rule, from->flags[0].at, "leave --platform out",
					"Setting platform to predefined %s in FROM is redundant as "
					"this is the default behavior",
					platform);
	}
}

void lint_from_platform_const(struct lint *lint, const struct lint_rule *rule)
{
	for (size_t i = 0; i < lint->file->stage_count; i++) {
		const struct instruction *from = lint->file->stages[i].from;
		const char *text = from->from.platform;
		const char *name = from->from.name ? from->from.name : "";
		struct platform platform = { 0 };

		if (!text || strchr(text, '$'))
			continue;
		struct error *error = platform_parse(str_of(text), &platform);
		bool is_named = error || strstr(name, platform.os) ||
				strstr(name, platform.architecture);
		error_free(error);
		if (!is_named)
			lint_add(lint, rule, from->flags[0].at, NULL,
					"FROM --platform flag should not use constant value \"%s\"",
					text);
	}
}

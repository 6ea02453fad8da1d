#include "build/unused_args.h"

#include "dockerfile/parser.h"
#include "graph/plan.h"

#include <string.h>

static bool needs_no_arg(const char *name)
{
	static const char *const names[] = { "SOURCE_DATE_EPOCH", "TARGETPLATFORM", "TARGETOS",
		"TARGETOSVERSION", "TARGETARCH", "TARGETVARIANT", "TARGETSTAGE", "BUILDPLATFORM",
		"BUILDOS", "BUILDOSVERSION", "BUILDARCH", "BUILDVARIANT" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (text_equal(names[i], name))
			return true;
	return plan_is_proxy_arg(name) || text_starts(name, "BUILDKIT_");
}

/* A name with a variable in it may be any. */
static bool names_it(const struct instruction *instruction, const char *name)
{
	if (instruction->kind == INSTRUCTION_ONBUILD)
		instruction = instruction->onbuild.trigger;
	if (instruction->kind != INSTRUCTION_ARG)
		return false;
	for (size_t i = 0; i < instruction->pairs.n; i++)
		if (text_equal(instruction->pairs.p[i].name, name) ||
				strchr(instruction->pairs.p[i].name, '$'))
			return true;
	return false;
}

/* "ARG a b=c", as an image's config has it. */
static bool trigger_names_it(const char *trigger, const char *name)
{
	struct str rest = str_trim(str_of(trigger)), word = { 0 };

	(void)str_cut(rest, ' ', &word, &rest);
	if (!str_is_nocase(word, "ARG"))
		return false;
	while (rest.n) {
		struct str part = { 0 }, value = { 0 };

		(void)str_cut(rest, ' ', &word, &rest);
		(void)str_cut(word, '=', &part, &value);
		if (str_is(str_trim(part), name))
			return true;
	}
	return false;
}

static bool is_taken(const struct dockerfile *file, const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < file->instruction_count; i++)
		if (names_it(&file->instructions[i], name))
			return true;
	for (size_t i = 0; plan && i < plan->image_count; i++) {
		const struct image *image = plan->images[i]->image;

		for (size_t k = 0; image && k < image->config.on_build.n; k++)
			if (trigger_names_it(image->config.on_build.p[k], name))
				return true;
	}
	return needs_no_arg(name);
}

void unused_args_find(const struct dockerfile *file, const struct plan *plan,
		const struct list *build_args, struct list *ret)
{
	for (size_t i = 0; build_args && i < build_args->n; i++) {
		struct str name = { 0 }, value = { 0 };

		(void)str_cut(str_of(build_args->p[i]), '=', &name, &value);
		AUTO_FREE char *text = str_dup(name);
		if (!is_taken(file, plan, text) && !list_has(ret, text))
			list_add(ret, text);
	}
}

static bool is_given(const struct list *build_args, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; build_args && i < build_args->n; i++)
		if (strncmp(build_args->p[i], name, n) == 0 &&
				(build_args->p[i][n] == '=' || !build_args->p[i][n]))
			return true;
	return needs_no_arg(name);
}

void missing_args_find(const struct dockerfile *file, const bool *built,
		const struct list *build_args, struct list *ret)
{
	AUTO(list) struct list valued = { 0 };
	size_t stages = 0; /* begun so far */

	for (size_t i = 0; i < file->instruction_count; i++) {
		const struct instruction *instruction = &file->instructions[i];

		stages += instruction->kind == INSTRUCTION_FROM;
		if (instruction->kind != INSTRUCTION_ARG || (stages && !built[stages - 1]))
			continue;
		for (size_t k = 0; k < instruction->pairs.n; k++) {
			const struct pair *pair = &instruction->pairs.p[k];

			/* What a name with a variable in it is, is not known here. */
			if (strchr(pair->name, '$'))
				continue;
			if (pair->value && *pair->value)
				list_add(&valued, pair->name);
			else if (!pair->value && !list_has(&valued, pair->name) &&
					!is_given(build_args, pair->name) &&
					!list_has(ret, pair->name))
				list_add(ret, pair->name);
		}
	}
}

bool unused_args_say(const struct list *names, bool as_buildah, struct strbuf *out)
{
	if (!names->n)
		return false;
	strbuf_add(out, as_buildah ? "[Warning] one or more build args were not consumed: ["
				   : "[Warning] One or more build-args [");
	for (size_t i = 0; i < names->n; i++)
		strbuf_addf(out, "%s%s", i ? " " : "", names->p[i]);
	strbuf_add(out, as_buildah ? "]" : "] were not consumed");
	return true;
}

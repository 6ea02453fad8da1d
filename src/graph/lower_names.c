/*
 * --from= and from= with variables in them. BuildKit takes none; Buildah expands them by ARGs:
 * those of the stage above the line, else those before the first FROM. ENV does not count, since
 * what a stage reads is wanted before its base was opened. A name is expanded once, in the walk
 * over what stages read, and remembered by its flag for those who lower the step.
 */
#include "base/map.h"
#include "graph/lower.h"

#include <string.h>

static bool is_variable(const char *name)
{
	return name && strchr(name, '$') != NULL;
}

#define MOUNT_FROM "--mount: 'from' doesn't support variable expansion, define alias stage instead"

static FALLIBLE no_variables(const char *what, const char *name, struct source_range at)
{
	return error_hint(error_at(error_new(ERR_INVALID, "%s: '%s'", what, name), at),
			"give the image a stage of its own: FROM %s AS NAME, with a global ARG",
			name);
}

/* The name that a COPY, ADD or one mount of a RUN reads from; or NULL. */
static const char *named_by(const struct lower *lower, const struct flag *flag, bool is_mount)
{
	if (!flag)
		return NULL;
	return is_mount ? run_mount_from(lower->arena, flag) : flag->value;
}

static FALLIBLE check_one(const struct lower *lower, const struct instruction *in)
{
	bool is_copy = in->kind == INSTRUCTION_COPY || in->kind == INSTRUCTION_ADD;

	if (is_copy && in->copy.from && is_variable(in->copy.from->value))
		return no_variables(
				"variable expansion is not supported for --from, define a "
				"new stage with FROM using ARG from global scope as a workaround",
				in->copy.from->value, in->copy.from->at);
	for (size_t i = 0; in->kind == INSTRUCTION_RUN && i < in->run.mount_count; i++) {
		const char *name = named_by(lower, in->run.mounts[i], true);

		if (is_variable(name))
			return no_variables(MOUNT_FROM, name, in->run.mounts[i]->at);
	}
	return NULL;
}

FALLIBLE lower_check_names(const struct lower *lower)
{
	const struct dockerfile *file = lower->input->file;

	for (size_t i = 0; i < file->instruction_count && !lower->input->from_variables; i++) {
		const struct instruction *in = &file->instructions[i];

		TRY(check_one(lower, in->kind == INSTRUCTION_ONBUILD ? in->onbuild.trigger : in));
	}
	return NULL;
}

static FALLIBLE expand(struct lower *lower, struct scope *scope, const char *what, const char *name,
		struct source_range at, const char **ret)
{
	if (!lower->input->from_variables)
		return no_variables(what, name, at);
	TRY(scope_word(lower, scope, name, at, ret));
	if ((*ret)[0])
		return NULL;
	return error_hint(error_at(error_new(ERR_INVALID, "%s '%s' is empty once expanded", what,
						   name),
					  at),
			"give the ARG a default, or pass --build-arg");
}

FALLIBLE lower_name(struct lower *lower, struct scope *scope, const struct flag *flag,
		bool is_mount, const char **ret)
{
	const char *name = named_by(lower, flag, is_mount);
	char key[32];

	*ret = name;
	if (!is_variable(name))
		return NULL;
	(void)snprintf(key, sizeof(key), "%p", (const void *)flag);
	const char *known = lower->names_at ? map_get(lower->names_at, key) : NULL;
	if (known) {
		*ret = known;
		return NULL;
	}
	TRY(expand(lower, scope ? scope : &lower->globals, is_mount ? "--mount: from" : "--from",
			name, flag->at, ret));
	if (!lower->names_at)
		lower->names_at = map_new(NULL);
	map_set(lower->names_at, key, (void *)(uintptr_t)*ret);
	return NULL;
}

FALLIBLE lower_told_name(const struct lower *lower, const struct flag *flag, const char **ret)
{
	*ret = named_by(lower, flag, true);
	return is_variable(*ret) ? no_variables(MOUNT_FROM, *ret, flag->at) : NULL;
}

static bool has_variable(const struct lower *lower, const struct stage *stage)
{
	for (size_t i = 0; i < stage->instruction_count; i++) {
		struct error *error = check_one(lower, &stage->instructions[i]);

		if (error) {
			error_ignore(error, "they are taken here");
			return true;
		}
	}
	return false;
}

bool lower_names_begin(struct lower *lower, const struct stage *stage, struct scope *ret)
{
	if (!lower->input->from_variables || !has_variable(lower, stage))
		return false;
	ret->budget = LIMIT_EXPANDED_BYTES;
	ret->escape = lower->input->file->directives.escape_char;
	list_add_all(&ret->visible, &lower->globals.visible);
	return true;
}

FALLIBLE lower_names_arg(struct lower *lower, struct scope *scope, const struct instruction *in)
{
	for (size_t i = 0; in->kind == INSTRUCTION_ARG && i < in->pairs.n; i++) {
		const char *value = NULL;

		TRY(scope_value(lower, scope, &in->pairs.p[i], &value));
		if (value)
			named_set(&scope->visible, &scope->visible_at, in->pairs.p[i].name,
					arena_text(lower->arena, value));
	}
	return NULL;
}

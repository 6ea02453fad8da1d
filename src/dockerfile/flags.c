#include "dockerfile/flags.h"

#include "base/nearest.h"
#include "base/xalloc.h"

#include <strings.h>

enum { FLAGS_KNOWN_MAX = 16 };

static const struct flag_type *find_type(const struct flag_type *types, const char *name)
{
	for (; types->name; types++)
		if (text_equal(types->name, name))
			return types;
	return NULL;
}

static FALLIBLE unknown(const struct flag_type *types, const struct instruction *instruction,
		const struct flag *flag)
{
	const char *names[FLAGS_KNOWN_MAX];
	size_t count = 0;
	struct error *error =
			error_at(error_new(ERR_INVALID, "%s: unknown flag: --%s",
						 instruction_name(instruction->kind), flag->name),
					flag->at);

	for (; types[count].name && count < FLAGS_KNOWN_MAX; count++)
		names[count] = types[count].name;
	const char *nearest = text_nearest(flag->name, names, count);
	if (nearest)
		return error_hint(error, "did you mean %s?", nearest);
	if (count == 0)
		return error_hint(error,
				"%s takes no flags; write -- before arguments that start with --",
				instruction_name(instruction->kind));
	return error;
}

static FALLIBLE check_value(const struct flag_type *type, const struct flag *flag)
{
	if (type->form != FLAG_BOOL) {
		if (flag->value)
			return NULL;
		return error_hint(error_at(error_new(ERR_INVALID, "missing a value on flag: --%s",
							   flag->name),
						  flag->at),
				"write --%s=VALUE, without space", flag->name);
	}
	if (!flag->value || strcasecmp(flag->value, "true") == 0 ||
			strcasecmp(flag->value, "false") == 0)
		return NULL;
	return error_at(error_new(ERR_INVALID, "expecting boolean value for flag --%s, not: %s",
					flag->name, flag->value),
			flag->at);
}

FALLIBLE flags_check(const struct flag_type *types, const struct instruction *instruction)
{
	bool was_seen[FLAGS_KNOWN_MAX] = { false };

	for (size_t i = 0; i < instruction->flag_count; i++) {
		const struct flag *flag = &instruction->flags[i];
		const struct flag_type *type = find_type(types, flag->name);

		if (!type)
			return unknown(types, instruction, flag);
		TRY(check_value(type, flag));
		if (was_seen[type - types] && type->form != FLAG_LIST)
			return error_at(error_new(ERR_INVALID, "duplicate flag specified: --%s",
							flag->name),
					flag->at);
		was_seen[type - types] = true;
	}
	return NULL;
}

const struct flag *flag_find(const struct instruction *instruction, const char *name)
{
	for (size_t i = 0; i < instruction->flag_count; i++)
		if (text_equal(instruction->flags[i].name, name))
			return &instruction->flags[i];
	return NULL;
}

enum tristate flag_tristate(const struct instruction *instruction, const char *name)
{
	const struct flag *flag = flag_find(instruction, name);

	if (!flag)
		return TRISTATE_UNSET;
	return flag->value && strcasecmp(flag->value, "false") == 0 ? TRISTATE_NO : TRISTATE_YES;
}

const struct flag *const *flag_list(struct arena *arena, const struct instruction *instruction,
		const char *name, size_t *ret_count)
{
	const struct flag **list = NULL;
	size_t count = 0;

	for (size_t i = 0; i < instruction->flag_count; i++) {
		if (!text_equal(instruction->flags[i].name, name))
			continue;
		if (!list)
			list = arena_array(arena, instruction->flag_count, sizeof(void *));
		list[count++] = &instruction->flags[i];
	}
	*ret_count = count;
	return list;
}

/*
 * flags: which --flags an instruction knows, and their values. For instruction.c only.
 *
 * Floor: dockerfile (pure).
 */
#pragma once
#include "dockerfile/instruction.h"

enum flag_form {
	FLAG_BOOL, /* --link, --link=true, --link=false */
	FLAG_TEXT, /* --from=x, once */
	FLAG_LIST, /* --mount=x, as often as you like */
};

/* Tables end with a NULL name. */
struct flag_type {
	const char *name;
	enum flag_form form;
};

/* Unknown, repeated, valueless or not a boolean: ERR_INVALID at the flag. */
FALLIBLE flags_check(const struct flag_type *types, const struct instruction *instruction);

/* Of a checked instruction. */
const struct flag *flag_find(const struct instruction *instruction, const char *name);
enum tristate flag_tristate(const struct instruction *instruction, const char *name);
const struct flag *const *flag_list(struct arena *arena, const struct instruction *instruction,
		const char *name, size_t *ret_count);

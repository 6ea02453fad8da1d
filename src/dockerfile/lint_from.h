/*
 * lint_from: BuildKit's rules about FROM, its variables and its platform. For lint_rules.c only,
 * whose table has their names and texts.
 *
 * Floor: dockerfile (pure).
 */
#pragma once
#include "dockerfile/lint.h"

void lint_undefined_arg_in_from(struct lint *lint, const struct lint_rule *rule);
void lint_invalid_default_arg_in_from(struct lint *lint, const struct lint_rule *rule);
void lint_redundant_target_platform(struct lint *lint, const struct lint_rule *rule);
void lint_from_platform_const(struct lint *lint, const struct lint_rule *rule);

/*
 * source_policy_flag: --source-policy-file of builds.
 *
 * Floor: ui.
 */
#pragma once
#include "trust/source_policy.h"

/* first_wins: as source_policy_parse() has it. Every failure is error_usage. */
FALLIBLE source_policy_load(const char *path, bool first_wins, struct source_policy **ret);

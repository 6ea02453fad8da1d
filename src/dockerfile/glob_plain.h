/*
 * glob_plain: filepath.Match on slices, for glob_deep.c.
 *
 * Floor: dockerfile (pure).
 */
#pragma once
#include "base/str.h"

bool glob_match_plain(struct str pattern, struct str name);

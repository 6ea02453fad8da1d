/*
 * yaml: a document of maps and texts as pairs, for registries.d. libyaml does the reading; lists,
 * aliases and deeper nesting than YAML_DEPTH are refused.
 *
 * Floor: trust.
 */
#pragma once
#include "base/str.h"
#include "base/vec.h"

enum { YAML_DEPTH = 3 };

/*
 * Told each text with the keys that lead to it, n of them. line counts from 1. An error ends the
 * reading.
 */
typedef struct error *yaml_told(
		void *user, const char *const *keys, size_t n, const char *value, unsigned line);

/* what names the text. ERR_INVALID with the line; ERR_NOT_FOUND without libyaml. */
FALLIBLE yaml_read(struct str text, const char *what, yaml_told *told, void *user);

/*
 * named: lists of "NAME=value" that a Dockerfile may make long. Up to a few dozen entries are
 * searched as they are; beyond, an index finds them, so that a hundred thousand lines take no
 * longer each than a hundred.
 *
 * { 0 } is an index; it belongs to one list, which may grow behind its back but not shrink.
 *
 * Floor: graph.
 */
#pragma once
#include "base/auto.h"
#include "base/vec.h"

struct map;

struct named {
	struct map *at; /* name -> position + 1 */
	size_t known;   /* entries of the list that are in it */
};

void named_done(struct named *index);

const char *named_get(const struct list *list, struct named *index, const char *name);
/* Replace in place, or add at the end. */
void named_set(struct list *list, struct named *index, const char *name, const char *value);
/* Leave "" in its place, so that nothing moves. */
void named_drop(struct list *list, struct named *index, const char *name);
/* For lists of names alone: add it unless it is there; true when it was new. */
bool named_add(struct list *list, struct named *index, const char *name);
bool named_has(const struct list *list, struct named *index, const char *name);

DEFINE_AUTO_VALUE(named)

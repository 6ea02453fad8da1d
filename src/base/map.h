/*
 * map: text keys to pointers, in the order of insertion. Keys are copied; values are borrowed
 * unless the map was made with a free function. The only user of uthash.
 *
 * Floor: base. One thread at a time.
 */
#pragma once
#include "base/auto.h"
#include <stdbool.h>
#include <stddef.h>

struct map;

/* free_value may be NULL: the values are then borrowed. */
struct map *map_new(void (*free_value)(void *value));
void map_free(struct map *map);
/* Set or replace (a replaced value is freed). */
void map_set(struct map *map, const char *key, void *value);
/* The value, or NULL; a map never holds NULL values. */
void *map_get(const struct map *map, const char *key);
bool map_has(const struct map *map, const char *key);
/* Remove and free; false when it was not there. */
bool map_remove(struct map *map, const char *key);
size_t map_count(const struct map *map);
/* Walk: start with *at = NULL; false at the end. Nothing may be removed in between. */
bool map_next(const struct map *map, void **at, const char **ret_key, void **ret_value);

DEFINE_AUTO_PTR(map, map_free)

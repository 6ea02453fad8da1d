#include "base/map.h"
#include "base/xalloc.h"

#include <string.h>
#include <uthash.h>

/* uthash says so in comments, which clang does not read inside macros. */
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"

struct map_entry {
	char *key;
	void *value;
	UT_hash_handle hh;
};

struct map {
	struct map_entry *head;
	void (*free_value)(void *value);
};

struct map *map_new(void (*free_value)(void *value))
{
	struct map *map = xcalloc(1, sizeof(*map));

	map->free_value = free_value;
	return map;
}

static void entry_free(struct map *map, struct map_entry *entry)
{
	if (map->free_value)
		map->free_value(entry->value);
	free(entry->key);
	free(entry);
}

void map_free(struct map *map)
{
	if (!map)
		return;
	struct map_entry *entry = map->head;
	HASH_CLEAR(hh, map->head);
	while (entry) {
		struct map_entry *next = entry->hh.next;

		entry_free(map, entry);
		entry = next;
	}
	free(map);
}

static struct map_entry *find(const struct map *map, const char *key)
{
	struct map_entry *entry = NULL;

	HASH_FIND(hh, map->head, key, strlen(key), entry);
	return entry;
}

void map_set(struct map *map, const char *key, void *value)
{
	struct map_entry *entry = find(map, key);

	if (entry) {
		if (map->free_value && entry->value != value)
			map->free_value(entry->value);
		entry->value = value;
		return;
	}
	entry = xcalloc(1, sizeof(*entry));
	entry->key = xstrdup(key);
	entry->value = value;
	HASH_ADD_KEYPTR(hh, map->head, entry->key, strlen(entry->key), entry);
}

void *map_get(const struct map *map, const char *key)
{
	struct map_entry *entry = find(map, key);

	return entry ? entry->value : NULL;
}

bool map_has(const struct map *map, const char *key)
{
	return find(map, key) != NULL;
}

bool map_remove(struct map *map, const char *key)
{
	struct map_entry *entry = find(map, key);

	if (!entry)
		return false;
	HASH_DEL(map->head, entry);
	entry_free(map, entry);
	return true;
}

size_t map_count(const struct map *map)
{
	return HASH_COUNT(map->head);
}

bool map_next(const struct map *map, void **at, const char **ret_key, void **ret_value)
{
	struct map_entry *entry = *at ? ((struct map_entry *)*at)->hh.next : map->head;

	if (!entry)
		return false;
	*at = entry;
	if (ret_key)
		*ret_key = entry->key;
	if (ret_value)
		*ret_value = entry->value;
	return true;
}

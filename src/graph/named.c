#include "graph/named.h"

#include "base/map.h"
#include "base/str.h"

#include <string.h>

enum { LINEAR_ENTRIES = 32, NOT_THERE = -1 };

void named_done(struct named *index)
{
	map_free(index->at);
	*index = (struct named){ 0 };
}

/* Take what the list has gained; the first of two entries of one name counts. */
static void catch_up(const struct list *list, struct named *index)
{
	if (!index->at)
		index->at = map_new(NULL);
	for (; index->known < list->n; index->known++) {
		const char *text = list->p[index->known];
		AUTO_FREE char *name = xstrndup(text, strcspn(text, "="));

		if (*text && !map_has(index->at, name))
			map_set(index->at, name, (void *)(uintptr_t)(index->known + 1));
	}
}

static ssize_t find(const struct list *list, struct named *index, const char *name)
{
	size_t n = strlen(name);

	if (!index->at && list->n <= LINEAR_ENTRIES) {
		for (size_t i = 0; i < list->n; i++) {
			const char *text = list->p[i];

			if (strncmp(text, name, n) == 0 && *text && (text[n] == '=' || !text[n]))
				return (ssize_t)i;
		}
		return NOT_THERE;
	}
	catch_up(list, index);
	return (ssize_t)(uintptr_t)map_get(index->at, name) - 1;
}

const char *named_get(const struct list *list, struct named *index, const char *name)
{
	ssize_t i = find(list, index, name);

	return i < 0 ? NULL : list->p[i] + strlen(name) + 1;
}

void named_set(struct list *list, struct named *index, const char *name, const char *value)
{
	ssize_t i = find(list, index, name);

	if (i < 0) {
		list_addf(list, "%s=%s", name, value);
		return;
	}
	char *fresh = xasprintf("%s=%s", name, value);
	free(list->p[i]);
	list->p[i] = fresh;
}

void named_drop(struct list *list, struct named *index, const char *name)
{
	ssize_t i = find(list, index, name);

	if (i < 0)
		return;
	free(list->p[i]);
	list->p[i] = xstrdup("");
	if (index->at)
		(void)map_remove(index->at, name);
}

bool named_add(struct list *list, struct named *index, const char *name)
{
	if (find(list, index, name) >= 0)
		return false;
	list_add(list, name);
	return true;
}

bool named_has(const struct list *list, struct named *index, const char *name)
{
	return find(list, index, name) >= 0;
}

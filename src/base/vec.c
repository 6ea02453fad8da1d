#include "base/vec.h"

#include <string.h>

void list_done(struct list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->p[i]);
	vec_done(list);
}

void list_add(struct list *list, const char *text)
{
	vec_push(list, xstrdup(text));
}

void list_addf(struct list *list, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vec_push(list, xvasprintf(format, args));
	va_end(args);
}

void list_add_all(struct list *list, const struct list *other)
{
	for (size_t i = 0; i < other->n; i++)
		list_add(list, other->p[i]);
}

bool list_has(const struct list *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->p[i], text) == 0)
			return true;
	return false;
}

void list_remove(struct list *list, size_t i)
{
	free(list->p[i]);
	memmove(&list->p[i], &list->p[i + 1], (list->n - i - 1) * sizeof(*list->p));
	list->n--;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void list_sort(struct list *list)
{
	if (list->n)
		qsort(list->p, list->n, sizeof(*list->p), by_bytes);
}

static size_t env_index(const struct list *list, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < list->n; i++)
		if (strncmp(list->p[i], name, n) == 0 && list->p[i][n] == '=')
			return i;
	return list->n;
}

const char *list_env_get(const struct list *list, const char *name)
{
	size_t i = env_index(list, name);

	return i < list->n ? list->p[i] + strlen(name) + 1 : NULL;
}

void list_env_set(struct list *list, const char *name, const char *value)
{
	size_t i = env_index(list, name);

	if (i == list->n) {
		list_addf(list, "%s=%s", name, value);
		return;
	}
	char *text = xasprintf("%s=%s", name, value);
	free(list->p[i]);
	list->p[i] = text;
}

void list_env_unset(struct list *list, const char *name)
{
	size_t i = env_index(list, name);

	if (i < list->n)
		list_remove(list, i);
}

const char *const *list_ended(struct list *list)
{
	if (!list->n)
		return NULL;
	vec_push(list, NULL);
	list->n--;
	return (const char *const *)list->p;
}

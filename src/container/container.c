#include "container/container.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "oci/reference.h"
#include "store/store_lock.h"

#include <string.h>

enum { NAMES_TRIED = 100000 };

static void contents_done(struct container *container)
{
	free(container->name);
	free(container->image_name);
	image_config_done(&container->config);
	list_done(&container->annotations);
	list_done(&container->base_annotations);
	list_done(&container->layer_annotations);
	free(container->comment);
	free(container->created_by);
	free(container->history_comment);
	list_done(&container->settings);
	list_done(&container->layers);
	free(container->mount_point);
}

void container_free(struct container *container)
{
	if (!container)
		return;
	contents_done(container);
	store_lock_free(container->lock);
	free(container);
}

void container_set_done(struct container_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		container_free(set->p[i]);
	vec_done(set);
}

char *container_name_for(const char *image_name, const char *suffix)
{
	AUTO(reference) struct reference reference = { 0 };
	const char *end = suffix ? suffix : "working-container";

	if (!image_name[0])
		return xstrdup(end);
	struct error *error = reference_parse(str_of(image_name), &reference);
	AUTO_FREE char *path = xstrdup(error ? image_name : reference.repository);
	error_ignore(error, "a transport: its last word names it");
	const char *slash = strrchr(path, '/');
	char *last = xstrdup(slash ? slash + 1 : path);
	last[strcspn(last, ":@")] = '\0';
	char *name = xasprintf("%s%s%s", last, last[0] ? "-" : "", end);
	free(last);
	return name;
}

FALLIBLE container_check_name(const char *name)
{
	static const char inside[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789_.-";

	if (*name && !strchr("_.-", name[0]) && name[strspn(name, inside)] == '\0')
		return NULL;
	return error_hint(error_new(ERR_INVALID, "\"%s\" is not a name for a container", name),
			"letters, digits and _.- behind one of the former two");
}

static FALLIBLE add(struct store *store, struct container *container, const char *name)
{
	AUTO_FREE char *state = container_print(container);
	struct container_row row = {
		.name = (char *)(uintptr_t)name,
		.image = container->image,
		.state = state,
	};

	TRY(container_row_add(store, &row));
	memcpy(container->id, row.id, sizeof(row.id));
	container->created = row.created;
	container->store = store;
	free(container->name);
	container->name = xstrdup(name);
	return NULL;
}

FALLIBLE container_create(
		struct store *store, struct container *container, const char *name, bool may_number)
{
	TRY(container_check_name(name));
	struct error *error = add(store, container, name);

	for (unsigned i = 1; may_number && error_is(error, ERR_EXISTS) && i < NAMES_TRIED; i++) {
		AUTO_FREE char *numbered = xasprintf("%s-%u", name, i);

		error_free(error);
		error = add(store, container, numbered);
	}
	return error;
}

static FALLIBLE from_row(struct store *store, struct container_row *row, struct container **ret)
{
	AUTO(container) struct container *container = xcalloc(1, sizeof(*container));

	TRY_WRAP(container_parse(row->state, container), "container \"%s\"", row->name);
	memcpy(container->id, row->id, sizeof(row->id));
	container->name = TAKE(row->name);
	container->image = row->image;
	container->created = row->created;
	container->is_foreign = row->is_foreign;
	container->store = store;
	*ret = TAKE(container);
	return NULL;
}

FALLIBLE container_look(struct store *store, const char *text, struct container **ret)
{
	AUTO(container_row) struct container_row row = { 0 };

	TRY(container_row_find(store, text, &row));
	return from_row(store, &row, ret);
}

/* What was found before the lock may have changed, or gone, while we waited for it. */
FALLIBLE container_open(struct store *store, const char *text, struct cancel *cancel,
		struct container **ret)
{
	AUTO(container_row) struct container_row row = { 0 }, now = { 0 };
	AUTO(store_lock) struct store_lock *lock = NULL;

	TRY(container_row_find(store, text, &row));
	AUTO_FREE char *name = xasprintf("container:%s", row.id);
	TRY(store_lock_take(store, name, cancel, &lock));
	TRY(container_row_find(store, row.id, &now));
	TRY(from_row(store, &now, ret));
	(*ret)->lock = TAKE(lock);
	return NULL;
}

FALLIBLE container_all(struct store *store, struct container_set *ret)
{
	AUTO(container_rows) struct container_rows rows = { 0 };

	TRY(container_row_list(store, &rows));
	for (size_t i = 0; i < rows.n; i++) {
		struct container *container = NULL;

		TRY(from_row(store, &rows.p[i], &container));
		vec_push(ret, container);
	}
	return NULL;
}

FALLIBLE container_save(struct container *container)
{
	AUTO_FREE char *state = container_print(container);
	struct container_row row = { .name = container->name, .state = state };

	memcpy(row.id, container->id, sizeof(row.id));
	return container_row_save(container->store, &row, &container->layers);
}

FALLIBLE container_remove(struct container *container)
{
	return container_row_remove(container->store, container->id);
}

/*
 * What a COPY would select, told from tables of contents alone: the same digest as the files would
 * give (select_hash.c), without any of them here. Only for what is simple to tell: named paths, no
 * hard links. Where it cannot be told, the files tell later.
 */
#include "build/select.h"
#include "build/view.h"
#include "dockerfile/glob.h"
#include "sys/path.h"

#include <string.h>

struct picking {
	const struct view *view;
	struct selection *out;
	bool is_lost; /* it takes the files to know */
};

static FALLIBLE add_item(struct picking *picking, const char *path, const char *rel,
		struct view_entry *entry)
{
	struct selection *out = picking->out;
	struct select_item *item = vec_add(&out->items);
	bool is_file = S_ISREG(entry->owner.mode);

	if (entry->is_hardlink || (is_file && !digest_known(&entry->digest)))
		picking->is_lost = true;
	item->path = arena_text(out->arena, path);
	item->rel = arena_text(out->arena, rel);
	item->owner = entry->owner;
	item->size = is_file ? entry->size : 0;
	item->digest = entry->digest;
	item->links = 1;
	item->twin = SIZE_MAX;
	if (S_ISLNK(entry->owner.mode)) {
		item->link = arena_text(out->arena, entry->link);
		return NULL;
	}
	for (size_t i = 0; entry->xattrs && i < entry->xattrs->n; i++)
		xattrs_set(&item->xattrs, entry->xattrs->p[i].name, entry->xattrs->p[i].value,
				entry->xattrs->p[i].n);
	return NULL;
}

static int by_path(const void *a, const void *b)
{
	return path_compare(*(char *const *)a, *(char *const *)b);
}

/* Everything below dir, in the order of a walk. */
static FALLIBLE add_below(struct picking *picking, const char *dir)
{
	AUTO(list) struct list paths = { 0 };
	size_t skip = dir[0] ? strlen(dir) + 1 : 0;

	for (size_t i = 0; i < picking->view->name_count; i++)
		view_names_below(picking->view->names[i], dir, &paths);
	if (paths.n)
		qsort(paths.p, paths.n, sizeof(*paths.p), by_path);
	for (size_t i = 0; i < paths.n && !picking->is_lost; i++) {
		AUTO(view_entry) struct view_entry entry = { 0 };

		if (i && strcmp(paths.p[i], paths.p[i - 1]) == 0)
			continue;
		TRY(view_lookup(picking->view, paths.p[i], &entry));
		if (entry.exists)
			TRY(add_item(picking, paths.p[i], paths.p[i] + skip, &entry));
	}
	return NULL;
}

static FALLIBLE add_source(struct picking *picking, const struct plan_source *source)
{
	struct selection *out = picking->out;
	AUTO_FREE char *path = path_clean(str_of(source->path));
	AUTO(view_entry) struct view_entry entry = { 0 };
	AUTO_FREE char *real = NULL;
	struct select_group group = { .first = out->items.n };

	if (source->content || glob_is_pattern(path)) {
		picking->is_lost = true;
		return NULL;
	}
	const char *plain = glob_unescape(out->arena, path);
	TRY(view_resolve(picking->view, plain, &real));
	TRY(view_lookup(picking->view, real, &entry));
	if (!entry.exists) {
		picking->is_lost = true;
		return NULL;
	}
	group.name = arena_text(out->arena, path_name(plain));
	group.is_dir = S_ISDIR(entry.owner.mode);
	group.is_root = real[0] == '\0';
	TRY(add_item(picking, real, "", &entry));
	if (group.is_dir)
		TRY(add_below(picking, real));
	group.count = out->items.n - group.first;
	vec_push(&out->groups, group);
	return NULL;
}

FALLIBLE select_content_of_view(
		const struct view *view, const struct plan_copy *copy, struct digest *ret)
{
	AUTO(selection) struct selection *out = xcalloc(1, sizeof(*out));
	struct picking picking = { .view = view, .out = out };

	out->arena = arena_new();
	picking.is_lost = copy->excludes.n || copy->parents;
	for (size_t i = 0; i < copy->source_count && !picking.is_lost; i++)
		TRY(add_source(&picking, &copy->sources[i]));
	*ret = picking.is_lost ? (struct digest){ 0 } : select_digest(out);
	return NULL;
}

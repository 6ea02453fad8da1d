#include "build/view.h"
#include "base/limits.h"
#include "build/inplace_files.h"
#include "cache/toc.h"
#include "layer/entry.h"
#include "sys/path.h"
#include "sys/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { VIEW_LINKS = 40 };

struct view_name {
	struct owner owner;
	int64_t mtime;
	char *link;
	struct xattrs xattrs;
	uint64_t size;
	struct digest digest;
	bool is_hardlink, is_whiteout, is_opaque;
};

struct view_names {
	struct map *by_path;
	bool is_alone;
	bool tells_content;
};

static void name_free(void *value)
{
	struct view_name *name = value;

	free(name->link);
	xattrs_done(&name->xattrs);
	free(name);
}

struct view_names *view_names_new(bool is_alone)
{
	struct view_names *names = xcalloc(1, sizeof(*names));

	names->is_alone = is_alone;
	names->by_path = map_new(name_free);
	return names;
}

void view_names_free(struct view_names *names)
{
	if (!names)
		return;
	map_free(names->by_path);
	free(names);
}

static struct view_name *name_at(struct view_names *names, const char *path)
{
	struct view_name *name = map_get(names->by_path, path);

	if (!name) {
		name = xcalloc(1, sizeof(*name));
		map_set(names->by_path, path, name);
	}
	return name;
}

/* The parent has an entry of its own, as a directory; the root needs none. */
static bool has_parent(const struct view_names *names, const char *path)
{
	AUTO_FREE char *parent = str_dup(path_parent(path));
	const struct view_name *name = map_get(names->by_path, parent);

	return !parent[0] || (name && S_ISDIR(name->owner.mode));
}

/* A later entry of the same path replaces an earlier one, as it does on disk. */
static struct view_name *put_name(struct view_names *names, const struct entry *entry)
{
	struct view_name *name = name_at(names, entry->path);
	bool was_opaque = name->is_opaque;

	free(name->link);
	xattrs_done(&name->xattrs);
	*name = (struct view_name){ .owner = entry->owner,
		.mtime = entry->mtime,
		.link = xstrdup(entry->is_hardlink ? NULL : entry->link),
		.size = entry->size,
		.is_hardlink = entry->is_hardlink,
		.is_opaque = was_opaque && S_ISDIR(entry->owner.mode) };
	for (size_t i = 0; i < entry->n_xattrs; i++)
		if (entry_keeps_xattr(entry->xattrs[i].name))
			xattrs_set(&name->xattrs, entry->xattrs[i].name, entry->xattrs[i].value,
					entry->xattrs[i].n);
	return name;
}

void view_names_add(struct view_names *names, const struct entry *entry)
{
	(void)put_name(names, entry);
}

static void add_entry(struct view_names *names, const struct toc_entry *at)
{
	struct view_name *name = put_name(names, &at->entry);

	name->digest = at->digest;
	/* The type of a hard link is its file's, and that is no directory and no link to follow. */
	if (name->is_hardlink)
		name->owner.mode = S_IFREG | 0644;
}

static bool add_from_toc(struct view_names *names, const struct toc_entry *at)
{
	const char *path = at->entry.path;
	struct view_name *name = map_get(names->by_path, path);

	if (!has_parent(names, path))
		return false;
	switch (at->kind) {
	case TOC_ENTRY:
		add_entry(names, at);
		return true;
	case TOC_WHITEOUT:
		/* A layer that has the path again says so with an entry: that counts. */
		if (!name)
			name_at(names, path)->is_whiteout = true;
		return true;
	case TOC_OPAQUE:
		if (!name || !S_ISDIR(name->owner.mode))
			return false;
		name->is_opaque = true;
		return true;
	}
	return false;
}

struct view_names *view_names_of_toc(const struct toc *toc)
{
	struct view_names *names = view_names_new(false);

	names->tells_content = true;
	for (size_t i = 0; i < toc->n; i++)
		if (!add_from_toc(names, &toc->p[i])) {
			view_names_free(names);
			return NULL;
		}
	return names;
}

bool view_names_tell_content(const struct view_names *names)
{
	return names->tells_content;
}

/* The names of a layer from its entries. */

struct names_sink {
	struct entry_sink sink;
	struct view_names *names; /* NULL: they do not suffice */
	struct view_names **ret;
	size_t n;
};

/* The layer itself is good, so its other users go on. */
static FALLIBLE list_one(struct entry_sink *sink, const struct toc_entry *at)
{
	struct names_sink *self = (struct names_sink *)sink;

	if (self->names && (++self->n > LIMIT_VIEW_NAMES || !add_from_toc(self->names, at)))
		view_names_free(TAKE(self->names));
	return NULL;
}

static FALLIBLE list_entry(
		struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	(void)content;
	return list_one(sink, &(struct toc_entry){ .kind = TOC_ENTRY, .entry = *entry });
}

static FALLIBLE list_whiteout(struct entry_sink *sink, const char *path)
{
	return list_one(sink, &(struct toc_entry){ .kind = TOC_WHITEOUT, .entry.path = path });
}

static FALLIBLE list_opaque(struct entry_sink *sink, const char *path)
{
	return list_one(sink, &(struct toc_entry){ .kind = TOC_OPAQUE, .entry.path = path });
}

static FALLIBLE list_close(struct entry_sink *sink)
{
	struct names_sink *self = (struct names_sink *)sink;

	*self->ret = TAKE(self->names);
	return NULL;
}

static void list_free(struct entry_sink *sink)
{
	struct names_sink *self = (struct names_sink *)sink;

	view_names_free(self->names);
	free(self);
}

struct entry_sink *view_names_sink(struct view_names **ret)
{
	static const struct entry_sink_ops ops = { list_entry, list_whiteout, list_opaque,
		list_close, list_free };
	struct names_sink *self = xcalloc(1, sizeof(*self));

	self->sink.ops = &ops;
	self->names = view_names_new(false);
	self->ret = ret;
	*ret = NULL;
	return &self->sink;
}

void view_names_below(const struct view_names *names, const char *dir, struct list *ret)
{
	void *at = NULL, *value = NULL;
	const char *path = NULL;

	while (map_next(names->by_path, &at, &path, &value))
		if (path[0] && path_is_in(path, dir) && strcmp(path, dir) != 0)
			list_add(ret, path);
}

bool view_names_has(const struct view_names *names, const char *path)
{
	return map_has(names->by_path, path);
}

void view_entry_done(struct view_entry *entry)
{
	free(entry->link);
	entry->link = NULL;
}

static FALLIBLE read_link(int dir_fd, const char *name, char **ret)
{
	char target[LIMIT_PATH_BYTES + 1];
	ssize_t n = readlinkat(dir_fd, name, target, sizeof(target) - 1);

	if (n < 0)
		return error_sys("read the link '%s'", name);
	*ret = xstrndup(target, (size_t)n);
	return NULL;
}

int view_fd_of(const struct view *view, const char *path)
{
	bool is_kept = view->kept && *path && inplace_place(view->kept, path) == INPLACE_KEPT;

	return is_kept ? view->kept_fd : view->fd;
}

static FALLIBLE lookup_below(const struct view *view, const char *path, struct view_entry *ret)
{
	AUTO_FD int parent = -1;
	const char *name = NULL;
	struct stat st;

	if (view->fd < 0)
		return NULL;
	struct error *error = rootfs_open_parent(view_fd_of(view, path), path, &parent, &name);
	if (error_is_errno(error, ENOENT) || error_is_errno(error, ENOTDIR)) {
		error_free(error);
		return NULL;
	}
	if (error)
		return error;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0) {
		if (errno == ENOENT)
			return NULL;
		return error_sys("look at '%s'", path);
	}
	TRY(owner_get(view->policy, parent, name, &st, &ret->owner));
	ret->mtime = st.st_mtim.tv_sec;
	if (S_ISLNK(st.st_mode))
		TRY(read_link(parent, name, &ret->link));
	ret->exists = true;
	return NULL;
}

/*
 * A parent of path that names i have hides what is below them, where it is not a directory, or
 * where below it is not one. (A directory made on a directory lets it show through, unless it is
 * opaque.)
 */
static FALLIBLE hides(const struct view *view, size_t i, const char *path, bool *ret)
{
	const struct view_names *names = view->names[i];
	struct view below = *view;

	below.name_count = i;
	for (const char *slash = strchr(path, '/'); slash && !*ret;
			slash = strchr(slash + 1, '/')) {
		AUTO(view_entry) struct view_entry there = { 0 };
		AUTO_FREE char *parent = xstrndup(path, (size_t)(slash - path));
		const struct view_name *name = map_get(names->by_path, parent);

		if (!name)
			return NULL; /* names come with all their parents */
		if (!S_ISDIR(name->owner.mode) || name->is_opaque)
			*ret = true;
		if (*ret || !names->is_alone)
			continue;
		TRY(view_lookup(&below, parent, &there));
		*ret = there.exists && !S_ISDIR(there.owner.mode);
	}
	return NULL;
}

static void fill_from_name(const struct view_name *name, struct view_entry *ret)
{
	ret->exists = true;
	ret->owner = name->owner;
	ret->mtime = name->mtime;
	ret->link = xstrdup(name->link);
	ret->xattrs = &name->xattrs;
	ret->size = name->size;
	ret->digest = name->digest;
	ret->is_hardlink = name->is_hardlink;
}

FALLIBLE view_lookup(const struct view *view, const char *path, struct view_entry *ret)
{
	*ret = (struct view_entry){ 0 };
	for (size_t i = view->name_count; i-- > 0;) {
		const struct view_name *name = map_get(view->names[i]->by_path, path);
		bool is_hidden = false;

		if (!name)
			TRY(hides(view, i, path, &is_hidden));
		if (is_hidden || (name && name->is_whiteout))
			return NULL;
		if (!name)
			continue;
		fill_from_name(name, ret);
		return NULL;
	}
	if (path[0] == '\0' && view->fd < 0) {
		ret->exists = true;
		ret->owner.mode = S_IFDIR | 0755;
		return NULL;
	}
	return lookup_below(view, path, ret);
}

/* One component more: follow it when it is a link, by putting its target in front of the rest. */
static FALLIBLE resolve_one(const struct view *view, const char *path, struct strbuf *at,
		struct str component, struct strbuf *rest, unsigned *links)
{
	AUTO(view_entry) struct view_entry entry = { 0 };
	size_t length = at->n;

	if (at->n)
		strbuf_add_char(at, '/');
	strbuf_add_str(at, component);
	TRY(view_lookup(view, strbuf_text(at), &entry));
	if (!entry.link)
		return NULL;
	if (++*links > VIEW_LINKS)
		return error_new(ERR_INVALID,
				"open /%s: too many levels of symbolic links at '/%s'",
				path + strspn(path, "/"), strbuf_text(at));
	strbuf_truncate(at, entry.link[0] == '/' ? 0 : length);
	AUTO_FREE char *tail = xstrdup(strbuf_text(rest));
	strbuf_clear(rest);
	strbuf_addf(rest, "%s/%s", entry.link, tail);
	return NULL;
}

FALLIBLE view_resolve(const struct view *view, const char *path, char **ret)
{
	AUTO(strbuf) struct strbuf at = { 0 }, rest = { 0 };
	unsigned links = 0;

	strbuf_add(&rest, path);
	while (rest.n) {
		struct str component, tail;

		(void)str_cut(strbuf_str(&rest), '/', &component, &tail);
		AUTO_FREE char *name = str_dup(component);
		AUTO_FREE char *left = str_dup(tail);
		strbuf_clear(&rest);
		strbuf_add(&rest, left);
		if (name[0] == '\0' || strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			size_t slash = str_find_last(strbuf_str(&at), '/');

			strbuf_truncate(&at, slash < at.n ? slash : 0);
			continue;
		}
		TRY(resolve_one(view, path, &at, str_of(name), &rest, &links));
	}
	*ret = strbuf_take(&at);
	return NULL;
}

#include "store/cache_mount.h"
#include "base/limits.h"
#include "store/inside.h"
#include "store/tree_size.h"
#include "sys/dir.h"
#include "sys/fd.h"
#include "sys/path.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ID_BYTES = LIMIT_PATH_BYTES * 2 };

char *cache_mount_path(
		const struct store *store, const char *id, const char *variant, size_t number)
{
	AUTO_FREE char *text = xasprintf("%zu:%s%zu:%s%zu:%s%zu", strlen(store->tree_key),
			store->tree_key, strlen(id), id, strlen(variant), variant, number);
	struct digest digest = digest_of(text, strlen(text));
	char hex[DIGEST_HEX];

	return xasprintf("mounts/%s", digest_hex(&digest, hex));
}

void cache_mount_done(struct cache_mount *mount)
{
	if (mount->tree_fd >= 0 && mount->path)
		(void)close(mount->tree_fd);
	mount->tree_fd = -1;
	store_lock_free(TAKE(mount->lock));
	free(TAKE(mount->path));
	free(TAKE(mount->id));
}

/* Open the tree if it is there, and say that it is used now. */
static FALLIBLE open_tree_of(struct cache_mount *mount)
{
	AUTO_FREE char *tree = xasprintf("%s/tree", mount->path);
	AUTO_FREE char *id = xasprintf("%s/id", mount->path);
	struct error *error = file_open(
			mount->store->fd, tree, O_RDONLY | O_DIRECTORY, 0, &mount->tree_fd);

	if (error_is_errno(error, ENOENT)) {
		error_free(error);
		return NULL;
	}
	TRY(error);
	(void)utimensat(mount->store->fd, id, NULL, 0);
	return NULL;
}

FALLIBLE cache_mount_take(struct store *store, const char *path, const char *id, bool alone,
		bool wait, struct cancel *cancel, struct cache_mount *ret)
{
	AUTO(cache_mount) struct cache_mount mount = { .store = store, .tree_fd = -1 };

	TRY(store_need_write(store));
	mount.path = xstrdup(path);
	mount.id = xstrdup(id);
	TRY(store_lock_take_as(store, path, alone, wait, cancel, &mount.lock));
	TRY(open_tree_of(&mount));
	*ret = mount;
	mount = (struct cache_mount){ .tree_fd = -1 };
	return NULL;
}

bool cache_mount_is_empty(const struct cache_mount *mount)
{
	bool is_empty = false;

	if (mount->tree_fd < 0)
		return true;
	error_ignore(dir_is_empty(mount->tree_fd, &is_empty), "what cannot be read stays");
	return is_empty;
}

void cache_mount_drop_empty(struct cache_mount *mount)
{
	AUTO_FREE char *tree = xasprintf("%s/tree", mount->path);

	if (mount->tree_fd < 0 || unlinkat(mount->store->fd, tree, AT_REMOVEDIR) < 0)
		return;
	(void)close(mount->tree_fd);
	mount->tree_fd = -1;
}

/* "tmp/<run>/<n>/made" with tree and id, as it shall be below mounts/. */
static FALLIBLE assemble(
		const struct cache_mount *mount, const struct layer_draft *draft, const char *made)
{
	AUTO_FREE char *tree = xasprintf("%s/tree", made);
	AUTO_FREE char *id = xasprintf("%s/id", made);
	int dir_fd = mount->store->fd;

	if ((mkdirat(dir_fd, "mounts", 0711) < 0 && errno != EEXIST) ||
			mkdirat(dir_fd, made, 0711) < 0 ||
			renameat(dir_fd, draft->tree, dir_fd, tree) < 0)
		return error_sys("make a cache mount in '%s'", mount->store->root);
	AUTO_FD int fd = -1;
	TRY(file_open(dir_fd, id, O_WRONLY | O_CREAT | O_EXCL, 0600, &fd));
	return fd_write_all(fd, mount->id, strlen(mount->id));
}

FALLIBLE cache_mount_make(struct cache_mount *mount, struct layer_draft *draft)
{
	AUTO(layer_draft) struct layer_draft ours = *draft;
	AUTO_FREE char *made = xasprintf("%s/made", ours.dir);
	int dir_fd = mount->store->fd;

	*draft = (struct layer_draft){ .tree_fd = -1 };
	TRY(store_explain(mount->store, assemble(mount, &ours, made)));
	if (renameat2(dir_fd, made, dir_fd, mount->path, RENAME_NOREPLACE) < 0 && errno != EEXIST)
		return store_explain(mount->store,
				error_sys("make '%s/%s'", mount->store->root, mount->path));
	/* A step that had the tree moved into its root was killed with all that could bring it
	 * back. */
	AUTO_FREE char *made_tree = xasprintf("%s/tree", made);
	AUTO_FREE char *tree = xasprintf("%s/tree", mount->path);
	(void)renameat2(dir_fd, made_tree, dir_fd, tree, RENAME_NOREPLACE);
	TRY(open_tree_of(mount));
	if (mount->tree_fd < 0)
		return error_new(ERR_SYS, "the cache mount '%s' went away while it was made",
				mount->id);
	return NULL;
}

/* --- all of them --- */

void cache_mount_list_done(struct cache_mount_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->p[i].path);
		free(list->p[i].id);
	}
	vec_done(list);
}

static int by_use(const void *a, const void *b)
{
	const struct cache_mount_entry *one = a, *other = b;

	if (one->used != other->used)
		return one->used < other->used ? -1 : 1;
	return strcmp(one->path, other->path);
}

static FALLIBLE look_at(struct store *store, const char *name, struct cache_mount_list *ret)
{
	AUTO_FREE char *id = xasprintf("mounts/%s/id", name);
	struct cache_mount_entry entry = { 0 };
	uint64_t files = 0;
	struct stat st;

	if (fstatat(store->fd, id, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL; /* it goes just now */
	struct error *error = file_read(store->fd, id, ID_BYTES, &entry.id, NULL);
	if (error) {
		error_ignore(error, "a name for people");
		entry.id = xstrdup("?");
	}
	entry.path = xasprintf("mounts/%s", name);
	entry.used = st.st_mtim.tv_sec;
	vec_push(ret, entry);
	return tree_size(store->fd, entry.path, &ret->p[ret->n - 1].bytes, &files);
}

FALLIBLE cache_mounts_list(struct store *store, struct cache_mount_list *ret)
{
	AUTO(list) struct list names = { 0 };
	struct error *error = dir_names(store->fd, "mounts", &names);

	if (error_is_errno(error, ENOENT)) {
		error_free(error);
		return NULL;
	}
	TRY_WRAP(error, "list '%s/mounts'", store->root);
	for (size_t i = 0; i < names.n; i++)
		if (names.p[i][0] != '.')
			TRY(look_at(store, names.p[i], ret));
	if (ret->n)
		qsort(ret->p, ret->n, sizeof(*ret->p), by_use);
	return NULL;
}

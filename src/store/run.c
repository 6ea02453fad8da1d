#include "store/run.h"
#include "base/strbuf.h"
#include "store/inside.h"
#include "sys/dir.h"
#include "sys/fd.h"
#include "sys/lock.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* The lease files of living runs together: a million blobs and layers. */
enum { LEASES_BYTES = 64 * 1024 * 1024 };

void run_init(struct run *run)
{
	*run = (struct run){ .lock_fd = -1, .leases_fd = -1, .leased = map_new(free) };
}

void run_done(struct store *store, bool removes)
{
	struct run *run = &store->run;

	if (run->dir && removes) {
		/* Removed while it is still locked, so that nobody else tries to. */
		error_ignore(file_remove_tree(store->fd, run->dir), "left for the next process");
	}
	if (run->lock_fd >= 0)
		(void)close(run->lock_fd);
	if (run->leases_fd >= 0)
		(void)close(run->leases_fd);
	map_free(run->leased);
	free(run->dir);
}

static FALLIBLE make_run(struct store *store, char *dir, int *ret_lock_fd, int *ret_leases_fd)
{
	AUTO_FREE char *lock_path = xasprintf("%s/lock", dir);
	AUTO_FREE char *leases_path = xasprintf("%s/leases", dir);
	AUTO_FD int lock_fd = -1;

	if (mkdirat(store->fd, dir, 0700) < 0)
		return error_sys("make directory '%s'", dir);
	TRY(file_open(store->fd, lock_path, O_RDWR | O_CREAT, 0600, &lock_fd));
	TRY(lock_take(lock_fd, true, true, NULL));
	TRY(file_open(store->fd, leases_path, O_WRONLY | O_CREAT | O_APPEND, 0600, ret_leases_fd));
	*ret_lock_fd = TAKE_FD(lock_fd);
	return NULL;
}

FALLIBLE run_need(struct store *store)
{
	char name[17];

	if (store->run.dir)
		return NULL;
	TRY(store_need_write(store));
	random_name(name);
	AUTO_FREE char *dir = xasprintf("tmp/%s", name);
	TRY_WRAP(store_explain(store,
				 make_run(store, dir, &store->run.lock_fd, &store->run.leases_fd)),
			"use the store '%s'", store->root);
	store->run.dir = TAKE(dir);
	return NULL;
}

FALLIBLE run_make_dir(struct store *store, char **ret)
{
	TRY(run_need(store));
	AUTO_FREE char *path = xasprintf(
			"%s/%llu", store->run.dir, (unsigned long long)store->run.drafts++);
	if (mkdirat(store->fd, path, 0711) < 0)
		return error_sys("make directory '%s' in '%s'", path, store->root);
	*ret = TAKE(path);
	return NULL;
}

FALLIBLE run_discard(struct store *store, const char *path)
{
	TRY(run_need(store));
	AUTO_FREE char *hidden = xasprintf(
			"%s/%llu", store->run.dir, (unsigned long long)store->run.drafts++);
	if (renameat(store->fd, path, store->fd, hidden) < 0) {
		if (errno == ENOENT)
			return NULL;
		if (errno == EXDEV) { /* a directory of an overlay's lower layer */
			trash_add(store->trash, path);
			return NULL;
		}
		return error_sys("move '%s' away in '%s'", path, store->root);
	}
	trash_add(store->trash, hidden);
	return NULL;
}

/* Leases. */

/* name: "b<hex>" or "l<id>"; the line says the same with a space behind the letter. */
static FALLIBLE lease(struct store *store, const char *name, struct lease **ret)
{
	struct lease *found = map_get(store->run.leased, name);

	if (!found && !store->read_only) {
		/* The first end of line closes what a full disk may have cut short. */
		AUTO_FREE char *line = xasprintf("\n%c %s\n", name[0], name + 1);

		TRY(run_need(store));
		TRY_WRAP(store_explain(store,
					 fd_write_all(store->run.leases_fd, line, strlen(line))),
				"note a use in '%s/leases'", store->run.dir);
	}
	if (!found) {
		found = xcalloc(1, sizeof(*found));
		found->bytes = UINT64_MAX;
		map_set(store->run.leased, name, found);
	}
	if (ret)
		*ret = found;
	return NULL;
}

FALLIBLE lease_blob(struct store *store, const struct digest *digest, struct lease **ret)
{
	char name[1 + DIGEST_HEX] = "b";

	(void)digest_hex(digest, name + 1);
	return lease(store, name, ret);
}

FALLIBLE lease_layer(struct store *store, const char *id, struct lease **ret)
{
	char name[1 + 17];

	(void)snprintf(name, sizeof(name), "l%.16s", id);
	return lease(store, name, ret);
}

/* The runs of others. */

static FALLIBLE list_runs(const struct store *store, struct list *ret)
{
	AUTO(list) struct list names = { 0 };

	TRY_WRAP(dir_names(store->fd, "tmp", &names), "list '%s/tmp'", store->root);
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = xasprintf("tmp/%s", names.p[i]);

		if (names.p[i][0] != '.' && !text_equal(path, store->run.dir))
			list_add(ret, path);
	}
	return NULL;
}

/* Dead: its lock can be taken, or there is none. Once it is ours, a run stays dead. */
static FALLIBLE is_dead(const struct store *store, const char *dir, bool *ret)
{
	AUTO_FREE char *path = xasprintf("%s/lock", dir);
	AUTO_FD int fd = openat(store->fd, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
		return error_sys("open '%s' in '%s'", path, store->root);
	struct error *error = fd < 0 ? NULL : lock_take(fd, true, false, NULL);
	*ret = !error;
	if (error && !error_is(error, ERR_BUSY))
		return error;
	error_free(error);
	return NULL;
}

/* Move it below our own run: if we die over the removal, the next process removes both. */
static FALLIBLE clear_if_dead(struct store *store, const char *dir)
{
	bool dead = false;

	TRY(is_dead(store, dir, &dead));
	return dead ? run_discard(store, dir) : NULL;
}

FALLIBLE runs_clear_dead(struct store *store)
{
	AUTO(list) struct list runs = { 0 };
	AUTO(visit) struct visit visit = { 0 };
	bool any = false;

	TRY(list_runs(store, &runs));
	for (size_t i = 0; i < runs.n && !any; i++)
		TRY(is_dead(store, runs.p[i], &any));
	if (!any)
		return NULL;
	/* A run that is being made has no lock yet for a moment: makers are in a visit. */
	TRY(store_enter(store, VISIT_ALONE, &visit));
	for (size_t i = 0; i < runs.n; i++)
		error_ignore(clear_if_dead(store, runs.p[i]), "another process clears it");
	return NULL;
}

static FALLIBLE read_leases(const struct store *store, const char *dir, struct map *ret)
{
	AUTO_FREE char *path = xasprintf("%s/leases", dir);
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	struct error *error = file_read(store->fd, path, LEASES_BYTES, &text, &n);
	if (error_is_errno(error, ENOENT)) {
		error_free(error);
		return NULL;
	}
	TRY(error);
	struct str line, rest = { text, n };
	/* A line without its end was being written by someone who is no visitor: dead. */
	while (str_cut(rest, '\n', &line, &rest)) {
		if (line.n < 3 || line.p[1] != ' ')
			continue;
		AUTO_FREE char *name = xasprintf("%c%.*s", line.p[0], (int)line.n - 2, line.p + 2);
		map_set(ret, name, ret);
	}
	return NULL;
}

FALLIBLE runs_leases(struct store *store, struct map *ret)
{
	AUTO(list) struct list runs = { 0 };

	TRY(list_runs(store, &runs));
	if (store->run.dir)
		list_add(&runs, store->run.dir);
	for (size_t i = 0; i < runs.n; i++)
		TRY(read_leases(store, runs.p[i], ret));
	return NULL;
}

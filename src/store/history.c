#include "store/history.h"
#include "base/clock.h"
#include "base/limits.h"
#include "store/inside.h"
#include "store/pruning.h"
#include "sys/dir.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define BUILDS "history/builds"
#define FILES  "history/files"
enum { WHEN_DIGITS = 16, NAME_BYTES = WHEN_DIGITS + 1 + HISTORY_ID_TEXT - 1 };

void history_new_id(char buf[static HISTORY_ID_TEXT])
{
	char name[17];

	random_name(name);
	memcpy(buf, name, HISTORY_ID_TEXT - 1);
	buf[HISTORY_ID_TEXT - 1] = '\0';
}

const char *history_id(const char *name)
{
	return strlen(name) > WHEN_DIGITS ? name + WHEN_DIGITS + 1 : name;
}

/* Stores that were made before there was a history have no place for it. */
static FALLIBLE make_place(const struct store *store)
{
	static const char *const names[] = { "history", BUILDS, FILES };

	for (size_t i = 0; i < COUNT(names); i++)
		if (mkdirat(store->fd, names[i], 0700) < 0 && errno != EEXIST)
			return error_sys("make '%s/%s'", store->root, names[i]);
	return NULL;
}

/* Sorted. No place is no names. */
static FALLIBLE list_dir(const struct store *store, const char *path, struct list *ret)
{
	AUTO(list) struct list names = { 0 };
	struct error *error = dir_names(store->fd, path, &names);

	if (error_is_errno(error, ENOENT)) {
		error_free(error);
		return NULL;
	}
	TRY_WRAP(error, "list '%s/%s'", store->root, path);
	for (size_t i = 0; i < names.n; i++)
		if (names.p[i][0] != '.')
			list_add(ret, names.p[i]);
	return NULL;
}

static void drop(const struct store *store, const char *dir, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);

	(void)unlinkat(store->fd, path, 0);
}

FALLIBLE history_add(struct store *store, const char *id, uint64_t began_ns, const char *text)
{
	AUTO(list) struct list names = { 0 };
	AUTO_FREE char *path = xasprintf(
			BUILDS "/%0*llx-%s", WHEN_DIGITS, (unsigned long long)began_ns, id);
	uint64_t age_ns = HISTORY_DAYS * 86400ull * 1000000000;
	AUTO_FREE char *oldest = xasprintf("%0*llx", WHEN_DIGITS,
			(unsigned long long)(began_ns > age_ns ? began_ns - age_ns : 0));
	size_t n = strlen(text);

	if (store->read_only || n > HISTORY_BUILD_BYTES)
		return NULL;
	TRY(make_place(store));
	TRY(file_write_atomic(store->fd, path, text, n, 0600, false));
	TRY(list_dir(store, BUILDS, &names));
	for (size_t i = 0; i < names.n; i++) {
		bool is_old = strcmp(names.p[i], oldest) < 0;

		if (is_old || i + HISTORY_BUILDS < names.n)
			drop(store, BUILDS, names.p[i]);
	}
	return NULL;
}

FALLIBLE history_names(struct store *store, struct list *ret)
{
	AUTO(list) struct list names = { 0 };

	TRY(list_dir(store, BUILDS, &names));
	for (size_t i = names.n; i-- > 0;)
		if (strlen(names.p[i]) == NAME_BYTES)
			list_add(ret, names.p[i]);
	return NULL;
}

static FALLIBLE read_one(const struct store *store, const char *path, size_t limit, char **ret,
		size_t *ret_n)
{
	struct error *error = file_read(store->fd, path, limit, ret, ret_n);

	if (!error_is_errno(error, ENOENT))
		return error;
	error_free(error);
	return error_new(ERR_NOT_FOUND, "'%s' is not in the store", path);
}

FALLIBLE history_read(struct store *store, const char *name, char **ret, size_t *ret_n)
{
	AUTO_FREE char *path = xasprintf(BUILDS "/%s", name);

	return read_one(store, path, HISTORY_BUILD_BYTES, ret, ret_n);
}

FALLIBLE history_replace_failed(struct store *store, const char *layer, char **ret_before)
{
	size_t n = 0;

	TRY(make_place(store));
	struct error *error =
			file_read(store->fd, "history/failed", LIMIT_NAME_BYTES, ret_before, &n);
	error_ignore(error, "nothing failed before");
	return file_write_atomic(store->fd, "history/failed", layer, strlen(layer), 0600, false);
}

/* --- lists of files --- */

static char *files_path(const struct digest *selection)
{
	char hex[DIGEST_HEX];

	return xasprintf(FILES "/%s", digest_hex(selection, hex));
}

/* Its date says when it was used last. */
bool history_has_files(struct store *store, const struct digest *selection)
{
	AUTO_FREE char *path = files_path(selection);

	return store->read_only ? faccessat(store->fd, path, F_OK, 0) == 0
				: utimensat(store->fd, path, NULL, 0) == 0;
}

struct kept_list {
	char *name;
	int64_t used_ns;
	uint64_t bytes;
};

struct kept_lists {
	struct kept_list *p;
	size_t n, capacity;
};

static void kept_lists_done(struct kept_lists *lists)
{
	for (size_t i = 0; i < lists->n; i++)
		free(lists->p[i].name);
	vec_done(lists);
}

DEFINE_AUTO_VALUE(kept_lists)

static int by_use(const void *a, const void *b)
{
	const struct kept_list *x = a, *y = b;

	return x->used_ns < y->used_ns ? -1 : x->used_ns > y->used_ns;
}

static FALLIBLE find_lists(const struct store *store, struct kept_lists *ret, uint64_t *ret_total)
{
	AUTO(list) struct list names = { 0 };
	struct stat st;

	TRY(list_dir(store, FILES, &names));
	*ret_total = 0;
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = xasprintf(FILES "/%s", names.p[i]);

		if (fstatat(store->fd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		struct kept_list *one = vec_add(ret);
		one->name = xstrdup(names.p[i]);
		one->used_ns = clock_file_ns(st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
		one->bytes = (uint64_t)st.st_size;
		*ret_total += one->bytes;
	}
	if (ret->n)
		qsort(ret->p, ret->n, sizeof(*ret->p), by_use);
	return NULL;
}

FALLIBLE history_put_files(
		struct store *store, const struct digest *selection, const void *bytes, size_t n)
{
	AUTO_FREE char *path = files_path(selection);
	AUTO(kept_lists) struct kept_lists lists = { 0 };
	uint64_t total = 0;

	if (store->read_only || n > HISTORY_LIST_BYTES)
		return NULL;
	TRY(make_place(store));
	TRY(file_write_atomic(store->fd, path, bytes, n, 0600, false));
	TRY(find_lists(store, &lists, &total));
	/* The last is the one just written. */
	for (size_t i = 0; i + 1 < lists.n && total > HISTORY_FILES_BYTES; i++) {
		drop(store, FILES, lists.p[i].name);
		total -= lists.p[i].bytes;
	}
	return NULL;
}

FALLIBLE history_get_files(
		struct store *store, const struct digest *selection, char **ret, size_t *ret_n)
{
	AUTO_FREE char *path = files_path(selection);

	return read_one(store, path, HISTORY_LIST_BYTES, ret, ret_n);
}

/* --- prune: builds and lists of before the wanted time --- */

FALLIBLE prune_history(struct pruning *pruning)
{
	static const char *const dirs[] = { BUILDS, FILES };
	struct store *store = pruning->store;
	struct stat st;

	for (size_t d = 0; d < COUNT(dirs); d++) {
		AUTO(list) struct list names = { 0 };

		TRY(list_dir(store, dirs[d], &names));
		for (size_t i = 0; i < names.n; i++) {
			AUTO_FREE char *path = xasprintf("%s/%s", dirs[d], names.p[i]);

			if (fstatat(store->fd, path, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
					st.st_mtim.tv_sec >= pruning->used_before)
				continue;
			list_add(&pruning->paths, path);
			/* Was never part of the total. */
			pruning->total += (uint64_t)st.st_size;
			pruning_count(pruning, PRUNE_HISTORY, (uint64_t)st.st_size);
		}
	}
	return NULL;
}

/*
 * Digests of what was selected. Files are hashed on the pool in runs of neighbours, so that a
 * worker that takes one keeps to one part of the tree.
 */
#include "base/clock.h"
#include "build/select.h"
#include "stream/hash.h"
#include "sys/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>

enum { RUN_ITEMS = 64, READ_BYTES = 256 * 1024 };

struct hashing {
	struct selection *selection;
	struct file_digests *digests;
	struct cancel *cancel;
	pthread_mutex_t lock;
	pthread_cond_t done;
	size_t left;         /* guarded by lock */
	struct error *error; /* guarded by lock */
};

struct hash_run {
	struct hashing *hashing;
	size_t first, count;
};

struct error *select_changed(const char *path)
{
	return error_hint(error_code(ERR_INVALID, SELECT_CHANGED, "'%s' changed while it was read",
					  path),
			"build again once the files are quiet");
}

bool select_is_changed(const struct error *error)
{
	return (error_is(error, ERR_INVALID) && error->code == SELECT_CHANGED) ||
	       error_is_errno(error, ENOENT) || error_is_errno(error, ENOTDIR) ||
	       error_is_errno(error, ESTALE);
}

static FALLIBLE hash_file(
		struct hashing *hashing, struct select_item *item, struct hash *hash, char *buf)
{
	AUTO_FD int fd = -1;
	uint64_t began = clock_now_ns(), total = 0;
	struct stat st;

	TRY(rootfs_open_nofollow(item->fd, item->path, O_RDONLY, 0, &fd));
	for (;;) {
		ssize_t n = read(fd, buf, READ_BYTES);

		if (n < 0)
			return error_sys("read '%s'", item->path);
		if (n == 0)
			break;
		hash_update(hash, buf, (size_t)n);
		total += (uint64_t)n;
	}
	item->digest = hash_finish(hash);
	if (fstat(fd, &st) != 0)
		return error_sys("look at '%s'", item->path);
	struct file_key now = file_key_of(&st);
	if (total != item->size || !file_key_equal(&now, &item->key))
		return select_changed(item->path);
	if (hashing->digests)
		file_digests_put(hashing->digests, &item->key, &item->digest, item->is_bare, began);
	return NULL;
}

/* Nothing to read: it is no file, or its content is known. */
static bool is_told(const struct hashing *hashing, struct select_item *item)
{
	if (!S_ISREG(item->owner.mode) || digest_known(&item->digest))
		return true;
	return !item->content && hashing->digests &&
	       file_digests_get(hashing->digests, &item->key, &item->digest);
}

static FALLIBLE hash_items(struct hashing *hashing, size_t first, size_t count)
{
	AUTO(hash) struct hash *hash = hash_new();
	AUTO_FREE char *buf = NULL;

	for (size_t i = first; i < first + count; i++) {
		struct select_item *item = &hashing->selection->items.p[i];

		if (is_told(hashing, item))
			continue;
		if (item->content) {
			item->digest = digest_of(item->content, item->size);
			continue;
		}
		TRY(cancel_check(hashing->cancel));
		if (!buf)
			buf = xmalloc(READ_BYTES);
		TRY(hash_file(hashing, item, hash, buf));
	}
	return NULL;
}

static void hash_job(void *argument)
{
	struct hash_run *run = argument;
	struct hashing *hashing = run->hashing;
	struct error *error = hash_items(hashing, run->first, run->count);

	pthread_mutex_lock(&hashing->lock);
	hashing->error = error_first(hashing->error, error);
	if (--hashing->left == 0)
		pthread_cond_signal(&hashing->done);
	pthread_mutex_unlock(&hashing->lock);
}

/* The runs that have something to be read. Owned by the caller. */
static struct hash_run *find_runs(struct hashing *hashing, size_t *ret_n)
{
	size_t all = hashing->selection->items.n;
	struct hash_run *runs = xcalloc(all / RUN_ITEMS + 1, sizeof(*runs));

	*ret_n = 0;
	for (size_t first = 0; first < all; first += RUN_ITEMS) {
		size_t count = all - first < RUN_ITEMS ? all - first : RUN_ITEMS, i = 0;

		while (i < count && is_told(hashing, &hashing->selection->items.p[first + i]))
			i++;
		if (i < count)
			runs[(*ret_n)++] = (struct hash_run){ hashing, first, count };
	}
	return runs;
}

FALLIBLE select_hash(struct selection *selection, struct file_digests *digests, struct pool *pool,
		struct cancel *cancel)
{
	struct hashing hashing = {
		.selection = selection,
		.digests = digests,
		.cancel = cancel,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.done = PTHREAD_COND_INITIALIZER,
	};
	AUTO_FREE struct hash_run *runs = find_runs(&hashing, &hashing.left);
	size_t n = hashing.left;

	if (n == 0)
		return NULL;
	if (n == 1)
		return hash_items(&hashing, runs[0].first, runs[0].count);
	for (size_t i = 0; i < n; i++)
		pool_submit(pool, hash_job, &runs[i]);
	pthread_mutex_lock(&hashing.lock);
	while (hashing.left)
		pthread_cond_wait(&hashing.done, &hashing.lock);
	pthread_mutex_unlock(&hashing.lock);
	return hashing.error;
}

static void frame(struct hash *hash, const void *bytes, uint64_t n)
{
	hash_update(hash, &n, sizeof(n));
	if (n)
		hash_update(hash, bytes, n);
}

static void frame_item(struct hash *hash, const struct select_item *item)
{
	uint64_t numbers[] = { item->owner.mode, item->owner.uid, item->owner.gid,
		item->owner.major, item->owner.minor, item->size, item->twin, item->xattrs.n };

	frame(hash, item->rel, strlen(item->rel));
	frame(hash, numbers, sizeof(numbers));
	if (S_ISREG(item->owner.mode))
		frame(hash, item->digest.bytes, sizeof(item->digest.bytes));
	if (item->link)
		frame(hash, item->link, strlen(item->link));
	for (size_t i = 0; i < item->xattrs.n; i++) {
		frame(hash, item->xattrs.p[i].name, strlen(item->xattrs.p[i].name));
		frame(hash, item->xattrs.p[i].value, item->xattrs.p[i].n);
	}
}

struct digest select_digest(const struct selection *selection)
{
	AUTO(hash) struct hash *hash = hash_new();

	for (size_t g = 0; g < selection->groups.n; g++) {
		const struct select_group *group = &selection->groups.p[g];
		uint64_t numbers[] = { group->is_dir, group->count };

		frame(hash, group->name, strlen(group->name));
		frame(hash, numbers, sizeof(numbers));
		for (size_t i = 0; i < group->count; i++) {
			struct select_item item = selection->items.p[group->first + i];

			/* The root of a context is a directory of the user's; its mode is not
			 * copied. */
			if (group->is_dir && i == 0)
				item.owner = (struct owner){ .mode = S_IFDIR };
			frame_item(hash, &item);
		}
	}
	return hash_finish(hash);
}

/*
 * Cache mounts go as a whole. Each is locked alone until it is out of sight, so that no step finds
 * half of it; one that a step has now stays.
 */
#include "store/inside.h"
#include "store/pruning.h"

static FALLIBLE hold(struct pruning *pruning, const char *path, bool *ret_free)
{
	AUTO(store_lock) struct store_lock *lock = NULL;
	struct error *error = store_lock_take_as(pruning->store, path, true, false, NULL, &lock);

	*ret_free = !error;
	if (error_is(error, ERR_BUSY)) {
		error_free(error);
		return NULL;
	}
	TRY(error);
	if (!pruning->options->dry_run)
		vec_push(&pruning->locks, TAKE(lock));
	return NULL;
}

FALLIBLE prune_mounts(struct pruning *pruning)
{
	for (size_t i = 0; i < pruning->mounts.n && pruning_wants_more(pruning); i++) {
		const struct cache_mount_entry *mount = &pruning->mounts.p[i];
		bool is_free = false;

		if (mount->used >= pruning->used_before)
			continue;
		TRY(hold(pruning, mount->path, &is_free));
		if (!is_free)
			continue;
		list_add(&pruning->paths, mount->path);
		pruning_count(pruning, PRUNE_MOUNTS, mount->bytes);
	}
	return NULL;
}

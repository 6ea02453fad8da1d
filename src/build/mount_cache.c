/*
 * Cache mounts: which directory of the store a flag means, its lock for as long as the step runs,
 * and what it holds at first.
 *
 *	shared    any number of steps at once
 *	locked    one; the others wait, in this process and in every other
 *	private   one; the others get a directory of their own
 *
 * A step takes all that it may have to wait for in the order of their names, and then those of its
 * own for which it never waits: so no two steps wait for each other.
 */
#include "build/mount_travel.h"
#include "layer/tree.h"
#include "sys/path.h"
#include "sys/rootfs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PRIVATE_TRIES = 1000 };

/* "id" and "/id" are one, as in BuildKit; the namespace keeps projects apart. */
static char *cache_id(const struct build *build, const struct plan_mount *plan)
{
	const char *space = build->options->build_args ? list_env_get(build->options->build_args,
									 "BUILDKIT_CACHE_MOUNT_NS")
						       : NULL;
	AUTO_FREE char *clean = path_clean(str_of(plan->as.id));

	return space && space[0] ? xasprintf("%s/%s", space, clean) : xasprintf("/%s", clean);
}

/* What its content started from, and whose it is: another start is another cache. */
static char *cache_variant(struct build *build, const struct plan_mount *plan)
{
	const struct plan_origin *origin = &plan->origin;
	struct digest from = { 0 };
	char text[DIGEST_TEXT] = "";

	if (origin->kind == ORIGIN_STAGE) {
		from = build_stage(build, origin->stage)->key;
	} else if (origin->kind == ORIGIN_IMAGE) {
		const struct stack *stack = &build->images[origin->image->index].stack;

		from = stack_chain(stack, stack->n);
	}
	if (digest_known(&from))
		(void)digest_text(&from, text);
	return xasprintf("%u:%u:%o %s %s", plan->as.uid, plan->as.gid, plan->as.mode, text,
			digest_known(&from) ? plan->source : "");
}

char *mount_cache_path(struct build *build, const struct plan_mount *plan)
{
	AUTO_FREE char *id = cache_id(build, plan);
	AUTO_FREE char *variant = cache_variant(build, plan);

	return cache_mount_path(build->options->store, id, variant, 0);
}

/*
 * Others may share it: only while none has it can it be filled from a home. Who finds it taken
 * waits for the lock that it wants anyway, behind whoever fills it.
 */
static FALLIBLE import_shared(struct build *build, struct step_run *run, struct step_cache *cache)
{
	struct error *error = NULL;

	if (!mount_imports(build))
		return NULL;
	error = cache_mount_take(build->options->store, cache->path, cache->id, true, false, NULL,
			&cache->held);
	if (!error)
		error = mount_import(build, run, cache);
	cache_mount_done(&cache->held);
	if (!error_is(error, ERR_BUSY))
		return error;
	error_free(error);
	return NULL;
}

static FALLIBLE take(struct build *build, struct step_run *run, struct step_cache *cache)
{
	struct store *store = build->options->store;

	if (!cache->alone)
		TRY(import_shared(build, run, cache));
	struct error *error = cache_mount_take(
			store, cache->path, cache->id, cache->alone, false, NULL, &cache->held);

	if (!error_is(error, ERR_BUSY))
		return error;
	error_free(error);
	progress_note(build->options->progress, run->vertex,
			"waiting for the cache mount '%s', which another step has", cache->id);
	return cache_mount_take(store, cache->path, cache->id, cache->alone, true,
			build->options->cancel, &cache->held);
}

static FALLIBLE take_private(
		struct build *build, const struct plan_mount *plan, struct step_cache *cache)
{
	AUTO_FREE char *variant = cache_variant(build, plan);

	for (size_t i = 0; i < PRIVATE_TRIES; i++) {
		AUTO_FREE char *path =
				cache_mount_path(build->options->store, cache->id, variant, i);
		struct error *error = cache_mount_take(build->options->store, path, cache->id, true,
				false, NULL, &cache->held);

		cache->is_spare = i > 0;
		if (!error_is(error, ERR_BUSY))
			return error;
		error_free(error);
	}
	return error_new(ERR_LIMIT, "%d steps have the private cache mount '%s' at once",
			PRIVATE_TRIES, cache->id);
}

/* One entry for each directory: two targets of one step may show the same. */
static void want(struct build *build, struct step_mounts *mounts, size_t i)
{
	const struct plan_mount *plan = mounts->p[i].plan;
	AUTO_FREE char *id = cache_id(build, plan);
	AUTO_FREE char *variant = cache_variant(build, plan);
	AUTO_FREE char *path = mount_cache_path(build, plan);
	/* Where nothing can be mounted the directory itself is moved into the step's root. */
	bool alone = plan->as.sharing == MOUNT_LOCKED ||
		     userns_is_bare(build->options->userns->mode);

	for (size_t k = 0; k < mounts->caches.n; k++) {
		struct step_cache *cache = &mounts->caches.p[k];

		if (plan->as.sharing == MOUNT_PRIVATE || !text_equal(cache->path, path))
			continue;
		cache->alone = cache->alone || alone;
		mounts->p[i].cache = k;
		return;
	}
	struct step_cache *cache = vec_add(&mounts->caches);
	*cache = (struct step_cache){
		.mount = mount_travel_name(build, id, variant), .alone = alone, .maker = i
	};
	cache->id = TAKE(id);
	cache->held.tree_fd = -1;
	if (plan->as.sharing != MOUNT_PRIVATE)
		cache->path = TAKE(path);
	mounts->p[i].cache = mounts->caches.n - 1;
}

static int by_path(const void *a, const void *b)
{
	const struct step_cache *const *one = a, *const *other = b;

	return strcmp((*one)->path, (*other)->path);
}

static FALLIBLE take_all(struct build *build, struct step_run *run)
{
	struct step_mounts *mounts = run->mounts;
	size_t n = 0;
	AUTO_FREE struct step_cache **order =
			xcalloc(mounts->caches.n, sizeof(struct step_cache *));

	for (size_t i = 0; i < mounts->caches.n; i++)
		if (mounts->caches.p[i].path)
			order[n++] = &mounts->caches.p[i];
	if (n)
		qsort(order, n, sizeof(struct step_cache *), by_path);
	for (size_t i = 0; i < n; i++)
		TRY(take(build, run, order[i]));
	for (size_t i = 0; i < mounts->caches.n; i++) {
		struct step_cache *cache = &mounts->caches.p[i];

		if (!cache->path)
			TRY(take_private(build, mounts->p[cache->maker].plan, cache));
	}
	return NULL;
}

/* Its first content: what from and source say, else nothing. */
static FALLIBLE make(struct build *build, struct step_run *run, struct step_cache *cache)
{
	struct step_mount *mount = &run->mounts->p[cache->maker];
	const struct run_mount *as = &mount->plan->as;
	const struct owner owner = { .uid = as->uid, .gid = as->gid, .mode = S_IFDIR | as->mode };

	if (mount->plan->origin.kind != ORIGIN_NONE) {
		TRY(mount_look(build, run, cache->maker));
		if (!mount->selection->groups.p[0].is_dir)
			return error_new(ERR_INVALID,
					"a cache mount is a directory, and '/%s' is none",
					mount->plan->source);
		TRY(mount_copy(build, run, cache->maker, NULL));
	} else {
		TRY(layer_begin(build->options->store, &mount->draft));
	}
	if (mount->plan->origin.kind == ORIGIN_NONE || as->has_mode || as->has_uid || as->has_gid)
		TRY(owner_set_fd(&build->options->userns->owner, mount->draft.tree_fd, &owner));
	return cache_mount_make(&cache->held, &mount->draft);
}

FALLIBLE mount_caches_take(struct build *build, struct step_run *run)
{
	struct step_mounts *mounts = run->mounts;

	for (size_t i = 0; i < mounts->n; i++)
		if (mounts->p[i].plan->as.type == MOUNT_CACHE)
			want(build, mounts, i);
	TRY(take_all(build, run));
	for (size_t i = 0; i < mounts->caches.n; i++) {
		struct step_cache *cache = &mounts->caches.p[i];
		struct error *error = NULL;

		if (cache->alone || !cache->path)
			error = mount_import(build, run, cache);
		if (!error && cache->held.tree_fd < 0)
			error = make(build, run, cache);
		if (!error && !cache->is_spare)
			mount_was_used(build, cache);
		if (error)
			return error_at(error, mounts->p[cache->maker].plan->as.at);
	}
	return NULL;
}

void mount_caches_done(struct step_mounts *mounts)
{
	for (size_t i = 0; i < mounts->caches.n; i++) {
		cache_mount_done(&mounts->caches.p[i].held);
		free(mounts->caches.p[i].id);
		free(mounts->caches.p[i].path);
	}
	vec_done(&mounts->caches);
}

struct give {
	const struct owner_policy *policy;
	const struct user *user;
};

static FALLIBLE give(const struct give *give, int dir_fd, const char *name, const struct stat *st)
{
	struct owner owner = { 0 };

	TRY(owner_get(give->policy, dir_fd, name, st, &owner));
	if (owner.uid == give->user->uid && owner.gid == give->user->gid)
		return NULL;
	owner.uid = give->user->uid;
	owner.gid = give->user->gid;
	return owner_set(give->policy, dir_fd, name, &owner);
}

static struct error *give_item(void *state, const struct tree_item *at, enum tree_step *step)
{
	(void)step;
	return give(state, at->dir_fd, at->name, at->st);
}

/* Everything in a cache is the step's user's from now on. */
static FALLIBLE give_all(struct build *build, int tree_fd, const struct user *user)
{
	struct give to = { &build->options->userns->owner, user };
	const struct tree_visitor visitor = { .visit = give_item, .state = &to };
	struct owner owner = { 0 };
	struct stat st;

	if (fstat(tree_fd, &st) < 0)
		return error_sys("look at a cache");
	TRY(owner_get_fd(to.policy, tree_fd, &st, &owner));
	owner.uid = user->uid;
	owner.gid = user->gid;
	TRY(owner_set_fd(to.policy, tree_fd, &owner));
	return tree_walk(tree_fd, &visitor);
}

FALLIBLE mount_cache_show(struct build *build, struct step_mounts *mounts, size_t i,
		struct sandbox_mount *out)
{
	struct step_mount *mount = &mounts->p[i];
	const struct run_mount *as = &mount->plan->as;
	int tree_fd = mounts->caches.p[mount->cache].held.tree_fd;
	const struct owner owner = { .uid = as->uid, .gid = as->gid, .mode = S_IFDIR | as->mode };

	if (as->takes_over)
		TRY(give_all(build, tree_fd, mounts->user));
	out->kind = SANDBOX_BIND;
	out->source.fd = tree_fd;
	if (mount->plan->origin.kind != ORIGIN_NONE || mount->plan->source[0] == '\0')
		return NULL;
	/* A part of it, made when it is missing; whatever links lie in it, it stays inside. */
	TRY(rootfs_make_dirs(tree_fd, mount->plan->source, &build->options->userns->owner, &owner,
			&mount->draft_fd));
	out->source.fd = mount->draft_fd;
	return NULL;
}

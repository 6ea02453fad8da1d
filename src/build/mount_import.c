#include "build/mount_travel.h"
#include "cache/homes.h"
#include "cache/mount_restore.h"
#include "graph/key.h"
#include "sys/fd.h"

#include <string.h>

struct digest mount_travel_name(const struct build *build, const char *id, const char *variant)
{
	AUTO(key) struct key *key = key_new("cache mount");
	char platform[PLATFORM_TEXT];

	key_text(key, "id", id);
	key_text(key, "variant", variant);
	key_text(key, "platform", platform_text(&build->platform, platform));
	return key_finish(key, NULL);
}

void mount_travel_done(struct mount_travel *travel)
{
	for (size_t i = 0; i < travel->n; i++) {
		free(travel->p[i].path);
		free(travel->p[i].id);
	}
	vec_done(travel);
	pthread_mutex_destroy(&travel->lock);
}

/* The entry of that directory of the store; made if need be. travel->lock is held. */
static struct traveller *traveller_of(struct mount_travel *travel, const struct step_cache *cache)
{
	for (size_t i = 0; i < travel->n; i++)
		if (strcmp(travel->p[i].path, cache->held.path) == 0)
			return &travel->p[i];
	struct traveller *traveller = vec_add(travel);
	traveller->path = xstrdup(cache->held.path);
	traveller->id = xstrdup(cache->id);
	traveller->mount = cache->mount;
	return traveller;
}

void mount_was_used(struct build *build, const struct step_cache *cache)
{
	struct mount_travel *travel = &build->travel;

	pthread_mutex_lock(&travel->lock);
	traveller_of(travel, cache)->is_used = true;
	pthread_mutex_unlock(&travel->lock);
}

/* Homes are asked once in a build. */
static bool is_first_time(struct build *build, const struct step_cache *cache)
{
	struct mount_travel *travel = &build->travel;

	pthread_mutex_lock(&travel->lock);
	struct traveller *traveller = traveller_of(travel, cache);
	bool is_first = !traveller->is_asked;
	traveller->is_asked = true;
	pthread_mutex_unlock(&travel->lock);
	return is_first;
}

/* What homes have of it is not believed when it is brought there again. */
static void distrust(struct build *build, const struct step_cache *cache)
{
	struct mount_travel *travel = &build->travel;

	pthread_mutex_lock(&travel->lock);
	traveller_of(travel, cache)->is_distrusted = true;
	pthread_mutex_unlock(&travel->lock);
}

bool mount_imports(const struct build *build)
{
	return cache_homes_have_mounts(build->homes);
}

struct telling {
	struct progress *progress;
	unsigned vertex;
	char *what;
	uint64_t total;
};

static void tell_bytes(void *user, uint64_t bytes)
{
	const struct telling *telling = user;

	progress_bytes(telling->progress, telling->vertex, telling->what, bytes, telling->total);
}

static FALLIBLE bring(struct build *build, const struct step_run *run,
		const struct found_mount *found, struct step_cache *cache)
{
	const struct mount_record *record = &found->record;
	AUTO_FREE char *what = xasprintf("cache mount '%s'", cache->id);
	struct telling telling = { build->options->progress, run->vertex, what, 0 };
	const struct mount_restore_options options = { .policy = &build->options->userns->owner,
		.cancel = build->options->cancel,
		.told = tell_bytes,
		.user = &telling };
	AUTO(mount_list) struct mount_list *list = NULL;
	AUTO(layer_draft) struct layer_draft draft = { .tree_fd = -1 };

	TRY(mount_fetch_list(found->home, &record->list, &record->tree, found->max_bytes, &list));
	TRY(layer_begin(build->options->store, &draft));
	telling.total = list->bytes;
	struct error *error = mount_restore(found->home, list, draft.tree_fd, &options);
	/* At once: the step may want the room. */
	if (error)
		error_ignore(file_remove_tree(store_dir_fd(build->options->store), draft.tree),
				"the store removes what is left");
	TRY(error);
	tell_bytes(&telling, list->bytes);
	return cache_mount_make(&cache->held, &draft);
}

FALLIBLE mount_import(struct build *build, struct step_run *run, struct step_cache *cache)
{
	struct progress *progress = build->options->progress;
	AUTO(found_mount) struct found_mount found = { 0 };
	AUTO(strbuf) struct strbuf text = { 0 };

	if (!mount_imports(build) || !cache_mount_is_empty(&cache->held) ||
			!is_first_time(build, cache) ||
			!cache_homes_find_mount(build->homes, &cache->mount, &found))
		return NULL;
	cache_mount_drop_empty(&cache->held);
	if (cache->held.tree_fd >= 0)
		return NULL;
	struct error *error = bring(build, run, &found, cache);
	if (!error) {
		progress_note(progress, run->vertex, "cache mount '%s': %llu files from %s",
				cache->id, (unsigned long long)found.record.files,
				found.home->name);
		return NULL;
	}
	if (error_is(error, ERR_CANCELED))
		return error;
	error_text(error, &text);
	error_free(error);
	distrust(build, cache);
	progress_warn(progress, run->vertex, (struct source_range){ 0 },
			"%s: cache mount '%s': %s; it begins without", found.home->name, cache->id,
			strbuf_text(&text));
	return NULL;
}

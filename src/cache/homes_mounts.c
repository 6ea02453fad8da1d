/*
 * Cache mounts are asked for one by one, when a step that must run wants one that this machine does
 * not have.
 */
#include "base/clock.h"
#include "cache/homes_inner.h"

void found_mount_done(struct found_mount *found)
{
	mount_record_done(&found->record);
}

bool cache_homes_have_mounts(const struct cache_homes *homes)
{
	for (size_t i = 0; homes && i < homes->place_n; i++)
		if (homes->places[i].mounts_from)
			return true;
	return false;
}

static bool is_alive(struct place *place)
{
	pthread_mutex_lock(&place->homes->lock);
	bool is_alive = !place->is_dead;
	pthread_mutex_unlock(&place->homes->lock);
	return is_alive;
}

static FALLIBLE read_one(struct place *place, const struct digest *mount, struct mount_record *ret)
{
	struct digest name = mount_record_name(mount, place->home->scope);
	const struct cache_mounts *bounds = place->mounts_from;
	AUTO(mount_record) struct mount_record record = { 0 };

	TRY(place->home->ops->read_mount(place->home, &name, &record));
	if (!digest_equal(&record.mount, mount))
		return error_new(ERR_INVALID,
				"the record of the cache mount '%s' speaks of another", record.id);
	if (record.bytes > bounds->max_bytes)
		return error_hint(error_new(ERR_LIMIT,
						  "the cache mount '%s' has %llu bytes there, more "
						  "than mounts-max-size (%llu)",
						  record.id, (unsigned long long)record.bytes,
						  (unsigned long long)bounds->max_bytes),
				"a larger mounts-max-size takes it");
	int64_t age = clock_now_seconds() - record.created;
	if (bounds->max_age_seconds && age > bounds->max_age_seconds)
		return error_new(ERR_LIMIT,
				"the cache mount '%s' was brought there %lld seconds ago, more "
				"than "
				"mounts-max-age (%lld)",
				record.id, (long long)age, (long long)bounds->max_age_seconds);
	*ret = TAKE_VALUE(record);
	return NULL;
}

bool cache_homes_find_mount(
		struct cache_homes *homes, const struct digest *mount, struct found_mount *ret)
{
	for (size_t i = 0; homes && i < homes->place_n; i++) {
		struct place *place = &homes->places[i];

		if (!place->mounts_from || !is_alive(place))
			continue;
		struct error *error = read_one(place, mount, &ret->record);
		if (!error) {
			ret->home = place->home;
			ret->max_bytes = place->mounts_from->max_bytes;
			return true;
		}
		cache_place_failed(place, error);
	}
	return false;
}

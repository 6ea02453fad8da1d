/* The maps that somebody asks for by name, within the ids that we have. */
#include "base/auto.h"
#include "sys/userns_parts.h"

static struct error *not_ours(const char *what, uint64_t id, const struct id_range *range)
{
	return error_hint(error_new(ERR_UNSUPPORTED,
					  "%s %llu of the mapping %u:%u:%u is not among the ids we "
					  "have",
					  what, (unsigned long long)id, range->inside,
					  range->outside, range->count),
			"an ordinary user's count from 0, the user, and 1 and up are the ranges of "
			"/etc/subuid and /etc/subgid; 'unshare cat /proc/self/uid_map' tells");
}

/*
 * As the kernel takes it, which wants each range within one line of our own map: what goes over
 * several of ours in a row becomes as many.
 */
static FALLIBLE fit(const struct idmap *ours, const struct id_range *range, const char *what,
		struct idmap *ret)
{
	for (uint64_t done = 0; done < range->count;) {
		uint64_t id = range->outside + done, left = 0;

		for (unsigned k = 0; k < ours->n && !left; k++)
			if (id - ours->range[k].inside < ours->range[k].count)
				left = ours->range[k].inside + (uint64_t)ours->range[k].count - id;
		if (!left)
			return not_ours(what, id, range);
		if (ret->n == IDMAP_RANGES)
			return error_new(ERR_LIMIT, "a mapping of ids of more than %d ranges",
					IDMAP_RANGES);
		left = left < range->count - done ? left : range->count - done;
		ret->range[ret->n++] = (struct id_range){ (uint32_t)(range->inside + done),
			(uint32_t)id, (uint32_t)left };
		done += left;
	}
	return NULL;
}

static FALLIBLE take_map(
		const char *path, const struct idmap *map, const char *what, struct idmap *ret)
{
	struct idmap ours, fitted = { 0 };
	uint32_t root = 0;

	TRY(idmap_check(map));
	if (!idmap_out(map, 0, &root))
		return error_hint(error_new(ERR_INVALID,
						  "container ID 0 cannot be mapped to a host ID"),
				"map the %s 0, which files and commands of an image have", what);
	TRY(idmap_read(path, &ours));
	for (unsigned i = 0; i < map->n; i++)
		TRY(fit(&ours, &map->range[i], what, &fitted));
	*ret = fitted;
	return NULL;
}

FALLIBLE userns_map(struct userns *userns, const struct id_maps *maps)
{
	bool is_able = userns->mode == USERNS_SUBUID ||
		       (userns->mode == USERNS_ROOT && userns->owner.kind != OWNER_RECORDED);

	if (!is_able)
		return error_hint(
				error_new(ERR_UNSUPPORTED, "ids cannot be mapped in mode '%s'%s%s",
						userns_mode_name(userns->mode),
						userns->reason[0] ? ": " : "", userns->reason),
				"it takes root, or a range in /etc/subuid and /etc/subgid and "
				"newuidmap; or leave the mapping away");
	TRY(take_map("/proc/self/uid_map", &maps->uids, "user", &userns->uids));
	TRY(take_map("/proc/self/gid_map", &maps->gids, "group", &userns->gids));
	userns->owner = (struct owner_policy){ .kind = OWNER_MAPPED, .maps = *maps };
	return NULL;
}

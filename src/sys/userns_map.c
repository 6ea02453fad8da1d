/* Which ids: a range that is spare, and the maps that somebody asks for within those we have. */
#include "base/auto.h"
#include "base/xalloc.h"
#include "sys/fd.h"
#include "sys/proc.h"
#include "sys/userns_parts.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

/*
 * Where /etc/subuid gives root nothing: 0x70000000, above what systemd hands to containers and
 * below 2^31. The same on every machine, so that a store can be carried.
 */
#define UNLIKELY_BASE 0x70000000u

/* A spare range as wide as an image's ids, in both of our maps; false: there is none. */
bool userns_spare_base(const struct idmap *ours, const struct idmap *our_gids, uint32_t *ret)
{
	static const char *const names[] = { "root", "containers" };
	uint32_t candidates[2 * COUNT(names) + 2];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(names); i++) {
		struct idmap uids = { 0 };
		struct idmap gids = { 0 };

		error_ignore(idmap_subids("/etc/subuid", names[i], 0, &uids), "no such range");
		error_ignore(idmap_subids("/etc/subgid", names[i], 0, &gids), "no such range");
		for (unsigned u = 0; u < uids.n && n < 2 * COUNT(names); u++)
			for (unsigned g = 0; g < gids.n; g++)
				if (uids.range[u].outside == gids.range[g].outside &&
						uids.range[u].count >= IDMAP_WIDTH &&
						gids.range[g].count >= IDMAP_WIDTH &&
						n < 2 * COUNT(names))
					candidates[n++] = uids.range[u].outside;
	}
	candidates[n++] = UNLIKELY_BASE;
	candidates[n++] = IDMAP_WIDTH;
	for (size_t i = 0; i < n; i++) {
		if (idmap_covers(ours, candidates[i], IDMAP_WIDTH) &&
				idmap_covers(our_gids, candidates[i], IDMAP_WIDTH)) {
			*ret = candidates[i];
			return true;
		}
	}
	return false;
}

/* Everything that our namespace has, as it is, up to an image's width. */
void userns_one_to_one(const struct idmap *ours, struct idmap *ret)
{
	*ret = *ours;
	idmap_cut(ret, IDMAP_WIDTH);
	for (unsigned i = 0; i < ret->n; i++)
		ret->range[i].outside = ret->range[i].inside;
}

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

static FALLIBLE check_able(const struct userns *userns)
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
	return NULL;
}

FALLIBLE userns_map(struct userns *userns, const struct id_maps *maps)
{
	TRY(check_able(userns));
	TRY(take_map("/proc/self/uid_map", &maps->uids, "user", &userns->uids));
	TRY(take_map("/proc/self/gid_map", &maps->gids, "group", &userns->gids));
	userns->owner = (struct owner_policy){ .kind = OWNER_MAPPED, .maps = *maps };
	return NULL;
}

static FALLIBLE open_other(const char *path, int *ret_fd)
{
	AUTO_FD int fd = -1;

	/* A pipe would be waited for. */
	TRY(file_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0, &fd));
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWUSER)
		return error_new(ERR_INVALID, "'%s' is no user namespace", path);
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

/* Who is root in there may trace us otherwise, with the command line and environment that we have.
 */
static void hide_from_those_inside(void)
{
	(void)prctl(PR_SET_DUMPABLE, 0);
}

FALLIBLE userns_enter_other(const char *path)
{
	AUTO_FD int fd = -1;

	TRY(open_other(path, &fd));
	hide_from_those_inside();
	if (setns(fd, CLONE_NEWUSER) < 0 || unshare(CLONE_NEWNS) < 0)
		return error_sys("join the user namespace '%s'", path);
	return NULL;
}

static int join(int ns_fd)
{
	hide_from_those_inside();
	return setns(ns_fd, CLONE_NEWUSER) == 0 ? 0 : errno;
}

static FALLIBLE read_maps(pid_t pid, struct id_maps *ret)
{
	AUTO_FREE char *uids = xasprintf("/proc/%d/uid_map", (int)pid);
	AUTO_FREE char *gids = xasprintf("/proc/%d/gid_map", (int)pid);

	TRY(idmap_read(uids, &ret->uids));
	return idmap_read(gids, &ret->gids);
}

FALLIBLE userns_check_joined(const struct userns *userns, pid_t child)
{
	struct id_maps maps;

	TRY(read_maps(child, &maps));
	if (idmap_equal(&maps.uids, &userns->owner.maps.uids) &&
			idmap_equal(&maps.gids, &userns->owner.maps.gids))
		return NULL;
	return error_new(ERR_INVALID, "'%s' is another user namespace by now", userns->join);
}

/* As we see them, whoever is in it. */
static FALLIBLE maps_of(int ns_fd, const char *path, struct id_maps *ret)
{
	struct held held;

	if (proc_hold(join, ns_fd, &held))
		return error_hint(error_new(ERR_DENIED, "the user namespace '%s' cannot be joined",
						  path),
				"root can, from the namespace above it; an ordinary user's kiln "
				"has "
				"one of its own by then");
	struct error *error = read_maps(held.pid, ret);
	proc_let_go(&held);
	return error;
}

FALLIBLE userns_join(struct userns *userns, const char *path)
{
	AUTO_FD int fd = -1;
	struct id_maps maps;

	TRY(check_able(userns));
	TRY(open_other(path, &fd));
	TRY(maps_of(fd, path, &maps));
	TRY_WRAP(userns_map(userns, &maps), "the user namespace '%s'", path);
	userns->join = path;
	return NULL;
}

#include "build/place.h"
#include "base/clock.h"
#include "build/archive.h"
#include "layer/tar_read.h"
#include "stream/codec.h"
#include "stream/hash.h"
#include "sys/path.h"
#include "sys/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static char was_there, is_new; /* values of place->dirs */

void place_init(struct place *place, struct build *build, struct made *made,
		const struct view *view)
{
	*place = (struct place){ .build = build, .made = made, .view = view };
	place->dirs = map_new(NULL);
	map_set(place->dirs, "", &was_there);
}

void place_done(struct place *place)
{
	map_free(place->dirs);
	map_free(place->sent);
}

static void apply_owner(const struct place_rules *rules, struct owner *owner)
{
	if (rules->has_owner) {
		owner->uid = rules->uid;
		owner->gid = rules->gid;
	}
}

static void apply_rules(const struct place *place, struct owner *owner)
{
	const struct place_rules *rules = &place->rules;

	apply_owner(rules, owner);
	if (rules->chmod && !S_ISLNK(owner->mode))
		owner->mode = mode_apply(rules->chmod, owner->mode);
}

/* Times are no part of a key; where they are to be the same every time, they are not the source's.
 */
static void apply_time(const struct place *place, struct entry *entry)
{
	if (!place->rules.fixes_times)
		return;
	entry->mtime = place->rules.made_time;
	entry->mtime_ns = 0;
}

static FALLIBLE send(struct place *place, const struct entry *entry, struct reader *content)
{
	if (place->names)
		view_names_add(place->names, entry);
	return made_add(place->made, entry, content);
}

static struct error *not_a_directory(const char *path)
{
	return error_hint(error_new(ERR_INVALID, "'/%s' is there and is not a directory", path),
			"copy to another place, or remove it in an earlier step");
}

/* xattrs of a directory that comes along from below, ACLs and all that an image may carry. */
static FALLIBLE below_xattrs(const struct place *place, const char *path,
		const struct view_entry *there, struct xattrs *ret)
{
	AUTO_FD int fd = -1;
	AUTO(xattrs) struct xattrs all = { 0 };

	for (size_t i = 0; there->xattrs && i < there->xattrs->n; i++)
		xattrs_set(ret, there->xattrs->p[i].name, there->xattrs->p[i].value,
				there->xattrs->p[i].n);
	if (place->view->fd < 0 || there->xattrs)
		return NULL;
	struct error *error = rootfs_open_nofollow(
			view_fd_of(place->view, path), path, O_RDONLY | O_DIRECTORY, 0, &fd);
	if (error_is_errno(error, EACCES)) {
		error_ignore(error, "without namespaces a directory may be closed to its owner");
		return NULL;
	}
	TRY(error);
	TRY(xattr_list_fd(fd, &all));
	for (size_t i = 0; i < all.n; i++)
		if (entry_keeps_xattr(all.p[i].name))
			xattrs_set(ret, all.p[i].name, all.p[i].value, all.p[i].n);
	return NULL;
}

static FALLIBLE send_one_dir(struct place *place, const char *path)
{
	AUTO(view_entry) struct view_entry there = { 0 };
	AUTO(xattrs) struct xattrs xattrs = { 0 };
	struct entry entry = { .path = path };

	TRY(view_lookup(place->view, path, &there));
	if (there.exists && !S_ISDIR(there.owner.mode))
		return not_a_directory(path);
	if (there.exists) {
		entry.owner = there.owner;
		entry.mtime = there.mtime;
		TRY(below_xattrs(place, path, &there, &xattrs));
		entry.xattrs = xattrs.p;
		entry.n_xattrs = xattrs.n;
	} else {
		entry.owner.mode = S_IFDIR | 0755;
		entry.mtime = place->rules.made_time;
		apply_rules(place, &entry.owner);
	}
	map_set(place->dirs, path, there.exists ? &was_there : &is_new);
	return send(place, &entry, NULL);
}

FALLIBLE place_dirs(struct place *place, const char *path)
{
	size_t n = strlen(path);

	if (map_has(place->dirs, path))
		return NULL;
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		AUTO_FREE char *dir = xstrndup(path, i);
		if (!map_has(place->dirs, dir))
			TRY(send_one_dir(place, dir));
	}
	return NULL;
}

/* --- contents --- */

/* Reads one file after the other without allocating, hashing on the way when nobody did before. */
struct item_reader {
	struct reader reader;
	int fd;
	const char *at; /* heredoc: what is left of it */
	uint64_t left;
	struct hash *hash; /* NULL: not wanted, or fed by who reads */
	const char *path;
};

static struct error *item_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct item_reader *item = (struct item_reader *)reader;

	*ret_n = 0;
	if (n > item->left)
		n = item->left;
	if (n == 0)
		return NULL;
	if (item->at) {
		memcpy(buf, item->at, n);
		item->at += n;
	} else {
		ssize_t got = read(item->fd, buf, n);

		if (got < 0)
			return error_sys("read '%s'", item->path);
		if (got == 0)
			return select_changed(item->path);
		n = (size_t)got;
	}
	if (item->hash)
		hash_update(item->hash, buf, n);
	item->left -= n;
	*ret_n = n;
	return NULL;
}

static void item_free(struct reader *reader)
{
	(void)reader; /* lives on the stack of send_file() */
}

static struct hash *item_give_hash(struct reader *reader)
{
	return TAKE(((struct item_reader *)reader)->hash);
}

static const struct reader_ops item_ops = {
	.read = item_read, .free = item_free, .give_hash = item_give_hash
};

/*
 * A digest that was known before must be that of what was read; one that comes of this read is,
 * also where the file goes on changing: what is copied is as much as it held when it was selected.
 */
static FALLIBLE check_unchanged(const struct place *place, const struct select_item *item, int fd,
		bool is_hashed, uint64_t began)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return error_sys("look at '%s'", item->path);
	struct file_key now = file_key_of(&st);
	bool is_same = file_key_equal(&now, &item->key);
	if (!is_same && !is_hashed)
		return select_changed(item->path);
	if (is_same && is_hashed && place->digests)
		file_digests_put(place->digests, &item->key, &item->digest, item->is_bare, began);
	return NULL;
}

static FALLIBLE send_file(struct place *place, struct selection *selection,
		struct select_item *item, const struct entry *entry, struct hash *hash)
{
	AUTO_FD int fd = -1;
	bool wants_hash = !digest_known(&item->digest);
	uint64_t began = clock_now_ns();
	struct item_reader reader = { .reader = { &item_ops },
		.at = item->content,
		.left = item->size,
		.hash = wants_hash ? hash : NULL,
		.path = item->path };

	if (!item->content) {
		TRY(rootfs_open_nofollow(item->fd, item->path, O_RDONLY, 0, &fd));
		reader.fd = fd;
	}
	TRY(send(place, entry, &reader.reader));
	if (reader.left)
		return error_new(ERR_INVALID, "'%s' was not read to its end", item->path);
	if (wants_hash)
		item->digest = hash_finish(hash);
	if (item->content)
		return NULL;
	return check_unchanged(place, item, fd, wants_hash, began);
}

/* What is at an existing place must be of a kind that can be replaced. */
static FALLIBLE check_room(const struct place *place, const char *path, bool is_dir)
{
	AUTO(view_entry) struct view_entry there = { 0 };
	struct str parent = path_parent(path);
	AUTO_FREE char *dir = str_dup(parent);

	if (place->rules.replaces || map_get(place->dirs, dir) != &was_there)
		return NULL;
	TRY(view_lookup(place->view, path, &there));
	if (there.exists && is_dir && !S_ISDIR(there.owner.mode))
		return not_a_directory(path);
	if (there.exists && !is_dir && S_ISDIR(there.owner.mode))
		return error_hint(
				error_new(ERR_INVALID, "a file cannot replace the directory '/%s'",
						path),
				"end the destination with '/' to copy into it");
	return NULL;
}

/* Where the item is; who was there before is nowhere now. */
static void settle(struct place *place, struct selection *selection, size_t index, const char *path,
		const char **paths)
{
	if (place->sent) {
		uintptr_t before = (uintptr_t)map_get(place->sent, path);

		if (before)
			paths[before - 1] = NULL;
		map_set(place->sent, path, (void *)(index + 1));
	}
	paths[index] = arena_text(selection->arena, path);
}

/* The path of the same file, if it still is where it was put. */
static const char *twin_of(const struct select_item *item, const char **paths)
{
	return item->twin != SIZE_MAX ? paths[item->twin] : NULL;
}

static FALLIBLE send_item(struct place *place, struct selection *selection,
		struct select_item *item, const char *path, const char **paths, struct hash *hash)
{
	struct entry entry = {
		.path = path,
		.owner = item->owner,
		.mtime = item->content ? place->rules.made_time : item->mtime,
		.mtime_ns = item->mtime_ns,
		.link = item->link,
		.xattrs = item->xattrs.p,
		.n_xattrs = item->xattrs.n,
	};
	bool is_dir = S_ISDIR(item->owner.mode);
	size_t index = (size_t)(item - selection->items.p);

	TRY(cancel_check(place->build->options->cancel));
	TRY(check_room(place, path, is_dir));
	apply_rules(place, &entry.owner);
	apply_time(place, &entry);
	const char *twin = twin_of(item, paths);
	if (twin) {
		item->digest = selection->items.p[item->twin].digest;
		if (strcmp(twin, path) == 0)
			return NULL;
	}
	settle(place, selection, index, path, paths);
	if (is_dir) {
		AUTO(view_entry) struct view_entry there = { 0 };

		if (map_get(place->dirs, path) != &was_there) {
			struct str parent = path_parent(path);
			AUTO_FREE char *dir = str_dup(parent);

			if (map_get(place->dirs, dir) == &was_there)
				TRY(view_lookup(place->view, path, &there));
			bool is_there = there.exists && S_ISDIR(there.owner.mode);
			map_set(place->dirs, path, is_there ? &was_there : &is_new);
		}
		return send(place, &entry, NULL);
	}
	if (twin) {
		entry.is_hardlink = true;
		entry.link = twin;
		return send(place, &entry, NULL);
	}
	if (!S_ISREG(item->owner.mode))
		return send(place, &entry, NULL);
	entry.size = item->size;
	return send_file(place, selection, item, &entry, hash);
}

/* --- archives of ADD --- */

enum { OWN_LINKS = 40 };

/* Entries of an archive, put below a directory. */
struct below_sink {
	struct entry_sink sink;
	struct place *place;
	const char *dir;
	struct map *links; /* that the archive brought: path below dir -> target */
};

/* One component on from *at, below dir; a link's target goes in front of what is left. */
static FALLIBLE follow_one(const struct below_sink *below, char **at, char **left, size_t *links)
{
	struct str first, tail;

	(void)str_cut(str_of(*left), '/', &first, &tail);
	AUTO_FREE char *name = str_dup(first);
	AUTO_FREE char *next = strcmp(name, "..") == 0            ? str_dup(path_parent(*at))
			       : !*name || strcmp(name, ".") == 0 ? xstrdup(*at)
								  : path_join(*at, name);
	const char *target = strcmp(next, *at) != 0 ? map_get(below->links, next) : NULL;
	AUTO_FREE char *rest = target ? xasprintf("%s/%.*s", target, STR_ARG(tail)) : str_dup(tail);

	if (target && ++*links > OWN_LINKS)
		return error_errno(ELOOP, "follow '%s'", next);
	if (!target || target[0] == '/') {
		free(*at);
		*at = target ? xstrdup("") : TAKE(next);
	}
	free(*left);
	*left = TAKE(rest);
	return NULL;
}

/* name, its directories followed through the archive's own links; none leads out of dir. */
static FALLIBLE follow_own(const struct below_sink *below, const char *name, char **ret)
{
	if (!map_count(below->links)) {
		*ret = xstrdup(name);
		return NULL;
	}
	AUTO_FREE char *left = str_dup(path_parent(name));
	AUTO_FREE char *at = xstrdup("");
	size_t links = 0;

	while (*left)
		TRY(follow_one(below, &at, &left, &links));
	*ret = path_join(at, path_name(name));
	return NULL;
}

/*
 * Where an entry goes: a directory that the archive itself brought is its own, others are followed
 * where they are links in the archive or in the stage, as tar does ("bin/x" on a system whose /bin
 * is a link).
 */
static FALLIBLE below_path(
		const struct below_sink *below, const char *name, char **ret_own, char **ret)
{
	TRY(follow_own(below, name, ret_own));
	AUTO_FREE char *path = path_join(below->dir, *ret_own);
	AUTO_FREE char *dir = str_dup(path_parent(path));
	AUTO_FREE char *real = NULL;

	if (map_has(below->place->dirs, dir)) {
		*ret = TAKE(path);
		return NULL;
	}
	TRY(view_resolve(below->place->view, dir, &real));
	*ret = path_join(real, path_name(path));
	return NULL;
}

/* What has a name has it instead of a link that came before. */
static void note_link(const struct below_sink *below, const char *own, const struct entry *entry)
{
	if (S_ISLNK(entry->owner.mode) && !entry->is_hardlink)
		map_set(below->links, own, xstrdup(entry->link));
	else
		(void)map_remove(below->links, own);
}

static struct error *below_add(
		struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	struct below_sink *below = (struct below_sink *)sink;
	struct place *place = below->place;
	struct entry moved = *entry;
	AUTO_FREE char *link = NULL, *own_link = NULL;
	AUTO_FREE char *path = NULL, *own = NULL;

	if (entry->path[0] == '\0')
		return NULL; /* the root of an archive does not change the destination */
	TRY(below_path(below, entry->path, &own, &path));
	AUTO_FREE char *dir = str_dup(path_parent(path));
	TRY(place_dirs(place, dir));
	moved.path = path;
	if (entry->is_hardlink) {
		TRY(below_path(below, entry->link, &own_link, &link));
		moved.link = link;
	}
	/* --chmod is for what is copied: an archive says itself what modes its files have. */
	apply_owner(&place->rules, &moved.owner);
	apply_time(place, &moved);
	if (S_ISDIR(moved.owner.mode))
		map_set(place->dirs, path, &is_new);
	note_link(below, own, &moved);
	return send(place, &moved, content);
}

static void below_free(struct entry_sink *sink)
{
	(void)sink; /* lives on the stack of send_archive() */
}

static FALLIBLE send_archive(struct place *place, struct selection *selection,
		struct select_item *item, const char *dir)
{
	static const struct entry_sink_ops ops = { .add = below_add, .free = below_free };
	AUTO(map) struct map *links = map_new(free);
	struct below_sink sink = { { &ops, false }, place, dir, links };
	AUTO(reader) struct reader *plain = NULL;
	AUTO(tar_reader) struct tar_reader *tar = NULL;
	AUTO_FD int fd = -1;

	TRY(rootfs_open_nofollow(item->fd, item->path, O_RDONLY, 0, &fd));
	TRY(codec_reader(reader_from_fd(TAKE_FD(fd)), &plain, NULL));
	tar = tar_reader_new(TAKE(plain));
	TRY(place_dirs(place, dir));
	TRY_WRAP(layer_replay_archive(tar, &sink.sink, place->build->options->cancel, NULL),
			"unpack '%s'", item->path);
	return NULL;
}

bool place_may_unpack(const struct plan_copy *copy, const struct select_item *item)
{
	return copy->is_add && copy->unpack != TRISTATE_NO && !item->content &&
	       S_ISREG(item->owner.mode) && (!item->is_download || copy->unpack == TRISTATE_YES);
}

FALLIBLE place_is_archive(
		const struct selection *selection, const struct select_item *item, bool *ret)
{
	AUTO(reader) struct reader *plain = NULL;
	AUTO_FD int fd = -1;
	unsigned char block[ARCHIVE_BLOCK];
	size_t n = 0, got = 1;

	*ret = false;
	TRY(rootfs_open_nofollow(item->fd, item->path, O_RDONLY, 0, &fd));
	struct error *error = codec_reader(reader_from_fd(TAKE_FD(fd)), &plain, NULL);
	/* Nobody can know without the library. */
	if (error_is(error, ERR_UNSUPPORTED))
		return error_wrap(error, "look into '%s'", item->path);
	while (!error && n < sizeof(block) && got) {
		error = reader_read(plain, block + n, sizeof(block) - n, &got);
		n += got;
	}
	if (error || n < sizeof(block)) {
		error_ignore(error, "a file that does not decompress is copied as it is");
		return NULL;
	}
	*ret = archive_is_header(block);
	return NULL;
}

/* --- groups --- */

static FALLIBLE place_group(struct place *place, struct selection *selection,
		const struct select_group *group, const struct plan_copy *copy, const char *dest,
		const char **paths, struct hash *hash)
{
	struct select_item *first = &selection->items.p[group->first];
	AUTO(view_entry) struct view_entry there = { 0 };
	bool unpack = false;

	if (group->count == 0)
		return NULL;
	if (group->is_dir && place->sent && map_has(place->sent, dest))
		return not_a_directory(dest);
	if (group->is_dir) {
		TRY(place_dirs(place, dest));
		for (size_t i = 1; i < group->count; i++) {
			AUTO_FREE char *path = path_join(dest, first[i].rel);

			TRY(send_item(place, selection, &first[i], path, paths, hash));
		}
		return NULL;
	}
	if (place_may_unpack(copy, first))
		TRY(place_is_archive(selection, first, &unpack));
	if (unpack)
		return send_archive(place, selection, first, dest);
	TRY(view_lookup(place->view, dest, &there));
	bool into = copy->dest_is_dir || map_has(place->dirs, dest) ||
		    (there.exists && S_ISDIR(there.owner.mode));
	AUTO_FREE char *path = into ? path_join(dest, group->name) : xstrdup(dest);
	/* BuildKit's rule: what a pattern matches goes to one name after the other, and the last
	 * stays. */
	place->replaced += !into && place->sent && map_has(place->sent, dest);
	struct str parent = path_parent(path);
	AUTO_FREE char *dir = str_dup(parent);
	TRY(place_dirs(place, dir));
	return send_item(place, selection, first, path, paths, hash);
}

FALLIBLE place_selection(
		struct place *place, struct selection *selection, const struct plan_copy *copy)
{
	AUTO(hash) struct hash *hash = hash_new();
	AUTO_FREE char *dest = NULL;
	const char **paths = arena_array(selection->arena, selection->items.n, sizeof(*paths));

	if (selection->groups.n > 1)
		place->sent = map_new(NULL);
	TRY(view_resolve(place->view, copy->dest, &dest));
	for (size_t i = 0; i < selection->groups.n; i++)
		TRY(place_group(place, selection, &selection->groups.p[i], copy, dest, paths,
				hash));
	return NULL;
}

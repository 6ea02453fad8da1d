#include "build/select.h"
#include "base/limits.h"
#include "build/fetched.h"
#include "build/source_glob.h"
#include "dockerfile/glob.h"
#include "layer/entry.h"
#include "layer/tree.h"
#include "sys/path.h"
#include "sys/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

struct walk {
	const struct select_origin *origin;
	struct selection *out;
	const struct ignore *excludes; /* --exclude */
	const struct glob *include;    /* --parents: what comes along; NULL: everything */
	bool is_pivot;                 /* --parents: what is named must be a directory */
	struct cancel *cancel;
	const char *top; /* path of the group's top */
	struct strbuf path;
	dev_t device;         /* whose files' ctime tells of a new attribute; 0: none is known to */
	VEC(size_t) doubtful; /* directories that are left out unless something in them is not */
	size_t left_out;      /* matches of patterns that the ignore file has */
};

static const char capability_name[] = "security.capability";

/* --parents: neither named by the pattern nor below what it names. */
static bool is_not_named(const struct walk *walk, const char *rel)
{
	struct glob_path split;

	if (!walk->include)
		return false;
	glob_path_split(rel, &split);
	return !glob_matches_parents(walk->include, &split);
}

static bool is_left_out(const struct walk *walk, const char *path, bool is_dir)
{
	const struct ignore *includes = is_dir ? NULL : walk->origin->includes;
	const char *rel = path_is_in(path, walk->top) ? path + strlen(walk->top) : path;

	rel += *rel == '/';
	return ignore_matches(walk->origin->ignore, path) || ignore_matches(walk->excludes, rel) ||
	       (includes && !ignore_matches(includes, rel)) || is_not_named(walk, rel);
}

/* Nothing below a directory that is left out can come back. */
static bool may_skip(const struct walk *walk, const char *path)
{
	const char *rel = path_is_in(path, walk->top) ? path + strlen(walk->top) : path;

	rel += *rel == '/';
	if (ignore_matches(walk->origin->ignore, path) &&
			ignore_may_skip_dir(walk->origin->ignore, path))
		return true;
	if (is_not_named(walk, rel)) {
		struct glob_path split;

		glob_path_split(rel, &split);
		if (!glob_may_match_below(walk->include, &split))
			return true;
	}
	return ignore_matches(walk->excludes, rel) && ignore_may_skip_dir(walk->excludes, rel);
}

/*
 * What a copy would not have (an ACL), or a step sees by its own ids (file capabilities). A label
 * of SELinux every file has.
 */
static bool is_shown_as_is(const char *name)
{
	return (entry_keeps_xattr(name) && strcmp(name, capability_name) != 0) ||
	       strcmp(name, "security.selinux") == 0;
}

/* Only what an image may carry: user attributes and file capabilities. */
static FALLIBLE read_xattrs(
		const struct walk *walk, int dir_fd, const char *name, struct select_item *item)
{
	AUTO(xattrs) struct xattrs all = { 0 };
	uint8_t capability[64];
	size_t n = 0;

	TRY(xattr_list(dir_fd, name, &all));
	item->is_bare = walk->device && item->key.dev == walk->device;
	for (size_t i = 0; i < all.n; i++) {
		const struct xattr *one = &all.p[i];

		if (!is_shown_as_is(one->name)) {
			walk->out->is_whole = false;
			item->is_bare = false;
		}
		if (entry_keeps_xattr(one->name) &&
				(strcmp(one->name, capability_name) != 0 || !walk->origin->policy))
			xattrs_set(&item->xattrs, one->name, one->value, one->n);
	}
	if (all.n && walk->origin->policy && S_ISREG(item->owner.mode)) {
		TRY(owner_get_capability(walk->origin->policy, dir_fd, name, capability,
				sizeof(capability), &n));
		if (n)
			xattrs_set(&item->xattrs, capability_name, capability, n);
	}
	item->is_bare = item->is_bare && item->xattrs.n == 0;
	return NULL;
}

static FALLIBLE add_item(struct walk *walk, int dir_fd, const char *name, const struct stat *st,
		const char *path)
{
	struct selection *out = walk->out;
	char target[LIMIT_PATH_BYTES + 1];

	if (out->items.n == 0) {
		out->disk_uid = st->st_uid;
		out->disk_gid = st->st_gid;
	}
	if (st->st_uid != out->disk_uid || st->st_gid != out->disk_gid ||
			!(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || S_ISLNK(st->st_mode)))
		out->is_whole = false;
	if (S_ISSOCK(st->st_mode))
		return NULL;
	struct select_item *item = vec_add(&out->items);
	item->fd = walk->origin->fd;
	item->path = arena_text(out->arena, path);
	item->rel = item->path + strlen(walk->top);
	item->rel += *item->rel == '/';
	item->owner = (struct owner){ .mode = st->st_mode,
		.major = (uint32_t)(st->st_rdev >> 8 & 0xfff),
		.minor = (uint32_t)(st->st_rdev & 0xff) };
	if (walk->origin->policy)
		TRY(owner_get(walk->origin->policy, dir_fd, name, st, &item->owner));
	item->mtime = st->st_mtim.tv_sec;
	item->mtime_ns = (uint32_t)st->st_mtim.tv_nsec;
	item->size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
	item->links = st->st_nlink;
	item->twin = SIZE_MAX;
	item->key = file_key_of(st);
	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(dir_fd, name, target, sizeof(target) - 1);

		if (n < 0)
			return error_sys("read the link '%s'", path);
		item->link = arena_str(out->arena, (struct str){ target, (size_t)n });
	} else if (walk->origin->digests && item->key.dev == walk->device &&
			file_digests_is_bare(walk->origin->digests, &item->key)) {
		item->is_bare = true;
	} else {
		TRY(read_xattrs(walk, dir_fd, name, item));
	}
	return NULL;
}

static struct error *visit(void *state, const struct tree_item *at, enum tree_step *step)
{
	struct walk *walk = state;
	bool is_dir = S_ISDIR(at->st->st_mode);

	strbuf_clear(&walk->path);
	strbuf_add(&walk->path, walk->top);
	if (walk->top[0])
		strbuf_add_char(&walk->path, '/');
	strbuf_add(&walk->path, at->path);
	const char *path = strbuf_text(&walk->path);
	bool left_out = is_left_out(walk, path, is_dir);
	if (!left_out)
		return add_item(walk, at->dir_fd, at->name, at->st, path);
	walk->out->is_whole = false;
	if (!is_dir)
		return NULL;
	if (may_skip(walk, path)) {
		*step = TREE_SKIP;
		return NULL;
	}
	/* A directory that is left out comes back when something in it does: see leave(). */
	vec_push(&walk->doubtful, walk->out->items.n);
	return add_item(walk, at->dir_fd, at->name, at->st, path);
}

static struct error *leave(void *state, const struct tree_item *at)
{
	struct walk *walk = state;
	struct selection *out = walk->out;

	if (!walk->doubtful.n)
		return NULL;
	size_t index = walk->doubtful.p[walk->doubtful.n - 1];
	const char *path = out->items.p[index].path + strlen(walk->top) + (walk->top[0] != '\0');
	if (strcmp(path, at->path) != 0)
		return NULL;
	walk->doubtful.n--;
	if (out->items.n == index + 1) {
		xattrs_done(&out->items.p[index].xattrs);
		out->items.n = index;
	}
	return cancel_check(walk->cancel);
}

/* Scripts look for these words of Buildah's. */
static struct error *left_out(const struct select_origin *origin, const char *source, size_t count)
{
	AUTO_FREE char *ignored = xasprintf("%zu filtered out using %s", count,
			origin->ignore_path ? origin->ignore_path : "the ignore file");

	return error_new(ERR_NOT_FOUND,
			"no items matching glob '%s' in %s (%s): no such file or directory", source,
			origin->name, count ? ignored : "it matched nothing");
}

static struct error *not_there(const struct walk *walk, const char *path, bool is_ignored)
{
	AUTO_FREE char *whole = xasprintf("/%s", path);

	if (is_ignored && walk->origin->needs_match)
		return left_out(walk->origin, whole, 1);
	struct error *error = error_new(ERR_NOT_FOUND,
			"\"%s\": not found in %s: no such file or directory", whole,
			walk->origin->name);
	if (is_ignored)
		return error_hint(error, "it is there, but '%s' leaves it out",
				walk->origin->ignore_name ? walk->origin->ignore_name
							  : ".dockerignore");
	return error;
}

/* Where the name is: links on the way are followed inside the root, the last component is not. */
static FALLIBLE find_name(const struct walk *walk, const char *path, char **ret)
{
	const char *name = path_name(path);
	AUTO_FREE char *folder = xstrndup(path, (size_t)(name - path)), *resolved = NULL;

	TRY(rootfs_resolve(walk->origin->fd, folder, &resolved));
	AUTO_FREE char *whole = xasprintf("%s/%s", resolved, name);
	*ret = path_clean(str_of(whole));
	return NULL;
}

/* What is copied: where a link leads, unless links are kept. */
static FALLIBLE find_source(
		const struct walk *walk, const char *path, const char *own, char **ret_real)
{
	AUTO_FREE char *resolved = NULL;

	if (walk->origin->keeps_links) {
		*ret_real = xstrdup(own);
		return NULL;
	}
	TRY_WRAP(rootfs_resolve(walk->origin->fd, path, &resolved), "follow '/%s' in %s", path,
			walk->origin->name);
	*ret_real = path_clean(str_of(resolved));
	return NULL;
}

/* A link that is left out is not followed, wherever it leads. */
static bool is_ignored_link(const struct walk *walk, const char *own)
{
	struct stat st;

	if (!ignore_matches(walk->origin->ignore, own))
		return false;
	struct error *error = rootfs_lstat(walk->origin->fd, own, &st);
	bool is_link = !error && S_ISLNK(st.st_mode);
	error_free(error);
	return is_link;
}

/* A pattern does not make a link that leads nowhere a name that is not there. */
static struct error *leads_nowhere(const struct walk *walk, const char *path, const char *real)
{
	return error_new(ERR_NOT_FOUND, "'/%s' is a link to '/%s', which is not in %s", path, real,
			walk->origin->name);
}

/* A pattern may match what is left out. */
static struct error *pass(struct walk *walk)
{
	walk->left_out++;
	return NULL;
}

/* One source, literal by now. The name it has at the destination is the one that was asked for. */
static FALLIBLE add_group(struct walk *walk, const char *path, bool is_match)
{
	AUTO_FREE char *own = NULL, *real = NULL;
	AUTO_FD int parent = -1;
	const char *name = NULL;
	struct stat st;

	TRY_WRAP(find_name(walk, path, &own), "follow '/%s' in %s", path, walk->origin->name);
	if (is_ignored_link(walk, own))
		return is_match ? pass(walk) : not_there(walk, path, true);
	TRY(find_source(walk, path, own, &real));
	bool is_link = strcmp(own, real) != 0;
	struct error *error = rootfs_open_parent(walk->origin->fd, real, &parent, &name);
	if (error && !error_is_errno(error, ENOENT) && !error_is_errno(error, ENOTDIR))
		return error;
	if (error || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0) {
		error_free(error);
		return is_link ? leads_nowhere(walk, path, real) : not_there(walk, path, false);
	}
	bool is_dir = S_ISDIR(st.st_mode);
	if (walk->is_pivot && !is_dir)
		return is_match ? NULL : not_there(walk, path, false);
	walk->top = is_dir ? real : "";
	bool left_out = real[0] && ignore_matches(walk->origin->ignore, real);
	if (left_out && (!is_dir || ignore_may_skip_dir(walk->origin->ignore, real)))
		return is_match && !is_link ? pass(walk) : not_there(walk, path, true);
	if (!is_dir && is_left_out(walk, real, false))
		return NULL;
	struct select_group group = {
		.name = arena_text(walk->out->arena, walk->is_pivot ? "" : path_name(path)),
		.is_dir = is_dir,
		.is_root = real[0] == '\0' || walk->is_pivot,
		.first = walk->out->items.n,
	};
	TRY(add_item(walk, parent, name, &st, real));
	if (!is_dir && walk->out->items.n > group.first)
		walk->out->items.p[group.first].rel = "";
	if (is_dir) {
		AUTO_FD int fd = -1;

		TRY(rootfs_open(walk->origin->fd, real, O_RDONLY | O_DIRECTORY, 0, &fd));
		struct tree_visitor visitor = { .visit = visit, .leave = leave, .state = walk };

		TRY_WRAP(tree_walk(fd, &visitor), "walk '/%s' in %s", real, walk->origin->name);
	}
	group.count = walk->out->items.n - group.first;
	vec_push(&walk->out->groups, group);
	return NULL;
}

static FALLIBLE add_named(struct walk *walk, const char *path)
{
	if (!glob_is_pattern(path)) {
		AUTO_FREE char *plain = xstrdup(glob_unescape(walk->out->arena, path));

		return add_group(walk, plain, false);
	}
	AUTO(list) struct list matches = { 0 };
	const struct select_origin *origin = walk->origin;

	TRY(source_glob(origin->fd, path, origin->globs_deep, walk->cancel, &matches));
	for (size_t i = 0; i < matches.n; i++)
		TRY(add_group(walk, matches.p[i], true));
	return NULL;
}

/* The walk goes into no link, so that what is named through one would be missing without a word. */
static FALLIBLE check_way(
		const struct walk *walk, const char *base, const char *pattern, const char *path)
{
	AUTO_FREE char *own = NULL, *top = NULL;

	TRY(find_name(walk, path, &own));
	TRY(rootfs_resolve(walk->origin->fd, base, &top));
	AUTO_FREE char *plain = path_join(top, glob_unescape(walk->out->arena, pattern));
	AUTO_FREE char *expected = path_clean(str_of(plain));
	if (strcmp(own, expected) == 0)
		return NULL;
	return error_hint(error_new(ERR_INVALID,
					  "the way to '/%s' is through a link, which --parents "
					  "does not follow",
					  path),
			"it is at '/%s'", own);
}

/* A literal path must be there, even if --exclude leaves nothing of it. */
static FALLIBLE check_named(struct walk *walk, const char *base, const char *pattern)
{
	AUTO_FREE char *whole = path_join(base, pattern);
	const char *path = glob_unescape(walk->out->arena, whole);
	struct stat st;

	if (glob_is_pattern(whole))
		return NULL;
	struct error *error = rootfs_lstat(walk->origin->fd, path, &st);
	bool is_there = !error;
	error_free(error);
	if (!is_there || ignore_matches(walk->origin->ignore, path))
		return not_there(walk, path, is_there);
	return check_way(walk, base, pattern, path);
}

/*
 * --parents: "base/./pattern" brings what matches below base with its path from there on, and
 * without a pivot base is the root. That is a copy of base's contents of which only what matches,
 * and the directories on the way to it, come along.
 */
static FALLIBLE add_parents(struct walk *walk, const struct plan_source *source)
{
	AUTO(glob) struct glob *include = NULL;
	const char *pivot = strstr(source->path, "/./");
	struct str before = str_slice(
			str_of(source->path), 0, pivot ? (size_t)(pivot - source->path) : 0);
	AUTO_FREE char *base = path_clean(before);
	AUTO_FREE char *pattern = path_clean(str_of(pivot ? pivot + 3 : source->path));
	size_t first = walk->out->groups.n, items = walk->out->items.n;

	if (pattern[0])
		TRY(glob_parse(pattern, &include));
	walk->include = include;
	walk->is_pivot = true;
	struct error *error = add_named(walk, base);
	walk->include = NULL;
	walk->is_pivot = false;
	if (error)
		return error;
	if (walk->out->items.n > items + (walk->out->groups.n - first))
		return NULL;
	/* Tops alone: nothing matched, and the destination is made all the same, as BuildKit does.
	 */
	return check_named(walk, base, pattern);
}

static FALLIBLE add_source(
		struct walk *walk, const struct plan_copy *copy, const struct plan_source *source)
{
	AUTO_FREE char *path = path_clean(str_of(source->path));

	return copy->parents ? add_parents(walk, source) : add_named(walk, path);
}

static void add_heredoc(struct walk *walk, const struct plan_source *source)
{
	struct selection *out = walk->out;
	struct select_group group = { .name = source->path, .first = out->items.n, .count = 1 };
	struct select_item *item = vec_add(&out->items);

	item->path = source->path;
	item->rel = "";
	item->owner.mode = S_IFREG | 0644;
	item->size = source->content_bytes;
	item->content = source->content;
	item->links = 1;
	item->twin = SIZE_MAX;
	vec_push(&out->groups, group);
}

/* A file from elsewhere: readable by its owner alone, as old as its server says. */
static FALLIBLE add_download(struct walk *walk, const struct fetched *fetched)
{
	struct selection *out = walk->out;
	struct select_group group = {
		.name = arena_text(out->arena, fetched->name ? fetched->name : ""),
		.first = out->items.n,
		.count = 1,
	};
	struct select_item *item = vec_add(&out->items);
	struct stat st;

	if (fstatat(fetched->fd, FETCHED_FILE, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return error_sys("look at the download of '%s'", fetched->source->path);
	item->fd = fetched->fd;
	item->path = FETCHED_FILE;
	item->rel = "";
	item->owner.mode = S_IFREG | 0600;
	item->mtime = fetched->mtime;
	item->size = (uint64_t)st.st_size;
	item->links = 1;
	item->twin = SIZE_MAX;
	item->key = file_key_of(&st);
	item->digest = fetched->digest;
	item->is_download = true;
	vec_push(&out->groups, group);
	return NULL;
}

/* What is in a repository, as if it had been the directory that was named. */
static FALLIBLE add_repository(struct walk *walk, const struct fetched *fetched)
{
	const struct select_origin *before = walk->origin;
	const struct select_origin origin = { .fd = fetched->fd, .name = fetched->source->path };

	walk->origin = &origin;
	struct error *error = add_group(walk, "", false);
	walk->origin = before;
	return error;
}

static FALLIBLE add_one(struct walk *walk, const struct plan_copy *copy, size_t i)
{
	const struct plan_source *source = &copy->sources[i];

	if (source->url)
		return add_download(walk, &walk->origin->fetched[i]);
	if (source->git)
		return add_repository(walk, &walk->origin->fetched[i]);
	if (!source->content)
		return add_source(walk, copy, source);
	add_heredoc(walk, source);
	return NULL;
}

/* Items of one source that are one inode: the first is the file, the others its links. */
static void find_twins(struct selection *out, const struct select_group *group)
{
	AUTO(map) struct map *seen = map_new(NULL);
	char name[64];

	for (size_t i = group->first; i < group->first + group->count; i++) {
		struct select_item *item = &out->items.p[i];

		if (item->links < 2 || !S_ISREG(item->owner.mode) || item->content)
			continue;
		(void)snprintf(name, sizeof(name), "%llx:%llx", (unsigned long long)item->key.dev,
				(unsigned long long)item->key.ino);
		uintptr_t first = (uintptr_t)map_get(seen, name);
		if (first)
			item->twin = first - 1;
		else
			map_set(seen, name, (void *)(i + 1));
	}
}

/* tmpfs sets an attribute without a trace in ctime, before Linux 6.3 or so. */
static dev_t device_of(const struct select_origin *origin)
{
	struct statfs fs;
	struct stat st;

	if (!origin->digests || fstat(origin->fd, &st) != 0 || fstatfs(origin->fd, &fs) != 0)
		return 0;
	return fs.f_type == TMPFS_MAGIC ? 0 : st.st_dev;
}

static FALLIBLE check_match(const struct walk *walk, const struct plan_copy *copy)
{
	const struct select_origin *origin = walk->origin;

	if (!origin->needs_match || walk->out->groups.n || copy->excludes.n || !copy->source_count)
		return NULL;
	return left_out(origin, copy->sources[0].path, walk->left_out);
}

FALLIBLE select_make(const struct select_origin *origin, const struct plan_copy *copy,
		struct cancel *cancel, struct selection **ret)
{
	AUTO(selection) struct selection *out = xcalloc(1, sizeof(*out));
	AUTO(ignore) struct ignore *excludes = NULL;
	struct walk walk = { .origin = origin,
		.out = out,
		.cancel = cancel,
		.top = "",
		.device = device_of(origin) };
	struct error *error = NULL;

	out->arena = arena_new();
	out->fd = origin->fd;
	out->is_whole = !origin->policy;
	if (copy->excludes.n) {
		AUTO(list) struct list patterns = { 0 };

		for (size_t i = 0; i < copy->excludes.n; i++)
			list_add(&patterns, copy->excludes.p[i]);
		TRY(ignore_from_patterns(&patterns, &excludes));
	}
	walk.excludes = excludes;
	for (size_t i = 0; i < copy->source_count && !error; i++)
		error = add_one(&walk, copy, i);
	strbuf_done(&walk.path);
	vec_done(&walk.doubtful);
	if (!error)
		error = check_match(&walk, copy);
	if (error)
		return error;
	for (size_t g = 0; g < out->groups.n; g++)
		find_twins(out, &out->groups.p[g]);
	*ret = TAKE(out);
	return NULL;
}

void select_free(struct selection *selection)
{
	if (!selection)
		return;
	for (size_t i = 0; i < selection->items.n; i++)
		xattrs_done(&selection->items.p[i].xattrs);
	vec_done(&selection->items);
	vec_done(&selection->groups);
	arena_free(selection->arena);
	free(selection);
}

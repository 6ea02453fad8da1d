#include "podman/survey.h"

#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "layer/entry_disk.h"
#include "layer/layer.h"
#include "layer/tree.h"
#include "layer/whiteout.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* What the tar says of a name, then what was seen of it. */
struct said {
	struct entry_disk file;
	bool is_whiteout, is_opaque, is_seen;
	char *same_as; /* a hard link: the path of the file; or NULL */
	ino_t ino;
};

struct survey {
	struct entry_sink sink;
	struct map *said;
	struct cancel *cancel;
	const struct owner_policy *shifted; /* or NULL */
	struct entry_disk disk;
	size_t seen;
	uint64_t links, more_links; /* hard links of the tar; names of files beside their first */
	bool is_other;
};

static void said_free(void *value)
{
	struct said *said = value;

	entry_disk_done(&said->file);
	free(said->same_as);
	free(said);
}

/* --- the tar --- */

/* NULL: the name came before, and two of them are more than we compare. */
static struct said *say(struct survey *survey, const char *path)
{
	if (map_has(survey->said, path)) {
		survey->is_other = true;
		return NULL;
	}
	struct said *said = xcalloc(1, sizeof(*said));
	map_set(survey->said, path, said);
	return said;
}

static struct error *on_entry(
		struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	struct said *said = say((struct survey *)sink, entry->path);

	(void)content;
	if (!said)
		return NULL;
	if (entry->is_hardlink) {
		said->same_as = xstrdup(entry->link);
		((struct survey *)sink)->links++;
		return NULL;
	}
	said->file.entry.owner = entry->owner;
	said->file.entry.mtime = entry->mtime;
	said->file.entry.mtime_ns = entry->mtime_ns;
	said->file.entry.size = entry->size;
	said->file.link = entry->link ? xstrdup(entry->link) : NULL;
	for (size_t i = 0; i < entry->n_xattrs; i++)
		if (entry_keeps_xattr(entry->xattrs[i].name))
			xattrs_set(&said->file.xattrs, entry->xattrs[i].name,
					entry->xattrs[i].value, entry->xattrs[i].n);
	return NULL;
}

static struct error *on_whiteout(struct entry_sink *sink, const char *path)
{
	struct said *said = say((struct survey *)sink, path);

	if (said)
		said->is_whiteout = true;
	return NULL;
}

static struct error *on_opaque(struct entry_sink *sink, const char *path)
{
	struct survey *survey = (struct survey *)sink;
	struct said *said = map_get(survey->said, path);

	if (said)
		said->is_opaque = true;
	else
		survey->is_other = true;
	return NULL;
}

static struct error *on_close(struct entry_sink *sink)
{
	(void)sink;
	return NULL;
}

static void on_free(struct entry_sink *sink)
{
	(void)sink;
}

static FALLIBLE read_tar(struct survey *survey, struct reader *taken)
{
	AUTO(tar_reader) struct tar_reader *tar = tar_reader_new(taken);

	return layer_replay(tar, &survey->sink, survey->cancel, NULL);
}

/* --- the directory --- */

static FALLIBLE open_dir(const struct tree_item *item, int *ret)
{
	*ret = openat(item->dir_fd, item->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret < 0 ? error_sys("open '%s'", item->path) : NULL;
}

/* A mark that overlays of steps do not see is none. */
static FALLIBLE is_opaque_to(const struct survey *survey, int dir_fd, bool *ret)
{
	return survey->shifted ? whiteout_is_opaque_to_users(dir_fd, ret)
			       : whiteout_is_opaque(dir_fd, ret);
}

static FALLIBLE has_place(const struct survey *survey, const struct owner *owner, bool *ret)
{
	uid_t uid = 0;
	gid_t gid = 0;

	*ret = true;
	if (!survey->shifted)
		return NULL;
	struct error *error = owner_disk_ids(survey->shifted, owner->uid, owner->gid, &uid, &gid);
	if (!error_is(error, ERR_UNSUPPORTED))
		return error;
	error_ignore(error, "the layer is unpacked, and that says which id it is");
	*ret = false;
	return NULL;
}

/* As it is said to be, and it can be seen so. */
static FALLIBLE is_equal_there(
		struct survey *survey, const struct said *said, bool times, bool *ret)
{
	TRY(has_place(survey, &said->file.entry.owner, ret));
	*ret = *ret && entry_disk_equal(&said->file, &survey->disk, times);
	return NULL;
}

static FALLIBLE is_as_said(struct survey *survey, const struct said *said,
		const struct tree_item *item, bool *ret)
{
	static const struct owner_policy plain = { .kind = OWNER_PLAIN };
	AUTO_FD int fd = -1;
	bool is_whiteout = false, is_opaque = false;

	*ret = false;
	TRY(whiteout_is(item->dir_fd, item->name, item->st, &is_whiteout));
	if (is_whiteout || said->is_whiteout) {
		*ret = is_whiteout && said->is_whiteout;
		return NULL;
	}
	if (S_ISDIR(item->st->st_mode)) {
		TRY(open_dir(item, &fd));
		TRY(is_opaque_to(survey, fd, &is_opaque));
	}
	if (is_opaque != said->is_opaque)
		return NULL;
	TRY(entry_disk_read(&survey->disk, &plain, item->dir_fd, item->name, item->st, item->path));
	return is_equal_there(survey, said, S_ISREG(item->st->st_mode), ret);
}

static struct error *visit(void *state, const struct tree_item *item, enum tree_step *step)
{
	struct survey *survey = state;
	struct said *said = map_get(survey->said, item->path);
	bool is_equal = said != NULL;

	TRY(cancel_check(survey->cancel));
	if (said) {
		said->is_seen = true;
		said->ino = item->st->st_ino;
		survey->seen++;
		if (!said->same_as && !said->is_whiteout && !S_ISDIR(item->st->st_mode))
			survey->more_links += item->st->st_nlink - 1;
		if (!said->same_as)
			TRY(is_as_said(survey, said, item, &is_equal));
	}
	if (!is_equal) {
		log_debug("'%s' is other on disk than in its layer's tar", item->path);
		survey->is_other = true;
		*step = TREE_STOP;
	}
	return NULL;
}

static FALLIBLE look_at_top(struct survey *survey, int dir_fd, struct said *said)
{
	struct stat st;
	bool is_equal = false;
	const struct tree_item item = { .path = "", .name = "", .dir_fd = dir_fd, .st = &st };
	static const struct owner_policy plain = { .kind = OWNER_PLAIN };

	if (!said)
		return NULL;
	survey->seen++;
	said->is_seen = true;
	if (fstat(dir_fd, &st) != 0)
		return error_sys("look at a layer of Podman's store");
	TRY(entry_disk_read(&survey->disk, &plain, item.dir_fd, item.name, item.st, item.path));
	TRY(is_equal_there(survey, said, false, &is_equal));
	if (said->is_opaque || said->is_whiteout || !is_equal)
		survey->is_other = true;
	return NULL;
}

/*
 * Every name was seen, and hard links are of one file, which has no other name: Podman may link
 * what layers have in common (use_hard_links), and a step would see that.
 */
static bool is_whole(const struct survey *survey)
{
	void *at = NULL, *value = NULL;
	const char *path = NULL;

	if (survey->is_other || survey->seen != map_count(survey->said) ||
			survey->more_links != survey->links)
		return false;
	while (map_next(survey->said, &at, &path, &value)) {
		const struct said *said = value;
		const struct said *file =
				said->same_as ? map_get(survey->said, said->same_as) : said;

		if (!said->is_seen || !file || file->ino != said->ino)
			return false;
	}
	return true;
}

static FALLIBLE compare(struct survey *survey, struct reader *tar, int dir_fd)
{
	const struct tree_visitor visitor = { visit, NULL, survey };

	TRY(read_tar(survey, tar));
	if (!survey->is_other)
		TRY(look_at_top(survey, dir_fd, map_get(survey->said, "")));
	return survey->is_other ? NULL : tree_walk(dir_fd, &visitor);
}

FALLIBLE survey_tree(struct reader *tar, int dir_fd, const struct owner_policy *shifted,
		struct cancel *cancel, bool *ret_equal, bool *ret_has_top)
{
	static const struct entry_sink_ops ops = { on_entry, on_whiteout, on_opaque, on_close,
		on_free };
	struct survey survey = { .sink = { .ops = &ops },
		.said = map_new(said_free),
		.cancel = cancel,
		.shifted = shifted };
	struct error *error = compare(&survey, tar, dir_fd);

	*ret_equal = !error && is_whole(&survey);
	*ret_has_top = map_has(survey.said, "");
	entry_disk_done(&survey.disk);
	map_free(survey.said);
	return error;
}

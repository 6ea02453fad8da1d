/* The file system of the target as files or a tar. */
#include "build/output_files.h"
#include "layer/apply.h"
#include "layer/entry_disk.h"
#include "layer/tar_write.h"
#include "layer/tree.h"
#include "stream/out_file.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct copy_out {
	struct build *build;
	struct entry_sink *sink;
	struct map *inodes; /* "dev:ino" -> first path, owned */
	bool is_local;      /* to files of this machine: our own, and without rights of their own */
	bool keeps_owners;
	const char *below; /* the folder that all is put into; "": none */
	struct entry_disk disk;
};

/* Where the file goes. New; free(). */
static char *path_in(const struct copy_out *out, const char *path)
{
	return *out->below ? xasprintf("%s/%s", out->below, path) : xstrdup(path);
}

/* The first path of a file with several is the file, the others are its links. */
static bool find_link(struct copy_out *out, const struct tree_item *at, struct entry *entry)
{
	char name[64];

	if (!S_ISREG(at->st->st_mode) || at->st->st_nlink < 2)
		return false;
	(void)snprintf(name, sizeof(name), "%llx:%llx", (unsigned long long)at->st->st_dev,
			(unsigned long long)at->st->st_ino);
	entry->link = map_get(out->inodes, name);
	entry->is_hardlink = entry->link != NULL;
	if (!entry->is_hardlink)
		map_set(out->inodes, name, path_in(out, at->path));
	return entry->is_hardlink;
}

static void make_local(const struct copy_out *out, struct entry *entry, struct xattrs *kept)
{
	if (!out->keeps_owners) {
		entry->owner.uid = 0;
		entry->owner.gid = 0;
	}
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		const struct xattr *one = &entry->xattrs[i];

		if (text_starts(one->name, "user."))
			xattrs_set(kept, one->name, one->value, one->n);
	}
	entry->xattrs = kept->p;
	entry->n_xattrs = kept->n;
}

/* No later than the time of the image, as in its layers. */
static void clamp_time(const struct build_options *options, struct entry *entry)
{
	if (!options->has_epoch || entry->mtime < options->epoch)
		return;
	entry->mtime = options->epoch;
	entry->mtime_ns = 0;
}

static struct error *copy_out_visit(void *state, const struct tree_item *at, enum tree_step *step)
{
	struct copy_out *out = state;
	AUTO(xattrs) struct xattrs kept = { 0 };
	AUTO(reader) struct reader *content = NULL;
	AUTO_FREE char *path = path_in(out, at->path);

	(void)step;
	TRY(cancel_check(out->build->options->cancel));
	TRY(entry_disk_read(&out->disk, &out->build->options->userns->owner, at->dir_fd, at->name,
			at->st, at->path));
	struct entry entry = out->disk.entry;
	entry.path = path;
	clamp_time(out->build->options, &entry);
	if (S_ISSOCK(entry.owner.mode))
		return NULL;
	if (out->is_local)
		make_local(out, &entry, &kept);
	if (!find_link(out, at, &entry))
		TRY(entry_disk_content(&out->disk, at->dir_fd, at->name, &content));
	return entry_sink_add(out->sink, &entry, content);
}

static FALLIBLE copy_out(struct build *build, struct copy_out *out)
{
	AUTO(map) struct map *inodes = map_new(free);
	struct tree_visitor visitor = { .visit = copy_out_visit, .state = out };
	int fd = -1;
	struct error *error = stage_view(build, build_stage(build, build->plan->target), &fd);

	out->build = build;
	out->inodes = inodes;
	if (!error)
		error = tree_walk(fd, &visitor);
	entry_disk_done(&out->disk);
	return error;
}

/* "linux_arm_v7", as BuildKit has it. */
static char *folder_of(const struct platform *platform)
{
	char text[PLATFORM_TEXT];

	for (char *at = platform_text(platform, text); *at; at++)
		if (*at == '/')
			*at = '_';
	return xstrdup(text);
}

/* Its files below a folder that is named for its platform. */
static FALLIBLE tar_folder(struct build *build, struct entry_sink *tar)
{
	const struct build_options *options = build->options;
	AUTO_FREE char *folder = folder_of(&build->platform);
	struct entry entry = { .path = folder,
		.owner = { .mode = S_IFDIR | 0755 },
		.mtime = options->has_epoch ? options->epoch : 0 };
	struct copy_out out = { .sink = tar, .keeps_owners = true, .below = folder };

	TRY(entry_sink_add(tar, &entry, NULL));
	return copy_out(build, &out);
}

FALLIBLE output_tar(const struct made *made, const char *dest)
{
	AUTO(out_file) struct out_file file = { 0 };
	const struct entry_times as_they_are = { 0 };

	TRY(out_file_open(dest, &file));
	AUTO(entry_sink) struct entry_sink *tar = tar_writer(TAKE(file.writer), &as_they_are);
	if (made->is_index) {
		for (size_t i = 0; i < made->n; i++)
			TRY(tar_folder(&made->builds[i], tar));
	} else {
		struct copy_out out = { .sink = tar, .keeps_owners = true, .below = "" };

		TRY(copy_out(&made->builds[0], &out));
	}
	TRY(entry_sink_close(TAKE(tar)));
	return out_file_commit(&file);
}

/* As root the files keep their owners; anybody else gets them as their own. */
static FALLIBLE local_folder(struct build *build, const char *dest)
{
	bool is_root = build->options->userns->mode == USERNS_ROOT;
	struct apply_options apply = { .mode = APPLY_ROOTFS, .policy = { .kind = OWNER_PLAIN } };
	AUTO_FD int fd = -1;

	TRY(file_make_dirs(dest, 0755));
	TRY(file_open(AT_FDCWD, dest, O_RDONLY | O_DIRECTORY, 0, &fd));
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(fd, &apply);
	struct copy_out out = {
		.sink = sink, .is_local = true, .keeps_owners = is_root, .below = ""
	};
	TRY(copy_out(build, &out));
	return entry_sink_close(TAKE(sink));
}

FALLIBLE output_local(const struct made *made, const char *dest)
{
	if (!made->is_index)
		return local_folder(&made->builds[0], dest);
	for (size_t i = 0; i < made->n; i++) {
		AUTO_FREE char *folder = folder_of(&made->builds[i].platform);
		AUTO_FREE char *path = xasprintf("%s/%s", dest, folder);

		TRY(local_folder(&made->builds[i], path));
	}
	return NULL;
}

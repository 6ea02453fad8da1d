/* The file system of the target as files or a tar. */
#include "build/output_files.h"
#include "base/clock.h"
#include "build/attested.h"
#include "image/attestation.h"
#include "layer/apply.h"
#include "layer/entry_disk.h"
#include "layer/tar_write.h"
#include "layer/tree.h"
#include "stream/hash.h"
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
	/* What is said of the files, and goes with them: each is hashed on its way. NULL: nothing.
	 */
	const struct attested *attested;
	struct attestation_subjects subjects;
	struct map *hashed; /* path of a file with several -> its subject's digest */
	struct map *tops;   /* names beside which statements are put */
	/* Where the files of several platforms go into one folder: path of what is no directory ->
	 * whose it is; shared. Else NULL. */
	struct map *placed;
	const char *mark; /* "linux_amd64", which names of statements get then */
	struct entry_disk disk;
};

static void copy_out_done(struct copy_out *out)
{
	attestation_subjects_done(&out->subjects);
	map_free(out->hashed);
	map_free(out->tops);
	map_free(out->inodes);
	entry_disk_done(&out->disk);
}

DEFINE_AUTO_VALUE(copy_out)

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

/* The file is what is said of it in a statement: its path, and its bytes. */
static void add_subject(
		struct copy_out *out, const struct tree_item *at, const struct digest *digest)
{
	attestation_subjects_add(&out->subjects, at->path, digest);
	if (at->st->st_nlink > 1 && !map_has(out->hashed, at->path)) {
		struct digest *copy = xcalloc(1, sizeof(*copy));

		*copy = *digest;
		map_set(out->hashed, at->path, copy);
	}
}

/* entry's content, through a hash where somebody wants it. */
static FALLIBLE put(struct copy_out *out, const struct tree_item *at, const struct entry *entry,
		struct reader **content)
{
	struct hash_result hashed = { 0 };

	if (!out->attested || !S_ISREG(at->st->st_mode))
		return entry_sink_add(out->sink, entry, *content);
	if (entry->is_hardlink) {
		const size_t below = *out->below ? strlen(out->below) + 1 : 0;
		const struct digest *digest = map_get(out->hashed, entry->link + below);

		if (digest)
			add_subject(out, at, digest);
		return entry_sink_add(out->sink, entry, *content);
	}
	*content = hash_reader(TAKE(*content), &hashed);
	TRY(entry_sink_add(out->sink, entry, *content));
	TRY(reader_drain(*content)); /* a sink stops at the file's size; the hash wants its end */
	add_subject(out, at, &hashed.digest);
	return NULL;
}

/* No file of one platform takes the place of another's. */
static FALLIBLE claim(struct copy_out *out, const struct tree_item *at)
{
	const char *other = out->placed ? map_get(out->placed, at->path) : NULL;
	bool is_dir = S_ISDIR(at->st->st_mode);

	if (!out->placed || (!other && !*at->path))
		return NULL;
	if (other && !(is_dir && text_equal(other, "")))
		return error_hint(
				error_new(ERR_EXISTS, "cannot overwrite '/%s'%s%s with that of %s",
						at->path, *other ? " of " : "", other, out->mark),
				"platform-split=true puts each platform into a folder of its own");
	if (!other)
		map_set(out->placed, at->path, xstrdup(is_dir ? "" : out->mark));
	return NULL;
}

static struct error *copy_out_visit(void *state, const struct tree_item *at, enum tree_step *step)
{
	struct copy_out *out = state;
	AUTO(xattrs) struct xattrs kept = { 0 };
	AUTO(reader) struct reader *content = NULL;
	AUTO_FREE char *path = path_in(out, at->path);

	(void)step;
	TRY(cancel_check(out->build->options->cancel));
	TRY(claim(out, at));
	if (out->attested && !strchr(at->path, '/'))
		map_set(out->tops, at->path, out);
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
	return put(out, at, &entry, &content);
}

/* With the platform before its ending, where several are in one folder. New. */
static char *statement_name(const struct copy_out *out, const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t stem = dot ? (size_t)(dot - name) : strlen(name);

	return out->mark ? xasprintf("%.*s.%s%s", (int)stem, name, out->mark, name + stem)
			 : xstrdup(name);
}

/* The statement, as one more file: new. */
static FALLIBLE statement_of(const struct copy_out *out, const struct attested_one *one,
		const char *name, char **ret)
{
	const struct attestation attestation = { one->type, one->predicate, one->subjects };

	if (map_has(out->tops, name) || (out->placed && map_has(out->placed, name)))
		return error_hint(
				error_new(ERR_EXISTS,
						"the files have a '%s' of their own, in the place "
						"of what is said of them",
						name),
				ATTESTED_OTHER_NAME);
	if (out->placed)
		map_set(out->placed, name, xstrdup(out->mark));
	*ret = attestation_statement(&attestation, &out->subjects);
	return NULL;
}

static FALLIBLE put_statement(struct copy_out *out, const struct attested_one *one)
{
	const struct build_options *options = out->build->options;
	AUTO_FREE char *text = NULL;

	AUTO_FREE char *name = statement_name(out, one->file_name);
	TRY(statement_of(out, one, name, &text));
	AUTO_FREE char *path = path_in(out, name);
	AUTO(reader) struct reader *content = reader_from_bytes(text, strlen(text));
	struct entry entry = { .path = path,
		.owner = { .mode = S_IFREG | 0644 },
		.size = strlen(text),
		.mtime = options->has_epoch ? options->epoch : clock_now_seconds() };

	return entry_sink_add(out->sink, &entry, content);
}

static FALLIBLE put_statements(struct copy_out *out)
{
	for (size_t i = 0; out->attested && i < out->attested->n; i++)
		if (out->attested->p[i].file_name)
			TRY(put_statement(out, &out->attested->p[i]));
	return NULL;
}

/* The files of the build's target, and what is said of them. */
static FALLIBLE copy_out(struct build *build, struct copy_out *out)
{
	struct tree_visitor visitor = { .visit = copy_out_visit, .state = out };
	int fd = -1;

	out->build = build;
	out->inodes = map_new(free);
	out->hashed = map_new(free);
	out->tops = map_new(NULL);
	TRY(stage_view(build, build_stage(build, build->plan->target), &fd));
	TRY(tree_walk(fd, &visitor));
	return put_statements(out);
}

/* What is said of build i of made, if that goes with its files. */
static const struct attested *said_of(const struct made *made, size_t i)
{
	return attested_is_files(made->builds[i].options) ? &made->attested[i] : NULL;
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

static bool is_split(const struct made *made, const struct build_output *output)
{
	return output->split ? output->split == SPLIT_ALWAYS : made->is_split;
}

/* Every platform's files into sink, which they share. kind: what is the same of them all. */
static FALLIBLE copy_all(const struct made *made, const struct copy_out *kind)
{
	AUTO(map) struct map *placed = map_new(free);

	for (size_t i = 0; i < made->n; i++) {
		AUTO_FREE char *mark = folder_of(&made->builds[i].platform);
		AUTO(copy_out) struct copy_out out = *kind;

		out.below = "";
		out.attested = said_of(made, i);
		out.placed = made->n > 1 ? placed : NULL;
		out.mark = made->n > 1 ? mark : NULL;
		TRY(copy_out(&made->builds[i], &out));
	}
	return NULL;
}

/* Its files below a folder that is named for its platform. */
static FALLIBLE tar_folder(const struct made *made, size_t i, struct entry_sink *tar)
{
	struct build *build = &made->builds[i];
	const struct build_options *options = build->options;
	AUTO_FREE char *folder = folder_of(&build->platform);
	struct entry entry = { .path = folder,
		.owner = { .mode = S_IFDIR | 0755 },
		.mtime = options->has_epoch ? options->epoch : 0 };
	AUTO(copy_out)
	struct copy_out out = {
		.sink = tar, .keeps_owners = true, .below = folder, .attested = said_of(made, i)
	};

	TRY(entry_sink_add(tar, &entry, NULL));
	return copy_out(build, &out);
}

FALLIBLE output_tar(const struct made *made, const struct build_output *output)
{
	AUTO(out_file) struct out_file file = { 0 };
	const struct entry_times as_they_are = { 0 };

	TRY(out_file_open(output->dest, &file));
	AUTO(entry_sink) struct entry_sink *tar = tar_writer(TAKE(file.writer), &as_they_are);
	const struct copy_out kind = { .sink = tar, .keeps_owners = true };
	if (is_split(made, output)) {
		for (size_t i = 0; i < made->n; i++)
			TRY(tar_folder(made, i, tar));
	} else {
		TRY(copy_all(made, &kind));
	}
	TRY(entry_sink_close(TAKE(tar)));
	return out_file_commit(&file);
}

/* The platforms that made has into dest. As root the files keep their owners; anybody else gets
 * them as their own. */
static FALLIBLE local_folder(const struct made *made, const char *dest)
{
	bool is_root = made->builds[0].options->userns->mode == USERNS_ROOT;
	struct apply_options apply = { .mode = APPLY_ROOTFS, .policy = { .kind = OWNER_PLAIN } };
	AUTO_FD int fd = -1;

	TRY(file_make_dirs(dest, 0755));
	TRY(file_open(AT_FDCWD, dest, O_RDONLY | O_DIRECTORY, 0, &fd));
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(fd, &apply);
	const struct copy_out kind = { .sink = sink, .is_local = true, .keeps_owners = is_root };
	TRY(copy_all(made, &kind));
	return entry_sink_close(TAKE(sink));
}

FALLIBLE output_local(const struct made *made, const struct build_output *output)
{
	if (!is_split(made, output))
		return local_folder(made, output->dest);
	for (size_t i = 0; i < made->n; i++) {
		AUTO_FREE char *folder = folder_of(&made->builds[i].platform);
		AUTO_FREE char *path = xasprintf("%s/%s", output->dest, folder);
		struct made one = *made;

		one.builds = &made->builds[i];
		one.n = 1;
		one.attested = made->attested ? &made->attested[i] : NULL;
		TRY(local_folder(&one, path));
	}
	return NULL;
}

/* Where the result goes: store, registry, archives, files. */
#include "base/limits.h"
#include "base/strbuf.h"
#include "build/state.h"
#include "layer/apply.h"
#include "layer/entry_disk.h"
#include "layer/tar_write.h"
#include "layer/tree.h"
#include "registry/registry.h"
#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct told {
	struct build *build;
	unsigned vertex;
};

static void tell(void *user, const char *what, uint64_t done_bytes, uint64_t total_bytes,
		bool finished)
{
	const struct told *told = user;

	(void)finished;
	progress_bytes(told->build->options->progress, told->vertex, what, done_bytes, total_bytes);
}

static FALLIBLE names_of(
		const struct build *build, const struct build_output *output, struct list *ret)
{
	const struct list *names = output->names.n ? &output->names : build->options->tags;

	for (size_t i = 0; names && i < names->n; i++) {
		AUTO(reference) struct reference reference = { 0 };

		TRY_WRAP(reference_parse(str_of(names->p[i]), &reference), "name '%s'",
				names->p[i]);
		AUTO_FREE char *text = reference_text(&reference);
		list_add(ret, text);
	}
	return NULL;
}

/* What would only fail when all the work is done. */
static FALLIBLE check_dest(const struct build_output *output)
{
	const char *dest = output->dest, *slash = dest ? strrchr(dest, '/') : NULL;
	AUTO_FREE char *dir = slash ? xstrndup(dest, (size_t)(slash - dest) + 1) : xstrdup(".");
	struct stat st;

	if (!dest || strcmp(dest, "-") == 0 || output->is_directory ||
			output->kind == OUTPUT_LOCAL || output->kind == OUTPUT_PODMAN)
		return NULL;
	if (stat(dest, &st) == 0 && S_ISDIR(st.st_mode))
		return error_hint(error_new(ERR_INVALID, "the output '%s' is a directory", dest),
				"name a file in it; %s",
				output->kind == OUTPUT_OCI
						? "tar=false writes a layout into the directory"
						: "type=local writes files into a directory");
	if (stat(dir, &st) != 0)
		return error_sys("make the output '%s'", dest);
	return NULL;
}

FALLIBLE output_pushes(struct build *build)
{
	const struct build_options *options = build->options;

	for (size_t i = 0; i < options->output_count; i++) {
		AUTO(list) struct list names = { 0 };

		TRY(names_of(build, &options->outputs[i], &names));
		TRY(check_dest(&options->outputs[i]));
		if (options->outputs[i].kind != OUTPUT_REGISTRY)
			continue;
		if (!names.n)
			return error_hint(error_new(ERR_INVALID, "there is no name to push to"),
					"give one with -t REGISTRY/NAME:TAG");
		for (size_t k = 0; k < names.n; k++) {
			build->pushes = xrealloc(build->pushes, build->push_count + 1,
					sizeof(*build->pushes));
			build->pushes[build->push_count] = (struct reference){ 0 };
			TRY(reference_parse(
					str_of(names.p[k]), &build->pushes[build->push_count++]));
		}
	}
	return NULL;
}

static FALLIBLE to_store(struct build *build, struct image *image, const struct list *names,
		const struct image_progress *progress)
{
	const struct build_options *options = build->options;

	if (!names->n)
		return image_save_store(image, options->store, NULL, options->cancel, progress);
	for (size_t i = 0; i < names->n; i++)
		TRY(image_save_store(
				image, options->store, names->p[i], options->cancel, progress));
	return NULL;
}

bool error_is_immutable_tag(const struct error *error)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	if (!error_is(error, ERR_HTTP) && !error_is(error, ERR_DENIED))
		return false;
	error_text(error, &text);
	return strcasestr(strbuf_text(&text), "immutab") != NULL;
}

static FALLIBLE to_registry(struct build *build, struct image *image, const struct list *names,
		const struct image_progress *progress)
{
	const struct build_options *options = build->options;

	for (size_t i = 0; i < names->n; i++) {
		AUTO(reference) struct reference reference = { 0 };

		TRY(reference_parse(str_of(names->p[i]), &reference));
		struct error *error = image_push(image, options->registry, &reference,
				options->signer, options->cancel, progress);

		if (error && options->tolerates_immutable && error_is_immutable_tag(error)) {
			progress_warn(options->progress, 0, (struct source_range){ 0 },
					"'%s' was not pushed: its tag is immutable", names->p[i]);
			error_free(TAKE(error));
		}
		TRY_WRAP(error, "push '%s'", names->p[i]);
	}
	return NULL;
}

/*
 * A file beside dest that becomes dest when it is whole; "-" is standard output. What is there and
 * is no file (a pipe, /dev/null) is written to as it is.
 */
struct out_file {
	const char *dest;
	char *draft;
	struct writer *writer;
};

static FALLIBLE out_open(const char *dest, struct out_file *ret)
{
	AUTO_FD int fd = -1;
	struct stat st;

	*ret = (struct out_file){ .dest = dest };
	if (strcmp(dest, "-") == 0) {
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return error_sys("write to standard output");
	} else if (stat(dest, &st) == 0 && !S_ISREG(st.st_mode)) {
		TRY(file_open(AT_FDCWD, dest, O_WRONLY | O_CLOEXEC, 0, &fd));
	} else {
		ret->draft = xasprintf("%s.kiln-%d", dest, (int)getpid());
		struct error *error = file_open(AT_FDCWD, ret->draft,
				O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644, &fd);
		if (error) {
			free(TAKE(ret->draft));
			return error_wrap(error, "make the output '%s'", dest);
		}
	}
	ret->writer = writer_to_fd(TAKE_FD(fd));
	return NULL;
}

static FALLIBLE out_close(struct out_file *out)
{
	if (out->draft && rename(out->draft, out->dest) != 0)
		return error_sys("name the output '%s'", out->dest);
	free(TAKE(out->draft));
	return NULL;
}

static void out_file_done(struct out_file *out)
{
	writer_free(out->writer);
	if (out->draft)
		(void)unlink(out->draft);
	free(out->draft);
}

DEFINE_AUTO_VALUE(out_file)

static FALLIBLE to_archive(struct build *build, struct image *image,
		const struct build_output *output, const struct list *names)
{
	AUTO(out_file) struct out_file out = { 0 };
	enum archive_format format = output->kind == OUTPUT_OCI ? ARCHIVE_OCI : ARCHIVE_DOCKER;

	TRY(out_open(output->dest, &out));
	TRY(image_save_archive(image, format, names, TAKE(out.writer), build->options->cancel));
	return out_close(&out);
}

static FALLIBLE to_podman(struct build *build, struct image *image,
		const struct build_output *output, const struct image_progress *progress)
{
	static const struct list none = { 0 };
	const struct build_options *options = build->options;
	const struct list *names = output->names.n ? &output->names
				   : options->tags ? options->tags
						   : &none;
	AUTO_FREE char *id = NULL;

	return image_save_podman(image, options->podman, output->dest, names, options->cancel,
			progress, &id);
}

/* --- the file system itself --- */

struct copy_out {
	struct build *build;
	struct entry_sink *sink;
	struct map *inodes; /* "dev:ino" -> first path, owned */
	bool is_local;      /* to files of this machine: our own, and without rights of their own */
	bool keeps_owners;
	struct entry_disk disk;
};

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
		map_set(out->inodes, name, xstrdup(at->path));
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

static struct error *copy_out_visit(void *state, const struct tree_item *at, enum tree_step *step)
{
	struct copy_out *out = state;
	AUTO(xattrs) struct xattrs kept = { 0 };
	AUTO(reader) struct reader *content = NULL;

	(void)step;
	TRY(cancel_check(out->build->options->cancel));
	TRY(entry_disk_read(&out->disk, &out->build->options->userns->owner, at->dir_fd, at->name,
			at->st, at->path));
	struct entry entry = out->disk.entry;
	if (S_ISSOCK(entry.owner.mode))
		return NULL;
	if (out->is_local)
		make_local(out, &entry, &kept);
	if (!find_link(out, at, &entry))
		TRY(entry_disk_content(&out->disk, at->dir_fd, at->name, &content));
	return entry_sink_add(out->sink, &entry, content);
}

static FALLIBLE copy_out(
		struct build *build, struct entry_sink *sink, bool is_local, bool keeps_owners)
{
	AUTO(map) struct map *inodes = map_new(free);
	AUTO(entry_sink) struct entry_sink *owned = sink;
	struct copy_out out = { .build = build,
		.sink = sink,
		.inodes = inodes,
		.is_local = is_local,
		.keeps_owners = keeps_owners };
	struct tree_visitor visitor = { .visit = copy_out_visit, .state = &out };
	int fd = -1;
	struct error *error = stage_view(build, build_stage(build, build->plan->target), &fd);

	if (!error)
		error = tree_walk(fd, &visitor);
	entry_disk_done(&out.disk);
	return error ? error : entry_sink_close(TAKE(owned));
}

static FALLIBLE to_tar(struct build *build, const struct build_output *output)
{
	const struct build_options *options = build->options;
	AUTO(out_file) struct out_file out = { 0 };
	struct entry_times times = { 0 };

	if (options->has_epoch)
		times = (struct entry_times){ TIMES_CLAMP, options->epoch };
	TRY(out_open(output->dest, &out));
	TRY(copy_out(build, tar_writer(TAKE(out.writer), &times), false, true));
	return out_close(&out);
}

/* As root the files keep their owners; anybody else gets them as their own. */
static FALLIBLE to_local(struct build *build, const struct build_output *output)
{
	bool is_root = build->options->userns->mode == USERNS_ROOT;
	struct apply_options apply = { .mode = APPLY_ROOTFS, .policy = { .kind = OWNER_PLAIN } };
	AUTO_FD int fd = -1;

	TRY(file_make_dirs(output->dest, 0755));
	TRY(file_open(AT_FDCWD, output->dest, O_RDONLY | O_DIRECTORY, 0, &fd));
	return copy_out(build, apply_sink(fd, &apply), true, is_root);
}

/* What a layout calls the image: the tag of its first name, as skopeo and podman expect. */
static const char *tag_of(const struct list *names)
{
	const char *colon = names->n ? strrchr(names->p[0], ':') : NULL;

	return colon && !strchr(colon, '/') ? colon + 1 : NULL;
}

static FALLIBLE output_one(struct build *build, struct image *image,
		const struct build_output *output, struct build_result *ret)
{
	struct progress *events = build->options->progress;
	static const char *const names_of_kinds[] = { [OUTPUT_STORE] = "exporting to the store",
		[OUTPUT_REGISTRY] = "pushing",
		[OUTPUT_OCI] = "exporting an OCI layout",
		[OUTPUT_DOCKER] = "exporting a docker archive",
		[OUTPUT_PODMAN] = "exporting to Podman's store",
		[OUTPUT_TAR] = "exporting a tar of the files",
		[OUTPUT_LOCAL] = "exporting the files" };
	unsigned vertex = progress_vertex(
			events, names_of_kinds[output->kind], NULL, (struct source_range){ 0 });
	struct told told = { build, vertex };
	struct image_progress progress = { tell, &told };
	AUTO(list) struct list names = { 0 };
	struct error *error = NULL;

	progress_start(events, vertex);
	TRY(names_of(build, output, &names));
	switch (output->kind) {
	case OUTPUT_STORE:
		error = to_store(build, image, &names, &progress);
		break;
	case OUTPUT_REGISTRY:
		error = to_registry(build, image, &names, &progress);
		break;
	case OUTPUT_OCI:
	case OUTPUT_DOCKER:
		error = output->is_directory
					? image_save_layout(image, output->dest, tag_of(&names),
							  build->options->cancel, &progress)
					: to_archive(build, image, output, &names);
		break;
	case OUTPUT_PODMAN:
		error = to_podman(build, image, output, &progress);
		break;
	case OUTPUT_TAR:
		error = to_tar(build, output);
		break;
	case OUTPUT_LOCAL:
		error = to_local(build, output);
		break;
	}
	if (error) {
		progress_end(events, vertex, PROGRESS_FAILED, error->message);
		return error;
	}
	for (size_t i = 0; i < names.n; i++) {
		progress_note(events, vertex, "naming to %s", names.p[i]);
		if (!list_has(&ret->names, names.p[i]))
			list_add(&ret->names, names.p[i]);
	}
	progress_end(events, vertex, PROGRESS_DONE, NULL);
	return NULL;
}

FALLIBLE output_all(struct build *build, struct image *image, struct build_result *ret)
{
	static const struct build_output standard = { .kind = OUTPUT_STORE };
	const struct build_options *options = build->options;

	if (!options->output_count)
		return output_one(build, image, &standard, ret);
	for (size_t i = 0; i < options->output_count; i++)
		TRY(output_one(build, image, &options->outputs[i], ret));
	return NULL;
}

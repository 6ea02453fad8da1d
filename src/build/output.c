/* Where the result goes: store, registry, archives, files. */
#include "base/limits.h"
#include "base/strbuf.h"
#include "build/attested.h"
#include "build/output_files.h"
#include "registry/registry.h"
#include "stream/out_file.h"
#include "sys/fd.h"

#include <string.h>
#include <sys/stat.h>

struct told {
	const struct build *build;
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
		AUTO_FREE char *text = output->by_digest ? reference_name(&reference)
							 : reference_text(&reference);
		list_add(ret, text);
	}
	return NULL;
}

/* The tag that a name gets when it has none is not meant here. */
static FALLIBLE check_untagged(const struct list *names)
{
	for (size_t i = 0; names && i < names->n; i++) {
		const char *slash = strrchr(names->p[i], '/');

		if (strpbrk(slash ? slash : names->p[i], ":@"))
			return error_hint(error_new(ERR_INVALID,
							  "'%s' has a tag, and is to be pushed by "
							  "its digest alone",
							  names->p[i]),
					"push-by-digest=true takes the repository's name; 'kiln "
					"manifest create' gives digests a tag afterwards");
	}
	return NULL;
}

/* What would only fail when all the work is done. */
static FALLIBLE check_dest(const struct build_output *output)
{
	bool is_dir = output->is_directory || output->kind == OUTPUT_LOCAL;
	const char *dest = output->dest;
	struct stat st;

	if (!dest || strcmp(dest, "-") == 0 || output->kind == OUTPUT_PODMAN)
		return NULL;
	if (!is_dir && stat(dest, &st) == 0 && S_ISDIR(st.st_mode))
		return error_hint(error_new(ERR_INVALID, "the output '%s' is a directory", dest),
				"name a file in it; %s",
				output->kind == OUTPUT_OCI
						? "tar=false writes a layout into the directory"
						: "type=local writes files into a directory");
	TRY_WRAP(file_can_make(dest, is_dir, is_dir), "make the output '%s'", dest);
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
		if (options->outputs[i].by_digest)
			TRY(check_untagged(options->outputs[i].names.n ? &options->outputs[i].names
								       : options->tags));
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

FALLIBLE output_check_index(const struct build_options *options)
{
	for (size_t i = 0; i < options->output_count; i++) {
		enum output_kind kind = options->outputs[i].kind;

		if (kind != OUTPUT_DOCKER && kind != OUTPUT_PODMAN)
			continue;
		if (attested_is_image(options))
			return error_hint(
					error_new(ERR_UNSUPPORTED,
							"%s has no place for attestations",
							kind == OUTPUT_PODMAN ? "Podman's store"
									      : "a docker archive"),
					"type=oci takes them; or say '--provenance=false'");
		if (kind == OUTPUT_PODMAN)
			continue;
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "a docker archive takes one image, not one for "
						  "each platform"),
				"type=oci takes all of them; or build one platform");
	}
	return NULL;
}

static FALLIBLE store_as(
		const struct made *made, const char *name, const struct image_progress *progress)
{
	const struct build_options *options = made->builds[0].options;

	return made->is_index ? image_set_save_store(made->set, options->store, name,
						options->cancel, progress)
			      : image_save_store(made->image, options->store, name, options->cancel,
						progress);
}

static FALLIBLE to_store(const struct made *made, const struct list *names,
		const struct image_progress *progress)
{
	if (!names->n)
		return store_as(made, NULL, progress);
	for (size_t i = 0; i < names->n; i++)
		TRY(store_as(made, names->p[i], progress));
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

static const struct digest *digest_of_made(const struct made *made)
{
	return made->is_index ? &made->set->digest : &made->image->digest;
}

static FALLIBLE push_as(const struct made *made, const char *name, bool by_digest,
		const struct image_progress *progress)
{
	const struct build_options *options = made->builds[0].options;
	AUTO(reference) struct reference to = { 0 };

	TRY(reference_parse(str_of(name), &to));
	if (by_digest) {
		free(TAKE(to.tag));
		to.digest = *digest_of_made(made);
	}
	return made->is_index ? image_set_push(made->set, options->registry, &to, options->signer,
						options->cancel, progress)
			      : image_push(made->image, options->registry, &to, options->signer,
						options->cancel, progress);
}

static FALLIBLE to_registry(const struct made *made, const struct build_output *output,
		const struct list *names, const struct image_progress *progress)
{
	const struct build_options *options = made->builds[0].options;

	for (size_t i = 0; i < names->n; i++) {
		struct error *error = push_as(made, names->p[i], output->by_digest, progress);

		if (error && options->tolerates_immutable && error_is_immutable_tag(error)) {
			progress_warn(options->progress, 0, (struct source_range){ 0 },
					"'%s' was not pushed: its tag is immutable", names->p[i]);
			error_free(TAKE(error));
		}
		TRY_WRAP(error, "push '%s'", names->p[i]);
	}
	return NULL;
}

static FALLIBLE to_podman(const struct made *made, const struct build_output *output,
		const struct image_progress *progress)
{
	static const struct list none = { 0 };
	const struct build_options *options = made->builds[0].options;
	const struct list *names = output->names.n ? &output->names
				   : options->tags ? options->tags
						   : &none;
	AUTO_FREE char *id = NULL;

	if (made->is_index)
		return image_set_save_podman(made->set, options->podman, output->dest, names,
				options->cancel, progress);
	return image_save_podman(made->image, options->podman, output->dest, names, options->cancel,
			progress, &id);
}

/* What a layout that lists one image calls it: the tag of its first name. */
static const char *tag_of(const struct list *names)
{
	const char *colon = names->n ? strrchr(names->p[0], ':') : NULL;

	return colon && !strchr(colon, '/') ? colon + 1 : NULL;
}

static FALLIBLE to_layout(const struct made *made, const struct build_output *output,
		const struct list *names, const struct image_progress *progress)
{
	enum layout_entry_kind kind = output->is_alone ? LAYOUT_ALONE : LAYOUT_ADD;
	const struct layout_names all = { .images = names }, first = { .word = tag_of(names) };
	const struct layout_names *called = output->is_alone ? &first : &all;
	struct cancel *cancel = made->builds[0].options->cancel;

	return made->is_index ? image_set_save_layout(
						made->set, output->dest, called, cancel, progress)
			      : image_save_layout(made->image, output->dest, called, kind, cancel,
						progress);
}

static FALLIBLE to_archive(const struct made *made, const struct build_output *output,
		const struct list *names, const struct image_progress *progress)
{
	enum archive_format format = output->kind == OUTPUT_OCI ? ARCHIVE_OCI : ARCHIVE_DOCKER;
	struct cancel *cancel = made->builds[0].options->cancel;
	AUTO(out_file) struct out_file out = { 0 };

	TRY(out_file_open(output->dest, &out));
	if (made->is_index)
		TRY(image_set_save_archive(made->set, &(struct layout_names){ .images = names },
				TAKE(out.writer), cancel, progress));
	else
		TRY(image_save_archive(made->image, format, names, TAKE(out.writer), cancel));
	return out_file_commit(&out);
}

static FALLIBLE send(const struct made *made, const struct build_output *output,
		const struct list *names, const struct image_progress *progress)
{
	switch (output->kind) {
	case OUTPUT_STORE:
		return to_store(made, names, progress);
	case OUTPUT_REGISTRY:
		return to_registry(made, output, names, progress);
	case OUTPUT_OCI:
	case OUTPUT_DOCKER:
		return output->is_directory ? to_layout(made, output, names, progress)
					    : to_archive(made, output, names, progress);
	case OUTPUT_PODMAN:
		return to_podman(made, output, progress);
	case OUTPUT_TAR:
		return output_tar(made, output);
	case OUTPUT_LOCAL:
		return output_local(made, output);
	case OUTPUT_CACHE:
		return NULL;
	}
	return NULL;
}

static void tell_name(const struct made *made, const struct build_output *output, unsigned vertex,
		const char *name)
{
	struct progress *events = made->builds[0].options->progress;
	char digest[DIGEST_TEXT];

	if (output->kind == OUTPUT_REGISTRY && output->by_digest)
		progress_note(events, vertex, "pushed %s@%s", name,
				digest_text(digest_of_made(made), digest));
	else
		progress_note(events, vertex, "naming to %s", name);
}

static FALLIBLE output_one(const struct made *made, const struct build_output *output,
		struct build_result *ret)
{
	const struct build *build = &made->builds[0];
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

	progress_start(events, vertex);
	TRY(names_of(build, output, &names));
	struct error *error = send(made, output, &names, &progress);
	if (error) {
		progress_end(events, vertex, PROGRESS_FAILED, error->message);
		return error;
	}
	for (size_t i = 0; i < names.n; i++) {
		tell_name(made, output, vertex, names.p[i]);
		if (!list_has(&ret->names, names.p[i]))
			list_add(&ret->names, names.p[i]);
	}
	progress_end(events, vertex, PROGRESS_DONE, NULL);
	return NULL;
}

FALLIBLE output_all(const struct made *made, struct build_result *ret)
{
	static const struct build_output standard = { .kind = OUTPUT_STORE };
	const struct build_options *options = made->builds[0].options;

	if (!options->output_count)
		return output_one(made, &standard, ret);
	for (size_t i = 0; i < options->output_count; i++)
		if (options->outputs[i].kind != OUTPUT_CACHE)
			TRY(output_one(made, &options->outputs[i], ret));
	return NULL;
}

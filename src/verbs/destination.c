#include "verbs/destination.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "stream/codec.h"
#include "stream/out_file.h"
#include "ui/image_names.h"
#include "ui/options.h"
#include "ui/show.h"
#include "verbs/names.h"

#include <string.h>

void destination_done(struct destination *destination)
{
	free(destination->path);
	free(destination->name);
}

/* "PATH[:NAME]": the name is behind the first colon that no slash follows. */
static void split_path(const char *text, struct destination *ret)
{
	const char *colon = strchr(text, ':');

	ret->path = colon ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
	ret->name = colon && colon[1] ? xstrdup(colon + 1) : NULL;
}

static FALLIBLE parse_archive(const char *text, enum destination_kind kind, struct destination *ret)
{
	if (kind == TO_DIR)
		ret->path = xstrdup(text);
	else
		split_path(text, ret);
	ret->kind = kind;
	if (!ret->path[0])
		return error_usage("destination '%s' has no path", text);
	if (kind != TO_DOCKER_ARCHIVE || !ret->name)
		return NULL;
	AUTO_FREE char *name = TAKE(ret->name);
	return image_name_complete(name, &ret->name);
}

/* "[DRIVER@GRAPHROOT+RUNROOT]NAME" */
static FALLIBLE parse_podman(const char *text, struct destination *ret)
{
	const char *end = text[0] == '[' ? strchr(text, ']') : NULL;

	ret->kind = TO_PODMAN;
	ret->path = end ? xstrndup(text, (size_t)(end + 1 - text)) : xstrdup("");
	if (end)
		text = end + 1;
	if (!*text)
		return error_usage("destination 'containers-storage:' has no name");
	ret->name = xstrdup(text);
	return NULL;
}

FALLIBLE destination_parse(const char *program, const char *text, enum destination_kind bare,
		struct destination *ret)
{
	static const struct {
		const char *prefix;
		enum destination_kind kind;
	} files[] = { { "oci-archive:", TO_OCI_ARCHIVE }, { "docker-archive:", TO_DOCKER_ARCHIVE },
		{ "oci:", TO_LAYOUT }, { "dir:", TO_DIR } };

	for (size_t i = 0; i < COUNT(files); i++)
		if (text_starts(text, files[i].prefix))
			return parse_archive(text + strlen(files[i].prefix), files[i].kind, ret);
	if (text_starts(text, "docker-daemon:"))
		return error_hint(
				error_new(ERR_UNSUPPORTED, "'%s': kiln speaks to no daemon", text),
				"use docker-archive:FILE and 'docker load'");
	ret->kind = bare;
	if (text_starts(text, "docker://")) {
		ret->kind = TO_REGISTRY;
		text += strlen("docker://");
	} else if (text_starts(text, "containers-storage:")) {
		return parse_podman(text + strlen("containers-storage:"), ret);
	} else if (text_starts(text, "store:")) {
		ret->kind = TO_STORE;
		text += strlen("store:");
	}
	return ret->kind == TO_STORE ? names_new(program, text, &ret->name)
				     : image_name_complete(text, &ret->name);
}

/* As one file that is there when it is whole. */
static FALLIBLE to_docker_archive(
		struct session *session, const struct image *image, const struct destination *to)
{
	AUTO(list) struct list names = { 0 };
	AUTO(out_file) struct out_file out = { 0 };

	if (to->name)
		list_add(&names, to->name);
	TRY(out_file_open(to->path, &out));
	TRY(image_save_archive(image, ARCHIVE_DOCKER, &names, TAKE(out.writer), session->cancel));
	return out_file_commit(&out);
}

/* In a layout a name is the word that was said. */
static FALLIBLE to_oci_archive(struct session *session, const struct image_set *set,
		const struct destination *to, const struct image_progress *progress)
{
	AUTO(out_file) struct out_file out = { 0 };

	const struct layout_names names = { .word = to->name };

	TRY(out_file_open(to->path, &out));
	TRY(image_set_save_archive(set, &names, TAKE(out.writer), session->cancel, progress));
	return out_file_commit(&out);
}

/* The image alone, as a set of one manifest. */
static FALLIBLE alone_to_oci_archive(struct session *session, const struct image *image,
		const struct destination *to, const struct image_progress *progress)
{
	AUTO(image_set) struct image_set set = { 0 };

	TRY(image_set_of(image, &set));
	return to_oci_archive(session, &set, to, progress);
}

static FALLIBLE to_registry(struct session *session, const struct image *image,
		const struct destination *to, const struct image_progress *progress)
{
	AUTO(reference) struct reference reference = { 0 };

	TRY(reference_parse(str_of(to->name), &reference));
	return image_push(image, session->registry, &reference, session->signer, session->cancel,
			progress);
}

static FALLIBLE to_podman(struct session *session, const struct image *image,
		const struct destination *to, const struct image_progress *progress)
{
	AUTO(list) struct list names = { 0 };
	AUTO_FREE char *id = NULL;

	list_add(&names, to->name);
	return image_save_podman(
			image, &session->podman, to->path, &names, session->cancel, progress, &id);
}

static FALLIBLE set_to_podman(struct session *session, const struct image_set *set,
		const struct destination *to, const struct image_progress *progress)
{
	AUTO(list) struct list names = { 0 };

	list_add(&names, to->name);
	return image_set_save_podman(
			set, &session->podman, to->path, &names, session->cancel, progress);
}

/* The image alone, as a set of one manifest. */
static FALLIBLE to_dir(struct session *session, const struct image *image,
		const struct destination *to, const struct image_progress *progress)
{
	AUTO(image_set) struct image_set set = { 0 };

	TRY(image_set_of(image, &set));
	return image_set_save_dir(&set, to->path, session->cancel, progress);
}

static FALLIBLE send(struct session *session, const struct image *image,
		const struct destination *to, const struct image_progress *progress)
{
	switch (to->kind) {
	case TO_STORE:
		return image_save_store(image, session->store, to->name, session->cancel, progress);
	case TO_REGISTRY:
		return to_registry(session, image, to, progress);
	case TO_LAYOUT:
		return image_save_layout(image, to->path,
				&(struct layout_names){ .word = to->name }, LAYOUT_ADD,
				session->cancel, progress);
	case TO_OCI_ARCHIVE:
		return alone_to_oci_archive(session, image, to, progress);
	case TO_DOCKER_ARCHIVE:
		return to_docker_archive(session, image, to);
	case TO_DIR:
		return to_dir(session, image, to, progress);
	case TO_PODMAN:
		return to_podman(session, image, to, progress);
	}
	return NULL;
}

static FALLIBLE send_set(struct session *session, const struct image_set *set,
		const struct destination *to, const struct image_progress *progress)
{
	AUTO(reference) struct reference reference = { 0 };
	struct cancel *cancel = session->cancel;

	switch (to->kind) {
	case TO_STORE:
		return image_set_save_store(set, session->store, to->name, cancel, progress);
	case TO_REGISTRY:
		TRY(reference_parse(str_of(to->name), &reference));
		return image_set_push(set, session->registry, &reference, session->signer, cancel,
				progress);
	case TO_LAYOUT:
		return image_set_save_layout(set, to->path,
				&(struct layout_names){ .word = to->name }, cancel, progress);
	case TO_DIR:
		return image_set_save_dir(set, to->path, cancel, progress);
	case TO_OCI_ARCHIVE:
		return to_oci_archive(session, set, to, progress);
	case TO_PODMAN:
		return set_to_podman(session, set, to, progress);
	case TO_DOCKER_ARCHIVE:
		break;
	}
	return error_hint(error_new(ERR_UNSUPPORTED,
					  "a docker archive takes one image, not an index"),
			"oci:DIR and oci-archive:FILE take all of it");
}

FALLIBLE destination_send_set(struct session *session, const struct image_set *set,
		const struct destination *to, bool quiet, struct digest *ret_digest)
{
	AUTO(image_sealed_set) struct image_sealed_set sealed = { 0 };
	AUTO(show) struct show show = { 0 };

	TRY(session_check_signing(session, to->kind == TO_REGISTRY));
	if (to->sealing) {
		TRY(image_set_encrypt(set, to->sealing, session->store, session->cancel, &sealed));
		set = &sealed.set;
	}
	if (ret_digest)
		*ret_digest = set->digest;
	TRY(show_open_copy(session->config, quiet, &show));
	TRY(show_copy_set(&show, set));
	show_begin(&show, "writing %s", to->name ? to->name : to->path);
	return show_end(&show, send_set(session, set, to, &show.copies));
}

/* In the form that it has then, and encrypted if that is wanted. */
static FALLIBLE shape(struct session *session, const struct image *image,
		const struct image_form *form, const struct image_sealing *sealing,
		struct image **ret)
{
	AUTO(image) struct image *converted = NULL;
	struct pool *pool = pool_new(0);
	struct error *error = image_convert(
			image, session->store, form, pool, session->cancel, &converted);

	pool_free(pool);
	TRY(error);
	if (sealing)
		return image_encrypt(converted, sealing, session->store, session->cancel, ret);
	*ret = TAKE(converted);
	return NULL;
}

static bool may_be_plain(const struct destination *to)
{
	return to->kind == TO_DIR || to->kind == TO_LAYOUT || to->kind == TO_OCI_ARCHIVE;
}

FALLIBLE destination_send(struct session *session, const struct image *image,
		const struct destination *to, const struct image_form *form, bool quiet,
		struct digest *ret_manifest)
{
	AUTO(image) struct image *shaped = NULL;
	AUTO(show) struct show show = { 0 };
	struct image_form wanted = *form;

	TRY(session_check_signing(session, to->kind == TO_REGISTRY));

	bool is_plain = wanted.leaves_plain && may_be_plain(to);
	if (is_plain) {
		wanted.compression = COMPRESSION_NONE;
		wanted.force = true;
	}
	/* What leaves this machine is compressed; what stays need not be. */
	if (!wanted.compression && !is_plain && to->kind != TO_STORE && to->kind != TO_PODMAN &&
			to->kind != TO_DOCKER_ARCHIVE) {
		wanted.compression = COMPRESSION_GZIP;
		wanted.level = CODEC_LEVEL_DEFAULT;
	}
	if (to->sealing)
		wanted.format = FORMAT_OCI;
	TRY(show_open_copy(session->config, quiet, &show));
	show_begin(&show, "writing %s", to->name ? to->name : to->path ? to->path : "the image");
	struct error *error = shape(session, image, &wanted, to->sealing, &shaped);
	if (!error) {
		show_copy_image(&show, shaped);
		*ret_manifest = shaped->digest;
		error = send(session, shaped, to, &show.copies);
	}
	return show_end(&show, error);
}

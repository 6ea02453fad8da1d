#include "verbs/compression_conf.h"
#include "verbs/destination.h"
#include "verbs/encrypt_flag.h"
#include "verbs/identity_label.h"
#include "verbs/manifest_list.h"
#include "verbs/names.h"
#include "verbs/verbs.h"
#include "verbs/work.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "container/edit.h"
#include "stream/codec.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "ui/registry_flags.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct commit_opts {
	struct encrypt_flags encrypt;
	struct list annotations, changes, unset_env, unset_annotations, files;
	char *format, *iid_file, *config_file, *compression, *metadata_file, *reference_time, *pull,
			*manifest, *identity_label, *blob_cache;
	int64_t timestamp, source_date_epoch, level;
	bool squash, omit_history, omit_timestamp, rm, quiet, disable_compression,
			rewrite_timestamp, created_annotation, force_compression;
};

static const struct commit_opts defaults = {
	.timestamp = -1,
	.source_date_epoch = -1,
	.level = CODEC_LEVEL_DEFAULT,
	.disable_compression = true,
	.created_annotation = true,
};

#define REFUSED(name, why) OPT_LATER(0, name, why)
#define SBOM               "is not there: make an SBOM from the image with its own tool"

#define CREATED_ANNOTATION "org.opencontainers.image.created"

#define OPTS commit_opts
static const struct option options[] = {
	OPT_LIST(0, "annotation", annotations, "NAME=VALUE", "add an annotation"),
	OPT_LIST('c', "change", changes, "INSTRUCTION",
			"as a Dockerfile's: CMD, ENV, LABEL, USER ..."),
	OPT_TEXT(0, "config", config_file, "PATH", "JSON whose fields are merged into the config's",
			.is_path = true),
	OPT_LIST(0, "add-file", files, "FILE[:PATH]",
			"add a file of the host, root's and 0644, to the image alone"),
	OPT_TEXT('f', "format", format, "oci|docker", "of manifest and config"),
	OPT_TEXT(0, "iidfile", iid_file, "PATH", "write the image ID to a file", .is_path = true),
	OPT_TEXT(0, "metadata-file", metadata_file, "PATH", "write digests and names as JSON",
			.is_path = true),
	OPT_TEXT(0, "manifest", manifest, "LIST", "add it to a list of images, made if missing"),
	OPT_FLAG(0, "squash", squash, "one layer for all, the base's included"),
	OPT_FLAG(0, "omit-history", omit_history, "no history"),
	OPT_FLAG(0, "rm", rm, "remove the container afterwards"),
	OPT_FLAG('q', "quiet", quiet, "show no progress"),
	OPT_LIST(0, "unsetenv", unset_env, "NAME", "leave a variable out"),
	OPT_LIST(0, "unsetannotation", unset_annotations, "NAME", "leave an annotation out"),
	OPT_INT(0, "timestamp", timestamp, 0, 253402300799, "SECONDS",
			"every time in the image; else SOURCE_DATE_EPOCH for its own, else now"),
	OPT_INT(0, "source-date-epoch", source_date_epoch, 0, 253402300799, "SECONDS",
			"the image's own times"),
	OPT_FLAG(0, "rewrite-timestamp", rewrite_timestamp,
			"no file is younger than --source-date-epoch"),
	OPT_FLAG(0, "omit-timestamp", omit_timestamp, "--timestamp 0", .is_hidden = true),
	OPT_TEXT(0, "compression-format", compression, "gzip|zstd", "how the layer is compressed"),
	OPT_INT(0, "compression-level", level, 0, 22, "LEVEL", "gzip 0 to 9, zstd 1 to 22"),
	OPT_FLAG('D', "disable-compression", disable_compression,
			"leave it uncompressed (the default; registries get gzip)"),
	OPT_FLAG(0, "force-compression", force_compression,
			"compress the base's layers again, too"),
	OPT_FLAG(0, "created-annotation", created_annotation,
			"say when it was made, in an annotation (the default)"),
	IDENTITY_LABEL_ROW,
	OPT_HEADING("Registry"),
	REGISTRY_REACH_ROWS,
	RETRY_ROWS,
	SIGNATURE_POLICY_ROW,
	SIGN_ROWS,
	OPT_SETTING(0, "progress", "auto|tty|plain|rawjson|quiet|none", "how to show progress"),
	OPT_TEXT(0, "reference-time", reference_time, "PATH",
			"--timestamp: when that file was last changed", .is_hidden = true,
			.is_path = true),
	OPT_TEXT(0, "pull", pull, "always|missing|never|newer", "taken: nothing is pulled",
			.is_hidden = true, .implied = "always"),
	BLOB_CACHE_ROW,
	REFUSED("cw", "confidential workloads are not there"),
	ENCRYPTION_ROWS,
	REFUSED("sbom", SBOM),
	REFUSED("sbom-scanner-image", SBOM),
	REFUSED("sbom-scanner-command", SBOM),
	REFUSED("sbom-merge-strategy", SBOM),
	REFUSED("sbom-output", SBOM),
	REFUSED("sbom-image-output", SBOM),
	REFUSED("sbom-purl-output", SBOM),
	REFUSED("sbom-image-purl-output", SBOM),
	OPT_END,
};
#undef OPTS

static FALLIBLE set_compression(
		const char *program, const struct commit_opts *opts, struct working_commit *ret)
{
	ret->compression = COMPRESSION_NONE;
	ret->compression_level = CODEC_LEVEL_DEFAULT;
	if (!opts->compression && opts->disable_compression)
		return NULL;
	if (!opts->compression || text_equal(opts->compression, "gzip"))
		ret->compression = COMPRESSION_GZIP;
	else if (compression_is_zstd(opts->compression))
		ret->compression = COMPRESSION_ZSTD;
	else
		return error_usage("unknown compression \"%s\"", opts->compression);
	ret->compression_level = (int)opts->level;
	return opts->compression ? NULL
				 : compression_conf(program, ret->format == FORMAT_DOCKER,
						   &ret->compression, &ret->compression_level);
}

static FALLIBLE set_time(const struct commit_opts *opts, const struct config *config,
		struct working_commit *ret)
{
	ret->has_epoch = true;
	ret->no_created_annotation = !opts->created_annotation ||
				     list_has(&opts->unset_annotations, CREATED_ANNOTATION);
	if (opts->reference_time) {
		struct stat st;

		if (stat(opts->reference_time, &st) != 0)
			return error_sys("look at '%s'", opts->reference_time);
		ret->epoch = st.st_mtim.tv_sec;
		ret->fixes_times = true;
	} else if (opts->timestamp >= 0 || opts->omit_timestamp) {
		ret->epoch = opts->omit_timestamp ? 0 : opts->timestamp;
		ret->fixes_times = true;
	} else if (opts->source_date_epoch >= 0) {
		ret->epoch = opts->source_date_epoch;
	} else if (config->environment.has_source_date_epoch) {
		ret->epoch = config->environment.source_date_epoch;
	} else {
		ret->has_epoch = false;
	}
	return NULL;
}

static FALLIBLE make_wish(const char *program, const struct commit_opts *opts,
		const struct config *config, struct working_commit *ret)
{
	*ret = (struct working_commit){
		.squash = opts->squash,
		.omit_history = opts->omit_history,
		.unset_env = &opts->unset_env,
		.annotations = &opts->annotations,
	};
	if (text_equal(opts->format, "docker") || text_equal(opts->format, "v2s2"))
		ret->format = FORMAT_DOCKER;
	else if (text_equal(opts->format, "oci"))
		ret->format = FORMAT_OCI;
	else if (opts->format)
		return error_usage("unrecognized image type \"%s\"", opts->format);
	TRY(set_time(opts, config, ret));
	return set_compression(program, opts, ret);
}

/* "FILE" keeps its name, the path that was typed. */
static FALLIBLE add_file(const char *text, struct list *texts)
{
	const char *colon = strrchr(text, ':');
	AUTO_FREE char *source = colon ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
	AUTO_FREE char *path = path_clean(str_of(colon ? colon + 1 : text));

	if (!source[0] || !path[0])
		return error_usage("option '--add-file': '%s' is not FILE[:PATH]", text);
	list_add(texts, source);
	list_add(texts, path);
	return NULL;
}

/* texts keeps what files point to. */
static FALLIBLE make_files(const struct commit_opts *opts, struct list *texts,
		struct working_file **ret, struct working_commit *wish)
{
	for (size_t i = 0; i < opts->files.n; i++)
		TRY(add_file(opts->files.p[i], texts));
	*ret = xcalloc(opts->files.n, sizeof(**ret));
	for (size_t i = 0; i < opts->files.n; i++)
		(*ret)[i] = (struct working_file){ texts->p[2 * i], texts->p[2 * i + 1] };
	wish->files = *ret;
	wish->file_count = opts->files.n;
	return NULL;
}

/* --config and then --change change the image only, not the container. */
static FALLIBLE change(const struct invocation *call, const struct working_commit *wish,
		struct container *container)
{
	const struct commit_opts *opts = call->opts;
	const char *identity = NULL;

	TRY(identity_label(call->program, opts->identity_label, wish->has_epoch, &identity));
	if (identity)
		list_env_set(&container->config.labels, IDENTITY_LABEL, identity);
	if (opts->config_file)
		TRY(edit_merge_file(&container->config, opts->config_file));
	TRY(working_change(container, &opts->changes));
	for (size_t i = 0; i < opts->unset_annotations.n; i++)
		list_env_unset(&container->annotations, opts->unset_annotations.p[i]);
	return NULL;
}

static FALLIBLE write_files(const struct commit_opts *opts, const struct image *image,
		const struct digest *manifest, const char *name)
{
	char id[DIGEST_TEXT], digest[DIGEST_TEXT];

	(void)digest_text(&image->manifest.config.digest, id);
	(void)digest_text(manifest, digest);
	if (opts->iid_file)
		TRY(file_write_named(opts->iid_file, id, strlen(id), 0644));
	if (!opts->metadata_file)
		return NULL;
	AUTO_FREE char *text =
			xasprintf("{\"containerimage.config.digest\":\"%s\","
				  "\"containerimage.digest\":\"%s\",\"image.name\":\"%s\"}\n",
					id, digest, name ? name : "");
	return file_write_named(opts->metadata_file, text, strlen(text), 0644);
}

static FALLIBLE send(struct work *work, const struct commit_opts *opts, struct image *image,
		const struct destination *to, const struct working_commit *wish,
		struct digest *ret_manifest)
{
	const struct image_form form = { .format = wish->format,
		.compression = opts->compression || !opts->disable_compression ? wish->compression
									       : 0,
		.level = wish->compression_level,
		.leaves_plain = !opts->compression && opts->disable_compression,
		.force = opts->force_compression || wish->compression == COMPRESSION_ZSTD };

	return destination_send(&work->session, image, to, &form, opts->quiet, ret_manifest);
}

/* With KILN_PODMAN=write what gets a name in the store gets it in Podman's, too. */
static FALLIBLE send_shared(struct work *work, const struct commit_opts *opts, struct image *image,
		const struct destination *to, const struct working_commit *wish)
{
	struct destination podmans = {
		.kind = TO_PODMAN, .path = (char[]){ "" }, .name = to->name
	};
	struct digest manifest;

	if (to->kind != TO_STORE || !to->name || !text_equal(work->call->config->podman, "write"))
		return NULL;
	return send(work, opts, image, &podmans, wish, &manifest);
}

/* A list is of the store, and so is what it lists. */
static FALLIBLE check_list(
		struct work *work, const struct commit_opts *opts, const struct destination *to)
{
	AUTO(manifest_list) struct manifest_list list = { 0 };

	if (!opts->manifest)
		return NULL;
	if (to->kind != TO_STORE)
		return error_hint(error_usage("option '--manifest' takes images of the store"),
				"commit to a name, and 'push' from there");
	return manifest_list_begin(&work->session, work->call->program, opts->manifest, &list);
}

static FALLIBLE commit_to(struct work *work, const struct commit_opts *opts,
		const struct working_commit *wish, const struct destination *to)
{
	AUTO(image) struct image *image = NULL;
	struct digest manifest;
	char hex[DIGEST_HEX];

	TRY(check_list(work, opts, to));
	TRY(working_commit(work->working, wish, &image));
	TRY(send(work, opts, image, to, wish, &manifest));
	TRY(send_shared(work, opts, image, to, wish));
	if (opts->manifest)
		TRY(manifest_list_take_in(&work->session, work->call->program, opts->manifest,
				&manifest, opts->quiet));
	TRY(write_files(opts, image, &manifest, to->name));
	if (opts->rm) {
		TRY(container_remove(work->container));
		work->is_off = false;
	}
	TRY(work_release(work));
	/* Buildah's: an ID that goes to a file is not printed, nor one that its store has not. */
	bool is_away = text_equal(work->call->program, "buildah") && to->kind != TO_STORE;
	if (!opts->iid_file && !is_away)
		(void)printf("%s\n", digest_hex(&image->manifest.config.digest, hex));
	return NULL;
}

static struct error *run(const struct invocation *call)
{
	const struct commit_opts *opts = call->opts;
	const char *text = call->args->n > 1 ? call->args->p[1] : NULL;
	AUTO(work) struct work work = WORK_INIT;
	AUTO(destination) struct destination to = { .kind = TO_STORE };
	AUTO(encryption) struct encryption encryption = { 0 };
	AUTO(list) struct list texts = { 0 };
	AUTO_FREE struct working_file *files = NULL;
	struct working_commit wish;

	if (call->args->n == 0)
		return error_usage("container ID must be specified");
	TRY(make_wish(call->program, opts, call->config, &wish));
	TRY(make_files(opts, &texts, &files, &wish));
	if (text)
		TRY(destination_parse(call->program, text, TO_STORE, &to));
	TRY(encryption_begin(&opts->encrypt, opts->format, &to, &encryption));
	wish.name = text ? text : "";
	TRY(work_open(call, WORK_FILES, &work));
	TRY(work_take(&work, call->args->p[0], false));
	TRY(working_commit_begin(work.working, &wish));
	TRY(change(call, &wish, work.container));
	return commit_to(&work, opts, &wish, &to);
}

const struct command cmd_commit = {
	.name = "commit",
	.args = "CONTAINER [IMAGE]",
	.summary = "Make an image from a working container",
	.description = "IMAGE is a name for the store, or docker://NAME, oci:DIR[:TAG], "
		       "oci-archive:FILE, docker-archive:FILE or containers-storage:NAME "
		       "(Podman's). Prints the image ID.",
	.options = options,
	.defaults = &defaults,
	.opts_size = sizeof(struct commit_opts),
	.max_args = 2,
	.run = run,
};

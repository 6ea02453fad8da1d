#include "verbs/manifest_artifact.h"

#include "base/limits.h"
#include "base/str.h"
#include "store/blob.h"
#include "sys/fd.h"
#include "ui/options.h"
#include "verbs/file_type.h"

#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TITLE "org.opencontainers.image.title"

static FALLIBLE open_file(const char *path, int *ret_fd)
{
	AUTO_FD int fd = -1;
	struct stat st;

	TRY(file_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd));
	if (fstat(fd, &st) != 0)
		return error_sys("look at '%s'", path);
	if (!S_ISREG(st.st_mode))
		return error_new(ERR_INVALID, "'%s' is no regular file", path);
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

/* Its bytes are a blob of the store. type: NULL is guessed. */
static FALLIBLE keep_file(
		struct session *session, const char *path, const char *type, struct descriptor *ret)
{
	AUTO(blob_writer) struct blob_writer *blob = NULL;
	AUTO_FREE char *copy = xstrdup(path);
	char beginning[FILE_TYPE_BYTES];
	struct digest digest;
	uint64_t bytes = 0;
	size_t n = 0;
	int fd = -1;

	TRY(open_file(path, &fd));
	AUTO(reader) struct reader *reader = reader_from_fd(fd);
	TRY(blob_writer_open(session->store, BLOB_HASH, &blob));
	struct writer *writer = blob_writer_stream(blob);
	TRY(fd_read_full(fd, beginning, sizeof(beginning), &n));
	TRY(writer_write(writer, beginning, n));
	TRY(stream_copy(reader, writer, NULL));
	TRY(writer_close(writer));
	TRY(blob_commit(TAKE(blob), NULL, BLOB_ANY_SIZE, &digest, &bytes));
	if (!type)
		type = file_type(basename(copy), (struct str){ beginning, n });
	*ret = descriptor_make(type, digest, bytes);
	return NULL;
}

/* Two bytes that stand for "nothing" as config or only layer. */
static FALLIBLE keep_nothing(struct session *session, struct descriptor *ret)
{
	struct digest digest;

	TRY(blob_put(session->store, "{}", 2, &digest));
	*ret = descriptor_make(MEDIA_OCI_EMPTY, digest, 2);
	return NULL;
}

static FALLIBLE fill_config(
		struct session *session, const struct artifact *artifact, struct descriptor *ret)
{
	if (artifact->config)
		return keep_file(session, artifact->config,
				artifact->config_type ? artifact->config_type : MEDIA_OCI_CONFIG,
				ret);
	TRY(keep_nothing(session, ret));
	if (artifact->config_type) {
		free(ret->media_type);
		ret->media_type = xstrdup(artifact->config_type);
	}
	return NULL;
}

static FALLIBLE fill_layers(
		struct session *session, const struct artifact *artifact, struct manifest *manifest)
{
	if (!artifact->file_count)
		return keep_nothing(session, vec_add(&manifest->layers));
	if (artifact->file_count > LIMIT_LAYERS)
		return error_new(ERR_LIMIT, "%zu files in one artifact, more than %d",
				artifact->file_count, LIMIT_LAYERS);
	for (size_t i = 0; i < artifact->file_count; i++) {
		const char *path = artifact->files[i];
		AUTO_FREE char *copy = xstrdup(path);
		struct descriptor *layer = vec_add(&manifest->layers);

		TRY_WRAP(keep_file(session, path, artifact->layer_type, layer), "artifact '%s'",
				path);
		if (!artifact->has_no_titles)
			list_env_set(&layer->annotations, TITLE, basename(copy));
	}
	return NULL;
}

static FALLIBLE fill(struct session *session, const char *program, const struct artifact *artifact,
		struct manifest *manifest)
{
	manifest->format = FORMAT_OCI;
	manifest->artifact_type = xstrdup(artifact->type ? artifact->type : UNKNOWN_ARTIFACT);
	if (artifact->subject) {
		TRY_WRAP(manifest_list_subject(
					 session, program, artifact->subject, &manifest->subject),
				"subject '%s'", artifact->subject);
		manifest->has_subject = true;
	}
	TRY(fill_config(session, artifact, &manifest->config));
	TRY(fill_layers(session, artifact, manifest));
	for (size_t i = 0; i < artifact->annotations->n; i++) {
		struct str key, value;

		if (!str_cut(str_of(artifact->annotations->p[i]), '=', &key, &value))
			return error_usage("no value given for annotation \"%s\"",
					artifact->annotations->p[i]);
		AUTO_FREE char *name = str_dup(key);
		list_env_set(&manifest->annotations, name, value.p);
	}
	return NULL;
}

FALLIBLE manifest_list_add_artifact(struct session *session, struct manifest_list *list,
		const char *program, const struct artifact *artifact,
		const struct list_change *change, struct digest *ret)
{
	AUTO(manifest) struct manifest manifest = { 0 }, again = { 0 };

	if (list->index.format == FORMAT_DOCKER)
		return error_new(ERR_UNSUPPORTED,
				"'%s' is a list of Docker's format, which has no artifacts",
				list->name ? list->name : "");
	TRY(fill(session, program, artifact, &manifest));
	AUTO_FREE char *json = manifest_print(&manifest);
	/* Types that were given may be ones that nobody would read. */
	TRY(manifest_parse(str_of(json), MEDIA_OCI_MANIFEST, &again));
	TRY(blob_put(session->store, json, strlen(json), ret));
	struct descriptor *entry = manifest_list_place(list, ret);
	*entry = descriptor_make(MEDIA_OCI_MANIFEST, *ret, strlen(json));
	entry->artifact_type = xstrdup(manifest.artifact_type);
	return manifest_list_change(entry, change);
}

#include "podman/write.h"

#include "base/limits.h"
#include "layer/layer.h"
#include "podman/split.h"
#include "podman/write_inner.h"
#include "stream/codec.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

/* Podman mounts no more than so many. */
enum { LAYERS_MAX = 128, LINK_CHARS = 26, ROOT_MODE = 0555 };

void podman_writer_free(struct podman_writer *writer)
{
	if (!writer)
		return;
	for (size_t i = 0; i < writer->dirs.n; i++)
		(void)close(writer->dirs.p[i]);
	vec_done(&writer->dirs);
	for (size_t i = 0; i < writer->layers.n; i++) {
		struct new_layer *layer = &writer->layers.p[i];

		free(layer->id);
		free(layer->scratch);
		free(layer->link);
		free(layer->lower);
		vec_done(&layer->uids);
		vec_done(&layer->gids);
	}
	vec_done(&writer->layers);
	podman_scratch_done(&writer->scratch);
	for (size_t i = 0; i < writer->n_roots; i++)
		root_close(&writer->roots[i]);
	free(writer->roots);
	free(writer);
}

/* fuse-overlayfs has whiteouts of its own form; the file says whether it was ever used. */
static FALLIBLE check_mounts(const struct podman_place *place, const struct podman_root *root)
{
	AUTO_FREE char *text = NULL;
	struct error *error = file_read(root->fd, "overlay/.has-mount-program", 64, &text, NULL);

	error_ignore(error, "no Podman was here yet");
	if (!place->has_mount_program && !(text && text_starts(text, "true")))
		return NULL;
	return error_hint(error_new(ERR_UNSUPPORTED,
					  "Podman's store '%s' is mounted by a program "
					  "(mount_program in storage.conf); kiln writes what the "
					  "kernel's overlayfs mounts",
					  root->path),
			"use docker-archive:FILE and 'podman load'");
}

static FALLIBLE open_more(struct podman_writer *writer, const struct podman_place *place)
{
	for (size_t i = 0; i < place->more.n; i++) {
		struct podman_root *root = &writer->roots[writer->n_roots++];
		struct error *error = root_open(place->more.p[i], true, root);

		if (!error)
			error = root_load(root, writer->cancel);
		if (!error)
			continue;
		if (!error_is(error, ERR_NOT_FOUND))
			return error;
		error_ignore(error, "an additional store that has no images");
		root_close(root);
		writer->n_roots--;
	}
	return NULL;
}

FALLIBLE podman_writer_open(const struct podman_place *place,
		const struct podman_settings *settings, struct cancel *cancel,
		struct podman_writer **ret)
{
	AUTO(podman_writer) struct podman_writer *writer = xcalloc(1, sizeof(*writer));

	writer->scratch.fd = writer->scratch.lock = -1;
	writer->roots = xcalloc(place->more.n + 1, sizeof(*writer->roots));
	writer->cancel = cancel;
	writer->is_mapped = settings->is_mapped;
	writer->has_one_id = settings->has_one_id;
	if (settings->is_rootless && !settings->is_mapped)
		return error_new(ERR_UNSUPPORTED,
				"Podman's store can only be written in a user namespace");
	writer->n_roots = 1;
	TRY(root_make(place->root, &writer->roots[0]));
	TRY(check_mounts(place, &writer->roots[0]));
	scratch_clean(writer->roots[0].fd);
	TRY(root_load(&writer->roots[0], cancel));
	TRY(open_more(writer, place));
	*ret = TAKE(writer);
	return NULL;
}

/* --- which layer comes next --- */

/* New; free(). */
static char *id_of(const struct podman_writer *writer, const struct digest *diff_id)
{
	char hex[DIGEST_HEX];
	const char *below = writer->layers.n ? writer->layers.p[writer->layers.n - 1].id : NULL;

	(void)digest_hex(diff_id, hex);
	if (!below)
		return xstrdup(hex);
	AUTO_FREE char *text = xasprintf("%s+%s", below, hex);
	struct digest digest = digest_of(text, strlen(text));
	return xstrdup(digest_hex(&digest, hex));
}

/* The short path of the layer below, and what that one has below itself. */
static char *lower_of(const struct podman_writer *writer)
{
	if (!writer->layers.n)
		return NULL;
	const struct new_layer *below = &writer->layers.p[writer->layers.n - 1];

	return xasprintf("l/%s%s%s", below->link, below->lower ? ":" : "",
			below->lower ? below->lower : "");
}

FALLIBLE layer_word(const struct podman_root *root, const char *id, const char *name, bool must,
		char **ret)
{
	AUTO_FREE char *path = xasprintf("overlay/%s/%s", id, name);
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	struct error *error = file_read(root->fd, path, 64 * 1024, &text, &n);

	if (error_is_errno(error, ENOENT) && !must) {
		error_free(error);
		return NULL;
	}
	TRY_WRAP(error, "layer '%.12s' of Podman's store", id);
	*ret = str_dup(str_trim((struct str){ text, n }));
	return NULL;
}

/* Directories of a layer that is there; diff1 and its kin are below diff. */
static FALLIBLE open_dirs(struct podman_writer *writer, const struct new_layer *layer)
{
	size_t first = writer->dirs.n;

	for (unsigned k = 0;; k++) {
		char number[16] = "";

		if (k)
			(void)snprintf(number, sizeof(number), "%u", k);
		AUTO_FREE char *path = xasprintf("overlay/%s/diff%s", layer->id, number);
		int fd = openat(writer->roots[layer->root].fd, path,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT && k)
			break;
		if (fd < 0)
			return error_sys("open '%s/%s'", writer->roots[layer->root].path, path);
		vec_push(&writer->dirs, fd);
	}
	for (size_t i = first, k = writer->dirs.n; i + 1 < k; i++) {
		int swapped = writer->dirs.p[i];

		writer->dirs.p[i] = writer->dirs.p[--k];
		writer->dirs.p[k] = swapped;
	}
	return NULL;
}

FALLIBLE podman_writer_has(
		struct podman_writer *writer, const struct podman_new_layer *facts, bool *ret)
{
	AUTO_FREE char *id = id_of(writer, &facts->diff_id);
	const json_t *found = NULL;
	size_t root = 0;

	for (size_t r = 0; r < writer->n_roots && !found; r++) {
		found = root_layer(&writer->roots[r], id);
		root = r;
	}
	*ret = found && !layer_is_incomplete(found);
	if (!*ret)
		return NULL;
	struct new_layer *layer = vec_add(&writer->layers);
	layer->id = TAKE(id);
	layer->root = root;
	layer->facts = *facts;
	TRY(layer_word(&writer->roots[root], layer->id, "link", true, &layer->link));
	TRY(layer_word(&writer->roots[root], layer->id, "lower", false, &layer->lower));
	return open_dirs(writer, layer);
}

/* --- unpacking it --- */

static FALLIBLE add_id(struct ids *ids, uint32_t id, const char *what)
{
	size_t low = 0, high = ids->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ids->p[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < ids->n && ids->p[low] == id)
		return NULL;
	if (ids->n >= LIMIT_PODMAN_IDS)
		return error_hint(error_new(ERR_LIMIT,
						  "files of more than %d different %s are in one "
						  "layer, which Podman's store would list one by "
						  "one",
						  LIMIT_PODMAN_IDS, what),
				"give them fewer owners, or use docker-archive:FILE");
	(void)vec_add(ids);
	memmove(ids->p + low + 1, ids->p + low, (ids->n - 1 - low) * sizeof(*ids->p));
	ids->p[low] = id;
	return NULL;
}

/* Between tar and directory: whose files there are; devices that Podman leaves out, too. */
struct watch {
	struct entry_sink sink;
	struct entry_sink *below;
	struct new_layer *layer;
	bool without_devices;
};

static struct error *watch_add(
		struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	struct watch *watch = (struct watch *)sink;
	uint32_t mode = entry->owner.mode;

	TRY(add_id(&watch->layer->uids, entry->owner.uid, "users"));
	TRY(add_id(&watch->layer->gids, entry->owner.gid, "groups"));
	if (watch->without_devices && !entry->is_hardlink && (S_ISCHR(mode) || S_ISBLK(mode)))
		return NULL;
	return entry_sink_add(watch->below, entry, content);
}

static struct error *watch_whiteout(struct entry_sink *sink, const char *path)
{
	return entry_sink_whiteout(((struct watch *)sink)->below, path);
}

static struct error *watch_opaque(struct entry_sink *sink, const char *path)
{
	return entry_sink_opaque(((struct watch *)sink)->below, path);
}

static struct error *watch_close(struct entry_sink *sink)
{
	return entry_sink_close(TAKE(((struct watch *)sink)->below));
}

static void watch_free(struct entry_sink *sink)
{
	entry_sink_free(((struct watch *)sink)->below);
	free(sink);
}

static struct entry_sink *watching(
		struct entry_sink *below, struct new_layer *layer, bool without_devices)
{
	static const struct entry_sink_ops ops = { watch_add, watch_whiteout, watch_opaque,
		watch_close, watch_free };
	struct watch *watch = xcalloc(1, sizeof(*watch));

	*watch = (struct watch){ { &ops }, below, layer, without_devices };
	return &watch->sink;
}

/* 26 of A to Z and 2 to 7. New. */
static FALLIBLE random_link(char **ret)
{
	unsigned char random[LINK_CHARS];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return error_sys("get random bytes");
	*ret = xcalloc(LINK_CHARS + 1, 1);
	for (size_t i = 0; i < LINK_CHARS; i++)
		(*ret)[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[random[i] % 32];
	return NULL;
}

static FALLIBLE write_word(int dir_fd, const char *name, const char *text)
{
	return text ? file_write_atomic(dir_fd, name, text, strlen(text), 0644, false) : NULL;
}

/* The layer's own directory, as Podman makes it. *ret_fd is its "diff". */
static FALLIBLE make_dirs(struct podman_writer *writer, struct new_layer *layer, int *ret_fd)
{
	static const char *const plain[] = { "work", "merged", "empty" };
	AUTO_FD int fd = -1;
	struct stat below = { .st_mode = ROOT_MODE };

	if (mkdirat(writer->scratch.fd, layer->scratch, 0700) != 0)
		return error_sys("make a layer's directory in Podman's store");
	TRY(file_open(writer->scratch.fd, layer->scratch, O_RDONLY | O_DIRECTORY, 0, &fd));
	for (size_t i = 0; i < COUNT(plain) - (layer->lower ? 1 : 0); i++)
		if (mkdirat(fd, plain[i], 0700) != 0)
			return error_sys("make a layer's '%s' in Podman's store", plain[i]);
	TRY(write_word(fd, "link", layer->link));
	TRY(write_word(fd, "lower", layer->lower));
	/* Where the layer says nothing of the root, it is what it was below. */
	if (writer->dirs.n && fstat(writer->dirs.p[writer->dirs.n - 1], &below) != 0)
		return error_sys("look at a layer of Podman's store");
	if (mkdirat(fd, "diff", 0700) != 0)
		return error_sys("make a layer's 'diff' in Podman's store");
	TRY(file_open(fd, "diff", O_RDONLY | O_DIRECTORY, 0, ret_fd));
	if (fchown(*ret_fd, below.st_uid, below.st_gid) != 0 ||
			fchmod(*ret_fd, below.st_mode & 07777) != 0)
		return error_sys("make a layer's 'diff' in Podman's store");
	return NULL;
}

static FALLIBLE open_split(const struct podman_writer *writer, const struct new_layer *layer,
		struct writer **ret)
{
	AUTO_FREE char *name = xasprintf("%s.tar-split.gz", layer->scratch);
	struct writer *packed = NULL;
	int fd = -1;

	TRY(file_open(writer->scratch.fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600, &fd));
	TRY(codec_writer(writer_to_fd(fd), COMPRESSION_GZIP, CODEC_LEVEL_DEFAULT, NULL, &packed));
	*ret = split_writer(packed);
	return NULL;
}

static FALLIBLE unpack(struct podman_writer *writer, struct new_layer *layer, struct reader *taken,
		int diff_fd)
{
	AUTO(reader) struct reader *blob = taken;
	AUTO_FREE int *fds = xcalloc(writer->dirs.n, sizeof(*fds));
	struct lowers lowers = { fds, writer->dirs.n };
	struct layer_unpack_options options = {
		.apply = { .mode = APPLY_LAYER,
				.policy = { .kind = OWNER_PLAIN },
				.lowers = &lowers,
				.is_trusted = !writer->is_mapped },
		.diff_id = &layer->facts.diff_id,
		.cancel = writer->cancel,
	};
	struct layer_result result = { 0 };

	for (size_t i = 0; i < writer->dirs.n; i++)
		fds[i] = writer->dirs.p[writer->dirs.n - 1 - i];
	TRY(open_split(writer, layer, &options.copy));
	struct error *error = layer_unpack_into(TAKE(blob),
			watching(apply_sink(diff_fd, &options.apply), layer, writer->is_mapped),
			&options, &result);
	if (error && writer->has_one_id)
		return error_hint(error, "Podman's store needs subordinate ids for the owners of "
					 "an image's files: a line in /etc/subuid and /etc/subgid");
	TRY(error);
	layer->tar_bytes = result.diff_size;
	return NULL;
}

static FALLIBLE begin_layer(struct podman_writer *writer, const struct podman_new_layer *facts)
{
	AUTO_FREE char *lower = lower_of(writer);
	AUTO_FREE char *id = id_of(writer, &facts->diff_id);

	if (writer->layers.n >= LAYERS_MAX)
		return error_new(ERR_LIMIT, "Podman mounts no image of more than %d layers",
				LAYERS_MAX);
	if (writer->scratch.fd < 0)
		TRY(scratch_open(writer->roots[0].fd, &writer->scratch));
	struct new_layer *layer = vec_add(&writer->layers);
	layer->id = TAKE(id);
	layer->lower = TAKE(lower);
	layer->scratch = xasprintf("%zu", writer->layers.n);
	layer->facts = *facts;
	return random_link(&layer->link);
}

FALLIBLE podman_writer_add(struct podman_writer *writer, const struct podman_new_layer *facts,
		struct reader *taken)
{
	AUTO(reader) struct reader *blob = taken;
	AUTO_FD int diff_fd = -1;

	TRY_WRAP(begin_layer(writer, facts), "Podman's store '%s'", writer->roots[0].path);
	struct new_layer *layer = &writer->layers.p[writer->layers.n - 1];
	TRY_WRAP(make_dirs(writer, layer, &diff_fd), "Podman's store '%s'", writer->roots[0].path);
	TRY(unpack(writer, layer, TAKE(blob), diff_fd));
	vec_push(&writer->dirs, TAKE_FD(diff_fd));
	return NULL;
}

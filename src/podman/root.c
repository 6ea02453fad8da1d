#include "podman/root.h"

#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "oci/json.h"
#include "sys/fd.h"
#include "sys/lock.h"
#include "sys/mounts.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define LAYERS      "overlay-layers/layers.json"
#define VOLATILE    "overlay-layers/volatile-layers.json"
#define LAYERS_LOCK "overlay-layers/layers.lock"
#define IMAGES      "overlay-images/images.json"
#define IMAGES_LOCK "overlay-images/images.lock"

enum { TOKEN_BYTES = 64 };

static FALLIBLE open_dir(const char *path, bool is_additional, struct podman_root *ret)
{
	*ret = (struct podman_root){ .path = xstrdup(path),
		.fd = -1,
		.is_additional = is_additional,
		.layers_lock = -1,
		.images_lock = -1 };
	struct error *error = file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &ret->fd);

	if (!error_is_errno(error, ENOENT))
		return error;
	error_free(error);
	return error_new(ERR_NOT_FOUND, "Podman has no store in '%s'", path);
}

FALLIBLE root_open(const char *path, bool is_additional, struct podman_root *ret)
{
	TRY(open_dir(path, is_additional, ret));
	if (faccessat(ret->fd, "overlay-images", F_OK, 0) == 0)
		return NULL;
	if (faccessat(ret->fd, "vfs-images", F_OK, 0) == 0)
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "Podman's store '%s' has the driver 'vfs'; kiln "
						  "knows overlay",
						  path),
				"copy through an archive: 'podman save', and "
				"docker-archive:FILE");
	return error_new(ERR_NOT_FOUND, "Podman has no images in '%s'", path);
}

/*
 * As root Podman and skopeo leave "overlay" mounted on itself, and nothing is renamed from one
 * mount to another: a view of the whole without that. Where overlay is a file system of its own it
 * stays.
 */
static void look_below_mounts(struct podman_root *root)
{
	struct stat seen, below;
	AUTO_FD int fd = -1;
	struct error *error = mount_clone(root->fd, NULL, false, &fd);

	if (error) {
		error_ignore(error, "an ordinary user's Podman mounts in a namespace of its own");
		return;
	}
	if (fstatat(root->fd, "overlay", &seen, 0) != 0 || fstatat(fd, "overlay", &below, 0) != 0 ||
			seen.st_dev != below.st_dev || seen.st_ino != below.st_ino)
		return;
	(void)close(root->fd);
	root->fd = TAKE_FD(fd);
}

static FALLIBLE make_dir(const struct podman_root *root, const char *name, mode_t mode)
{
	if (mkdirat(root->fd, name, mode) != 0 && errno != EEXIST)
		return error_sys("make '%s/%s'", root->path, name);
	return NULL;
}

FALLIBLE root_make(const char *path, struct podman_root *ret)
{
	static const char *const dirs[] = { "overlay", "overlay-layers", "overlay-images",
		"overlay-containers", "tmp", "mounts" };

	TRY(file_make_dirs(path, 0700));
	TRY(open_dir(path, false, ret));
	if (faccessat(ret->fd, "vfs-images", F_OK, 0) == 0 &&
			faccessat(ret->fd, "overlay-images", F_OK, 0) != 0)
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "Podman's store '%s' has the driver 'vfs'; kiln "
						  "knows overlay",
						  path),
				"set driver = \"overlay\" in storage.conf, or go through an "
				"archive: docker-archive:FILE, and 'podman load'");
	for (size_t i = 0; i < COUNT(dirs); i++)
		TRY(make_dir(ret, dirs[i], 0700));
	look_below_mounts(ret);
	return make_dir(ret, "overlay/l", 0755);
}

void root_close(struct podman_root *root)
{
	root_unlock(root);
	json_decref(root->layers);
	json_decref(root->images);
	if (root->path && root->fd >= 0)
		(void)close(root->fd);
	free(root->path);
	*root = (struct podman_root){ .fd = -1, .layers_lock = -1, .images_lock = -1 };
}

/* --- locks --- */

/* *ret_fd is -1 where there is no lock file and none can be made: a store that nobody writes. */
static FALLIBLE take_lock(const struct podman_root *root, const char *name, bool exclusive,
		struct cancel *cancel, int *ret_fd)
{
	AUTO_FD int fd = openat(root->fd, name,
			(exclusive ? O_RDWR : O_RDONLY) | O_CREAT | O_CLOEXEC, 0644);

	*ret_fd = -1;
	if (fd < 0 && !exclusive && (errno == EROFS || errno == EACCES || errno == ENOENT))
		return NULL;
	if (fd < 0)
		return error_sys("open '%s/%s'", root->path, name);
	TRY_WRAP(lock_take(fd, exclusive, true, cancel), "lock '%s/%s'", root->path, name);
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

static void let_go(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void root_unlock(struct podman_root *root)
{
	if (!root->path)
		return;
	let_go(&root->images_lock);
	let_go(&root->layers_lock);
}

FALLIBLE root_hold_layers(const struct podman_root *root, struct cancel *cancel, int *ret_fd)
{
	return take_lock(root, LAYERS_LOCK, false, cancel, ret_fd);
}

/* What was last written by whom: other for each writing, as long as it always was. */
static FALLIBLE write_token(const struct podman_root *root, int fd, const char *name)
{
	unsigned char token[TOKEN_BYTES];

	if (getrandom(token, sizeof(token), 0) != (ssize_t)sizeof(token))
		return error_sys("get random bytes");
	if (pwrite(fd, token, sizeof(token), 0) != (ssize_t)sizeof(token))
		return error_sys("write '%s/%s'", root->path, name);
	return NULL;
}

/* --- lists --- */

/* Adds to list; a file that is missing or empty has none. */
static FALLIBLE read_list(const struct podman_root *root, const char *name, json_t *list)
{
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *what = xasprintf("'%s/%s'", root->path, name);
	json_auto_t *read = NULL;
	size_t n = 0;
	struct error *error = file_read(root->fd, name, LIMIT_PODMAN_LIST_BYTES, &text, &n);

	if (error_is_errno(error, ENOENT)) {
		error_free(error);
		return NULL;
	}
	TRY_WRAP(error, "%s", what);
	if (n == 0)
		return NULL;
	error = json_parse((struct str){ text, n }, LIMIT_PODMAN_LIST_BYTES, what, &read);
	if (!error && !json_is_array(read) && !json_is_null(read))
		error = error_new(ERR_INVALID, "%s is no list", what);
	if (error)
		return error_hint(error,
				"Podman's store is damaged: 'podman system reset', or mend "
				"the file");
	for (size_t i = 0; i < json_array_size(read); i++) {
		json_t *item = json_array_get(read, i);

		if (!podman_is_id(member_text(item, "id")))
			return error_new(ERR_INVALID, "%s: item %zu has no ID", what, i + 1);
		(void)json_array_append(list, item);
	}
	return NULL;
}

static FALLIBLE read_layers(struct podman_root *root, bool with_volatile)
{
	json_decref(root->layers);
	root->layers = json_array();
	TRY(read_list(root, LAYERS, root->layers));
	return with_volatile ? read_list(root, VOLATILE, root->layers) : NULL;
}

/* Under whichever locks the caller has. A writer must not mix the lists of layers. */
static FALLIBLE read_lists(struct podman_root *root, bool with_volatile)
{
	json_decref(root->images);
	root->images = json_array();
	TRY(read_layers(root, with_volatile));
	return read_list(root, IMAGES, root->images);
}

FALLIBLE root_peek_layers(struct podman_root *root)
{
	return read_layers(root, true);
}

FALLIBLE root_load(struct podman_root *root, struct cancel *cancel)
{
	TRY(take_lock(root, LAYERS_LOCK, false, cancel, &root->layers_lock));
	struct error *error = take_lock(root, IMAGES_LOCK, false, cancel, &root->images_lock);

	if (!error)
		error = read_lists(root, true);
	root_unlock(root);
	return error;
}

FALLIBLE root_lock(struct podman_root *root, struct cancel *cancel)
{
	TRY(take_lock(root, LAYERS_LOCK, true, cancel, &root->layers_lock));
	struct error *error = take_lock(root, IMAGES_LOCK, true, cancel, &root->images_lock);

	if (!error)
		error = read_lists(root, false);
	if (error)
		root_unlock(root);
	return error;
}

static FALLIBLE save(const struct podman_root *root, const char *name, const json_t *list)
{
	AUTO_FREE char *text = json_dumps(list, JSON_COMPACT);

	if (!text)
		return error_new(
				ERR_INVALID, "'%s/%s' cannot be written as JSON", root->path, name);
	/* What we could not read again is not written. */
	if (strlen(text) >= LIMIT_PODMAN_LIST_BYTES)
		return error_hint(error_new(ERR_LIMIT, "'%s/%s' would have more than %d bytes",
						  root->path, name, LIMIT_PODMAN_LIST_BYTES),
				"'podman image prune -a' removes what is not used");
	TRY_WRAP(file_write_atomic(root->fd, name, text, strlen(text), 0600, true), "in '%s'",
			root->path);
	return NULL;
}

FALLIBLE root_save_layers(struct podman_root *root)
{
	TRY(save(root, LAYERS, root->layers));
	return write_token(root, root->layers_lock, LAYERS_LOCK);
}

FALLIBLE root_save_images(struct podman_root *root)
{
	TRY(save(root, IMAGES, root->images));
	return write_token(root, root->images_lock, IMAGES_LOCK);
}

/* --- members --- */

const char *member_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static json_t *by_id(json_t *list, const char *id)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *item = json_array_get(list, i);

		if (text_equal(member_text(item, "id"), id))
			return item;
	}
	return NULL;
}

json_t *root_layer(const struct podman_root *root, const char *id)
{
	return by_id(root->layers, id);
}

json_t *root_image(const struct podman_root *root, const char *id)
{
	return by_id(root->images, id);
}

bool layer_is_incomplete(const json_t *layer)
{
	return json_is_true(json_object_get(json_object_get(layer, "flags"), PODMAN_INCOMPLETE));
}

bool podman_is_id(const char *id)
{
	return id && strlen(id) == 64 && strspn(id, "0123456789abcdef") == 64;
}

char *podman_data_name(const char *key)
{
	size_t n = strlen(key);

	if (strspn(key, ".0123456789abcdefghijklmnopqrstuvwxyz") == n)
		return xstrdup(key);
	AUTO_FREE char *coded = xmalloc(4 * ((n + 2) / 3) + 1);
	(void)EVP_EncodeBlock((unsigned char *)coded, (const unsigned char *)key, (int)n);
	return xasprintf("=%s", coded);
}

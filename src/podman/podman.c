#include "podman/podman.h"

#include "base/limits.h"
#include "base/str.h"
#include "oci/reference.h"
#include "podman/root.h"
#include "podman/split.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { SHORTEST_ID = 4 };

struct podman {
	struct podman_root *roots; /* the main one first */
	size_t n;
	struct cancel *cancel;
};

void podman_free(struct podman *podman)
{
	if (!podman)
		return;
	for (size_t i = 0; i < podman->n; i++)
		root_close(&podman->roots[i]);
	free(podman->roots);
	free(podman);
}

static FALLIBLE open_root(struct podman *podman, const char *path, bool is_additional)
{
	struct podman_root *root = &podman->roots[podman->n++];

	TRY(root_open(path, is_additional, root));
	return root_load(root, podman->cancel);
}

FALLIBLE podman_open(const struct podman_place *place, struct cancel *cancel, struct podman **ret)
{
	AUTO(podman) struct podman *podman = xcalloc(1, sizeof(*podman));
	struct error *first = NULL;

	podman->roots = xcalloc(place->more.n + 1, sizeof(*podman->roots));
	podman->cancel = cancel;
	first = open_root(podman, place->root, false);
	if (first && !error_is(first, ERR_NOT_FOUND))
		return first;
	for (size_t i = 0; i < place->more.n; i++) {
		struct error *error = open_root(podman, place->more.p[i], true);

		if (error_is(error, ERR_NOT_FOUND)) {
			error_ignore(error, "an additional store that has no images");
			continue;
		}
		if (error) {
			error_free(first);
			return error;
		}
		/* Where there are other images, an own store need not be there yet. */
		error_free(TAKE(first));
	}
	*ret = first ? NULL : TAKE(podman);
	return first;
}

/* --- which image --- */

void podman_image_done(struct podman_image *image)
{
	free(image->id);
	free(image->name);
	for (size_t i = 0; i < image->layers.n; i++)
		free(image->layers.p[i].id);
	vec_done(&image->layers);
	*image = (struct podman_image){ 0 };
}

/* A record that was found, and the store that it is in. */
struct hit {
	const json_t *image;
	size_t root;
	const char *name; /* borrowed; NULL: by something else */
	struct digest wanted;
};

static const char *name_of(const json_t *image, size_t i)
{
	return json_string_value(json_array_get(json_object_get(image, "names"), i));
}

static bool find_name(const struct podman *podman, const char *name, struct hit *ret)
{
	for (size_t r = 0; r < podman->n; r++)
		for (size_t i = 0; i < json_array_size(podman->roots[r].images); i++) {
			const json_t *image = json_array_get(podman->roots[r].images, i);
			const char *at = NULL;

			for (size_t k = 0; (at = name_of(image, k)); k++)
				if (strcmp(at, name) == 0) {
					*ret = (struct hit){
						.image = image, .root = r, .name = at
					};
					return true;
				}
		}
	return false;
}

/* One of its manifests has the digest. */
static bool has_manifest(const json_t *image, const char *digest)
{
	const json_t *data = json_object_get(image, "big-data-digests");
	bool has = text_equal(member_text(image, "digest"), digest);
	const char *key = NULL;
	json_t *value = NULL;

	json_object_foreach((json_t *)(uintptr_t)data, key, value) has =
			has || (text_starts(key, "manifest") &&
					       text_equal(json_string_value(value), digest));
	return has;
}

/* It has the digest, and one of its names the repository. */
static const char *has_digest(
		const json_t *image, const char *digest, const struct reference *reference)
{
	bool has = has_manifest(image, digest);
	const char *name = NULL;

	for (size_t k = 0; has && (name = name_of(image, k)); k++) {
		AUTO(reference) struct reference own = { 0 };
		struct error *error = reference_parse(str_of(name), &own);
		bool same = !error && text_equal(own.host, reference->host) &&
			    text_equal(own.repository, reference->repository);

		error_free(error);
		if (same)
			return name;
	}
	return NULL;
}

static bool find_digest(
		const struct podman *podman, const struct reference *reference, struct hit *ret)
{
	char text[DIGEST_TEXT];

	if (!digest_known(&reference->digest))
		return false;
	(void)digest_text(&reference->digest, text);
	for (size_t r = 0; r < podman->n; r++)
		for (size_t i = 0; i < json_array_size(podman->roots[r].images); i++) {
			const json_t *image = json_array_get(podman->roots[r].images, i);
			const char *name = has_digest(image, text, reference);

			if (name) {
				*ret = (struct hit){ .image = image, .root = r, .name = name };
				return true;
			}
		}
	return false;
}

static bool find_reference(const struct podman *podman, const char *text, struct hit *ret)
{
	AUTO(reference) struct reference reference = { 0 };
	struct error *error = reference_parse(str_of(text), &reference);

	if (error) {
		error_free(error);
		return false;
	}
	AUTO_FREE char *full = reference_text(&reference);
	if (!find_name(podman, full, ret) && !find_digest(podman, &reference, ret))
		return false;
	ret->wanted = reference.digest;
	return true;
}

static FALLIBLE find_id(const struct podman *podman, const char *text, struct hit *ret)
{
	size_t n = strlen(text);

	if (text_starts(text, "sha256:")) {
		text += strlen("sha256:");
		n -= strlen("sha256:");
	}
	if (n < SHORTEST_ID || strspn(text, "0123456789abcdef") != n)
		return NULL;
	for (size_t r = 0; r < podman->n; r++)
		for (size_t i = 0; i < json_array_size(podman->roots[r].images); i++) {
			const json_t *image = json_array_get(podman->roots[r].images, i);
			const char *id = member_text(image, "id");

			if (strncmp(id, text, n) != 0)
				continue;
			if (ret->image && !text_equal(member_text(ret->image, "id"), id))
				return error_new(ERR_INVALID,
						"several images of Podman's begin with '%s'", text);
			if (!ret->image)
				*ret = (struct hit){ .image = image, .root = r };
		}
	return NULL;
}

static FALLIBLE find_hit(const struct podman *podman, const char *text, struct hit *ret)
{
	AUTO_FREE char *local = xasprintf("localhost/%s", text);
	const char *at = strrchr(text, '@');

	/* "name@ID": the ID says which. */
	if (at && podman_is_id(at + 1))
		return find_id(podman, at + 1, ret);
	/* As Podman looks for what it built itself, and then for what it pulled. */
	if ((!reference_has_host(str_of(text)) && find_reference(podman, local, ret)) ||
			find_reference(podman, text, ret))
		return NULL;
	return find_id(podman, text, ret);
}

/* --- its layers --- */

static const json_t *find_layer(const struct podman *podman, const char *id, size_t *ret_root)
{
	for (size_t r = 0; r < podman->n; r++) {
		const json_t *layer = root_layer(&podman->roots[r], id);

		if (layer) {
			*ret_root = r;
			return layer;
		}
	}
	return NULL;
}

static FALLIBLE broken_layer(const char *id, const char *what)
{
	return error_hint(error_new(ERR_INVALID, "layer '%.12s' of Podman's store %s", id, what),
			"'podman rmi' the image and pull or build it again");
}

static FALLIBLE read_layer(const struct podman *podman, const char *id, const char **ret_parent,
		struct podman_layer *ret)
{
	size_t root = 0;
	const json_t *layer = find_layer(podman, id, &root);
	const char *diff_id = layer ? member_text(layer, "diff-digest") : NULL;

	if (!layer)
		return broken_layer(id, "is not there");
	if (layer_is_incomplete(layer))
		return broken_layer(id, "is half written");
	*ret = (struct podman_layer){ .id = xstrdup(id), .root = root };
	if (diff_id)
		TRY_WRAP(digest_parse(str_of(diff_id), &ret->diff_id), "layer '%.12s'", id);
	ret->bytes = (uint64_t)json_integer_value(json_object_get(layer, "diff-size"));
	AUTO_FREE char *split = xasprintf("overlay-layers/%s.tar-split.gz", id);
	ret->has_split = digest_known(&ret->diff_id) &&
			 faccessat(podman->roots[root].fd, split, R_OK, AT_EACCESS) == 0;
	*ret_parent = member_text(layer, "parent");
	return NULL;
}

static FALLIBLE read_layers(
		const struct podman *podman, const char *top, struct podman_image *image)
{
	while (top && *top) {
		if (!podman_is_id(top))
			return error_new(ERR_INVALID, "layer '%.64s' has no valid ID", top);
		if (image->layers.n >= LIMIT_LAYERS)
			return error_new(ERR_LIMIT, "the image has more than %d layers",
					LIMIT_LAYERS);
		TRY(read_layer(podman, top, &top, vec_add(&image->layers)));
	}
	for (size_t i = 0, k = image->layers.n; i + 1 < k; i++) {
		struct podman_layer swapped = image->layers.p[i];

		image->layers.p[i] = image->layers.p[--k];
		image->layers.p[k] = swapped;
	}
	return NULL;
}

static FALLIBLE fill(const struct podman *podman, const struct hit *hit, struct podman_image *ret)
{
	AUTO(podman_image) struct podman_image image = { 0 };

	image.id = xstrdup(member_text(hit->image, "id"));
	image.root = hit->root;
	image.wanted = hit->wanted;
	const char *name = hit->name ? hit->name : name_of(hit->image, 0);
	image.name = name ? xstrdup(name) : NULL;
	TRY(read_layers(podman, member_text(hit->image, "layer"), &image));
	*ret = TAKE_VALUE(image);
	return NULL;
}

FALLIBLE podman_find(const struct podman *podman, const char *text, struct podman_image *ret)
{
	struct hit hit = { 0 };

	TRY(find_hit(podman, text, &hit));
	if (!hit.image)
		return error_hint(error_new(ERR_NOT_FOUND, "'%s' is not in Podman's store '%s'",
						  text, podman->roots[0].path),
				"'podman images' lists them");
	return fill(podman, &hit, ret);
}

FALLIBLE podman_find_manifest(const struct podman *podman, const struct digest *manifest,
		struct podman_image *ret)
{
	char text[DIGEST_TEXT];

	(void)digest_text(manifest, text);
	for (size_t r = 0; r < podman->n; r++)
		for (size_t i = 0; i < json_array_size(podman->roots[r].images); i++) {
			const struct hit hit = { .image = json_array_get(
								 podman->roots[r].images, i),
				.root = r,
				.wanted = *manifest };

			if (has_manifest(hit.image, text))
				return fill(podman, &hit, ret);
		}
	return error_new(ERR_NOT_FOUND, "no image of Podman's store '%s' has the manifest '%s'",
			podman->roots[0].path, text);
}

const char *podman_path(const struct podman *podman, const struct podman_image *image)
{
	return podman->roots[image->root].path;
}

const char *podman_layer_root(const struct podman *podman, const struct podman_layer *layer)
{
	return podman->roots[layer->root].path;
}

/* --- what they hold --- */

FALLIBLE podman_datum(const struct podman *podman, const struct podman_image *image,
		const char *name, size_t limit, char **ret, size_t *ret_n)
{
	AUTO_FREE char *file = podman_data_name(name);
	AUTO_FREE char *path = xasprintf("overlay-images/%s/%s", image->id, file);
	struct error *error = file_read(podman->roots[image->root].fd, path, limit, ret, ret_n);

	if (!error_is_errno(error, ENOENT))
		return error;
	error_free(error);
	return error_new(ERR_NOT_FOUND, "image '%.12s' of Podman's store has no '%s'", image->id,
			name);
}

FALLIBLE podman_hold(const struct podman *podman, const struct podman_image *image, size_t i,
		int *ret_fd)
{
	const struct podman_root *root = &podman->roots[image->layers.p[i].root];

	return root_hold_layers(root, podman->cancel, ret_fd);
}

struct dirs {
	int *p;
	size_t n, capacity;
};

static void dirs_done(struct dirs *dirs)
{
	for (size_t i = 0; i < dirs->n; i++)
		(void)close(dirs->p[i]);
	vec_done(dirs);
}

DEFINE_AUTO_VALUE(dirs)

/* overlay/ID/diff, and diff1, diff2 … below it where owners were mapped. */
static FALLIBLE add_dirs(
		const struct podman *podman, const struct podman_layer *layer, struct dirs *dirs)
{
	for (unsigned k = 0;; k++) {
		char number[16] = "";

		if (k)
			(void)snprintf(number, sizeof(number), "%u", k);
		AUTO_FREE char *path = xasprintf("overlay/%s/diff%s", layer->id, number);
		int fd = openat(podman->roots[layer->root].fd, path,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT && k)
			return NULL;
		if (fd < 0 && errno == ENOENT)
			return error_new(ERR_NOT_FOUND,
					"layer '%.12s' was removed from Podman's store", layer->id);
		if (fd < 0)
			return error_sys("open '%s/%s'", podman->roots[layer->root].path, path);
		vec_push(dirs, fd);
	}
}

FALLIBLE podman_layer_dirs(const struct podman *podman, const struct podman_image *image, size_t i,
		int **ret, size_t *ret_n)
{
	AUTO(dirs) struct dirs dirs = { 0 };

	for (size_t k = i + 1; k-- > 0;)
		TRY(add_dirs(podman, &image->layers.p[k], &dirs));
	*ret_n = dirs.n;
	dirs.n = 0;
	*ret = TAKE(dirs.p);
	return NULL;
}

/* The lock goes with the reader. */
struct held {
	struct reader reader;
	struct reader *below;
	int lock;
};

static struct error *held_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	return reader_read(((struct held *)reader)->below, buf, n, ret_n);
}

static void held_free(struct reader *reader)
{
	struct held *held = (struct held *)reader;

	reader_free(held->below);
	if (held->lock >= 0)
		(void)close(held->lock);
	free(held);
}

FALLIBLE podman_open_layer(const struct podman *podman, const struct podman_image *image, size_t i,
		struct reader **ret)
{
	static const struct reader_ops ops = { .read = held_read, .free = held_free };
	const struct podman_layer *layer = &image->layers.p[i];
	AUTO_FREE char *path = xasprintf("overlay-layers/%s.tar-split.gz", layer->id);
	AUTO(dirs) struct dirs dirs = { 0 };
	AUTO_FD int lock = -1;
	int lines = -1;
	struct reader *tar = NULL;

	TRY(podman_hold(podman, image, i, &lock));
	TRY(add_dirs(podman, layer, &dirs));
	struct error *error = file_open(podman->roots[layer->root].fd, path, O_RDONLY, 0, &lines);
	if (error_is_errno(error, ENOENT)) {
		error_free(error);
		return error_new(ERR_NOT_FOUND, "layer '%.12s' was removed from Podman's store",
				layer->id);
	}
	TRY(error);
	size_t n = dirs.n;
	dirs.n = 0;
	TRY(split_reader(reader_from_fd(lines), TAKE(dirs.p), n, &tar));
	struct held *held = xcalloc(1, sizeof(*held));
	*held = (struct held){ { &ops }, tar, TAKE_FD(lock) };
	*ret = &held->reader;
	return NULL;
}

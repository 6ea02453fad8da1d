#include "podman/image_record.h"

#include "base/clock.h"
#include "sys/fd.h"

#include <errno.h>
#include <sys/stat.h>

json_t *image_record_now(void)
{
	char text[CLOCK_RFC3339_TEXT];
	uint64_t now = clock_now_ns();

	return json_string(clock_rfc3339(
			(int64_t)(now / 1000000000), (uint32_t)(now % 1000000000), text));
}

void image_record_set_digest(json_t *object, const char *key, const struct digest *digest)
{
	char text[DIGEST_TEXT];

	(void)json_object_set_new(object, key, json_string(digest_text(digest, text)));
}

json_t *image_record_new(const char *id, const struct digest *manifest)
{
	json_t *record = json_object();

	(void)json_object_set_new(record, "id", json_string(id));
	image_record_set_digest(record, "digest", manifest);
	(void)json_object_set_new(record, "created", image_record_now());
	return record;
}

static json_t *ensure(json_t *object, const char *key, json_t *new)
{
	json_t *there = json_object_get(object, key);

	if (json_typeof(new) != (there ? json_typeof(there) : JSON_NULL)) {
		(void)json_object_set_new(object, key, new);
		return new;
	}
	json_decref(new);
	return there;
}

static void add_once(json_t *list, const char *text, bool first)
{
	for (size_t i = json_array_size(list); i-- > 0;)
		if (text_equal(json_string_value(json_array_get(list, i)), text))
			(void)json_array_remove(list, i);
	if (first)
		(void)json_array_insert_new(list, 0, json_string(text));
	else
		(void)json_array_append_new(list, json_string(text));
}

FALLIBLE image_record_make_place(const struct podman_root *root, const json_t *record)
{
	AUTO_FREE char *dir = xasprintf("overlay-images/%s", member_text(record, "id"));

	if (mkdirat(root->fd, dir, 0700) != 0 && errno != EEXIST)
		return error_sys("make '%s/%s'", root->path, dir);
	return NULL;
}

FALLIBLE image_record_put(const struct podman_root *root, json_t *record, const char *key,
		struct str bytes, const struct digest *digest)
{
	AUTO_FREE char *name = podman_data_name(key);
	AUTO_FREE char *path = xasprintf("overlay-images/%s/%s", member_text(record, "id"), name);

	TRY_WRAP(file_write_atomic(root->fd, path, bytes.p, bytes.n, 0600, true), "in '%s'",
			root->path);
	add_once(ensure(record, "big-data-names", json_array()), key, false);
	(void)json_object_set_new(ensure(record, "big-data-sizes", json_object()), key,
			json_integer((json_int_t)bytes.n));
	image_record_set_digest(ensure(record, "big-data-digests", json_object()), key, digest);
	return NULL;
}

void image_record_move_names(struct podman_root *root, json_t *record, const struct list *names)
{
	json_t *own = ensure(record, "names", json_array());
	json_t *past = ensure(record, "names-history", json_array());

	for (size_t i = 0; i < names->n; i++) {
		for (size_t k = 0; k < json_array_size(root->images); k++) {
			json_t *other = json_object_get(json_array_get(root->images, k), "names");

			for (size_t m = json_array_size(other); other != own && m-- > 0;)
				if (text_equal(json_string_value(json_array_get(other, m)),
						    names->p[i]))
					(void)json_array_remove(other, m);
		}
		add_once(own, names->p[i], false);
		add_once(past, names->p[i], true);
	}
}

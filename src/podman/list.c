#include "podman/list.h"

#include "podman/image_record.h"
#include "podman/write_inner.h"

#include <sys/random.h>

#define INSTANCES "instances.json"

enum { ID_BYTES = 32 };

/* It is of the store as long as the locks are held, with the manifest that the list has. */
static FALLIBLE check_instance(
		const struct podman_root *root, const struct podman_instance *instance)
{
	char digest[DIGEST_TEXT];
	AUTO_FREE char *key = xasprintf("manifest-%s", digest_text(&instance->digest, digest));
	const json_t *image = instance->id ? root_image(root, instance->id) : NULL;

	if (!instance->id ||
			text_equal(member_text(json_object_get(image, "big-data-digests"), key),
					digest))
		return NULL;
	return error_new(ERR_BUSY, "image '%.12s' of the list was removed from Podman's store",
			instance->id);
}

/* Nobody finds it by a name that is not one of these. */
static bool has_no_other_name(const json_t *image, const struct list *names)
{
	const json_t *own = json_object_get(image, "names");

	for (size_t i = 0; i < json_array_size(own); i++) {
		const char *name = json_string_value(json_array_get(own, i));

		if (name && !list_has(names, name))
			return false;
	}
	return true;
}

/* Lists change in Podman's hands: one that has other names is somebody else's. */
static bool is_the_same(const json_t *image, const struct podman_new_list *list)
{
	const json_t *digests = json_object_get(image, "big-data-digests");
	char digest[DIGEST_TEXT];

	return member_text(digests, INSTANCES) &&
	       text_equal(member_text(digests, "manifest"), digest_text(&list->digest, digest)) &&
	       has_no_other_name(image, list->names);
}

static json_t *find_same(const struct podman_root *root, const struct podman_new_list *list)
{
	for (size_t i = 0; i < json_array_size(root->images); i++) {
		json_t *image = json_array_get(root->images, i);

		if (is_the_same(image, list))
			return image;
	}
	return NULL;
}

/* The digest's, so that what a death leaves is written over; Podman takes any. */
static FALLIBLE choose_id(
		const struct podman_root *root, const struct podman_new_list *list, char **ret)
{
	unsigned char random[ID_BYTES];
	char hex[DIGEST_HEX];

	(void)digest_hex(&list->digest, hex);
	if (root_image(root, hex)) {
		if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return error_sys("get random bytes");
		struct digest other = digest_of((const char *)random, sizeof(random));
		(void)digest_hex(&other, hex);
	}
	*ret = xstrdup(hex);
	return NULL;
}

/* New; free(). */
static char *instances_json(
		const struct podman_root *root, const char *id, const struct podman_new_list *list)
{
	json_auto_t *object = json_object();
	char digest[DIGEST_TEXT];

	(void)json_object_set_new(object, "", json_string(id));
	for (size_t i = 0; i < list->instance_count; i++) {
		const struct podman_instance *instance = &list->instances[i];
		AUTO_FREE char *here = xasprintf("containers-storage:[overlay@%s]@%s", root->path,
				instance->id ? instance->id : "");

		(void)json_object_set_new(object, digest_text(&instance->digest, digest),
				json_string(instance->id ? here : instance->where));
	}
	return json_dumps(object, JSON_COMPACT);
}

static FALLIBLE put_list(struct podman_root *root, const struct podman_new_list *list, char **ret)
{
	AUTO_FREE char *id = NULL;
	json_t *record = find_same(root, list);

	for (size_t i = 0; i < list->instance_count; i++)
		TRY(check_instance(root, &list->instances[i]));
	if (!record) {
		TRY(choose_id(root, list, &id));
		record = image_record_new(id, &list->digest);
		(void)json_array_append_new(root->images, record);
	}
	AUTO_FREE char *instances = instances_json(root, member_text(record, "id"), list);
	if (!instances)
		return error_new(ERR_INVALID, "'%s' is no text that JSON can hold", root->path);
	struct digest digest = digest_of(instances, strlen(instances));
	TRY(image_record_make_place(root, record));
	TRY(image_record_put(root, record, "manifest", list->json, &list->digest));
	TRY(image_record_put(root, record, INSTANCES, str_of(instances), &digest));
	image_record_move_names(root, record, list->names);
	*ret = xstrdup(member_text(record, "id"));
	return root_save_images(root);
}

FALLIBLE podman_writer_commit_list(
		struct podman_writer *writer, const struct podman_new_list *list, char **ret_id)
{
	struct podman_root *root = &writer->roots[0];
	AUTO_FREE char *id = NULL;

	TRY(root_lock(root, writer->cancel));
	struct error *error = put_list(root, list, &id);
	root_unlock(root);
	TRY(error);
	*ret_id = TAKE(id);
	return NULL;
}

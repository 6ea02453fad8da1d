/* A container as the text of its row: JSON, the config in the image-spec's own form. */
#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "container/container.h"
#include "oci/json.h"

enum { STATE_BYTES = 2 * LIMIT_CONFIG_BYTES };

static void print_digest(struct json_out *out, const char *key, const struct digest *digest)
{
	if (digest_known(digest))
		json_out_digest(out, key, digest);
}

char *container_print(const struct container *container)
{
	AUTO(json_out) struct json_out out = { 0 };
	AUTO_FREE char *config = image_config_print(&container->config);

	json_out_open(&out, NULL, '{');
	json_out_text(&out, "image_name", container->image_name);
	print_digest(&out, "manifest", &container->manifest);
	print_digest(&out, "image_id", &container->image_id);
	json_out_text(&out, "format", container->format == FORMAT_DOCKER ? "docker" : "oci");
	json_out_text(&out, "config", config);
	json_out_u64(&out, "base_history", container->base_history);
	json_out_list(&out, "annotations", &container->annotations);
	json_out_list(&out, "base_annotations", &container->base_annotations);
	if (container->layer_annotations.n)
		json_out_list(&out, "layer_annotations", &container->layer_annotations);
	json_out_text(&out, "comment", container->comment);
	json_out_text(&out, "created_by", container->created_by);
	json_out_text(&out, "history_comment", container->history_comment);
	json_out_list(&out, "settings", &container->settings);
	json_out_list(&out, "layers", &container->layers);
	json_out_bool(&out, "is_begun", container->is_begun);
	json_out_text(&out, "mount_point", container->mount_point);
	print_digest(&out, "key", &container->key);
	json_out_close(&out, '}');
	return json_out_take(&out);
}

static FALLIBLE parse_lists(const struct json_field *root, struct container *container)
{
	TRY(json_get_list(root, "annotations", &container->annotations, NULL));
	TRY(json_get_list(root, "base_annotations", &container->base_annotations, NULL));
	TRY(json_get_list(root, "layer_annotations", &container->layer_annotations, NULL));
	TRY(json_get_list(root, "settings", &container->settings, NULL));
	return json_get_list(root, "layers", &container->layers, NULL);
}

static FALLIBLE parse_texts(const struct json_field *root, struct container *container)
{
	const struct {
		const char *key;
		char **ret;
	} texts[] = {
		{ "image_name", &container->image_name },
		{ "comment", &container->comment },
		{ "created_by", &container->created_by },
		{ "history_comment", &container->history_comment },
		{ "mount_point", &container->mount_point },
	};

	for (size_t i = 0; i < COUNT(texts); i++)
		TRY(json_get_text(root, texts[i].key, JSON_MAY, texts[i].ret));
	if (!container->image_name)
		container->image_name = xstrdup("");
	return NULL;
}

FALLIBLE container_parse(const char *text, struct container *ret)
{
	json_auto_t *value = NULL;
	struct json_field root;
	AUTO_FREE char *config = NULL;
	AUTO_FREE char *format = NULL;
	int64_t base_history = 0;

	TRY(json_parse(str_of(text), STATE_BYTES, "container", &value));
	TRY(json_root(value, "container", &root));
	TRY(json_get_text(&root, "config", JSON_MUST, &config));
	TRY(image_config_parse(str_of(config), &ret->config));
	TRY(json_get_text(&root, "format", JSON_MAY, &format));
	ret->format = text_equal(format, "docker") ? FORMAT_DOCKER : FORMAT_OCI;
	TRY(json_get_i64(&root, "base_history", JSON_MAY, 0, &base_history));
	ret->base_history = (size_t)base_history;
	TRY(json_get_digest(&root, "manifest", JSON_MAY, &ret->manifest));
	TRY(json_get_digest(&root, "image_id", JSON_MAY, &ret->image_id));
	TRY(json_get_digest(&root, "key", JSON_MAY, &ret->key));
	TRY(json_get_bool(&root, "is_begun", &ret->is_begun));
	TRY(parse_texts(&root, ret));
	return parse_lists(&root, ret);
}

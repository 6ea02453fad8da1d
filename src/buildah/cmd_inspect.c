/*
 * inspect: a container or image as Buildah's own JSON. A template speaks of Go's names of the same
 * fields (".OCIv1.Config.Env" of what prints as "OCIv1": {"config": {"Env": …}}), so it is given a
 * document with those.
 */
#include "buildah/buildah.h"

#include "base/str.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "container/maps.h"
#include "oci/json.h"
#include "oci/mediatype.h"
#include "sandbox/capability.h"
#include "ui/plain_text.h"
#include "ui/template.h"
#include "verbs/mounts_conf.h"
#include "verbs/names.h"
#include "verbs/verbs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct inspect_opts {
	char *format, *type;
};

#define OPTS inspect_opts
static const struct option options[] = {
	OPT_TEXT('f', "format", format, "TEMPLATE", "{{.OCIv1.Config.Env}} {{.FromImageID}} …"),
	OPT_TEXT('t', "type", type, "container|image|manifest", "what the name is of"),
	OPT_END,
};
#undef OPTS

/* What one is, whichever it came from. */
struct subject {
	const char *container, *container_id, *mount_point, *image_name;
	struct digest image_id, image_digest;
	const struct image_config *config;
	const struct list *annotations, *layer_annotations; /* the second of a container, or NULL */
	const char *comment, *created_by, *manifest_json;
	const char *isolation, *mounts_file; /* as they were asked for, or NULL */
	struct id_maps maps;                 /* the same */
	size_t manifest_bytes;
};

static json_t *pairs_json(const struct list *pairs)
{
	json_t *object = json_object();

	for (size_t i = 0; i < pairs->n; i++) {
		struct str name, value;

		(void)str_cut(str_of(pairs->p[i]), '=', &name, &value);
		AUTO_FREE char *key = str_dup(name);
		json_object_set_new(object, key, json_stringn(value.p, value.n));
	}
	return object;
}

/* The config as it would be committed, of the one family or the other. */
static json_t *config_json(const struct subject *subject)
{
	AUTO_FREE char *text = image_config_print(subject->config);

	return json_loads(text, 0, NULL);
}

static void set_default(json_t *object, const char *key, json_t *value)
{
	if (!json_object_get(object, key))
		json_object_set_new(object, key, value);
	else
		json_decref(value);
}

static void fill_config(json_t *config)
{
	static const char *const texts[] = { "User", "WorkingDir", "StopSignal", "Hostname",
		"Domainname" };
	static const char *const lists[] = { "Env", "Entrypoint", "Cmd", "OnBuild", "Shell" };
	static const char *const objects[] = { "Labels", "ExposedPorts", "Volumes" };

	for (size_t i = 0; i < COUNT(texts); i++)
		set_default(config, texts[i], json_string(""));
	for (size_t i = 0; i < COUNT(lists); i++)
		set_default(config, lists[i], json_array());
	for (size_t i = 0; i < COUNT(objects); i++)
		set_default(config, objects[i], json_object());
	set_default(config, "Healthcheck", json_object());
}

static void fill_history(json_t *history)
{
	static const char *const texts[] = { "created", "created_by", "author", "comment" };
	json_t *entry;
	size_t i;

	json_array_foreach(history, i, entry)
	{
		for (size_t k = 0; k < COUNT(texts); k++)
			set_default(entry, texts[k], json_string(""));
		set_default(entry, "empty_layer", json_false());
	}
}

/* A time as Go prints it. */
static void show_time(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	size_t n = text ? strlen(text) : 0;

	if (n < 20 || text[10] != 'T' || text[n - 1] != 'Z')
		return;
	AUTO_FREE char *shown = xasprintf("%.10s %.*s +0000 UTC", text, (int)n - 12, text + 11);
	json_object_set_new(object, key, json_string(shown));
}

/* What a template may ask of either family's half. */
static void fill_half(json_t *half)
{
	json_t *history = json_object_get(half, "history"), *entry;
	size_t i;

	set_default(half, "variant", json_string(""));
	set_default(half, "parent", json_string(""));
	set_default(half, "docker_version", json_string(""));
	set_default(half, "os.version", json_string(""));
	set_default(half, "os.features", json_array());
	fill_history(history);
	show_time(half, "created");
	json_array_foreach(history, i, entry) show_time(entry, "created");
}

/* Go's names of what JSON calls otherwise; values of maps of the user's are left alone. */
static json_t *go_names(const json_t *value)
{
	static const struct {
		const char *json, *go;
	} names[] = { { "architecture", "Architecture" }, { "author", "Author" },
		{ "comment", "Comment" }, { "config", "Config" }, { "container", "Container" },
		{ "containerID", "ContainerID" }, { "hostID", "HostID" }, { "size", "Size" },
		{ "container_config", "ContainerConfig" }, { "created", "Created" },
		{ "created_by", "CreatedBy" }, { "diff_ids", "DiffIDs" },
		{ "docker_version", "DockerVersion" }, { "empty_layer", "EmptyLayer" },
		{ "history", "History" }, { "os", "OS" }, { "os.features", "OSFeatures" },
		{ "os.version", "OSVersion" }, { "parent", "Parent" }, { "rootfs", "RootFS" },
		{ "type", "Type" }, { "variant", "Variant" } };
	json_t *copy = json_is_array(value) ? json_array() : json_object(), *item;
	const char *key;
	size_t i;

	if (json_is_array(value)) {
		json_array_foreach(value, i, item) json_array_append_new(
				copy, json_is_object(item) ? go_names(item) : json_incref(item));
		return copy;
	}
	json_object_foreach((json_t *)(uintptr_t)value, key, item)
	{
		const char *go = key;
		bool is_users = strcmp(key, "Labels") == 0 || strcmp(key, "ImageAnnotations") == 0;
		bool is_deep = !is_users && (json_is_object(item) || json_is_array(item));

		for (size_t k = 0; k < COUNT(names); k++)
			if (strcmp(names[k].json, key) == 0)
				go = names[k].go;
		json_object_set_new(copy, go, is_deep ? go_names(item) : json_incref(item));
	}
	return copy;
}

static json_t *capabilities(void)
{
	json_t *array = json_array();
	const char *name;

	for (unsigned i = 0; (name = capability_default_name(i)) != NULL; i++)
		json_array_append_new(array, json_string(name));
	return array;
}

static json_t *map_json(const struct idmap *map)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < map->n; i++)
		json_array_append_new(
				array, json_pack("{s:I, s:I, s:I}", "containerID",
						       (json_int_t)map->range[i].inside, "hostID",
						       (json_int_t)map->range[i].outside, "size",
						       (json_int_t)map->range[i].count));
	return array;
}

static json_t *id_mappings(const struct id_maps *maps)
{
	return json_pack("{s:b, s:b, s:o, s:o}", "HostUIDMapping", !maps->uids.n, "HostGIDMapping",
			!maps->gids.n, "UIDMap", map_json(&maps->uids), "GIDMap",
			map_json(&maps->gids));
}

static json_t *document_of(const struct subject *subject)
{
	char id[DIGEST_HEX] = "", digest[DIGEST_TEXT] = "";
	json_t *oci = config_json(subject), *docker = config_json(subject);
	AUTO_FREE char *config = image_config_print(subject->config);
	AUTO_FREE char *manifest = xstrndup(subject->manifest_json ? subject->manifest_json : "",
			subject->manifest_bytes);

	if (digest_known(&subject->image_id))
		(void)digest_hex(&subject->image_id, id);
	if (digest_known(&subject->image_digest))
		(void)digest_text(&subject->image_digest, digest);
	set_default(oci, "author", json_string(""));
	set_default(oci, "variant", json_string(""));
	set_default(oci, "created", json_string(""));
	set_default(oci, "history", json_array());
	set_default(docker, "author", json_string(""));
	set_default(docker, "created", json_string(""));
	set_default(docker, "history", json_array());
	json_object_set_new(
			docker, "comment", json_string(subject->comment ? subject->comment : ""));
	set_default(docker, "container", json_string(""));
	fill_config(json_object_get(oci, "config"));
	fill_config(json_object_get(docker, "config"));
	json_t *history = json_deep_copy(json_object_get(oci, "history"));
	json_t *top = subject->layer_annotations ? pairs_json(subject->layer_annotations)
						 : json_object();
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:s, "
			 "s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:n, s:n}",
			"Type", "buildah 0.0.1", "FromImage", subject->image_name, "FromImageID",
			id, "FromImageDigest", digest, "Config", config, "Manifest", manifest,
			"Container", subject->container, "ContainerID", subject->container_id,
			"MountPoint", subject->mount_point ? subject->mount_point : "",
			"ProcessLabel", "", "MountLabel", "", "ImageAnnotations",
			pairs_json(subject->annotations), "TopLayerAnnotations", top,
			"ImageCreatedBy", subject->created_by ? subject->created_by : "", "OCIv1",
			oci, "Docker", docker, "DefaultMountsFilePath",
			subject->mounts_file ? subject->mounts_file : "", "Isolation",
			subject->isolation ? subject->isolation : "oci", "Capabilities",
			capabilities(), "History", history, "IDMappingOptions",
			id_mappings(&subject->maps), "Devices", "NamespaceOptions");
}

/* Durations as Go prints them in a template: "5s", "1m30s". */
static void show_durations(json_t *config)
{
	static const char *const names[] = { "Interval", "StartInterval", "StartPeriod",
		"Timeout" };
	json_t *check = json_object_get(config, "Healthcheck");

	for (size_t i = 0; i < COUNT(names); i++) {
		const json_t *value = json_object_get(check, names[i]);
		int64_t ns = json_integer_value(value), seconds = ns / 1000000000;
		AUTO(strbuf) struct strbuf text = { 0 };

		if (!json_is_integer(value))
			continue;
		if (seconds >= 3600)
			strbuf_addf(&text, "%lldh", (long long)seconds / 3600);
		if (seconds >= 60)
			strbuf_addf(&text, "%lldm", (long long)seconds / 60 % 60);
		if (ns % 1000000000)
			strbuf_addf(&text, "%gs",
					(double)(seconds % 60) + (double)(ns % 1000000000) / 1e9);
		else
			strbuf_addf(&text, "%llds", (long long)seconds % 60);
		json_object_set_new(check, names[i], json_string(strbuf_text(&text)));
	}
}

static FALLIBLE print(const struct subject *subject, const char *format)
{
	json_auto_t *document = document_of(subject);
	AUTO(strbuf) struct strbuf out = { 0 };

	if (!format) {
		AUTO_FREE char *text = plain_text_of_json(document, 4);

		(void)printf("%s\n", text);
		return NULL;
	}
	json_t *docker = json_object_get(document, "Docker");
	fill_half(json_object_get(document, "OCIv1"));
	fill_half(docker);
	show_durations(json_object_get(docker, "config"));
	json_object_set(docker, "container_config", json_object_get(docker, "config"));
	json_t *history = json_object_get(document, "History"), *entry;
	size_t i;
	fill_history(history);
	json_array_foreach(history, i, entry) show_time(entry, "created");
	json_auto_t *view = go_names(document);
	/* These two are texts of JSON, and not what their names would be. */
	json_object_set(view, "Type", json_object_get(document, "Type"));
	TRY(template_print(format, view, &out));
	/* As Buildah: a line end only for people. */
	(void)printf("%s%s", strbuf_text(&out), isatty(STDOUT_FILENO) ? "\n" : "");
	return NULL;
}

static FALLIBLE inspect_container(struct session *session, const char *text, const char *format)
{
	AUTO(container) struct container *container = NULL;

	TRY(container_look(session->store, text, &container));
	struct subject subject = {
		.container = container->name,
		.container_id = container->id,
		.mount_point = container->mount_point,
		.image_name = container->image_name,
		.image_id = container->image_id,
		.image_digest = container->manifest,
		.config = &container->config,
		.annotations = &container->annotations,
		.layer_annotations = &container->layer_annotations,
		.comment = container->comment,
		.created_by = container->created_by,
		.isolation = list_env_get(&container->settings, "isolation"),
		.mounts_file = list_env_get(&container->settings, MOUNTS_CONF_SETTING),
	};
	TRY(container_maps(container, &subject.maps));
	return print(&subject, format);
}

/* In our store, else what Podman has under that name. *ret_name: what it is called, or NULL. */
static FALLIBLE open_image(struct session *session, const char *program, const char *text,
		struct image **ret, char **ret_name)
{
	const struct image_homes homes = { session->store, session->registry, NULL, session->cancel,
		NULL, NULL, true, &session->podman };
	AUTO(tag_record) struct tag_record record = { 0 };
	struct error *error = names_find(session->store, program, text, &record, ret_name);
	char digest[DIGEST_TEXT];

	if (error_is(error, ERR_NOT_FOUND)) {
		struct error *worse = image_open_shared(&homes, text, ret);

		if (!worse && !*ret)
			return error;
		error_free(error);
		TRY(worse);
		*ret_name = xstrdup((*ret)->name + strlen("containers-storage:"));
		return NULL;
	}
	TRY(error);
	if (!*ret_name)
		*ret_name = xstrdup(record.name);
	AUTO_FREE char *by_digest = xasprintf("store:%s", digest_text(&record.manifest, digest));
	return image_open(&homes, by_digest, PULL_NEVER, ret);
}

static FALLIBLE inspect_image(
		struct session *session, const char *program, const char *text, const char *format)
{
	AUTO(image) struct image *image = NULL;
	AUTO_FREE char *name = NULL;

	TRY(open_image(session, program, text, &image, &name));
	const struct subject subject = {
		.container = "",
		.container_id = "",
		.image_name = name && name[0] != '@' ? name : "",
		.image_id = image->manifest.config.digest,
		.image_digest = image->digest,
		.config = &image->config,
		.comment = image->config.comment,
		.annotations = &image->manifest.annotations,
		.manifest_json = image->manifest_json,
		.manifest_bytes = image->manifest_bytes,
	};
	return print(&subject, format);
}

/* What 'manifest inspect' shows. */
static FALLIBLE inspect_list(const struct invocation *call)
{
	AUTO_FREE void *opts = xcalloc(1, cmd_manifest_inspect.opts_size + 1);
	struct invocation other = *call;

	other.command = &cmd_manifest_inspect;
	other.opts = opts;
	return cmd_manifest_inspect.run(&other);
}

static FALLIBLE is_list(struct session *session, const char *program, const char *text, bool *ret)
{
	AUTO(tag_record) struct tag_record record = { 0 };
	struct error *error = names_find(session->store, program, text, &record, NULL);

	if (error_is(error, ERR_NOT_FOUND)) {
		error_ignore(error, "told by who looks in Podman's store, too");
		return NULL;
	}
	TRY(error);
	*ret = text_equal(record.media_type, MEDIA_OCI_INDEX) ||
	       text_equal(record.media_type, MEDIA_DOCKER_LIST);
	return NULL;
}

static struct error *run(const struct invocation *call)
{
	const struct inspect_opts *opts = call->opts;
	AUTO(session) struct session session = { 0 };
	const char *text = call->args->n ? call->args->p[0] : NULL;
	bool wants_image = text_equal(opts->type, "image"), is_index = false;

	if (!text)
		return error_usage("container or image name must be specified");
	if (text_equal(opts->type, "manifest"))
		return inspect_list(call);
	if (opts->type && !wants_image && !text_equal(opts->type, "container"))
		return error_usage("the only recognized types are \"container\", \"image\" and "
				   "\"manifest\"");
	TRY(session_open(call->config, SESSION_STORE | SESSION_REGISTRY, &session));
	/* One that is asked for by its kind is no image of that name. */
	if (opts->type && !wants_image) {
		TRY_WRAP(inspect_container(&session, text, opts->format),
				"reading build container");
		return NULL;
	}
	struct error *error = wants_image ? error_new(ERR_NOT_FOUND, "an image is wanted")
					  : inspect_container(&session, text, opts->format);
	if (!error_is(error, ERR_NOT_FOUND))
		return error;
	error_free(error);
	if (!opts->type && !opts->format) {
		TRY(is_list(&session, call->program, text, &is_index));
		if (is_index)
			return inspect_list(call);
	}
	return inspect_image(&session, call->program, text, opts->format);
}

const struct command buildah_inspect = {
	.name = "inspect",
	.args = "CONTAINER|IMAGE",
	.summary = "Show all that is known of a working container or image",
	.options = options,
	.opts_size = sizeof(struct inspect_opts),
	.max_args = 1,
	.run = run,
};

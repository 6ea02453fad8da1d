/*
 * Reading is lenient where base images in the wild are: any list or object may be null or missing,
 * Cmd may be one text (Docker before 1.10), Env may lack '='. What cannot be read at all names its
 * field. Printing is strict: what the image-spec schema accepts, in one order.
 */
#include "oci/image_config.h"

#include "base/clock.h"
#include "base/limits.h"
#include "oci/platform_norm.h"

#include <limits.h>
#include <string.h>

static void history_entry_done(struct history_entry *entry)
{
	free(entry->created);
	free(entry->created_by);
	free(entry->author);
	free(entry->comment);
}

void image_config_clear_history(struct image_config *config)
{
	for (size_t i = 0; i < config->history.n; i++)
		history_entry_done(&config->history.p[i]);
	vec_done(&config->history);
}

void image_config_done(struct image_config *config)
{
	struct list *lists[] = { &config->os_features, &config->env, &config->entrypoint,
		&config->cmd, &config->shell, &config->on_build, &config->labels,
		&config->exposed_ports, &config->volumes, &config->healthcheck.test };
	char *texts[] = { config->created, config->author, config->comment, config->container,
		config->user, config->working_dir, config->stop_signal, config->domainname,
		config->hostname };

	for (size_t i = 0; i < COUNT(lists); i++)
		list_done(lists[i]);
	for (size_t i = 0; i < COUNT(texts); i++)
		free(texts[i]);
	vec_done(&config->diff_ids);
	image_config_clear_history(config);
	*config = (struct image_config){ 0 };
}

static struct list copy_list(const struct list *from)
{
	struct list copy = { 0 };

	list_add_all(&copy, from);
	return copy;
}

void image_config_copy(const struct image_config *from, struct image_config *ret)
{
	struct image_config copy = {
		.platform = from->platform,
		.os_features = copy_list(&from->os_features),
		.created = xstrdup(from->created),
		.author = xstrdup(from->author),
		.user = xstrdup(from->user),
		.working_dir = xstrdup(from->working_dir),
		.stop_signal = xstrdup(from->stop_signal),
		.domainname = xstrdup(from->domainname),
		.hostname = xstrdup(from->hostname),
		.env = copy_list(&from->env),
		.entrypoint = copy_list(&from->entrypoint),
		.cmd = copy_list(&from->cmd),
		.shell = copy_list(&from->shell),
		.on_build = copy_list(&from->on_build),
		.args_escaped = from->args_escaped,
		.labels = copy_list(&from->labels),
		.exposed_ports = copy_list(&from->exposed_ports),
		.volumes = copy_list(&from->volumes),
		.healthcheck = from->healthcheck,
	};

	copy.healthcheck.test = copy_list(&from->healthcheck.test);
	for (size_t i = 0; i < from->diff_ids.n; i++)
		vec_push(&copy.diff_ids, from->diff_ids.p[i]);
	for (size_t i = 0; i < from->history.n; i++) {
		const struct history_entry *entry = &from->history.p[i];
		struct history_entry entry_copy = { .created = xstrdup(entry->created),
			.created_by = xstrdup(entry->created_by),
			.author = xstrdup(entry->author),
			.comment = xstrdup(entry->comment),
			.empty_layer = entry->empty_layer };

		vec_push(&copy.history, entry_copy);
	}
	*ret = copy;
}

/* Docker writes "" where OCI leaves the member out. */
static FALLIBLE get_text(const struct json_field *object, const char *key, char **ret)
{
	TRY(json_get_text(object, key, JSON_MAY, ret));
	if (*ret && !**ret) {
		free(*ret);
		*ret = NULL;
	}
	return NULL;
}

/* A time that is none is as good as no time. */
static FALLIBLE get_time(const struct json_field *object, const char *key, char **ret)
{
	int64_t seconds;

	TRY(get_text(object, key, ret));
	struct error *error = *ret ? clock_parse_rfc3339(*ret, &seconds) : NULL;
	if (error) {
		error_ignore(error, "drop a malformed time of an image config");
		free(*ret);
		*ret = NULL;
	}
	return NULL;
}

static FALLIBLE get_command(const struct json_field *object, const char *key, struct list *ret,
		bool *ret_present)
{
	json_t *value = json_object_get(object->value, key);

	if (!json_is_string(value))
		return json_get_list(object, key, ret, ret_present);
	list_add(ret, json_string_value(value));
	if (ret_present)
		*ret_present = true;
	return NULL;
}

/* Env as BuildKit takes it from a base: "NAME" is "NAME=", the last of equal names counts. */
static FALLIBLE parse_env(const struct json_field *fields, struct list *env)
{
	AUTO(list) struct list raw = { 0 };

	TRY(json_get_list(fields, "Env", &raw, NULL));
	for (size_t i = 0; i < raw.n; i++) {
		struct str name, value;

		str_cut(str_of(raw.p[i]), '=', &name, &value);
		if (!name.n)
			continue;
		AUTO_FREE char *key = str_dup(name), *text = str_dup(value);
		list_env_set(env, key, text);
	}
	return NULL;
}

static FALLIBLE parse_healthcheck(const struct json_field *fields, struct image_healthcheck *ret)
{
	struct json_field check;
	int64_t retries = 0;

	TRY(json_get_object(fields, "Healthcheck", JSON_MAY, &check));
	if (!check.value)
		return NULL;
	ret->set = true;
	TRY(get_command(&check, "Test", &ret->test, NULL));
	TRY(json_get_i64(&check, "Interval", JSON_MAY, INT64_MIN, &ret->interval_ns));
	TRY(json_get_i64(&check, "Timeout", JSON_MAY, INT64_MIN, &ret->timeout_ns));
	TRY(json_get_i64(&check, "StartPeriod", JSON_MAY, INT64_MIN, &ret->start_period_ns));
	TRY(json_get_i64(&check, "StartInterval", JSON_MAY, INT64_MIN, &ret->start_interval_ns));
	TRY(json_get_i64(&check, "Retries", JSON_MAY, INT_MIN, &retries));
	if (retries > INT_MAX)
		return json_complain(&check, "has too many retries");
	ret->retries = (int)retries;
	return NULL;
}

static FALLIBLE parse_working_dir(const struct json_field *fields, struct image_config *config)
{
	TRY(get_text(fields, "WorkingDir", &config->working_dir));
	bool is_relative = config->working_dir && config->working_dir[0] != '/' &&
			   strcmp(config->platform.os, "windows") != 0;
	if (is_relative) {
		char *absolute = xasprintf("/%s", config->working_dir);

		free(config->working_dir);
		config->working_dir = absolute;
	}
	return NULL;
}

static FALLIBLE parse_config(const struct json_field *root, struct image_config *config)
{
	struct json_field fields;

	TRY(json_get_object(root, "config", JSON_MAY, &fields));
	if (!fields.value)
		return NULL;
	TRY(get_text(&fields, "User", &config->user));
	TRY(parse_working_dir(&fields, config));
	TRY(get_text(&fields, "StopSignal", &config->stop_signal));
	TRY(get_text(&fields, "Domainname", &config->domainname));
	TRY(get_text(&fields, "Hostname", &config->hostname));
	TRY(parse_env(&fields, &config->env));
	TRY(get_command(&fields, "Entrypoint", &config->entrypoint, &config->has_entrypoint));
	TRY(get_command(&fields, "Cmd", &config->cmd, &config->has_cmd));
	TRY(get_command(&fields, "Shell", &config->shell, NULL));
	TRY(json_get_list(&fields, "OnBuild", &config->on_build, NULL));
	TRY(json_get_bool(&fields, "ArgsEscaped", &config->args_escaped));
	TRY(json_get_pairs(&fields, "Labels", &config->labels));
	TRY(json_get_names(&fields, "ExposedPorts", &config->exposed_ports));
	TRY(json_get_names(&fields, "Volumes", &config->volumes));
	return parse_healthcheck(&fields, &config->healthcheck);
}

static FALLIBLE parse_rootfs(const struct json_field *root, struct image_config *config)
{
	struct json_field rootfs, diff_ids;
	AUTO_FREE char *type = NULL;

	TRY(json_get_object(root, "rootfs", JSON_MAY, &rootfs));
	if (!rootfs.value)
		return NULL;
	TRY(get_text(&rootfs, "type", &type));
	if (type && strcmp(type, "layers") != 0)
		return error_new(ERR_UNSUPPORTED,
				"image config: 'rootfs.type' is '%.80s', not "
				"'layers'",
				type);
	TRY(json_get_array(&rootfs, "diff_ids", JSON_MAY, &diff_ids));
	if (json_count(&diff_ids) > LIMIT_LAYERS)
		return error_new(ERR_LIMIT,
				"image config: 'rootfs.diff_ids' has %zu entries, more than %d",
				json_count(&diff_ids), LIMIT_LAYERS);
	for (size_t i = 0; i < json_count(&diff_ids); i++)
		TRY(json_item_digest(&diff_ids, i, vec_add(&config->diff_ids)));
	return NULL;
}

static FALLIBLE parse_history(const struct json_field *root, struct image_config *config)
{
	struct json_field history;

	TRY(json_get_array(root, "history", JSON_MAY, &history));
	for (size_t i = 0; i < json_count(&history); i++) {
		struct history_entry *entry = vec_add(&config->history);
		struct json_field item;

		TRY(json_item_object(&history, i, &item));
		TRY(get_time(&item, "created", &entry->created));
		TRY(get_text(&item, "created_by", &entry->created_by));
		TRY(get_text(&item, "author", &entry->author));
		TRY(get_text(&item, "comment", &entry->comment));
		TRY(json_get_bool(&item, "empty_layer", &entry->empty_layer));
	}
	return NULL;
}

FALLIBLE image_config_parse(struct str json, struct image_config *ret)
{
	AUTO(image_config) struct image_config config = { 0 };
	json_auto_t *value = NULL;
	struct json_field root;

	TRY(json_parse(json, LIMIT_CONFIG_BYTES, "image config", &value));
	TRY(json_root(value, "image config", &root));
	TRY_WRAP(platform_from_json(&root, &config.platform), "image config");
	if (!config.platform.os[0])
		memcpy(config.platform.os, "linux", sizeof("linux"));
	TRY(json_get_list(&root, "os.features", &config.os_features, NULL));
	TRY(get_time(&root, "created", &config.created));
	TRY(get_text(&root, "author", &config.author));
	TRY(get_text(&root, "comment", &config.comment));
	TRY(get_text(&root, "container", &config.container));
	TRY(parse_config(&root, &config));
	TRY(parse_rootfs(&root, &config));
	TRY(parse_history(&root, &config));
	*ret = TAKE_VALUE(config);
	return NULL;
}

static void print_healthcheck(const struct image_healthcheck *check, struct json_out *out)
{
	const struct {
		const char *key;
		int64_t value;
	} numbers[] = {
		{ "Interval", check->interval_ns },
		{ "Timeout", check->timeout_ns },
		{ "StartPeriod", check->start_period_ns },
		{ "StartInterval", check->start_interval_ns },
		{ "Retries", check->retries },
	};

	if (!check->set)
		return;
	json_out_open(out, "Healthcheck", '{');
	if (check->test.n)
		json_out_list(out, "Test", &check->test);
	for (size_t i = 0; i < COUNT(numbers); i++)
		if (numbers[i].value)
			json_out_i64(out, numbers[i].key, numbers[i].value);
	json_out_close(out, '}');
}

/* Never as [], not for CMD [] either: every builder leaves the member out. */
static void print_list(const char *key, const struct list *list, struct json_out *out)
{
	if (list->n)
		json_out_list(out, key, list);
}

static void print_config(const struct image_config *config, struct json_out *out)
{
	json_out_open(out, "config", '{');
	json_out_text(out, "Hostname", config->hostname);
	json_out_text(out, "Domainname", config->domainname);
	json_out_text(out, "User", config->user);
	json_out_names(out, "ExposedPorts", &config->exposed_ports);
	print_list("Env", &config->env, out);
	print_list("Entrypoint", &config->entrypoint, out);
	print_list("Cmd", &config->cmd, out);
	json_out_names(out, "Volumes", &config->volumes);
	json_out_text(out, "WorkingDir", config->working_dir);
	json_out_pairs(out, "Labels", &config->labels);
	json_out_text(out, "StopSignal", config->stop_signal);
	if (config->args_escaped)
		json_out_bool(out, "ArgsEscaped", true);
	print_healthcheck(&config->healthcheck, out);
	print_list("OnBuild", &config->on_build, out);
	print_list("Shell", &config->shell, out);
	json_out_close(out, '}');
}

static void print_history(const struct image_config *config, struct json_out *out)
{
	json_out_open(out, "history", '[');
	for (size_t i = 0; i < config->history.n; i++) {
		const struct history_entry *entry = &config->history.p[i];

		json_out_open(out, NULL, '{');
		json_out_text(out, "created", entry->created);
		json_out_text(out, "created_by", entry->created_by);
		json_out_text(out, "author", entry->author);
		json_out_text(out, "comment", entry->comment);
		if (entry->empty_layer)
			json_out_bool(out, "empty_layer", true);
		json_out_close(out, '}');
	}
	json_out_close(out, ']');
}

char *image_config_print(const struct image_config *config)
{
	AUTO(json_out) struct json_out out = { 0 };

	json_out_open(&out, NULL, '{');
	json_out_text(&out, "created", config->created);
	json_out_text(&out, "author", config->author);
	json_out_text(&out, "comment", config->comment);
	json_out_text(&out, "container", config->container);
	platform_to_json(&config->platform, NULL, &out);
	print_list("os.features", &config->os_features, &out);
	print_config(config, &out);
	json_out_open(&out, "rootfs", '{');
	json_out_text(&out, "type", "layers");
	json_out_open(&out, "diff_ids", '[');
	for (size_t i = 0; i < config->diff_ids.n; i++)
		json_out_digest(&out, NULL, &config->diff_ids.p[i]);
	json_out_close(&out, ']');
	json_out_close(&out, '}');
	if (config->history.n)
		print_history(config, &out);
	json_out_close(&out, '}');
	return json_out_take(&out);
}

void image_config_add_history(struct image_config *config, const char *created,
		const char *created_by, const char *comment, bool empty_layer)
{
	struct history_entry entry = { .created = xstrdup(created),
		.created_by = xstrdup(created_by),
		.comment = xstrdup(comment),
		.empty_layer = empty_layer };

	vec_push(&config->history, entry);
}

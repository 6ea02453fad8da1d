/*
 * A table of settings, each with its field and type; five passes over it, each stronger than the
 * one before. A pass that sets a value notes where it was.
 */
#include "ui/config.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/nearest.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "sys/fd.h"
#include "ui/config_environment.h"
#include "ui/options.h"

#include <ctype.h>
#include <fcntl.h>
#include <jansson.h>
#include <unistd.h>

enum setting_kind {
	SETTING_TEXT = 1,
	SETTING_CHOICE,
	SETTING_FLAG,
	SETTING_INT,
	SETTING_LIST,
	SETTING_SIZE /* uint64_t, "20g" */,
	SETTING_SPAN /* int64_t ns, "72h" */
};

static const int64_t second_ns = 1000000000;

struct setting {
	const char *name;
	enum setting_kind kind;
	unsigned offset;
	const char *choices; /* SETTING_CHOICE: "a|b|c" */
	const char *initial; /* NULL: set by code */
	int64_t min, max;    /* SETTING_INT; the most of a SETTING_SPAN, if there is one */
	const char *flag;    /* a shorter name on command lines; or NULL */
	bool is_secret;      /* in no listing */
	const char *help;
};

#define FIELD(f, type) offsetof(struct config, f) + 0 * _Generic(((struct config *)0)->f, type : 1)

static const struct setting settings[] = {
	{ "authfile", SETTING_TEXT, FIELD(auth_file, char *),
			.help = "the only file to read registry credentials from" },
	{ "cert-dir", SETTING_TEXT, FIELD(cert_dir, char *),
			.help = "certificates for every registry, instead of certs.d" },
	{ "color", SETTING_CHOICE, FIELD(colour, char *), "auto|always|never", "auto",
			.help = "colours on a terminal" },
	{ "compression", SETTING_CHOICE, FIELD(compression, char *), "gzip|zstd|none", "gzip",
			.help = "how layers are compressed" },
	{ "compression-level", SETTING_INT, FIELD(compression_level, int64_t), .initial = "-1",
			.min = -1, .max = 22, .help = "-1: the compression's own default" },
	{ "credential-helpers", SETTING_TEXT, FIELD(credential_helpers, char *),
			.initial = "env,google,ecr,acr,gitlab",
			.help = "where to look for credentials besides files; may be empty" },
	{ "creds", SETTING_TEXT, FIELD(creds, char *), .is_secret = true,
			.help = "USER:PASSWORD for registries, whatever the files say" },
	{ "debug", SETTING_FLAG, FIELD(debug, bool), .initial = "false",
			.help = "tell what kiln does, for its developers" },
	{ "decryption-key", SETTING_LIST, FIELD(decryption_keys, struct list), .is_secret = true,
			.help = "FILE[:PASSWORD]: private keys that open encrypted layers" },
	{ "default-mounts-file", SETTING_TEXT, FIELD(default_mounts_file, char *),
			.help = "instead of the mounts.conf found, which Buildah's name reads" },
	{ "format", SETTING_CHOICE, FIELD(format, char *), "oci|docker", "oci",
			.help = "media types of images" },
	{ "gc-keep-duration", SETTING_SPAN, FIELD(gc_keep_duration, int64_t), .initial = "0",
			.help = "what was used since stays, whatever the bounds: 72h" },
	{ "gc-max-used-space", SETTING_SIZE, FIELD(gc_max_used_space, uint64_t), .initial = "0",
			.help = "a build that ends prunes the store down to this: 20g; 0: never" },
	{ "gc-min-free-space", SETTING_SIZE, FIELD(gc_min_free_space, uint64_t), .initial = "0",
			.help = "a build that ends prunes until so much of the disk is free; 0: "
				"never" },
	{ "insecure-pull", SETTING_FLAG, FIELD(insecure_pull, bool), .initial = "false",
			.help = "pull without TLS or without checking it" },
	{ "insecure-push", SETTING_FLAG, FIELD(insecure_push, bool), .initial = "false",
			.help = "push without TLS or without checking it" },
	{ "insecure-registry", SETTING_LIST, FIELD(insecure_registries, struct list),
			.help = "registries spoken to without TLS or without checking it" },
	{ "isolation", SETTING_CHOICE, FIELD(isolation, char *),
			"auto|subuid|recorded|root|chroot|inplace|proot", "auto",
			.help = "how steps are kept apart" },
	{ "jobs", SETTING_INT, FIELD(jobs, int64_t), .initial = "0", .min = 0, .max = 1024,
			.help = "steps at the same time; 0: one for each CPU" },
	{ "layers", SETTING_FLAG, FIELD(layers, bool), .initial = "false",
			.help = "run, copy and add make layers, which the cache remembers" },
	{ "lower-store", SETTING_LIST, FIELD(lower_stores, struct list),
			.help = "folders that 'kiln warm' filled, read by builds and never "
				"written" },
	{ "network", SETTING_CHOICE, FIELD(network, char *), "default|host|none|private", "default",
			.help = "network of RUN steps" },
	{ "podman", SETTING_CHOICE, FIELD(podman, char *), "auto|off|read|write", "auto",
			.help = "read: names that the store has not may be images of Podman's; "
				"write: what is named goes there, too; auto: read under Buildah's "
				"name" },
	{ "podman-driver", SETTING_TEXT, FIELD(podman_driver, char *),
			.help = "the driver of Podman's store, instead of storage.conf's" },
	{ "podman-options", SETTING_TEXT, FIELD(podman_options, char *),
			.help = "options of Podman's store, as STORAGE_OPTS has them" },
	{ "podman-root", SETTING_TEXT, FIELD(podman_root, char *),
			.help = "the folder of Podman's store, instead of storage.conf's" },
	{ "progress", SETTING_CHOICE, FIELD(progress, char *), "auto|tty|plain|rawjson|quiet|none",
			"auto", .help = "how a build is shown" },
	{ "registries-conf", SETTING_TEXT, FIELD(registries_conf, char *),
			.help = "instead of the user's or the system's registries.conf" },
	{ "registries-conf-dir", SETTING_TEXT, FIELD(registries_conf_dir, char *),
			.help = "instead of their registries.conf.d" },
	{ "registries-d", SETTING_TEXT, FIELD(registries_d, char *),
			.help = "the folder that says where signatures are" },
	{ "registry-certificate", SETTING_LIST, FIELD(registry_certificates, struct list),
			.help = "HOST=PATH: authorities to trust there" },
	{ "registry-client-cert", SETTING_LIST, FIELD(registry_client_certs, struct list),
			.help = "HOST=CERT:KEY: what to show there" },
	{ "registry-fallback", SETTING_FLAG, FIELD(registry_fallback, bool), .initial = "true",
			.help = "ask a registry itself when its mirrors fail" },
	{ "registry-mirror", SETTING_LIST, FIELD(registry_mirrors, struct list),
			.help = "HOST=MIRROR: where to look first" },
	{ "registry-retries", SETTING_INT, FIELD(registry_retries, int64_t), .initial = "5",
			.min = 0, .max = 1000, .flag = "retry", .help = "tries after the first" },
	{ "registry-retry-delay", SETTING_SPAN, FIELD(registry_retry_delay, int64_t),
			.initial = "0", .max = 24 * 3600 * 1000000000ll, .flag = "retry-delay",
			.help = "the wait between them; 0: half a second, and longer each time" },
	{ "root", SETTING_TEXT, FIELD(root, char *), .help = "the folder of the store" },
	{ "short-name-alias-conf", SETTING_TEXT, FIELD(short_name_aliases, char *),
			.help = "instead of the user's short-name-aliases.conf" },
	{ "sign-by", SETTING_TEXT, FIELD(sign_fingerprint, char *),
			.help = "the GPG key that signs what is pushed" },
	{ "sign-by-sigstore-private-key", SETTING_TEXT, FIELD(sign_key_file, char *),
			.help = "the key in PEM that signs what is pushed, as cosign does" },
	{ "sign-passphrase-file", SETTING_TEXT, FIELD(sign_passphrase_file, char *),
			.help = "the passphrase of the key that signs" },
	{ "signature-policy", SETTING_TEXT, FIELD(signature_policy, char *),
			.help = "the policy.json that images must meet" },
	{ "tls-verify", SETTING_FLAG, FIELD(tls_verify, bool), .initial = "true",
			.help = "check certificates of registries" },
	{ "user-agent", SETTING_TEXT, FIELD(user_agent, char *),
			.help = "how kiln calls itself to servers" },
	{ "userns-gid-map", SETTING_LIST, FIELD(gid_maps, struct list),
			.help = "groups of working containers and of Buildah's build: "
				"CONTAINER:HOST:LENGTH" },
	{ "userns-uid-map", SETTING_LIST, FIELD(uid_maps, struct list),
			.help = "users of working containers and of Buildah's build: "
				"CONTAINER:HOST:LENGTH" },
};

static void *field_of(const struct config *config, const struct setting *setting)
{
	return (char *)(uintptr_t)config + setting->offset;
}

static bool is_choice(struct str value, const char *choices)
{
	struct str rest = str_of(choices), choice;

	while (rest.n > 0) {
		str_cut(rest, '|', &choice, &rest);
		if (str_equal(choice, value))
			return true;
	}
	return false;
}

static FALLIBLE set_span(const char *value, int64_t max, int64_t *ret)
{
	int64_t ns = 0;

	TRY(clock_parse_duration(str_of(value), &ns));
	if (ns < 0)
		return error_new(ERR_INVALID, "'%s' is negative", value);
	if (max && ns > max)
		return error_new(ERR_INVALID, "'%s' is more than %lld seconds", value,
				(long long)(max / second_ns));
	*ret = ns;
	return NULL;
}

static FALLIBLE set(struct config *config, const struct setting *setting, const char *value)
{
	void *field = field_of(config, setting);

	switch (setting->kind) {
	case SETTING_CHOICE:
		if (!is_choice(str_of(value), setting->choices))
			return error_new(ERR_INVALID, "'%s' is not one of %s", value,
					setting->choices);
		__attribute__((fallthrough));
	case SETTING_TEXT:
		free(*(char **)field);
		*(char **)field = xstrdup(value);
		return NULL;
	case SETTING_FLAG:
		return parse_bool(value, field);
	case SETTING_INT:
		return parse_i64(str_of(value), setting->min, setting->max, field);
	case SETTING_LIST:
		list_add(field, value);
		return NULL;
	case SETTING_SIZE:
		return parse_size(str_of(value), field);
	case SETTING_SPAN:
		return set_span(value, setting->max, field);
	}
	return NULL;
}

static void set_source(struct config *config, const struct setting *setting, const char *source)
{
	char **slot = &config->sources[setting - settings];
	char *old = *slot;
	bool is_list = setting->kind == SETTING_LIST;

	/* A list has several sources: "a, b". */
	if (is_list && old && text_ends(old, source))
		return;
	*slot = is_list && old ? xasprintf("%s, %s", old, source) : xstrdup(source);
	free(old);
}

static const struct setting *find_setting(const char *name)
{
	for (size_t i = 0; i < COUNT(settings); i++)
		if (text_equal(settings[i].name, name))
			return &settings[i];
	return NULL;
}

/* As options have it. */
static const struct setting *find_flag(const char *name)
{
	for (size_t i = 0; i < COUNT(settings); i++)
		if (text_equal(settings[i].flag, name))
			return &settings[i];
	return find_setting(name);
}

static void set_built_in(struct config *config)
{
	for (size_t i = 0; i < COUNT(settings); i++) {
		const struct setting *setting = &settings[i];

		if (setting->initial)
			error_ignore(set(config, setting, setting->initial), "built in");
		config->sources[i] = setting->kind == SETTING_LIST ? NULL : xstrdup("built in");
	}
	config->root = geteuid() == 0 ? xstrdup("/var/lib/kiln")
				      : xasprintf("%s/kiln", config->environment.data_home);
}

/* --- files --- */

static FALLIBLE set_json(struct config *config, const struct setting *setting, const json_t *value)
{
	AUTO_FREE char *number = NULL;
	const json_t *item;
	size_t i;

	if (setting->kind == SETTING_FLAG && json_is_boolean(value))
		return set(config, setting, json_is_true(value) ? "true" : "false");
	if ((setting->kind == SETTING_INT || setting->kind == SETTING_SIZE) &&
			json_is_integer(value)) {
		number = xasprintf("%lld", (long long)json_integer_value(value));
		return set(config, setting, number);
	}
	if ((setting->kind == SETTING_TEXT || setting->kind == SETTING_CHOICE ||
			    setting->kind == SETTING_SIZE || setting->kind == SETTING_SPAN) &&
			json_is_string(value))
		return set(config, setting, json_string_value(value));
	if (setting->kind == SETTING_LIST && json_is_array(value)) {
		if (json_array_size(value) > LIMIT_LIST_ENTRIES)
			return error_new(ERR_LIMIT, "more than %d items", LIMIT_LIST_ENTRIES);
		json_array_foreach((json_t *)(uintptr_t)value, i, item)
		{
			if (!json_is_string(item))
				return error_new(ERR_INVALID, "item %zu is not text", i + 1);
			TRY(set(config, setting, json_string_value(item)));
		}
		return NULL;
	}
	switch (setting->kind) {
	case SETTING_FLAG:
		return error_new(ERR_INVALID, "neither true nor false");
	case SETTING_INT:
		return error_new(ERR_INVALID, "not a whole number");
	case SETTING_LIST:
		return error_new(ERR_INVALID, "not a list of texts");
	case SETTING_SIZE:
		return error_new(ERR_INVALID,
				"neither a number of bytes nor a text such as \"20g\"");
	case SETTING_TEXT:
	case SETTING_CHOICE:
	case SETTING_SPAN:
		break;
	}
	return error_new(ERR_INVALID, "not a text");
}

static struct error *unknown_key(const char *key)
{
	const char *names[COUNT(settings)];

	for (size_t i = 0; i < COUNT(settings); i++)
		names[i] = settings[i].name;

	const char *nearest = text_nearest(key, names, COUNT(names));
	struct error *error = error_new(ERR_INVALID, "unknown setting '%s'", key);

	if (nearest)
		return error_hint(error, "did you mean '%s'?", nearest);
	return error_hint(error, "'kiln info' lists the settings");
}

static FALLIBLE apply_document(struct config *config, const char *path, json_t *document)
{
	const char *key;
	json_t *value;

	if (!json_is_object(document))
		return error_new(ERR_INVALID, "settings in '%s': not a JSON object", path);
	json_object_foreach(document, key, value)
	{
		const struct setting *setting = find_setting(key);

		if (!setting)
			return error_wrap(unknown_key(key), "settings in '%s'", path);
		TRY_WRAP(set_json(config, setting, value), "setting '%s' in '%s'", key, path);
		set_source(config, setting, path);
	}
	return NULL;
}

static FALLIBLE apply_file(struct config *config, const char *path)
{
	AUTO_FREE char *text = NULL;
	json_error_t why;
	size_t n = 0;
	struct error *error = file_read(AT_FDCWD, path, LIMIT_SETTINGS_BYTES, &text, &n);

	if (error_is_errno(error, ENOENT) || error_is_errno(error, ENOTDIR)) {
		error_free(error);
		return NULL;
	}
	TRY_WRAP(error, "read settings");

	json_t *document = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);

	if (!document)
		return error_at(error_new(ERR_INVALID, "settings in '%s': %s", path, why.text),
				(struct source_range){ .file = path,
						.line = (unsigned)why.line,
						.column = (unsigned)why.column });
	error = apply_document(config, path, document);
	json_decref(document);
	return error;
}

/* --- environment and flags --- */

static void variable_name(const struct setting *setting, struct strbuf *out)
{
	strbuf_add(out, "KILN_");
	for (const char *p = setting->name; *p; p++)
		strbuf_add_char(out, (char)(*p == '-' ? '_' : toupper((unsigned char)*p)));
}

static FALLIBLE set_items(struct config *config, const struct setting *setting, struct str items)
{
	struct str item;

	while (items.n > 0) {
		str_cut(items, ',', &item, &items);
		AUTO_FREE char *copy = str_dup(str_trim(item));
		if (*copy)
			TRY(set(config, setting, copy));
	}
	return NULL;
}

static FALLIBLE apply_environment(struct config *config, const char *const *variables)
{
	for (size_t i = 0; i < COUNT(settings); i++) {
		AUTO(strbuf) struct strbuf name = { 0 };

		variable_name(&settings[i], &name);

		const char *value = environ_get(variables, strbuf_text(&name));

		if (!value)
			continue;
		if (settings[i].kind == SETTING_LIST)
			TRY(set_items(config, &settings[i], str_of(value)));
		else
			TRY_WRAP(set(config, &settings[i], value), "environment variable '%s'",
					strbuf_text(&name));
		set_source(config, &settings[i], strbuf_text(&name));
	}
	return NULL;
}

static FALLIBLE apply_flags(struct config *config, const struct list *flags)
{
	for (size_t i = 0; flags && i < flags->n; i++) {
		struct str name, value;

		str_cut(str_of(flags->p[i]), '=', &name, &value);

		AUTO_FREE char *key = str_dup(name);
		AUTO_FREE char *flag = xasprintf("--%s", key);
		const struct setting *setting = find_flag(key);

		if (!setting)
			return error_new(ERR_INVALID, "option '%s' is no setting", flag);

		struct error *error = setting->kind == SETTING_LIST
						      ? set_items(config, setting, value)
						      : set(config, setting, value.p);

		TRY(usage_of_option(error, flag));
		set_source(config, setting, flag);
	}
	return NULL;
}

static FALLIBLE make_root_absolute(struct config *config)
{
	if (config->root[0] == '/')
		return NULL;
	if (!config->root[0])
		return error_new(ERR_INVALID, "the store's folder (root) has an empty name");

	AUTO_FREE char *here = getcwd(NULL, 0);

	if (!here)
		return error_sys("find the working directory");

	char *absolute = xasprintf("%s/%s", here, config->root);

	free(config->root);
	config->root = absolute;
	return NULL;
}

FALLIBLE config_load(const struct config_origin *origin, struct config **ret)
{
	AUTO(config) struct config *config = xcalloc(1, sizeof(*config));

	config->sources = xcalloc(COUNT(settings), sizeof(*config->sources));
	TRY(environment_read(origin->environ, &config->environment));
	set_built_in(config);

	AUTO_FREE char *user_file =
			xasprintf("%s/kiln/config.json", config->environment.config_home);

	if (origin->system_file)
		TRY(apply_file(config, origin->system_file));
	TRY(apply_file(config, user_file));
	TRY(apply_environment(config, origin->environ));
	TRY(apply_flags(config, origin->settings));
	TRY(make_root_absolute(config));
	config->has_buildah_words = origin->has_buildah_words;
	if (text_equal(config->podman, "auto")) {
		free(config->podman);
		config->podman = xstrdup(origin->podman ? origin->podman : "off");
	}
	*ret = TAKE(config);
	return NULL;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < COUNT(settings); i++) {
		void *field = field_of(config, &settings[i]);

		if (settings[i].kind == SETTING_TEXT || settings[i].kind == SETTING_CHOICE)
			free(*(char **)field);
		else if (settings[i].kind == SETTING_LIST)
			list_done(field);
		free(config->sources[i]);
	}
	free(config->sources);
	environment_done(&config->environment);
	free(config);
}

bool config_each(const struct config *config, size_t *at, struct strbuf *text,
		struct setting_view *ret)
{
	if (*at >= COUNT(settings))
		return false;

	const struct setting *setting = &settings[*at];
	const void *field = field_of(config, setting);
	const struct list *list = field;

	strbuf_clear(text);
	switch (setting->kind) {
	case SETTING_TEXT:
	case SETTING_CHOICE:
		if (*(char *const *)field)
			strbuf_add(text, setting->is_secret ? "***" : *(char *const *)field);
		break;
	case SETTING_FLAG:
		strbuf_add(text, *(const bool *)field ? "true" : "false");
		break;
	case SETTING_INT:
		strbuf_addf(text, "%lld", (long long)*(const int64_t *)field);
		break;
	case SETTING_SIZE:
		strbuf_addf(text, "%llu", (unsigned long long)*(const uint64_t *)field);
		break;
	case SETTING_SPAN:
		strbuf_addf(text, "%.9gs", (double)*(const int64_t *)field / second_ns);
		break;
	case SETTING_LIST:
		for (size_t i = 0; i < list->n; i++)
			strbuf_addf(text, "%s%s", i ? "," : "",
					setting->is_secret ? "***" : list->p[i]);
		break;
	}
	*ret = (struct setting_view){ setting->name, strbuf_text(text),
		config->sources[*at] ? config->sources[*at] : "built in", setting->help };
	++*at;
	return true;
}

bool config_find_given(const struct config *config, const char *start, struct strbuf *text,
		struct setting_view *ret)
{
	size_t at = 0;

	while (config_each(config, &at, text, ret))
		if (text_starts(ret->name, start) && text_starts(ret->from, "--"))
			return true;
	return false;
}

#include "registry/registries_conf.h"

#include "base/error.h"
#include "base/limits.h"
#include "registry/conf_files.h"
#include "registry/registries_conf_check.h"
#include "registry/toml.h"

#include <assert.h>
#include <string.h>

void conf_registry_done(struct conf_registry *registry)
{
	free(registry->prefix);
	free(registry->itself.location);
	for (size_t i = 0; i < registry->mirrors.n; i++)
		free(registry->mirrors.p[i].location);
	vec_done(&registry->mirrors);
}

void registries_conf_done(struct registries_conf *conf)
{
	for (size_t i = 0; i < conf->registries.n; i++)
		conf_registry_done(&conf->registries.p[i]);
	vec_done(&conf->registries);
	list_done(&conf->search);
	list_done(&conf->aliases);
	list_done(&conf->credential_helpers);
	*conf = (struct registries_conf){ 0 };
}

/* Where the keys that follow belong. */
struct reading {
	struct registries_conf conf; /* of this file alone */
	enum { IN_TOP = 0, IN_REGISTRY, IN_MIRROR, IN_ALIASES, IN_V1, IN_OTHER } where;
	enum { V1_SEARCH = 1, V1_INSECURE, V1_BLOCK } v1; /* which table of version 1 */
	bool is_drop_in, has_v1, has_v2;
};

/* There is one while the table it begins is read. */
static struct conf_registry *last_registry(const struct registries_conf *conf)
{
	assert(conf->registries.p && conf->registries.n);
	return &conf->registries.p[conf->registries.n - 1];
}

static struct conf_location *last_mirror(const struct registries_conf *conf)
{
	const struct conf_registry *registry = last_registry(conf);

	assert(registry->mirrors.p && registry->mirrors.n);
	return &registry->mirrors.p[registry->mirrors.n - 1];
}

/* [registries.search], [registries.insecure], [registries.block] */
static FALLIBLE begin_v1(struct reading *reading, const char *name)
{
	static const char *const names[] = {
		[V1_SEARCH] = "search", [V1_INSECURE] = "insecure", [V1_BLOCK] = "block"
	};

	reading->where = IN_OTHER;
	for (size_t i = V1_SEARCH; i < COUNT(names); i++)
		if (strcmp(name + strlen("registries."), names[i]) == 0) {
			reading->where = IN_V1;
			reading->v1 = i;
		}
	if (reading->where == IN_V1 && reading->is_drop_in)
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "registry must be in v2 format but is in v1"),
				"write [[registry]] tables, as containers-registries.conf(5) says");
	reading->has_v1 = reading->has_v1 || reading->where == IN_V1;
	return NULL;
}

static struct error *on_table(void *user, const char *name, bool is_array)
{
	struct reading *reading = user;

	if (text_starts(name, "registries."))
		return begin_v1(reading, name);
	if (strcmp(name, "registry") == 0 && is_array) {
		if (reading->conf.registries.n >= LIMIT_LIST_ENTRIES)
			return error_new(ERR_LIMIT, "too many registries");
		(void)vec_add(&reading->conf.registries);
		reading->where = IN_REGISTRY;
	} else if (strcmp(name, "registry.mirror") == 0 && is_array) {
		if (!reading->conf.registries.n)
			return error_new(ERR_INVALID, "a mirror before any registry");
		(void)vec_add(&last_registry(&reading->conf)->mirrors);
		reading->where = IN_MIRROR;
	} else {
		reading->where = strcmp(name, "aliases") == 0 ? IN_ALIASES : IN_OTHER;
	}
	reading->has_v2 = reading->has_v2 || reading->where != IN_OTHER;
	return NULL;
}

static FALLIBLE take_use(const struct toml_value *value, enum conf_use *ret)
{
	static const char *const names[] = {
		[USE_ALL] = "all", [USE_DIGESTS] = "digest-only", [USE_TAGS] = "tag-only"
	};

	for (size_t i = USE_ALL; value->kind == TOML_TEXT && i < COUNT(names); i++)
		if (strcmp(value->text, names[i]) == 0) {
			*ret = (enum conf_use)i;
			return NULL;
		}
	return error_new(ERR_INVALID, "is none of all, digest-only and tag-only");
}

static FALLIBLE location_value(
		struct conf_location *location, const char *key, const struct toml_value *value)
{
	if (strcmp(key, "location") == 0)
		return toml_take_text(value, &location->location);
	if (strcmp(key, "insecure") == 0)
		return toml_take_bool(value, &location->is_insecure);
	if (strcmp(key, "pull-from-mirror") == 0)
		return take_use(value, &location->use);
	return NULL;
}

static FALLIBLE registry_value(
		struct conf_registry *registry, const char *key, const struct toml_value *value)
{
	if (strcmp(key, "prefix") == 0)
		return toml_take_text(value, &registry->prefix);
	if (strcmp(key, "blocked") == 0)
		return toml_take_bool(value, &registry->is_blocked);
	if (strcmp(key, "mirror-by-digest-only") == 0)
		return toml_take_bool(value, &registry->mirrors_by_digest_only);
	return location_value(&registry->itself, key, value);
}

static FALLIBLE take_mode(const struct toml_value *value, enum short_mode *ret)
{
	static const char *const names[] = { [SHORT_ENFORCING] = "enforcing",
		[SHORT_PERMISSIVE] = "permissive",
		[SHORT_DISABLED] = "disabled" };

	for (size_t i = SHORT_ENFORCING; value->kind == TOML_TEXT && i < COUNT(names); i++)
		if (strcmp(value->text, names[i]) == 0) {
			*ret = (enum short_mode)i;
			return NULL;
		}
	return error_new(ERR_INVALID, "is none of enforcing, permissive and disabled");
}

static FALLIBLE take_list(const struct toml_value *value, struct list *ret, bool *ret_has)
{
	if (value->kind != TOML_LIST)
		return error_new(ERR_INVALID, "is not a list");
	*ret_has = true;
	list_add_all(ret, &value->list);
	return NULL;
}

static FALLIBLE top_value(struct reading *reading, const char *key, const struct toml_value *value)
{
	struct registries_conf *conf = &reading->conf;

	if (strcmp(key, "short-name-mode") == 0)
		TRY(take_mode(value, &conf->mode));
	else if (strcmp(key, "unqualified-search-registries") == 0)
		TRY(take_list(value, &conf->search, &conf->has_search));
	else if (strcmp(key, "credential-helpers") == 0)
		TRY(take_list(value, &conf->credential_helpers, &conf->has_helpers));
	else
		return NULL;
	reading->has_v2 = true;
	return NULL;
}

static struct conf_registry *v1_registry(struct registries_conf *conf, const char *location)
{
	for (size_t i = 0; i < conf->registries.n; i++)
		if (text_equal(conf->registries.p[i].itself.location, location))
			return &conf->registries.p[i];
	struct conf_registry *registry = vec_add(&conf->registries);
	registry->itself.location = xstrdup(location);
	return registry;
}

static FALLIBLE v1_value(struct reading *reading, const char *key, const struct toml_value *value)
{
	struct registries_conf *conf = &reading->conf;
	AUTO(list) struct list list = { 0 };
	bool is_there = false;

	if (strcmp(key, "registries") != 0)
		return NULL;
	TRY(take_list(value, reading->v1 == V1_SEARCH ? &conf->search : &list,
			reading->v1 == V1_SEARCH ? &conf->has_search : &is_there));
	if (conf->registries.n + list.n > LIMIT_LIST_ENTRIES)
		return error_new(ERR_LIMIT, "too many registries");
	for (size_t i = 0; i < list.n; i++) {
		struct conf_registry *registry = v1_registry(conf, list.p[i]);

		if (reading->v1 == V1_INSECURE)
			registry->itself.is_insecure = true;
		else
			registry->is_blocked = true;
	}
	return NULL;
}

static struct error *on_value(void *user, const char *key, const struct toml_value *value)
{
	struct reading *reading = user;
	struct registries_conf *conf = &reading->conf;

	switch (reading->where) {
	case IN_TOP:
		return top_value(reading, key, value);
	case IN_REGISTRY:
		return registry_value(last_registry(conf), key, value);
	case IN_MIRROR:
		return location_value(last_mirror(conf), key, value);
	case IN_ALIASES:
		if (value->kind != TOML_TEXT)
			return error_new(ERR_INVALID, "is not text");
		list_env_set(&conf->aliases, key, value->text);
		return NULL;
	case IN_V1:
		return v1_value(reading, key, value);
	case IN_OTHER:
		return NULL;
	}
	return NULL;
}

static void merge(struct registries_conf *conf, struct registries_conf *more)
{
	for (size_t i = 0; i < more->registries.n; i++) {
		size_t k = 0;

		while (k < conf->registries.n && !text_equal(conf->registries.p[k].prefix,
								 more->registries.p[i].prefix))
			k++;
		if (k == conf->registries.n)
			(void)vec_add(&conf->registries);
		else
			conf_registry_done(&conf->registries.p[k]);
		conf->registries.p[k] = more->registries.p[i];
		more->registries.p[i] = (struct conf_registry){ 0 };
	}
	if (more->mode)
		conf->mode = more->mode;
	if (more->has_search) {
		list_done(&conf->search);
		conf->search = more->search;
		conf->has_search = true;
		more->search = (struct list){ 0 };
	}
	if (more->has_helpers) {
		list_done(&conf->credential_helpers);
		conf->credential_helpers = more->credential_helpers;
		conf->has_helpers = true;
		more->credential_helpers = (struct list){ 0 };
	}
	for (size_t i = 0; i < more->aliases.n; i++) {
		AUTO_FREE char *name = xstrdup(more->aliases.p[i]);
		char *equals = strchr(name, '=');

		*equals = '\0';
		list_env_set(&conf->aliases, name, equals + 1);
	}
}

FALLIBLE registries_conf_add(struct registries_conf *conf, const struct conf_file *file)
{
	struct reading reading = { .is_drop_in = file->is_drop_in };
	struct toml_events events = { .table = on_table, .value = on_value, .user = &reading };
	struct error *error = toml_parse(file->text, file->what, &events);

	if (!error && reading.has_v1 && reading.has_v2)
		error = error_new(ERR_INVALID, "%s: mixing sysregistry v1/v2 is not supported",
				file->what);
	if (!error)
		error = registries_conf_complete(&reading.conf, file->what);
	if (!error)
		merge(conf, &reading.conf);
	registries_conf_done(&reading.conf);
	return error;
}

static struct error *add_file(void *user, const struct conf_file *file)
{
	return registries_conf_add(user, file);
}

FALLIBLE registries_conf_read(const struct list *paths, struct registries_conf *ret)
{
	AUTO(registries_conf) struct registries_conf conf = { 0 };

	TRY(conf_files_read(paths, add_file, &conf));
	*ret = TAKE_VALUE(conf);
	return NULL;
}

/* How much of name the prefix covers, at a boundary; 0 is no match. */
static size_t prefix_length(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	if (text_starts(prefix, "*.")) {
		size_t host = strcspn(name, "/"), suffix = n - 1;
		size_t bare = strcspn(name, ":/"); /* without port */

		if (bare > suffix && memcmp(name + bare - suffix, prefix + 1, suffix) == 0)
			return host;
		return host > suffix && memcmp(name + host - suffix, prefix + 1, suffix) == 0 ? host
											      : 0;
	}
	if (strncmp(name, prefix, n) != 0)
		return 0;
	/* A port is part of the host; a tag and a digest are not part of the name. */
	bool is_name = strchr(prefix, '/') != NULL;
	bool ends = !name[n] || name[n] == '/' || (is_name && strchr(":@", name[n]));
	return ends ? n : 0;
}

const struct conf_registry *registries_conf_find(
		const struct registries_conf *conf, const char *name)
{
	const struct conf_registry *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < conf->registries.n; i++) {
		const struct conf_registry *registry = &conf->registries.p[i];
		bool matches = prefix_length(name, registry->prefix) > 0;

		/* Of two patterns for the same host, the longer text is the narrower one. */
		if (matches && strlen(registry->prefix) > longest) {
			longest = strlen(registry->prefix);
			best = registry;
		}
	}
	return best;
}

char *conf_rewrite(const char *name, const char *prefix, const char *location)
{
	size_t n = prefix_length(name, prefix);

	return *location && n ? xasprintf("%s%s", location, name + n) : xstrdup(name);
}

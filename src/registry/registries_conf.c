#include "registry/registries_conf.h"

#include "base/error.h"
#include "base/limits.h"
#include "registry/conf_files.h"
#include "registry/toml.h"

#include <assert.h>
#include <string.h>

static void conf_registry_done(struct conf_registry *registry)
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
	*conf = (struct registries_conf){ 0 };
}

/* Where the keys that follow belong. */
struct reading {
	struct registries_conf conf; /* of this file alone */
	enum { IN_TOP = 0, IN_REGISTRY, IN_MIRROR, IN_ALIASES, IN_OTHER } where;
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

static struct error *on_table(void *user, const char *name, bool is_array)
{
	struct reading *reading = user;

	if (text_starts(name, "registries."))
		return error_hint(error_new(ERR_UNSUPPORTED, "version 1 of registries.conf"),
				"write [[registry]] tables, as containers-registries.conf(5) says");
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
	return NULL;
}

static FALLIBLE take_use(const struct toml_value *value, enum conf_use *ret)
{
	static const char *const names[] = { "all", "digest-only", "tag-only" };

	for (size_t i = 0; value->kind == TOML_TEXT && i < COUNT(names); i++)
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

static FALLIBLE top_value(
		struct registries_conf *conf, const char *key, const struct toml_value *value)
{
	if (strcmp(key, "short-name-mode") == 0)
		return take_mode(value, &conf->mode);
	if (strcmp(key, "unqualified-search-registries") != 0)
		return NULL;
	if (value->kind != TOML_LIST)
		return error_new(ERR_INVALID, "is not a list");
	conf->has_search = true;
	list_add_all(&conf->search, &value->list);
	return NULL;
}

static struct error *on_value(void *user, const char *key, const struct toml_value *value)
{
	struct reading *reading = user;
	struct registries_conf *conf = &reading->conf;

	switch (reading->where) {
	case IN_TOP:
		return top_value(conf, key, value);
	case IN_REGISTRY:
		return registry_value(last_registry(conf), key, value);
	case IN_MIRROR:
		return location_value(last_mirror(conf), key, value);
	case IN_ALIASES:
		if (value->kind != TOML_TEXT)
			return error_new(ERR_INVALID, "is not text");
		list_env_set(&conf->aliases, key, value->text);
		return NULL;
	case IN_OTHER:
		return NULL;
	}
	return NULL;
}

/* A trailing '/' or a scheme is a common slip. */
static FALLIBLE check_location(const char *text, const char *what)
{
	if (strstr(text, "://"))
		return error_new(ERR_INVALID, "%s: '%.100s' must not have a scheme", what, text);
	if (!*text || text_ends(text, "/"))
		return error_new(ERR_INVALID, "%s: '%.100s' is no host[/path]", what, text);
	return NULL;
}

/* A prefix stands in for a location and the other way round. */
static FALLIBLE complete(struct conf_registry *registry, const char *what)
{
	if (!registry->prefix && !registry->itself.location)
		return error_new(ERR_INVALID, "%s: a registry without prefix and location", what);
	if (!registry->prefix)
		registry->prefix = xstrdup(registry->itself.location);
	if (!registry->itself.location)
		registry->itself.location = xstrdup(
				text_starts(registry->prefix, "*.") ? "" : registry->prefix);
	if (*registry->itself.location)
		TRY(check_location(registry->itself.location, what));
	TRY(check_location(registry->prefix, what));
	for (size_t i = 0; i < registry->mirrors.n; i++) {
		struct conf_location *mirror = &registry->mirrors.p[i];

		if (!mirror->location)
			return error_new(ERR_INVALID, "%s: a mirror of '%.100s' without location",
					what, registry->prefix);
		TRY(check_location(mirror->location, what));
		if (registry->mirrors_by_digest_only)
			mirror->use = USE_DIGESTS;
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
	for (size_t i = 0; i < more->aliases.n; i++) {
		AUTO_FREE char *name = xstrdup(more->aliases.p[i]);
		char *equals = strchr(name, '=');

		*equals = '\0';
		list_env_set(&conf->aliases, name, equals + 1);
	}
}

FALLIBLE registries_conf_add(struct registries_conf *conf, struct str text, const char *what)
{
	struct reading reading = { 0 };
	struct toml_events events = { .table = on_table, .value = on_value, .user = &reading };
	struct error *error = toml_parse(text, what, &events);

	for (size_t i = 0; !error && i < reading.conf.registries.n; i++)
		error = complete(&reading.conf.registries.p[i], what);
	if (!error)
		merge(conf, &reading.conf);
	registries_conf_done(&reading.conf);
	return error;
}

static struct error *add_file(void *user, struct str text, const char *what)
{
	return registries_conf_add(user, text, what);
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
	return strncmp(name, prefix, n) == 0 && (!name[n] || name[n] == '/') ? n : 0;
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

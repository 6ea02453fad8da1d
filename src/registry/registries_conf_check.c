#include "registry/registries_conf_check.h"

#include "oci/reference.h"

#include <string.h>

/* Slashes at the end are a common slip, and say nothing. */
static FALLIBLE complete_location(char *text, const char *what)
{
	if (!text)
		return NULL;
	if (strstr(text, "://"))
		return error_new(ERR_INVALID,
				"%s: invalid location '%.100s': URI schemes are not supported",
				what, text);
	for (size_t n = strlen(text); n && text[n - 1] == '/'; n--)
		text[n - 1] = '\0';
	return NULL;
}

static FALLIBLE complete_mirror(const struct conf_registry *registry, struct conf_location *mirror,
		const char *what)
{
	TRY(complete_location(mirror->location, what));
	if (!mirror->location || !*mirror->location)
		return error_new(ERR_INVALID, "%s: a mirror of '%.100s' without location", what,
				registry->prefix);
	if (!registry->mirrors_by_digest_only)
		return NULL;
	if (mirror->use)
		return error_new(ERR_INVALID,
				"%s: cannot set mirror-by-digest-only for the registry '%.100s' "
				"and pull-from-mirror for its mirror '%.100s' at the same time",
				what, registry->prefix, mirror->location);
	mirror->use = USE_DIGESTS;
	return NULL;
}

static FALLIBLE check_wildcard(const struct conf_registry *registry, const char *what)
{
	if (!text_starts(registry->prefix, "*.") || !strpbrk(registry->prefix, "/@:"))
		return NULL;
	return error_new(ERR_INVALID,
			"%s: wildcarded prefix should be in the format *.example.com: '%.100s'",
			what, registry->prefix);
}

/* A prefix stands in for a location and the other way round. */
static FALLIBLE complete_registry(struct conf_registry *registry, const char *what)
{
	struct conf_location *itself = &registry->itself;

	TRY(complete_location(itself->location, what));
	TRY(complete_location(registry->prefix, what));
	if (registry->prefix && !*registry->prefix)
		free(TAKE(registry->prefix));
	if (itself->location && !*itself->location)
		free(TAKE(itself->location));
	if (!registry->prefix && !itself->location)
		return error_new(ERR_INVALID, "%s: a registry without prefix and location", what);
	if (!registry->prefix)
		registry->prefix = xstrdup(itself->location);
	if (!itself->location)
		itself->location = xstrdup(
				text_starts(registry->prefix, "*.") ? "" : registry->prefix);
	TRY(check_wildcard(registry, what));
	if (itself->use)
		return error_new(ERR_INVALID,
				"%s: pull-from-mirror must not be set for a non-mirror registry "
				"'%.100s'",
				what, registry->prefix);
	for (size_t i = 0; i < registry->mirrors.n; i++)
		TRY(complete_mirror(registry, &registry->mirrors.p[i], what));
	return NULL;
}

static const char *location_of(const struct conf_registry *registry)
{
	return *registry->itself.location ? registry->itself.location : registry->prefix;
}

/* One place cannot be trusted under one prefix and not under another. */
static FALLIBLE check_conflicts(const struct registries_conf *conf, const char *what)
{
	for (size_t i = 1; i < conf->registries.n; i++)
		for (size_t k = 0; k < i; k++) {
			const struct conf_registry *a = &conf->registries.p[k];
			const struct conf_registry *b = &conf->registries.p[i];
			bool insecure = a->itself.is_insecure != b->itself.is_insecure;

			if (strcmp(location_of(a), location_of(b)) != 0 ||
					(!insecure && a->is_blocked == b->is_blocked))
				continue;
			return error_new(ERR_INVALID,
					"%s: registry '%.100s' is defined multiple times with "
					"conflicting '%s' setting",
					what, location_of(a), insecure ? "insecure" : "blocked");
		}
	return NULL;
}

/* The first table of a prefix is the one. */
static void drop_repeated(struct registries_conf *conf)
{
	size_t kept = 0;

	for (size_t i = 0; i < conf->registries.n; i++) {
		size_t k = 0;

		while (k < kept && strcmp(conf->registries.p[k].prefix,
						   conf->registries.p[i].prefix) != 0)
			k++;
		if (k < kept)
			conf_registry_done(&conf->registries.p[i]);
		else
			conf->registries.p[kept++] = conf->registries.p[i];
	}
	conf->registries.n = kept;
}

static FALLIBLE check_search(const struct registries_conf *conf, const char *what)
{
	for (size_t i = 0; i < conf->search.n; i++) {
		AUTO(reference) struct reference reference = { 0 };
		char *host = conf->search.p[i];

		TRY(complete_location(host, what));
		AUTO_FREE char *name = xasprintf("%s/x", host);
		struct error *error = strchr(host, '/') ? error_new(ERR_INVALID, "it has a path")
							: reference_parse(str_of(name), &reference);
		if (error)
			return error_wrap(error,
					"%s: invalid unqualified-search-registries entry '%.100s'",
					what, host);
	}
	return NULL;
}

static FALLIBLE check_alias(const char *alias, const char *what)
{
	AUTO(reference) struct reference reference = { 0 };
	AUTO_FREE char *name = xstrndup(alias, strcspn(alias, "="));
	const char *value = alias + strlen(name) + 1;
	const char *last = strrchr(value, '/');

	if (reference_has_host(str_of(name)) || strpbrk(name, ":@"))
		return error_new(ERR_INVALID,
				"%s: invalid short name '%.100s': it is a name without registry, "
				"tag and digest",
				what, name);
	if (!*value)
		return NULL;
	if (!reference_has_host(str_of(value)))
		return error_new(ERR_INVALID,
				"%s: invalid alias '%.100s': must contain registry and repository",
				what, value);
	if (strchr(value, '@') || strchr(last, ':'))
		return error_new(ERR_INVALID,
				"%s: invalid alias '%.100s': must not contain tag or digest", what,
				value);
	TRY_WRAP(reference_parse(str_of(value), &reference), "%s: alias '%.100s'", what, value);
	return NULL;
}

FALLIBLE registries_conf_complete(struct registries_conf *conf, const char *what)
{
	for (size_t i = 0; i < conf->registries.n; i++)
		TRY(complete_registry(&conf->registries.p[i], what));
	TRY(check_conflicts(conf, what));
	drop_repeated(conf);
	TRY(check_search(conf, what));
	for (size_t i = 0; i < conf->aliases.n; i++)
		TRY(check_alias(conf->aliases.p[i], what));
	return NULL;
}

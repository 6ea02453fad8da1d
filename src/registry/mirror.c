#include "registry/mirror.h"

#include "registry/url.h"

#include <assert.h>
#include <string.h>

static const char hub[] = "docker.io", hub_server[] = "registry-1.docker.io";

void endpoint_done(struct endpoint *endpoint)
{
	free(endpoint->host);
	free(endpoint->repository);
	free(endpoint->creds_host);
	*endpoint = (struct endpoint){ 0 };
}

void endpoint_copy(const struct endpoint *from, struct endpoint *ret)
{
	*ret = *from;
	ret->host = xstrdup(from->host);
	ret->repository = xstrdup(from->repository);
	ret->creds_host = xstrdup(from->creds_host);
}

void endpoints_done(struct endpoints *endpoints)
{
	for (size_t i = 0; i < endpoints->n; i++)
		endpoint_done(&endpoints->p[i]);
	vec_done(endpoints);
}

/* "r.example" names every port of it, "r.example:5000" that one, "*.example" hosts below. */
bool host_is_listed(const struct list *hosts, const char *host)
{
	for (size_t i = 0; hosts && i < hosts->n; i++) {
		const char *rule = hosts->p[i];
		size_t n = strlen(rule), bare = host_name_length(host);

		if (strcmp(rule, host) == 0 || (n == bare && strncmp(rule, host, n) == 0))
			return true;
		if (text_starts(rule, "*.") && bare > n - 1 &&
				strncmp(host + bare - (n - 1), rule + 1, n - 1) == 0)
			return true;
	}
	return false;
}

static bool is_insecure(const struct mirror_rules *rules, const char *host)
{
	return rules->all_insecure || host_is_listed(rules->insecure_hosts, host);
}

/* Add what "host/path" leads to; it must be a good name. */
static FALLIBLE add_endpoint(const struct mirror_rules *rules, const char *name, bool insecure,
		bool is_mirror, struct endpoints *ret)
{
	AUTO(reference) struct reference parsed = { 0 };
	AUTO_FREE char *text = xstrdup(name);

	TRY_WRAP(reference_parse(str_of(text), &parsed), "%s '%s'",
			is_mirror ? "mirror" : "registry", name);
	/* "mirror/x" would mean docker.io/mirror/x. */
	bool names_host = text_starts(name, parsed.host) && name[strlen(parsed.host)] == '/';
	if (!names_host && !text_starts(name, "index.docker.io/"))
		return error_hint(error_new(ERR_INVALID, "'%s' does not begin with a host", name),
				"write the host with a dot or a port, for example mirror.example "
				"or "
				"mirror:5000");
	struct endpoint *endpoint = vec_add(ret);
	bool is_hub = strcmp(parsed.host, hub) == 0;
	endpoint->creds_host = xstrdup(parsed.host);
	endpoint->host = xstrdup(is_hub ? hub_server : parsed.host);
	endpoint->repository = TAKE(parsed.repository);
	endpoint->is_insecure = insecure || is_insecure(rules, parsed.host);
	endpoint->is_mirror = is_mirror;
	return NULL;
}

/* --registry-mirror "docker.io=mirror.example/hub"; "http://" says that it is insecure. */
static FALLIBLE add_flag_mirrors(
		const struct mirror_rules *rules, const char *name, struct endpoints *ret)
{
	for (size_t i = 0; rules->mirrors && i < rules->mirrors->n; i++) {
		struct str prefix, location;

		if (!str_cut(str_of(rules->mirrors->p[i]), '=', &prefix, &location) || !prefix.n ||
				!location.n)
			return error_hint(error_new(ERR_INVALID, "registry mirror '%s'",
							  rules->mirrors->p[i]),
					"write it as REGISTRY=MIRROR, for example "
					"docker.io=mirror.example:5000");
		bool plain = str_starts(location, "http://");
		if (plain)
			location = str_slice(location, 7, location.n);
		else if (str_starts(location, "https://"))
			location = str_slice(location, 8, location.n);
		while (str_ends(location, "/"))
			location.n--;
		AUTO_FREE char *from = str_dup(prefix), *to = str_dup(location);
		const char *wanted = strcmp(from, "index.docker.io") == 0 ? hub : from;
		struct conf_registry rule = { .prefix = xstrdup(wanted) };
		struct registries_conf one = { .registries = { &rule, 1, 1 } };
		bool matches = registries_conf_find(&one, name) != NULL;
		free(rule.prefix);
		if (!matches)
			continue;
		AUTO_FREE char *rewritten = conf_rewrite(name, wanted, to);
		TRY(add_endpoint(rules, rewritten, plain, true, ret));
	}
	return NULL;
}

static FALLIBLE add_conf_mirrors(const struct mirror_rules *rules,
		const struct conf_registry *entry, const struct reference *reference,
		const char *name, struct endpoints *ret)
{
	bool by_digest = digest_known(&reference->digest);

	for (size_t i = 0; i < entry->mirrors.n; i++) {
		const struct conf_location *mirror = &entry->mirrors.p[i];

		if ((mirror->use == USE_DIGESTS && !by_digest) ||
				(mirror->use == USE_TAGS && by_digest))
			continue;
		AUTO_FREE char *rewritten = conf_rewrite(name, entry->prefix, mirror->location);
		TRY(add_endpoint(rules, rewritten, mirror->is_insecure, true, ret));
	}
	return NULL;
}

/* Exactly as they are written, since what is listed here is a policy. */
static FALLIBLE check_policy(const struct mirror_rules *rules, const char *host, bool for_writing)
{
	const struct list *denied = rules->denied_hosts, *allowed = rules->allowed_hosts;
	bool is_denied = denied && list_has(denied, host);

	if (!is_denied && (!allowed || !allowed->n || list_has(allowed, host)))
		return NULL;
	return error_hint(error_new(ERR_DENIED, "%s \"%s\" denied by policy: %s",
					  for_writing ? "commit to registry at" : "registry", host,
					  is_denied ? "it is in the blocked registries list"
						    : "not in allowed registries list"),
			"BUILD_REGISTRY_SOURCES is set");
}

static FALLIBLE add_all(const struct mirror_rules *rules, const struct reference *reference,
		bool for_writing, struct endpoints *ret)
{
	AUTO_FREE char *name = reference_name(reference), *itself = NULL;
	AUTO_FREE char *full = reference_text(reference);
	const struct conf_registry *entry = registries_conf_find(rules->conf, full);

	TRY(check_policy(rules, reference->host, for_writing));
	if (entry && entry->is_blocked)
		return error_hint(error_new(ERR_DENIED,
						  "'%s': registry %s is blocked in registries.conf",
						  name, entry->prefix),
				"it has blocked = true there");
	if (!for_writing) {
		TRY(add_flag_mirrors(rules, name, ret));
		if (entry)
			TRY(add_conf_mirrors(rules, entry, reference, full, ret));
		if (rules->mirrors_only && ret->n)
			return NULL;
	}
	itself = entry ? conf_rewrite(full, entry->prefix, entry->itself.location) : xstrdup(name);
	return add_endpoint(rules, itself, entry && entry->itself.is_insecure, false, ret);
}

FALLIBLE mirror_endpoints(const struct mirror_rules *rules, const struct reference *reference,
		bool for_writing, struct endpoints *ret)
{
	AUTO(endpoints) struct endpoints endpoints = { 0 };

	TRY(add_all(rules, reference, for_writing, &endpoints));
	*ret = TAKE_VALUE(endpoints);
	return NULL;
}

FALLIBLE mirror_host(const struct mirror_rules *rules, const char *host, struct endpoint *ret)
{
	AUTO(reference) struct reference reference = { 0 };
	AUTO(endpoints) struct endpoints endpoints = { 0 };
	AUTO_FREE char *name = xasprintf("%s/x", host);

	TRY_WRAP(reference_parse(str_of(name), &reference), "registry '%s'", host);
	/* "x/x" is a repository of the hub, not the host x. */
	bool is_host = text_equal(reference.host, host) ||
		       (strcmp(host, "index.docker.io") == 0 && text_equal(reference.host, hub));
	if (!is_host)
		return error_hint(error_new(ERR_INVALID, "'%s' is no registry host", host),
				"write a name with a dot or a port, for example registry.example "
				"or "
				"localhost:5000");
	const struct conf_registry *entry = registries_conf_find(rules->conf, host);
	TRY(add_endpoint(rules, name, entry && entry->itself.is_insecure, false, &endpoints));
	assert(endpoints.p && endpoints.n == 1);
	*ret = endpoints.p[0];
	endpoints.n = 0;
	free(ret->repository);
	ret->repository = NULL;
	return NULL;
}

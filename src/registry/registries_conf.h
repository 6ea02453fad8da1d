/*
 * registries_conf: what registries.conf says: where names are rewritten to, mirrored, blocked,
 * which registries are insecure, aliases of short names, helpers for credentials.
 *
 * Unknown keys are read over, as containers/image does. Version 1 ([registries.search] …) is read
 * as what it means, but not beside version 2, and not in a *.conf.d.
 *
 * Floor: registry. Constant once read.
 * Spec: containers-registries.conf(5), containers-registries.conf.d(5).
 */
#pragma once
#include "base/str.h"
#include "base/vec.h"
#include "registry/conf_files.h"

struct conf_location {
	char *location; /* host[/path]; "" is the name itself */
	bool is_insecure;
	enum conf_use { USE_UNSAID = 0, USE_ALL, USE_DIGESTS, USE_TAGS } use; /* of a mirror */
};

struct conf_registry {
	char *prefix; /* host[/path[:tag][@digest]] or "*.domain" */
	struct conf_location itself;
	bool is_blocked, mirrors_by_digest_only;
	VEC(struct conf_location) mirrors;
};

struct registries_conf {
	VEC(struct conf_registry) registries;
	struct list search;
	bool has_search;
	enum short_mode {
		SHORT_UNSAID = 0,
		SHORT_ENFORCING,
		SHORT_PERMISSIVE,
		SHORT_DISABLED
	} mode;
	struct list aliases;            /* "short=host/name"; "short=" takes an alias back */
	struct list credential_helpers; /* names, or "containers-auth.json"; none: that one */
	bool has_helpers;
};

/*
 * Add one file's text; a later one overrides: whole [[registry]] tables, the search list, aliases.
 * Of one file the first table of a prefix counts, and none may disagree about a location.
 */
FALLIBLE registries_conf_add(struct registries_conf *conf, const struct conf_file *file);
/*
 * Files and directories (their *.conf by name); what is not there is skipped. what was read is
 * whole: at an error conf is as before that file.
 */
FALLIBLE registries_conf_read(const struct list *paths, struct registries_conf *ret);
/* The entry with the longest prefix of "host/repository[:tag][@digest]", or NULL. */
const struct conf_registry *registries_conf_find(
		const struct registries_conf *conf, const char *name);
/*
 * name with the entry's prefix replaced by location: prefix "docker.io/library", location
 * "mirror.example/hub" make docker.io/library/x mirror.example/hub/x. New; free().
 */
char *conf_rewrite(const char *name, const char *prefix, const char *location);
void registries_conf_done(struct registries_conf *conf);

DEFINE_AUTO_VALUE(registries_conf)

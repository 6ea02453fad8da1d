/*
 * creds: who we are to a registry. Finds the user name and password (or identity token) for a
 * repository in the files and programs that people have, and writes them for login and logout.
 *
 * Order: the authentication file alone when one is named (--authfile, REGISTRY_AUTH_FILE); else
 * DOCKER_AUTH_CONFIG (JSON in a variable), $XDG_RUNTIME_DIR/containers/auth.json (without that
 * variable /run/containers/UID/auth.json, if it can be read),
 * $XDG_CONFIG_HOME/containers/auth.json, $DOCKER_CONFIG/config.json (or .dockerconfigjson, as
 * Kubernetes mounts it) or else ~/.docker/config.json, ~/.dockercfg. In one of them: credHelpers of
 * the host, then the longest of host/namespace/repository that has an entry, then credsStore. The
 * first with an answer wins. Behind all files come variables (creds_env.h).
 *
 * Nothing here reads the environment: its values arrive in creds_settings.
 *
 * Floor: registry. Thread-safe (no state).
 * Spec: containers-auth.json(5); Docker's config.json; docker-credential-helpers' protocol.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/vec.h"
#include "sys/cancel.h"
#include <stdbool.h>

/* Any may be NULL. Borrowed by calls that take it; registry_client_new() copies. */
struct creds_settings {
	const char *auth_file;          /* --authfile or REGISTRY_AUTH_FILE: read this one alone */
	const char *docker_auth_config; /* DOCKER_AUTH_CONFIG: the JSON itself */
	const char *docker_config_dir;  /* DOCKER_CONFIG */
	const char *runtime_dir;        /* XDG_RUNTIME_DIR */
	const char *config_home;        /* XDG_CONFIG_HOME, else HOME/.config */
	const char *home;               /* HOME */
	/* NULL-terminated environment of credential programs; NULL: PATH, HOME and LANG only. */
	const char *const *helper_env;
	unsigned helper_timeout_ms; /* 0: HELPER_TIMEOUT_MS */
	/* Variables that may hold user names and passwords (registry/creds_env.h); NULL: none. */
	const char *const *host_env;
	const char *given;   /* --creds: "USER:PASSWORD", for registries and not their mirrors */
	const char *sources; /* which of them: "env,gitlab"; NULL: none */
	/*
	 * registries.conf's credential-helpers: programs, and "containers-auth.json" for the files;
	 * NULL or empty: the files alone. Not copied by registry_client_new(), which reads them.
	 */
	const struct list *helpers;
};

struct credential {
	char *username;
	char *password;
	char *identity_token; /* instead of a password: exchanged for access tokens */
	char *registry_token; /* before all others: sent to the registry as it is */
	char *source;         /* which file or program said so, for messages; never NULL if found */
};

/* Overwrites the secrets before they are freed. */
void credential_done(struct credential *credential);
/* A secret, overwritten first. NULL is fine. */
void credential_text_free(char *text);
bool credential_known(const struct credential *credential);
void credential_copy(const struct credential *from, struct credential *ret);

/*
 * For "host/repository" (repository may be NULL). None is success with nothing set. An unreadable
 * file is ERR_INVALID or ERR_SYS naming it; a helper that fails is ERR_DENIED naming the program,
 * with the start of its own message, and one that is not there ERR_NOT_FOUND.
 */
FALLIBLE creds_find(const struct creds_settings *settings, const char *host, const char *repository,
		struct cancel *cancel, struct credential *ret);

/* The files that are looked into, in order, whether they are there or not. */
void creds_files(const struct creds_settings *settings, struct list *ret);

/*
 * Where login writes: auth_file, else the file that already exists in the order above, else
 * $DOCKER_CONFIG/config.json or ~/.docker/config.json. New; free().
 */
char *creds_login_file(const struct creds_settings *settings);
/*
 * Store for a host (or host/namespace): into the file's credential program when it names one, else
 * into the file (mode 0600, replaced atomically; what else it holds is kept). *ret_where (may be
 * NULL, new) is the file or program.
 */
FALLIBLE creds_store(const struct creds_settings *settings, const char *key,
		const struct credential *credential, struct cancel *cancel, char **ret_where);
/* Remove; *ret_found tells whether there was something. */
FALLIBLE creds_erase(const struct creds_settings *settings, const char *key, struct cancel *cancel,
		bool *ret_found);
/* Remove the entries of all hosts (logout --all) from the file that login writes. */
FALLIBLE creds_erase_all(const struct creds_settings *settings, struct cancel *cancel);

DEFINE_AUTO_VALUE(credential)

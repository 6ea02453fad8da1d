/*
 * config: every setting, and everything that kiln takes from the environment, read once.
 *
 * A setting has one name everywhere: "compression-level" in config.json, KILN_COMPRESSION_LEVEL in
 * the environment, --compression-level on the command line. The later of these wins: built in,
 * /etc/kiln/config.json, $XDG_CONFIG_HOME/kiln/config.json, environment, flag. Lists add up instead
 * (in the environment and on the command line, commas separate their items). A file with an unknown
 * key or a value of the wrong type is refused: a typing error in a setting must not pass in
 * silence.
 *
 * Below ui/ nobody reads the environment; what lower floors need of it is in struct environment.
 *
 * Floor: ui. Constant after config_load(); freed by config_free().
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What others want of us through variables that are not ours. NULL: not set, or empty. */
struct environment {
	char *home;        /* $HOME, else from the password file */
	char *config_home; /* $XDG_CONFIG_HOME, else ~/.config */
	char *data_home;   /* $XDG_DATA_HOME, else ~/.local/share */
	char *runtime_dir; /* $XDG_RUNTIME_DIR */
	char *tmp_dir;     /* $TMPDIR, else /tmp */
	char *registry_auth_file, *docker_config, *docker_auth_config;
	char *term;
	bool has_no_colour; /* $NO_COLOR */
	bool has_source_date_epoch;
	int64_t source_date_epoch;
	struct list proxies; /* "HTTP_PROXY=…" and its kin, in both cases, as they are set */
};

struct config {
	char *root;             /* the store, absolute */
	char *auth_file;        /* credentials are read from here alone; or NULL */
	char *isolation;        /* auto|subuid|recorded|root|chroot|inplace|proot */
	char *network;          /* default|host|none|private */
	char *progress;         /* auto|tty|plain|rawjson|quiet */
	bool has_buildah_words; /* no setting: who was called; what auto is without a terminal */
	char *colour;           /* auto|always|never */
	char *format;           /* oci|docker */
	char *compression;
	int64_t compression_level; /* -1: the codec's own default */
	int64_t jobs;              /* steps at the same time; 0: as many as CPUs */
	/* Pruning at the end of a build (store_gc()); 0: no such bound. */
	uint64_t gc_max_used_space, gc_min_free_space;
	int64_t gc_keep_duration;     /* nanoseconds */
	int64_t registry_retries;     /* tries after the first */
	int64_t registry_retry_delay; /* nanoseconds between them; 0: as registry/retry.h grows them
				       */
	char *credential_helpers;     /* "env,gitlab": variables that may hold credentials */
	char *user_agent;             /* NULL: kiln's own */
	char *creds;                  /* "USER:PASSWORD" for registries; in no listing; or NULL */
	char *cert_dir;               /* certificates for every registry; or NULL */
	char *registries_conf, *registries_conf_dir,
			*short_name_aliases; /* instead of those found; or NULL */
	char *podman;      /* off|read|write: what plain names have to do with Podman's store */
	char *podman_root; /* its graph root, whatever storage.conf says; or NULL */
	char *podman_driver, *podman_options; /* as $STORAGE_DRIVER and $STORAGE_OPTS; or NULL */
	char *default_mounts_file;            /* instead of the mounts.conf found; or NULL */
	struct list uid_maps, gid_maps;       /* "CONTAINER:HOST:LENGTH" */
	char *signature_policy;               /* policy.json; NULL: the user's, else the system's */
	char *registries_d;                   /* instead of the user's or the system's; or NULL */
	struct list decryption_keys;          /* "FILE[:PASSWORD]"; in no listing */
	char *sign_key_file, *sign_fingerprint, *sign_passphrase_file; /* or NULL */
	bool tls_verify, debug;
	bool layers; /* steps in working containers are layers, and cached */
	bool insecure_push, insecure_pull;
	bool registry_fallback;          /* ask the registry itself when its mirrors fail */
	struct list insecure_registries; /* "HOST[:PORT]" */
	struct list lower_stores;        /* folders that kiln warm filled; only read */
	struct list registry_mirrors;    /* "docker.io=HOST" */
	struct list registry_certificates, registry_client_certs;
	struct environment environment;

	char **sources; /* where each setting came from, by its row; config_each() */
};

/*
 * Where configuration comes from. environ: as in main(); settings: "name=value" from the command
 * line (struct parsed). system_file: normally CONFIG_SYSTEM_FILE; tests have their own.
 */
struct config_origin {
	const char *system_file;
	const char *const *environ;
	const struct list *settings;
	const char *podman;     /* what "auto" of that setting is; NULL: "off" */
	bool has_buildah_words; /* as in struct program */
};

#define CONFIG_SYSTEM_FILE "/etc/kiln/config.json"

/*
 * Read everything into *ret (new). A bad value names where it came from: a flag's is error_usage,
 * any other ERR_INVALID.
 */
FALLIBLE config_load(const struct config_origin *origin, struct config **ret);
void config_free(struct config *config);

/* A setting as people see it. */
struct setting_view {
	const char *name;  /* "compression-level" */
	const char *value; /* valid until the next call */
	const char *from;  /* "built in", a file's path, "KILN_…", "--…" */
	const char *help;
};

/* Walk all settings by name: *at starts at 0; text holds the value. False at the end. */
bool config_each(const struct config *config, size_t *at, struct strbuf *text,
		struct setting_view *ret);
/* The first whose name starts so and that the command line has; text as above. */
bool config_find_given(const struct config *config, const char *start, struct strbuf *text,
		struct setting_view *ret);

/*
 * A variable of this process's environment that is not empty, or NULL: for what takes a function
 * to ask (registry/registry.h).
 */
const char *config_getenv(const char *name);
/* The same in a given environment. */
const char *environ_get(const char *const *variables, const char *name);
/* NAME=VALUE as it is; NAME alone with the value of that variable of ours, if it has one. */
void config_add_variable(const char *text, struct list *to);
/* The proxies of our environment, but for names that are in *to already. */
void config_add_proxies(const struct config *config, struct list *to);

DEFINE_AUTO_PTR(config, config_free)

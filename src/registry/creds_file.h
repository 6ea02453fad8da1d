/*
 * creds_file: one config.json, auth.json or .dockercfg in memory. Inside registry/ only.
 *
 * Floor: registry.
 * Spec: containers-auth.json(5); Docker's config.json.
 */
#pragma once
#include "oci/json.h"
#include "registry/creds.h"

struct creds_file {
	char *source;   /* path or "DOCKER_AUTH_CONFIG", for messages */
	json_t *value;  /* the document, an object */
	bool is_legacy; /* .dockercfg: the document is the map of auths itself */
};

/* text may be empty: an empty object. */
FALLIBLE creds_file_parse(struct str text, const char *source, struct creds_file *ret);
/* A file that is not there is an empty object too; *ret_exists (may be NULL) tells. */
FALLIBLE creds_file_read(const char *path, struct creds_file *ret, bool *ret_exists);
void creds_file_done(struct creds_file *file);

/* The program for a host, from credHelpers; credsStore of all hosts. Borrowed, or NULL. */
const char *creds_file_helper(const struct creds_file *file, const char *host);
const char *creds_file_store(const struct creds_file *file);
/* The entry of the longest of host, host/a, host/a/b … that is there; nothing is success. */
FALLIBLE creds_file_find(const struct creds_file *file, const char *host, const char *repository,
		struct credential *ret);
/* Change the document: credential NULL leaves an empty entry, as a mark of credsStore's. */
void creds_file_set(struct creds_file *file, const char *key, const struct credential *credential);
bool creds_file_remove(struct creds_file *file, const char *key);
FALLIBLE creds_file_write(const struct creds_file *file, const char *path);
/* "https://index.docker.io/v1/" and its kin to "docker.io", schemes and /v1/ dropped. New. */
char *creds_key(const char *written);
/* What programs and Docker's file call a host. Borrowed. */
const char *creds_server(const char *key);

DEFINE_AUTO_VALUE(creds_file)

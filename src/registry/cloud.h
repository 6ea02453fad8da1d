/*
 * cloud: credentials of AWS, Google and Azure, found as their SDKs find them, without extra
 * programs. One object in each registry client; what it found for a host is kept there until
 * shortly before it ends, and that there is nothing is kept too.
 *
 * Metadata servers are asked directly (no proxy), once, and with little patience: on most machines
 * there is none. Everything else goes the client's way, with its proxies, authorities and retries,
 * and over https unless it stays on this machine.
 *
 * Nothing here reads the environment: creds_settings.host_env is it. Secrets never reach messages.
 *
 * Floor: registry, private. Thread-safe.
 */
#pragma once
#include "oci/json.h"
#include "registry/creds.h"
#include "registry/http.h"
#include "registry/registry.h"

struct cloud;

struct cloud *cloud_new(struct registry_client *client); /* borrows it */
void cloud_free(struct cloud *cloud);

/*
 * The credential of a registry host of cloud_host.h, unless --credential-helpers leaves its cloud
 * out. None is success with nothing set; ERR_DENIED when the credentials that are there are
 * refused.
 */
FALLIBLE cloud_credential(struct cloud *cloud, const char *host, struct credential *ret);

/* A variable that is set and not empty, or NULL. */
const char *cloud_env(const struct cloud *cloud, const char *name);

/* For programs of the user's own: the environment that they get, and what stops them. */
const char *const *cloud_program_env(const struct cloud *cloud);
struct cancel *cloud_cancel(const struct cloud *cloud);

/* A credential and when it ends (Unix seconds). Makers: ecr.c, google.c, azure.c. */
struct cloud_found {
	struct credential credential;
	int64_t expires;
};

struct cloud_host;
FALLIBLE ecr_credential(
		struct cloud *cloud, const struct cloud_host *host, struct cloud_found *ret);
FALLIBLE azure_credential(struct cloud *cloud, const char *host, struct cloud_found *ret);

struct cloud_request {
	const char *method, *url;
	const struct list *headers; /* or NULL */
	struct str body;
	const char *what; /* "the token service of Google", for messages */
	bool is_metadata;
};

struct cloud_answer {
	struct http_response http;
	struct strbuf body;
};

/*
 * 200 is success; 400, 401 and 403 are ERR_DENIED, 404 ERR_NOT_FOUND, others ERR_HTTP, with the
 * service's own error code in the message. An address that is plain http and not of this machine
 * is ERR_INVALID unless it is a metadata server's.
 */
FALLIBLE cloud_ask(
		struct cloud *cloud, const struct cloud_request *request, struct cloud_answer *ret);
/* The JSON object of such an answer. */
FALLIBLE cloud_ask_json(struct cloud *cloud, const struct cloud_request *request, json_t **ret);
void cloud_answer_done(struct cloud_answer *answer); /* overwrites the body */
/* Nobody there, or nothing for us: true (and the error freed) when a search may go on. */
bool cloud_is_absent(struct error *error, const char *what);
/* A file with a secret, at most LIMIT_TOKEN_BYTES, without the line end; new, free() it. */
FALLIBLE cloud_read_file(const char *path, char **ret);
/* "&key=value", escaped. */
void cloud_form_add(struct strbuf *form, const char *key, const char *value);

DEFINE_AUTO_VALUE(cloud_answer)
DEFINE_AUTO_PTR(cloud, cloud_free)

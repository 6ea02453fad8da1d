/*
 * fetch: small documents, for the files of this folder.
 *
 * Floor: registry.
 */
#pragma once
#include "registry/client.h"

/* GET a path of an endpoint (or url instead) and read at most limit bytes. Any status but 200 is
 * answer_error(). *ret_body is NUL-terminated, new; answer (may be NULL) keeps headers and url. */
FALLIBLE fetch_document(struct registry_client *client, const struct send *send, size_t limit,
		const char *what, char **ret_body, size_t *ret_n, struct answer *ret_answer);
/* "Accept: …" of every manifest and index type we read. */
extern const char fetch_accept[];
/* "/v2/REPOSITORY/manifests/TAG-OR-DIGEST" and the like; new. */
char *fetch_path(const struct endpoint *endpoint, const char *kind, const char *name);

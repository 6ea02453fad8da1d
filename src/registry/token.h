/*
 * token: one exchange with the token service that a registry names. The password or identity token
 * goes to that service's own origin, over TLS unless the registry itself is plain; to where it
 * redirects goes neither.
 *
 * Floor: registry (private to auth). Thread-safe.
 * Spec: distribution, "Token Authentication Specification", "OAuth2".
 */
#pragma once
#include "registry/client.h"

/* All borrowed. */
struct token_request {
	const struct endpoint *endpoint; /* of the registry */
	const struct list *scopes;
	const struct credential *credential; /* may be none */
	const char *realm, *service;         /* service may be NULL */
	bool registry_is_plain;
};

/* *ret_header: the value of Authorization, new; it is good until *ret_expires_ns (monotonic). */
FALLIBLE token_fetch(struct registry_client *client, const struct token_request *request,
		char **ret_header, uint64_t *ret_expires_ns);

/* *ret_header: the value of Authorization for a credential's registry_token, new. */
FALLIBLE token_given(const struct credential *credential, char **ret_header);
/* The value of Authorization for a name (or NULL) and a password, new. */
char *token_basic(const char *username, const char *password);

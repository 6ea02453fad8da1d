/*
 * auth: the Authorization header of a request, found from challenges, credentials and token
 * services, and remembered.
 *
 * What a host's first 401 says (its kind, realm and service) is kept, so that later scopes get
 * their tokens without another refusal. Tokens are kept by scope until shortly before they expire;
 * one that covers more serves for less. When several transfers need the same token at once, one
 * fetches it and the others wait.
 *
 * Credentials go to the token service that the registry itself names (never one that a redirect's
 * target names), and never to an http one unless the registry is plain itself.
 *
 * Floor: registry. Thread-safe.
 * Spec: distribution, "Token Authentication Specification", "OAuth2".
 */
#pragma once
#include "registry/client.h"

struct auth;

/* fixed: this credential instead of those that creds finds (copied), or NULL. */
struct auth *auth_new(struct registry_client *client, const struct credential *fixed);
void auth_free(struct auth *auth);

/* "repository:NAME:pull,push" and "repository:ALSO:pull". */
void auth_scopes(const struct send *send, struct list *ret);
/*
 * The header's value for these scopes at the endpoint, *ret NULL when none is asked for as far as
 * we know. *ret_source (may be set to NULL) tells where the credentials came from.
 */
FALLIBLE auth_header(struct auth *auth, const struct endpoint *endpoint, const struct url *origin,
		const struct list *scopes, char **ret, char **ret_source);
/*
 * Learn from a 401 that the endpoint itself gave; used is the header that was sent with it or NULL.
 * scopes may grow by what the challenge asks for. *ret_again: another try may succeed.
 */
void auth_learn(struct auth *auth, const struct endpoint *endpoint,
		const struct http_response *answer, const char *used, struct list *scopes,
		bool *ret_again);

DEFINE_AUTO_PTR(auth, auth_free)

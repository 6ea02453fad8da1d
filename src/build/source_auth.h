/*
 * source_auth: the Authorization that the user's secrets say for an address.
 *
 *	HTTP_AUTH_HEADER_HOST   the header's value       ADD and contexts by http(s)
 *	HTTP_AUTH_TOKEN_HOST    a bearer token
 *	GIT_AUTH_HEADER[.HOST]  the header's value       git repositories by http(s)
 *	GIT_AUTH_TOKEN[.HOST]   a password for the name x-access-token
 *
 * HOST is the address's with its port, or without. The more particular secret goes first.
 *
 * Floor: build. Spec: Dockerfile reference, "ADD"; BuildKit, "Git authentication".
 */
#pragma once
#include "build/sources.h"

/* New, to be freed with source_auth_free(); NULL: no secret is for it. */
char *source_auth_http(const struct sources *sources, const char *url);
char *source_auth_git(const struct sources *sources, const char *url);
/* "Basic …" of "name:password". New. */
char *source_auth_basic(const char *pair);
void source_auth_free(char *value); /* wipes it */

static inline void source_auth_auto_(char **value)
{
	source_auth_free(*value);
}

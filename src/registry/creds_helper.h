/*
 * creds_helper: credential programs, docker-credential-NAME. Inside registry/ only.
 *
 * The server's address goes to the program's stdin, never into its arguments. A program that fails,
 * hangs (HELPER_TIMEOUT_MS) or answers garbage is an error that names it and quotes no secret.
 *
 * Floor: registry.
 * Spec: github.com/docker/docker-credential-helpers, README, "Development".
 */
#pragma once
#include "registry/creds.h"

enum { HELPER_TIMEOUT_MS = 60 * 1000 };

/* Not found is success with nothing set. */
FALLIBLE creds_helper_get(const struct creds_settings *settings, const char *name,
		const char *server, struct cancel *cancel, struct credential *ret);
FALLIBLE creds_helper_store(const struct creds_settings *settings, const char *name,
		const char *server, const struct credential *credential, struct cancel *cancel);
FALLIBLE creds_helper_erase(const struct creds_settings *settings, const char *name,
		const char *server, struct cancel *cancel);

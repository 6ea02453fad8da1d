/*
 * google_external: workload identity federation: the token of somebody else's identity provider
 * (google_subject.h) exchanged for one of Google's, and that for a service account's where the file
 * says so.
 *
 * Floor: registry, private. Any thread.
 * Spec: google.aip.dev/auth/4117; RFC 8693 (token exchange).
 */
#pragma once
#include "registry/cloud.h"

/* root: the file of type external_account. *ret is new. */
FALLIBLE google_external(struct cloud *cloud, const struct json_field *root, char **ret,
		int64_t *ret_expires);

/*
 * google: an access token of Google Cloud, found as its SDKs find it: the key of a service account
 * (or a login of gcloud's, or workload identity federation) in the file
 * GOOGLE_APPLICATION_CREDENTIALS, else in gcloud's own place, else the metadata server of the
 * machine.
 *
 * Floor: registry, private. Any thread.
 * Spec: cloud.google.com, "Application Default Credentials"; RFC 7523 (JWT as a grant).
 */
#pragma once
#include "registry/cloud.h"

#define GOOGLE_SCOPE "https://www.googleapis.com/auth/cloud-platform"

/*
 * *ret NULL where there are no credentials. *ret_source (new), *ret_expires (Unix seconds) may be
 * NULL. A kind of file that is not supported is ERR_UNSUPPORTED by name.
 */
FALLIBLE google_token(struct cloud *cloud, char **ret, char **ret_source, int64_t *ret_expires);
/* For gcr.io and pkg.dev. */
FALLIBLE google_credential(struct cloud *cloud, struct cloud_found *ret);
/*
 * "header.claims.signature", RS256 with a private key in PEM, for an audience, good for an hour.
 * ERR_INVALID, which quotes nothing, when the key is none.
 */
FALLIBLE google_jwt(const char *email, const char *key_id, const char *private_key,
		const char *audience, int64_t now, char **ret);

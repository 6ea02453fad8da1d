/*
 * google_subject: the token of somebody else's identity provider, for workload identity federation:
 * from a file, an address, AWS (a request that only its sender could have signed) or a program.
 *
 * Floor: registry, private. Any thread.
 * Spec: google.aip.dev/auth/4117.
 */
#pragma once
#include "registry/cloud.h"

/*
 * root: the file of type external_account. *ret is new. A source that kiln cannot read (a
 * certificate) is ERR_UNSUPPORTED by name. A program runs only where
 * GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1 says so: the file may come from somebody else.
 */
FALLIBLE google_subject_token(struct cloud *cloud, const struct json_field *root, char **ret);

/*
 * azure: who we are to Azure. For registries: an access token of a service principal
 * (AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET, or the workload identity in
 * AZURE_FEDERATED_TOKEN_FILE) or of the machine's managed identity, which the registry exchanges
 * for a refresh token. For blobs: the storage account's key.
 *
 * Floor: registry, private. Any thread.
 * Spec: learn.microsoft.com, "Authorize with Shared Key"; Azure/acr, docs/AAD-OAuth.md.
 */
#pragma once
#include "registry/cloud.h"

/*
 * Add the headers that make GET of url a signed one, with what is in the list (Range). ERR_INVALID
 * when the key is not base64; the key is in no message. url has no query.
 */
FALLIBLE azure_sign_blob(const char *key, const char *account, const struct url *url, int64_t now,
		struct list *headers);

/*
 * azure: who we are to Azure. For registries: an access token of a service principal
 * (AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET, or the workload identity in
 * AZURE_FEDERATED_TOKEN_FILE) or of the machine's managed identity, which the registry exchanges
 * for a refresh token. For blobs: the storage account's key, else such a token for storage.
 *
 * Floor: registry, private. Any thread.
 * Spec: learn.microsoft.com, "Authorize with Shared Key"; Azure/acr, docs/AAD-OAuth.md.
 */
#pragma once
#include "registry/cloud.h"

/*
 * Add the headers that make the request a signed one, with those that are in the list (Range,
 * Content-Type, x-ms-...). bytes: of its body. ERR_INVALID when the key is not base64; the key is
 * in no message.
 */
FALLIBLE azure_sign_blob(const char *key, const char *account, const char *method,
		const struct url *url, uint64_t bytes, int64_t now, struct list *headers);
/* The same with a token; NULL: as anybody. */
void azure_bear_token(const char *token, struct list *headers);
/* An access token for storage, and who gave it. NULL: we are nobody. New; free() both. */
FALLIBLE azure_storage_token(struct cloud *cloud, char **ret, char **ret_source);

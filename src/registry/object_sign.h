/*
 * object_sign: signatures of requests to the object stores that cache homes lie in. With the keys
 * that were given, else with those that the cloud's own SDKs would find (aws.h, azure.h), looked
 * for once and again after some minutes, since those of a role end. Where there are none requests
 * go unsigned: a public bucket answers them.
 *
 * Floor: registry. Any thread.
 */
#pragma once
#include "base/vec.h"
#include "oci/digest.h"
#include "registry/registry.h"
#include "registry/url.h"

struct object_signer;

/* All are copied. key NULL: what the environment has. */
struct object_signer *object_signer_s3(struct registry_client *client, const char *region,
		const char *key_id, const char *secret, const char *token);
struct object_signer *object_signer_azure(
		struct registry_client *client, const char *account, const char *key);
void object_signer_free(struct object_signer *signer); /* NULL is fine */

/* Add to headers what signs the request; payload is the digest of its body, of bytes bytes. */
FALLIBLE object_sign(struct object_signer *signer, const char *method, const struct url *url,
		const struct digest *payload, uint64_t bytes, struct list *headers);

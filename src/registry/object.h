/*
 * object: a file of an object store (object_address.h), downloaded with the credentials that its
 * cloud's SDKs would find (aws.h, google.h; AZURE_STORAGE_ACCESS_KEY). Where there are none the
 * request goes unsigned: a public bucket answers it.
 *
 * Where S3 is: S3_ENDPOINT, AWS_ENDPOINT_URL_S3, else AWS's own in AWS_REGION; S3_FORCE_PATH_STYLE.
 * Where Google is: STORAGE_EMULATOR_HOST (asked without credentials), else Google's own.
 *
 * Floor: registry. Any thread.
 */
#pragma once
#include "registry/download.h"

/* Like registry_download(): the same errors, resuming and tries. */
FALLIBLE object_download(struct registry_client *client, const char *address, uint64_t limit,
		int fd, struct download *ret);

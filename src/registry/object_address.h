/*
 * object_address: a file in an object store, as Kaniko writes it.
 *
 *	s3://BUCKET[/KEY], gs://BUCKET[/KEY]          KEY is context.tar.gz when there is none
 *	https://ACCOUNT.blob.core.windows.net/...     an Azure blob
 *
 * Floor: registry (pure).
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include <stdbool.h>

struct object_address {
	enum object_kind { OBJECT_S3 = 1, OBJECT_GOOGLE, OBJECT_AZURE } kind;
	char *bucket; /* of Azure: the account */
	char *key;    /* of Azure: the whole address */
};

/* Whether text is of one of these forms, well written or not. */
bool object_address_is(const char *text);
/* A bad bucket or a key that is none is ERR_INVALID. */
FALLIBLE object_address_parse(const char *text, struct object_address *ret);
void object_address_done(struct object_address *address);
/* "/a%20b/c": a key as the path of an address. New; free(). */
char *object_key_path(const char *key);

DEFINE_AUTO_VALUE(object_address)

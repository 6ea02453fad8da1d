/*
 * mount_record: what a cache home says of a cache mount that it has: a small JSON document
 * (docs/cache-format.md), and the name it goes by.
 *
 * Everything in it is hostile, as in record.h: versions, digests, sizes and the sum are checked.
 *
 * Floor: cache (pure).
 */
#pragma once
#include "cache/record.h"

/* The annotation of a manifest that carries one, and its artifactType. */
#define MOUNT_ANNOTATION    "dev.kiln.cache.mount"
#define MOUNT_ARTIFACT_TYPE "application/vnd.kiln.cache.mount.v1+json"

struct mount_record {
	struct digest mount;     /* which cache mount: id, owner, first content, platform */
	struct digest tree;      /* mount_list.tree */
	struct cached_blob list; /* mount_list_pack() */
	uint64_t bytes, files;
	int64_t created; /* Unix seconds: when it was brought there, or last said to be good */
	char *id;        /* for people */
};

void mount_record_done(struct mount_record *record);
/*
 * The name in a home: several scopes (a tag, a name) keep theirs apart. scope NULL: the home's one.
 */
struct digest mount_record_name(const struct digest *mount, const char *scope);
/* The document. New; free(). */
char *mount_record_print(const struct mount_record *record);
/* what names the document in messages. */
FALLIBLE mount_record_parse(struct str json, const char *what, struct mount_record *ret);

DEFINE_AUTO_VALUE(mount_record)

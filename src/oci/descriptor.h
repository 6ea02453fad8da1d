/*
 * descriptor: what a manifest says of a blob: media type, digest, size, annotations, platform.
 *
 * Floor: oci (pure).
 * Spec: OCI image-spec v1.1, descriptor.md.
 */
#pragma once
#include "base/auto.h"
#include "base/vec.h"
#include "oci/digest.h"
#include "oci/platform.h"

struct descriptor {
	char *media_type; /* never NULL in a parsed one */
	struct digest digest;
	uint64_t size;       /* bytes */
	char *artifact_type; /* or NULL */
	bool has_platform;
	struct platform platform;
	struct list os_features; /* of the platform */
	struct list features;    /* the same of its processor, which Docker's lists have */
	struct list annotations; /* "key=value", in order */
	struct list urls;
};

void descriptor_done(struct descriptor *descriptor);
void descriptor_copy(const struct descriptor *from, struct descriptor *ret); /* deep */
/* Of one digest and one size. */
bool descriptor_same_bytes(const struct descriptor *a, const struct descriptor *b);
struct descriptor descriptor_make(const char *media_type, struct digest digest, uint64_t size);

DEFINE_AUTO_VALUE(descriptor)

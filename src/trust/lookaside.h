/*
 * lookaside: simple signatures beside a registry, as files: BASE/REPOSITORY@sha256=HEX/signature-N,
 * N from 1, no gaps. BASE is a folder (file:///DIR) or a web server.
 *
 * Floor: trust.
 * Spec: containers/image, docs/signature-protocols.md.
 */
#pragma once
#include "base/strbuf.h"
#include "base/vec.h"
#include "oci/reference.h"

struct registry_client;

/* Messages, as bytes. */
struct messages {
	struct strbuf *p;
	size_t n, capacity;
};

void messages_done(struct messages *messages);

/* All that there are, at most LIMIT_SIGNATURES; a place that is not there has none. */
FALLIBLE lookaside_read(struct registry_client *client, const char *base,
		const struct reference *reference, const struct digest *manifest,
		struct messages *ret);
/* Signatures of a dir: image (skopeo): signature-N in the folder. */
FALLIBLE lookaside_read_dir(const char *dir, struct messages *ret);
/* As one more. ERR_UNSUPPORTED for a base that is no folder. */
FALLIBLE lookaside_write(const char *base, const struct reference *reference,
		const struct digest *manifest, struct str message);

DEFINE_AUTO_VALUE(messages)

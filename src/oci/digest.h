/*
 * digest: the name of some bytes, "sha256:<64 lower-case hex digits>".
 *
 * A struct digest is a plain value: copied by assignment, nothing to free. An all-zero one (algo 0)
 * is "not known"; digest_known() tells. Only digest_parse(), digest_of() and stream/hash make known
 * ones.
 *
 * Floor: oci (pure: no I/O, no locks). Safe on any thread.
 * Spec: OCI image-spec v1.1, descriptor.md, "Digests".
 */
#pragma once
#include "base/error.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

enum { DIGEST_BYTES = 32, DIGEST_HEX = 64 + 1, DIGEST_TEXT = 7 + 64 + 1 };

struct digest {
	enum digest_algo { DIGEST_UNKNOWN = 0, DIGEST_SHA256 = 1 } algo;
	uint8_t bytes[DIGEST_BYTES];
};

/*
 * Parse text into *ret. Upper-case hex, a wrong length or an unknown algorithm is ERR_INVALID,
 * and the message quotes text. sha512 is ERR_UNSUPPORTED. *ret is written on success only.
 */
FALLIBLE digest_parse(struct str text, struct digest *ret);

/* Write "sha256:…" and a NUL into buf, and return buf. digest must be known. */
char *digest_text(const struct digest *digest, char buf[static DIGEST_TEXT]);
/* The 64 digits alone. */
char *digest_hex(const struct digest *digest, char buf[static DIGEST_HEX]);

bool digest_known(const struct digest *digest);
bool digest_equal(const struct digest *a, const struct digest *b);
/* Order by bytes, for sorting. */
int digest_compare(const struct digest *a, const struct digest *b);

/* sha256 of bytes in memory. */
struct digest digest_of(const void *bytes, size_t n);
/* HMAC-SHA-256 (RFC 2104) of text. */
struct digest digest_hmac(const void *key, size_t key_bytes, struct str text);

/* Digest and size of an empty gzip layer and of an empty tar (1,024 zero bytes). */
extern const char *const digest_empty_gzip_layer_text;
extern const char *const digest_empty_tar_text;

/*
 * base64: RFC 4648 in both directions, over OpenSSL.
 *
 * Floor: trust (pure).
 */
#pragma once
#include "base/str.h"

/* White space in between is dropped; anything else that is not base64 is false. *ret is new. */
bool base64_decode(struct str text, unsigned char **ret, size_t *ret_n);
char *base64_encode(const void *bytes, size_t n); /* new; free() */
/* The alphabet for URLs, without padding and without white space, as JOSE has it. */
bool base64url_decode(struct str text, unsigned char **ret, size_t *ret_n);
char *base64url_encode(const void *bytes, size_t n); /* new; free() */

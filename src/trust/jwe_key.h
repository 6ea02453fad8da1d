/*
 * jwe_key: the key of a JWE's content, encrypted for one recipient. Private to jwe.c.
 *
 * Floor: trust (pure).
 */
#pragma once
#include "trust/seal_key.h"

/* Texts as they are in JSON. */
struct jwe_recipient {
	char *algorithm;
	char *curve, *x, *y; /* the ephemeral key of ECDH-ES, or NULL */
	char *apu, *apv;     /* or NULL */
	char *key;           /* the encrypted one */
};

void jwe_recipient_done(struct jwe_recipient *recipient);

FALLIBLE jwe_key_wrap(const struct seal_key *to, const struct secret *content_key,
		struct jwe_recipient *ret);
/* ERR_DENIED: it is not for this key. */
FALLIBLE jwe_key_unwrap(const struct jwe_recipient *recipient, const struct seal_key *key,
		struct secret *ret);

DEFINE_AUTO_VALUE(jwe_recipient)

/*
 * gpg: simple signatures: a payload signed by a GPG key, one OpenPGP message of both. GnuPG's own
 * programs do it: gpgv verifies against the keys of the policy and nothing else (no key ring, agent
 * or web of trust of the user's), gpg signs with the user's.
 *
 * Floor: trust. Any thread.
 * Spec: containers/image, docs/atomic-signature.md; GnuPG, doc/DETAILS.
 */
#pragma once
#include "base/strbuf.h"
#include "base/vec.h"
#include "sys/cancel.h"

struct gpg {
	const char *const *env; /* of gpg: GNUPGHOME and what its agent needs; NULL: PATH, HOME */
	const char *tmp_dir;    /* for a file with the keys */
	struct cancel *cancel;
};

/*
 * The key file's text, armored or not, as bytes that can stand one behind the other; added to *ret.
 * ERR_INVALID when there is no key in it.
 */
FALLIBLE gpg_add_keys(struct str text, const char *what, struct strbuf *ret);

/*
 * What the message signs, if exactly one of keys signed it, and neither key nor signature is
 * expired or revoked. ERR_DENIED says why not; ERR_NOT_FOUND without gpgv.
 */
FALLIBLE gpg_verify(const struct gpg *gpg, struct str keys, struct str message,
		struct strbuf *ret_payload);

/* passphrase_file: for gpg to read, or NULL: the agent asks. The message is added to *ret. */
FALLIBLE gpg_sign(const struct gpg *gpg, const char *fingerprint, const char *passphrase_file,
		struct str payload, struct strbuf *ret);

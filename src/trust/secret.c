#include "trust/secret.h"

#include <openssl/crypto.h>

void secret_done(struct secret *secret)
{
	if (secret->p)
		OPENSSL_cleanse(secret->p, secret->n);
	free(secret->p);
	*secret = (struct secret){ 0 };
}

#include "stream/crypto.h"

#include "base/xalloc.h"
#include "sys/library.h"

/* The library whose headers these are. */
#define TEXT_OF(number)  #number
#define FILE_OF(version) "libcrypto.so." TEXT_OF(version)

static const char *const names[] = {
#define CRYPTO_NAME(name) #name,
	CRYPTO_CALLS(CRYPTO_NAME)
#undef CRYPTO_NAME
};

_Static_assert(sizeof(struct crypto_calls) == COUNT(names) * sizeof(void (*)(void)),
		"the table is an array of function pointers");

static struct crypto_calls calls; /* crypto_load()'s until it is filled */

const struct crypto_calls *crypto_loaded(void)
{
	return &calls;
}

FALLIBLE crypto_load(const struct crypto_calls **ret)
{
	static struct library_once library = {
		.file = FILE_OF(OPENSSL_SHLIB_VERSION),
		.what = "OpenSSL, which keys and signatures need",
		.package = "libssl3",
		.names = names,
		.n = COUNT(names),
		.calls = &calls,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};

	TRY(library_load_once(&library));
	*ret = &calls;
	return NULL;
}

#include "stream/crypto.h"

#include "base/xalloc.h"
#include "sys/library.h"

#include <pthread.h>

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

static struct crypto_calls calls; /* guarded by crypto_load()'s lock until it is filled */

const struct crypto_calls *crypto_loaded(void)
{
	return &calls;
}

FALLIBLE crypto_load(const struct crypto_calls **ret)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static bool is_loaded;
	struct error *error = NULL;

	(void)pthread_mutex_lock(&lock);
	if (!is_loaded)
		error = library_load(FILE_OF(OPENSSL_SHLIB_VERSION), names, COUNT(names), &calls);
	is_loaded = is_loaded || !error;
	(void)pthread_mutex_unlock(&lock);
	if (error)
		return error_hint(error_wrap(error, "load OpenSSL, which keys and signatures need"),
				"install it, for example with apt-get install libssl3");
	*ret = &calls;
	return NULL;
}

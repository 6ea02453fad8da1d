#include "registry/curl.h"

#include "base/xalloc.h"

#include <dlfcn.h>
#include <string.h>

static const char *const names[] = {
#define CURL_NAME(name) "curl_" #name,
	CURL_CALLS(CURL_NAME)
#undef CURL_NAME
};

_Static_assert(sizeof(struct curl_calls) == COUNT(names) * sizeof(void (*)(void)),
		"the table is an array of function pointers");

FALLIBLE curl_load(struct curl_calls *ret)
{
	struct curl_calls calls = { 0 };
	/* Never closed: OpenSSL and others leave exit handlers behind. */
	void *library = dlopen("libcurl.so.4", RTLD_LAZY | RTLD_LOCAL);

	if (!library)
		return error_hint(error_new(ERR_NOT_FOUND, "load libcurl, which registries need"),
				"install it, for example with apt-get install libcurl4");
	for (size_t i = 0; i < COUNT(names); i++) {
		void *symbol = dlsym(library, names[i]);

		if (!symbol)
			return error_new(ERR_NOT_FOUND, "libcurl has no function '%s'", names[i]);
		memcpy((char *)&calls + i * sizeof(symbol), &symbol, sizeof(symbol));
	}
	if (calls.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_new(ERR_NETWORK, "initialise libcurl");
	*ret = calls;
	return NULL;
}

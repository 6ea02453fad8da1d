#include "registry/curl.h"

#include "base/xalloc.h"
#include "sys/library.h"

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
	struct error *error = library_load("libcurl.so.4", names, COUNT(names), &calls);

	if (error)
		return error_hint(error_wrap(error, "load libcurl, which registries need"),
				"install it, for example with apt-get install libcurl4");
	if (calls.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_new(ERR_NETWORK, "initialise libcurl");
	*ret = calls;
	return NULL;
}

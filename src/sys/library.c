#include "sys/library.h"

#include <dlfcn.h>
#include <string.h>

FALLIBLE library_load(const char *file, const char *const *names, size_t n, void *calls)
{
	void *library = dlopen(file, RTLD_LAZY | RTLD_LOCAL);

	if (!library)
		return error_new(ERR_NOT_FOUND, "no library '%s'", file);
	for (size_t i = 0; i < n; i++) {
		void *symbol = dlsym(library, names[i]);

		if (!symbol)
			return error_new(
					ERR_NOT_FOUND, "'%s' has no function '%s'", file, names[i]);
		/* ISO C has no assignment of a function pointer from dlsym's void pointer. */
		memcpy((char *)calls + i * sizeof(symbol), &symbol, sizeof(symbol));
	}
	return NULL;
}

#include "stream/codec_libraries.h"

#include "base/xalloc.h"
#include "sys/library.h"

#include <pthread.h>

struct library {
	const char *file, *what, *package;
	const char *const *names;
	size_t n;
	void *calls; /* guarded by lock until is_loaded */
	pthread_mutex_t *lock;
	bool *is_loaded;
};

static FALLIBLE load(const struct library *library)
{
	struct error *error = NULL;

	(void)pthread_mutex_lock(library->lock);
	if (!*library->is_loaded)
		error = library_load(library->file, library->names, library->n, library->calls);
	*library->is_loaded = *library->is_loaded || !error;
	(void)pthread_mutex_unlock(library->lock);
	if (!error)
		return NULL;
	return error_hint(error_wrap(error, "load %s", library->what),
			"install it, for example with apt-get install %s", library->package);
}

#define NAME(name) #name,
#define DEFINE_LIBRARY(kind, list, soname, does, deb)                                 \
	static struct kind##_calls kind##_table;                                      \
	static const char *const kind##_names[] = { list(NAME) };                     \
	_Static_assert(sizeof(struct kind##_calls) ==                                 \
					COUNT(kind##_names) * sizeof(void (*)(void)), \
			"the table is an array of function pointers");                \
	const struct kind##_calls *kind##_loaded(void)                                \
	{                                                                             \
		return &kind##_table;                                                 \
	}                                                                             \
	FALLIBLE kind##_load(void)                                                    \
	{                                                                             \
		static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;              \
		static bool is_loaded;                                                \
		const struct library library = { soname, does, deb, kind##_names,     \
			COUNT(kind##_names), &kind##_table, &lock, &is_loaded };      \
                                                                                      \
		return load(&library);                                                \
	}

DEFINE_LIBRARY(isal, ISAL_CALLS, "libisal.so.2", "ISA-L, which gzip needs", "libisal2")
DEFINE_LIBRARY(zlib, ZLIB_CALLS, "libz.so.1", "zlib, which gzip needs", "zlib1g")
DEFINE_LIBRARY(zstd, ZSTD_CALLS, "libzstd.so.1", "libzstd, which zstd needs", "libzstd1")

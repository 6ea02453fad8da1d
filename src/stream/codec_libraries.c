#include "stream/codec_libraries.h"

#include "base/xalloc.h"
#include "sys/library.h"

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
		static struct library_once library = {                                \
			.file = soname,                                               \
			.what = does,                                                 \
			.package = deb,                                               \
			.names = kind##_names,                                        \
			.n = COUNT(kind##_names),                                     \
			.calls = &kind##_table,                                       \
			.lock = PTHREAD_MUTEX_INITIALIZER,                            \
		};                                                                    \
                                                                                      \
		return library_load_once(&library);                                   \
	}

DEFINE_LIBRARY(isal, ISAL_CALLS, "libisal.so.2", "ISA-L, which gzip needs", "libisal2")
DEFINE_LIBRARY(zlib, ZLIB_CALLS, "libz.so.1", "zlib, which gzip needs", "zlib1g")
DEFINE_LIBRARY(zstd, ZSTD_CALLS, "libzstd.so.1", "libzstd, which zstd needs", "libzstd1")

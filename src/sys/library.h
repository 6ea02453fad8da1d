/*
 * library: a shared library that is loaded on first use, since each costs a start of kiln up to a
 * millisecond, and libcurl with those behind it six.
 *
 * Its user lists the functions once, and makes of that list the names and a struct of pointers
 * whose types are those in the library's own header (registry/curl.h shows how).
 *
 * Floor: sys.
 */
#pragma once
#include "base/error.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Load the file (a soname) and fill calls, which is n pointers, with the functions of these names.
 * It stays loaded to the end: OpenSSL and others leave exit handlers behind. ERR_NOT_FOUND; where
 * to get it is for the caller to say.
 */
FALLIBLE library_load(const char *file, const char *const *names, size_t n, void *calls);

/* A table that is filled once for all threads, and constant from then on. */
struct library_once {
	const char *file, *what, *package; /* "load WHAT", and Debian's package that brings it */
	const char *const *names;
	size_t n;
	void *calls;
	pthread_mutex_t lock;
	bool is_loaded; /* guarded by lock */
};

/* The same for one of those, with a hint of where to get it. Any thread, as often as wanted. */
FALLIBLE library_load_once(struct library_once *library);

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

#include <stddef.h>

/*
 * Load the file (a soname) and fill calls, which is n pointers, with the functions of these names.
 * It stays loaded to the end: OpenSSL and others leave exit handlers behind. ERR_NOT_FOUND; where
 * to get it is for the caller to say.
 */
FALLIBLE library_load(const char *file, const char *const *names, size_t n, void *calls);

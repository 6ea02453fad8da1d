/*
 * xalloc: allocate or abort. Out of memory ends the program; therefore every size from outside is
 * checked against base/limits.h before it comes here. Results are freed with free().
 *
 * Floor: base.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *memory, size_t count, size_t size) __attribute__((returns_nonnull));
/* xstrdup(NULL) is NULL. */
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t size) __attribute__((returns_nonnull));
void *xmemdup(const void *memory, size_t size) __attribute__((returns_nonnull));
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));
char *xvasprintf(const char *format, va_list args)
		__attribute__((format(printf, 1, 0), returns_nonnull));

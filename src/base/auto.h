/*
 * auto: ownership that is visible at the declaration.
 *
 *	AUTO(strbuf) struct strbuf text = { 0 };      calls strbuf_done(&text) at scope end
 *	AUTO(writer) struct writer *out = NULL;       calls writer_autop(&out)
 *	AUTO_FREE char *name = NULL;                  free()
 *	AUTO_FD int fd = -1;                          close(), once, errno kept
 *	return TAKE(out);                             hands on and empties
 *
 * A type opts in with DEFINE_AUTO_PTR(type, free_function) for pointers, or by offering
 * NAME_done(struct NAME *) and DEFINE_AUTO_VALUE(NAME) for embedded values.
 *
 * Floor: base.
 */
#pragma once
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define AUTO(name) __attribute__((cleanup(name##_auto_), unused))
#define AUTO_FREE  __attribute__((cleanup(free_auto_), unused))
#define AUTO_FD    __attribute__((cleanup(fd_auto_), unused))

/* Empty the variable and give its value to whoever takes it. */
#define TAKE(pointer)                                  \
	({                                             \
		__typeof__(pointer) take_ = (pointer); \
		(pointer) = NULL;                      \
		take_;                                 \
	})

/* The same for an owning struct: hand its contents on. */
#define TAKE_VALUE(value)                           \
	({                                          \
		__typeof__(value) take_ = (value);  \
		(value) = (__typeof__(value)){ 0 }; \
		take_;                              \
	})

#define TAKE_FD(fd)               \
	({                        \
		int take_ = (fd); \
		(fd) = -1;        \
		take_;            \
	})

#define DEFINE_AUTO_PTR(name, free_function)             \
	static inline void name##_auto_(struct name **p) \
	{                                                \
		int saved_ = errno;                      \
		if (*p)                                  \
			free_function(*p);               \
		errno = saved_;                          \
	}

#define DEFINE_AUTO_VALUE(name)                         \
	static inline void name##_auto_(struct name *p) \
	{                                               \
		int saved_ = errno;                     \
		name##_done(p);                         \
		errno = saved_;                         \
	}

static inline void free_auto_(void *p)
{
	int saved = errno;
	void *memory;

	__builtin_memcpy(&memory, p, sizeof(memory));
	free(memory);
	errno = saved;
}

static inline void fd_auto_(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	errno = saved;
}

/*
 * error: what went wrong, as a value.
 *
 * Every function that can fail returns FALLIBLE: NULL is success, anything else is one
 * heap-allocated chain, newest frame first, that the caller owns. Results go through ret_
 * arguments, written on success only. Callers branch on error->kind (and code) of the chain's root
 * cause, nothing else.
 *
 * Messages: lower case, no full stop, what was being done, the object in single quotes. A frame is
 * added (TRY_WRAP) where a new fact exists: which layer, which step. A hint says what the user can
 * do.
 *
 * Floor: base. An error belongs to one thread at a time; it may be handed over.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct strbuf;

enum error_kind {
	ERR_SYS = 1,     /* a system call failed; code is its errno */
	ERR_INVALID,     /* input that breaks its own rules */
	ERR_NOT_FOUND,   /* a named thing is not there */
	ERR_EXISTS,      /* a named thing is there already */
	ERR_DENIED,      /* credentials or policy refuse it */
	ERR_DIGEST,      /* bytes that do not hash to their name */
	ERR_HTTP,        /* a server answered; code is the status */
	ERR_NETWORK,     /* no answer: name look-up, connection, TLS, a broken transfer */
	ERR_EXIT,        /* a process ended; code is its exit status (128 + signal when killed) */
	ERR_UNSUPPORTED, /* understood, and not offered here */
	ERR_LIMIT,       /* larger, deeper or more than allowed */
	ERR_CANCELED,    /* somebody asked to stop */
	ERR_BUSY,        /* held by another process */
};

/* A range of a text file: lines and columns count from 1, 0 is unknown. */
struct source_range {
	const char *file; /* owned by the error that holds it */
	unsigned line, column, end_line, end_column;
};

struct error {
	enum error_kind kind;
	int code;
	struct source_range at;
	char *message;
	char *hint;
	const char *where; /* function that made this frame, for --debug */
	struct error *cause;
};

#define FALLIBLE               __attribute__((warn_unused_result)) struct error *
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

#define TRY(expr)                                            \
	do {                                                 \
		struct error *try_error_ = (expr);           \
		if (__builtin_expect(try_error_ != NULL, 0)) \
			return try_error_;                   \
	} while (0)

#define TRY_WRAP(expr, ...)                                         \
	do {                                                        \
		struct error *try_error_ = (expr);                  \
		if (__builtin_expect(try_error_ != NULL, 0))        \
			return error_wrap(try_error_, __VA_ARGS__); \
	} while (0)

/* Make a frame without a cause. The result is never NULL. */
#define error_new(kind, ...)        error_made_(error_make_(__func__, (kind), 0, __VA_ARGS__))
#define error_code(kind, code, ...) error_made_(error_make_(__func__, (kind), (code), __VA_ARGS__))
/* Make an ERR_SYS from errno as it stands; call it right after the failing call. */
#define error_sys(...) error_made_(error_sys_(__func__, __VA_ARGS__))
/* The same from a given errno value. */
#define error_errno(number, ...) error_made_(error_make_(__func__, ERR_SYS, (number), __VA_ARGS__))
/* Put a frame on top of cause (takes it); kind, code and place are copied upwards. */
#define error_wrap(cause, ...) error_made_(error_wrap_(__func__, (cause), __VA_ARGS__))

struct error *error_make_(const char *where, enum error_kind kind, int code, const char *format,
		...) PRINTF_LIKE(4, 5);
struct error *error_sys_(const char *where, const char *format, ...) PRINTF_LIKE(2, 3);
struct error *error_wrap_(const char *where, struct error *cause, const char *format, ...)
		PRINTF_LIKE(3, 4);
void error_set_hint_(struct error *error, const char *format, ...) PRINTF_LIKE(2, 3);
void error_set_at_(struct error *error, struct source_range at);

/* That a made error is never NULL, said so that clang's analyser believes it, too. */
static inline __attribute__((noreturn)) struct error *error_never_(void)
{
	__builtin_unreachable();
}

#define error_made_(made) ((made) ?: error_never_())

/* Add advice to the newest frame and return it (replaces an earlier hint). error may be NULL. */
#define error_hint(made, ...)                          \
	({                                             \
		struct error *hinted_ = (made);        \
		error_set_hint_(hinted_, __VA_ARGS__); \
		hinted_;                               \
	})

/* Say which part of which file is meant, unless a deeper frame said so; copies at.file. */
static inline struct error *error_at(struct error *error, struct source_range at)
{
	error_set_at_(error, at);
	return error;
}

/* True when error is of that kind (and ERR_SYS with that errno). NULL is false. */
bool error_is(const struct error *error, enum error_kind kind);
bool error_is_errno(const struct error *error, int number);

/* The first hint from the top, or NULL. The first known place from the top, or NULL. */
const char *error_find_hint(const struct error *error);
const struct source_range *error_find_at(const struct error *error);

/* Append "newest: older: oldest: strerror" on one line. */
void error_text(const struct error *error, struct strbuf *out);

void error_free(struct error *error);

/* A copy of the whole chain, for a second thread. NULL gives NULL. */
struct error *error_copy(const struct error *error);

/* Drop an error on purpose; it is logged at debug level with the reason. NULL is fine. */
void error_ignore(struct error *error, const char *why);

/* Keep the first real error of several: CANCELED never hides another kind. Takes both. */
struct error *error_first(struct error *kept, struct error *other);

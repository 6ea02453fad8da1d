#include "base/error.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct error *PRINTF_LIKE(4, 0) make(
		const char *where, enum error_kind kind, int code, const char *format, va_list args)
{
	struct error *error = xcalloc(1, sizeof(*error));

	error->kind = kind;
	error->code = code;
	error->where = where;
	error->message = xvasprintf(format, args);
	return error;
}

struct error *error_make_(
		const char *where, enum error_kind kind, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	struct error *error = make(where, kind, code, format, args);
	va_end(args);
	return error;
}

struct error *error_sys_(const char *where, const char *format, ...)
{
	int number = errno;
	va_list args;

	va_start(args, format);
	struct error *error = make(where, ERR_SYS, number, format, args);
	va_end(args);
	return error;
}

struct error *error_wrap_(const char *where, struct error *cause, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	struct error *error = make(where, cause->kind, cause->code, format, args);
	va_end(args);
	error->cause = cause;
	return error;
}

void error_set_hint_(struct error *error, const char *format, ...)
{
	va_list args;

	if (!error)
		return;
	va_start(args, format);
	free(error->hint);
	error->hint = xvasprintf(format, args);
	va_end(args);
}

void error_set_at_(struct error *error, struct source_range at)
{
	if (!error || error_find_at(error))
		return;
	error->at = at;
	error->at.file = at.file ? xstrdup(at.file) : NULL;
}

bool error_is(const struct error *error, enum error_kind kind)
{
	return error && error->kind == kind;
}

bool error_is_errno(const struct error *error, int number)
{
	return error_is(error, ERR_SYS) && error->code == number;
}

const char *error_find_hint(const struct error *error)
{
	for (; error; error = error->cause)
		if (error->hint)
			return error->hint;
	return NULL;
}

const struct source_range *error_find_at(const struct error *error)
{
	for (; error; error = error->cause)
		if (error->at.line)
			return &error->at;
	return NULL;
}

/* The frame below begins with the same words and says more. */
static bool is_said_again(const struct error *error)
{
	const char *below = error->cause ? error->cause->message : "";
	size_t n = strlen(error->message);

	return strncmp(below, error->message, n) == 0 && below[0] &&
	       (below[n] == '\0' || below[n] == ' ' || below[n] == ':');
}

void error_text(const struct error *error, struct strbuf *out)
{
	const struct error *root = error;

	for (; error; error = error->cause) {
		root = error;
		if (is_said_again(error))
			continue;
		strbuf_add(out, error->message);
		if (error->cause)
			strbuf_add(out, ": ");
	}
	if (root && root->kind == ERR_SYS && root->code)
		strbuf_addf(out, ": %s",
				strerrordesc_np(root->code) ? strerrordesc_np(root->code)
							    : "unknown error");
}

void error_free(struct error *error)
{
	while (error) {
		struct error *cause = error->cause;

		free((char *)(uintptr_t)error->at.file);
		free(error->message);
		free(error->hint);
		free(error);
		error = cause;
	}
}

struct error *error_copy(const struct error *error)
{
	struct error *first = NULL, **end = &first;

	for (; error; error = error->cause) {
		struct error *copy = xmalloc(sizeof(*copy));

		*copy = *error;
		copy->at.file = xstrdup(error->at.file);
		copy->message = xstrdup(error->message);
		copy->hint = xstrdup(error->hint);
		copy->cause = NULL;
		*end = copy;
		end = &copy->cause;
	}
	return first;
}

void error_ignore(struct error *error, const char *why)
{
	if (!error)
		return;
	if (log_enabled(LOG_DEBUG)) {
		AUTO(strbuf) struct strbuf text = { 0 };

		error_text(error, &text);
		log_debug("ignored (%s): %s", why, strbuf_text(&text));
	}
	error_free(error);
}

struct error *error_first(struct error *kept, struct error *other)
{
	if (!kept)
		return other;
	if (!other)
		return kept;
	if (kept->kind == ERR_CANCELED && other->kind != ERR_CANCELED) {
		error_free(kept);
		return other;
	}
	error_free(other);
	return kept;
}

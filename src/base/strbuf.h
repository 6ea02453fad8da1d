/*
 * strbuf: text that grows. { 0 } is an empty one; strbuf_done() or AUTO(strbuf) frees it.
 * Always NUL-terminated once something was added; may hold NUL bytes inside.
 *
 * Floor: base.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/str.h"

struct strbuf {
	char *p;
	size_t n, capacity;
};

void strbuf_done(struct strbuf *buf);
void strbuf_clear(struct strbuf *buf); /* empty, memory kept */
void strbuf_reserve(struct strbuf *buf, size_t more);
void strbuf_add(struct strbuf *buf, const char *text);
void strbuf_add_str(struct strbuf *buf, struct str s);
void strbuf_add_bytes(struct strbuf *buf, const void *bytes, size_t n);
void strbuf_add_char(struct strbuf *buf, char c);
void strbuf_addf(struct strbuf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void strbuf_truncate(struct strbuf *buf, size_t n);
/* The text so far; "" when nothing was added. Valid until the next change. */
const char *strbuf_text(const struct strbuf *buf);
struct str strbuf_str(const struct strbuf *buf);
/* Hand the text over (never NULL, free() it) and become empty. */
char *strbuf_take(struct strbuf *buf);

DEFINE_AUTO_VALUE(strbuf)

#include "base/strbuf.h"
#include "base/xalloc.h"

#include <stdio.h>
#include <string.h>

void strbuf_done(struct strbuf *buf)
{
	free(buf->p);
	*buf = (struct strbuf){ 0 };
}

void strbuf_clear(struct strbuf *buf)
{
	strbuf_truncate(buf, 0);
}

void strbuf_reserve(struct strbuf *buf, size_t more)
{
	size_t need = buf->n + more + 1;

	if (need <= buf->capacity)
		return;
	size_t capacity = buf->capacity ? buf->capacity * 2 : 64;
	buf->capacity = capacity < need ? need : capacity;
	buf->p = xrealloc(buf->p, buf->capacity, 1);
	buf->p[buf->n] = '\0';
}

void strbuf_add(struct strbuf *buf, const char *text)
{
	strbuf_add_bytes(buf, text, strlen(text));
}

void strbuf_add_str(struct strbuf *buf, struct str s)
{
	strbuf_add_bytes(buf, s.p, s.n);
}

void strbuf_add_bytes(struct strbuf *buf, const void *bytes, size_t n)
{
	strbuf_reserve(buf, n);
	if (n)
		memcpy(buf->p + buf->n, bytes, n);
	buf->n += n;
	buf->p[buf->n] = '\0';
}

void strbuf_add_char(struct strbuf *buf, char c)
{
	strbuf_add_bytes(buf, &c, 1);
}

void strbuf_addf(struct strbuf *buf, const char *format, ...)
{
	va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	size_t room = buf->capacity - buf->n;
	int n = vsnprintf(buf->p ? buf->p + buf->n : NULL, room, format, args);
	va_end(args);
	if (n > 0 && (size_t)n >= room) {
		strbuf_reserve(buf, (size_t)n);
		(void)vsnprintf(buf->p + buf->n, (size_t)n + 1, format, again);
	}
	va_end(again);
	if (n > 0)
		buf->n += (size_t)n;
	else if (buf->p)
		buf->p[buf->n] = '\0';
}

void strbuf_truncate(struct strbuf *buf, size_t n)
{
	if (n > buf->n || !buf->p)
		return;
	buf->n = n;
	buf->p[n] = '\0';
}

const char *strbuf_text(const struct strbuf *buf)
{
	return buf->p ? buf->p : "";
}

struct str strbuf_str(const struct strbuf *buf)
{
	return (struct str){ strbuf_text(buf), buf->n };
}

char *strbuf_take(struct strbuf *buf)
{
	char *text = buf->p ? buf->p : xstrdup("");

	*buf = (struct strbuf){ 0 };
	return text;
}

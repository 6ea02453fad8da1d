/*
 * log: lines as Kaniko writes them, since pipelines read them.
 *
 *	color	INFO[0001] Retrieving image manifest debian:12      (with escapes for colours)
 *	text	time="2026-11-25T20:52:43Z" level=info msg="Retrieving image manifest debian:12"
 *	json	{"level":"info","msg":"Retrieving image manifest debian:12","time":"…"}
 *
 * Floor: kaniko.
 */
#pragma once
#include "base/str.h"
#include "base/strbuf.h"

struct kaniko_globals;
struct list;
struct kaniko_trace;
struct renderer;

enum severity {
	SEVERITY_PANIC,
	SEVERITY_FATAL,
	SEVERITY_ERROR,
	SEVERITY_WARN,
	SEVERITY_INFO,
	SEVERITY_DEBUG,
	SEVERITY_TRACE,
};

struct kaniko_log {
	enum { LOG_FORM_COLOUR, LOG_FORM_TEXT, LOG_FORM_JSON } form;
	enum severity least; /* what is less severe is left out */
	bool has_dates, has_escapes;
	int64_t started; /* Unix seconds */
};

/* From now on base/log.h writes such lines, too. */
void kaniko_log_init(const struct kaniko_globals *globals, struct kaniko_log *ret);
/* Append one line; now: Unix seconds. */
void kaniko_log_line(const struct kaniko_log *log, enum severity severity, int64_t now,
		struct str message, struct strbuf *out);
/* The same to standard error, now. */
void kaniko_log_say(const struct kaniko_log *log, enum severity severity, const char *format, ...)
		PRINTF_LIKE(3, 4);

/*
 * A build as such lines; what steps print stands between them as it came. All is borrowed as long
 * as the renderer lives. trace (may be NULL) gets the build's spans at its end.
 */
struct renderer *kaniko_renderer(const struct kaniko_log *log, const struct list *destinations,
		struct kaniko_trace *trace);

#include "kaniko/log.h"

#include "base/clock.h"
#include "base/log.h"
#include "kaniko/kaniko.h"
#include "sys/fd.h"
#include "ui/config.h"
#include "ui/plain_text.h"

#include <jansson.h>
#include <stdio.h>

static const struct {
	const char *name, *tag;
	int colour;
} levels[] = {
	[SEVERITY_PANIC] = { "panic", "PANI", 31 },
	[SEVERITY_FATAL] = { "fatal", "FATA", 31 },
	[SEVERITY_ERROR] = { "error", "ERRO", 31 },
	[SEVERITY_WARN] = { "warning", "WARN", 33 },
	[SEVERITY_INFO] = { "info", "INFO", 36 },
	[SEVERITY_DEBUG] = { "debug", "DEBU", 37 },
	[SEVERITY_TRACE] = { "trace", "TRAC", 37 },
};

/* The form that kiln's own lines have, too: set with the sink, before there are threads. */
static struct kaniko_log own_lines;

static void say_own(enum log_level level, const char *text)
{
	static const enum severity severities[] = {
		[LOG_WARN] = SEVERITY_WARN, [LOG_INFO] = SEVERITY_INFO, [LOG_DEBUG] = SEVERITY_DEBUG
	};

	kaniko_log_say(&own_lines, severities[level], "%s", text);
}

void kaniko_log_init(const struct kaniko_globals *globals, struct kaniko_log *ret)
{
	*ret = (struct kaniko_log){ .least = SEVERITY_INFO,
		.has_dates = globals->log_timestamp,
		.has_escapes = !config_getenv("NO_COLOR"),
		.started = clock_now_seconds() };
	for (size_t i = 0; i < COUNT(levels); i++)
		if (text_equal(globals->verbosity, levels[i].name))
			ret->least = (enum severity)i;
	if (text_equal(globals->verbosity, "warn"))
		ret->least = SEVERITY_WARN;
	if (text_equal(globals->log_format, "text"))
		ret->form = LOG_FORM_TEXT;
	else if (text_equal(globals->log_format, "json"))
		ret->form = LOG_FORM_JSON;
	own_lines = *ret;
	log_set_sink(say_own);
}

static void add_coloured(const struct kaniko_log *log, enum severity severity, int64_t now,
		struct str message, struct strbuf *out)
{
	char date[CLOCK_RFC3339_TEXT];

	if (log->has_escapes)
		strbuf_addf(out, "\x1b[%dm%s\x1b[0m", levels[severity].colour,
				levels[severity].tag);
	else
		strbuf_add(out, levels[severity].tag);
	if (log->has_dates)
		strbuf_addf(out, "[%s] ", clock_rfc3339(now, 0, date));
	else
		strbuf_addf(out, "[%04lld] ", (long long)(now - log->started));
	plain_text_escape(message, out);
}

static void add_text(enum severity severity, int64_t now, struct str message, struct strbuf *out)
{
	char date[CLOCK_RFC3339_TEXT];
	AUTO(strbuf) struct strbuf clean = { 0 };

	plain_text_escape(message, &clean);
	strbuf_addf(out, "time=\"%s\" level=%s msg=\"", clock_rfc3339(now, 0, date),
			levels[severity].name);
	for (size_t i = 0; i < clean.n; i++) {
		if (clean.p[i] == '"' || clean.p[i] == '\\')
			strbuf_add_char(out, '\\');
		strbuf_add_char(out, clean.p[i]);
	}
	strbuf_add_char(out, '"');
}

static void add_json(enum severity severity, int64_t now, struct str message, struct strbuf *out)
{
	char date[CLOCK_RFC3339_TEXT];
	AUTO(strbuf) struct strbuf clean = { 0 };

	plain_text_utf8(message, &clean);

	json_auto_t *line = json_pack("{s:s, s:s#, s:s}", "level", levels[severity].name, "msg",
			strbuf_text(&clean), (int)clean.n, "time", clock_rfc3339(now, 0, date));
	AUTO_FREE char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;

	strbuf_add(out, text ? text : "{}");
}

void kaniko_log_line(const struct kaniko_log *log, enum severity severity, int64_t now,
		struct str message, struct strbuf *out)
{
	if (severity > log->least)
		return;
	switch (log->form) {
	case LOG_FORM_COLOUR:
		add_coloured(log, severity, now, message, out);
		break;
	case LOG_FORM_TEXT:
		add_text(severity, now, message, out);
		break;
	case LOG_FORM_JSON:
		add_json(severity, now, message, out);
		break;
	}
	strbuf_add_char(out, '\n');
}

void kaniko_log_say(const struct kaniko_log *log, enum severity severity, const char *format, ...)
{
	AUTO(strbuf) struct strbuf line = { 0 };
	va_list args;

	va_start(args, format);
	AUTO_FREE char *message = xvasprintf(format, args);
	va_end(args);
	kaniko_log_line(log, severity, clock_now_seconds(), str_of(message), &line);
	error_ignore(fd_write_all(STDERR_FILENO, line.p, line.n), "nobody reads the log");
}

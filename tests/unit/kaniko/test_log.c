#include "unit.h"

#include "base/str.h"
#include "base/vec.h"
#include "kaniko/log.h"
#include "ui/renderer.h"

enum { STARTED = 1000, NOW = 1012 };

static void assert_line(const struct kaniko_log *log, enum severity severity, const char *message,
		const char *wanted)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	kaniko_log_line(log, severity, NOW, str_of(message), &out);
	assert_string_equal(strbuf_text(&out), wanted);
}

static void writes_each_form(void **state)
{
	struct kaniko_log log = { .least = SEVERITY_INFO, .started = STARTED };

	(void)state;
	assert_line(&log, SEVERITY_INFO, "RUN make", "INFO[0012] RUN make\n");
	assert_line(&log, SEVERITY_WARN, "a\x1b[2Jb", "WARN[0012] a\\x1b[2Jb\n");
	assert_line(&log, SEVERITY_DEBUG, "left out", "");
	log.has_dates = true;
	assert_line(&log, SEVERITY_INFO, "x", "INFO[1970-01-01T00:16:52Z] x\n");
	log.has_escapes = true;
	assert_line(&log, SEVERITY_ERROR, "x", "\x1b[31mERRO\x1b[0m[1970-01-01T00:16:52Z] x\n");
	log.form = LOG_FORM_TEXT;
	assert_line(&log, SEVERITY_INFO, "say \"hi\" \\",
			"time=\"1970-01-01T00:16:52Z\" level=info msg=\"say \\\"hi\\\" \\\\\"\n");
	log.form = LOG_FORM_JSON;
	assert_line(&log, SEVERITY_WARN, "a\n\xff\"",
			"{\"level\":\"warning\",\"msg\":\"a\\n\xef\xbf\xbd\\\"\","
			"\"time\":\"1970-01-01T00:16:52Z\"}\n");
}

static void send(struct renderer *renderer, struct progress_event event, struct strbuf *out)
{
	renderer->ops->event(renderer, &event, out);
}

static void declare(
		struct renderer *renderer, unsigned number, const char *name, struct strbuf *out)
{
	send(renderer,
			(struct progress_event){ .kind = PROGRESS_EVENT_VERTEX,
					.vertex = number,
					.text = (char *)(uintptr_t)name,
					.text_bytes = strlen(name) },
			out);
	send(renderer,
			(struct progress_event){ .kind = PROGRESS_EVENT_START,
					.vertex = number,
					.time_ns = 2000000000,
					.text = (char *)(uintptr_t) "" },
			out);
}

static void tells_a_build(void **state)
{
	const struct kaniko_log log = { .least = SEVERITY_INFO };
	AUTO(list) struct list names = { 0 };
	AUTO(strbuf) struct strbuf out = { 0 };
	char printed[] = "hello\nhalf";
	char none[] = "";

	(void)state;
	list_add(&names, "r.example/a:1");
	list_add(&names, "r.example/b:2");

	AUTO(renderer) struct renderer *renderer = kaniko_renderer(&log, &names, NULL);

	declare(renderer, 1, "[internal] load metadata for debian:12", &out);
	declare(renderer, 2, "[build 1/2] FROM debian:12", &out);
	declare(renderer, 3, "[build 2/2] RUN echo hello", &out);
	send(renderer,
			(struct progress_event){ .kind = PROGRESS_EVENT_LOG,
					.vertex = 3,
					.stream = 1,
					.text = printed,
					.text_bytes = strlen(printed) },
			&out);
	send(renderer,
			(struct progress_event){ .kind = PROGRESS_EVENT_END,
					.vertex = 3,
					.how = PROGRESS_CACHED,
					.time_ns = 3000000000,
					.text = none },
			&out);
	declare(renderer, 4, "pushing", &out);
	assert_string_equal(strbuf_text(&out),
			"INFO[0002] Retrieving image manifest debian:12\n"
			"INFO[0002] Building stage 'debian:12'\n"
			"INFO[0002] RUN echo hello\n"
			"hello\n"
			"half\n"
			"INFO[0003] Using caching version of cmd: RUN echo hello\n"
			"INFO[0002] Pushing image to r.example/a:1\n"
			"INFO[0002] Pushing image to r.example/b:2\n");
}

UNIT_TESTS(writes_each_form, tells_a_build)

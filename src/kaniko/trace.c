#include "kaniko/trace.h"

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "kaniko/kaniko.h"
#include "kaniko/send.h"
#include "ui/config.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum {
	TRACE_ID_BYTES = 16,
	SPAN_ID_BYTES = 8,
	TIMEOUT_MS = 10 * 1000, /* a collector that is away must not hold a pipeline up */
	KIND_INTERNAL = 1,
	STATUS_OK = 1,
	STATUS_ERROR = 2,
};

struct kaniko_trace {
	struct url url;
	struct list headers, attributes;
	bool omits_text;
	char id[2 * TRACE_ID_BYTES + 1], root[2 * SPAN_ID_BYTES + 1];
	uint64_t started_ns;
	json_t *spans;
};

static void random_hex(char *to, size_t bytes)
{
	unsigned char raw[TRACE_ID_BYTES] = { 1 };

	/* Never all zeros, which would be no id. */
	if (getrandom(raw, bytes, 0) != (ssize_t)bytes)
		raw[0] = 1;
	for (size_t i = 0; i < bytes; i++)
		(void)snprintf(to + 2 * i, 3, "%02x", raw[i]);
}

/* "%2C" is ",". */
static char *decode(struct str text)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	for (size_t i = 0; i < text.n; i++) {
		char hex[3] = { 0 };
		bool is_escape = text.p[i] == '%' && i + 2 < text.n &&
				 isxdigit((unsigned char)text.p[i + 1]) &&
				 isxdigit((unsigned char)text.p[i + 2]);

		if (!is_escape) {
			strbuf_add_char(&out, text.p[i]);
			continue;
		}
		memcpy(hex, text.p + i + 1, 2);
		strbuf_add_char(&out, (char)strtol(hex, NULL, 16));
		i += 2;
	}
	return strbuf_take(&out);
}

/* "a=b,c=d" as "a<between>b". */
static FALLIBLE read_pairs(const char *variable, const char *between, struct list *ret)
{
	struct str rest = str_of(config_getenv(variable)), one, key, value;

	while (rest.n) {
		str_cut(rest, ',', &one, &rest);
		if (!str_trim(one).n)
			continue;
		if (!str_cut(str_trim(one), '=', &key, &value) || !key.n)
			return error_usage(
					"environment variable '%s' is not KEY=VALUE,...", variable);

		AUTO_FREE char *name = decode(str_trim(key)), *text = decode(str_trim(value));

		for (const char *p = name; *p; p++)
			if (!isgraph((unsigned char)*p) || *p == ':')
				return error_usage("environment variable '%s' has a bad key",
						variable);
		for (const char *p = text; *p; p++)
			if (iscntrl((unsigned char)*p))
				return error_usage("environment variable '%s' has a bad value",
						variable);
		list_addf(ret, "%s%s%s", name, between, text);
	}
	return NULL;
}

FALLIBLE trace_open(struct kaniko_trace **ret)
{
	const char *endpoint = config_getenv("KANIKO_TELEMETRY_ENDPOINT");

	if (!endpoint)
		return NULL;

	AUTO(kaniko_trace) struct kaniko_trace *trace = xcalloc(1, sizeof(*trace));

	trace->spans = json_array();
	TRY(usage_of_option(url_parse(str_of(endpoint), &trace->url), "KANIKO_TELEMETRY_ENDPOINT"));
	if (text_equal(trace->url.path, "/") || text_equal(trace->url.path, "")) {
		free(trace->url.path);
		trace->url.path = xstrdup("/v1/traces");
	}
	TRY(read_pairs("OTEL_EXPORTER_OTLP_HEADERS", ": ", &trace->headers));
	TRY(read_pairs("OTEL_RESOURCE_ATTRIBUTES", "=", &trace->attributes));
	TRY(kaniko_env_bool("KANIKO_TELEMETRY_OMIT_DOCKERFILE", false, &trace->omits_text));
	random_hex(trace->id, TRACE_ID_BYTES);
	random_hex(trace->root, SPAN_ID_BYTES);
	trace->started_ns = clock_now_ns();
	*ret = TAKE(trace);
	return NULL;
}

void trace_free(struct kaniko_trace *trace)
{
	if (!trace)
		return;
	url_done(&trace->url);
	list_done(&trace->headers);
	list_done(&trace->attributes);
	json_decref(trace->spans);
	free(trace);
}

static json_t *text_attribute(const char *key, const char *value)
{
	return json_pack("{s:s, s:{s:s}}", "key", key, "value", "stringValue", value);
}

/* Numbers of 64 bits are texts in OTLP's JSON. */
static json_t *nanoseconds(uint64_t ns)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)ns);
	return json_string(text);
}

/* "[build 2/3] RUN make" without what the Dockerfile says: "[build 2/3] RUN". */
static char *name_of(const struct kaniko_trace *trace, const char *name)
{
	const char *end = name[0] == '[' ? strstr(name, "] ") : NULL;

	if (!trace->omits_text || !end || text_starts(name, "[internal]"))
		return xstrdup(name);
	return xasprintf("%.*s", (int)(end + 2 - name + (ptrdiff_t)strcspn(end + 2, " ")), name);
}

static json_t *span_of(
		const struct kaniko_trace *trace, const struct vertex *vertex, uint64_t epoch_ns)
{
	AUTO_FREE char *name = name_of(trace, vertex->name);
	bool failed = vertex->how == PROGRESS_FAILED;
	uint64_t end = vertex->is_ended ? vertex->ended_ns : vertex->started_ns;
	char id[2 * SPAN_ID_BYTES + 1];
	json_t *span;

	random_hex(id, SPAN_ID_BYTES);
	span = json_pack("{s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:[{s:s, s:{s:b}}], s:{s:i}}",
			"traceId", trace->id, "spanId", id, "parentSpanId", trace->root, "name",
			name, "kind", KIND_INTERNAL, "startTimeUnixNano",
			nanoseconds(epoch_ns + vertex->started_ns), "endTimeUnixNano",
			nanoseconds(epoch_ns + end), "attributes", "key", "kiln.cached", "value",
			"boolValue", vertex->how == PROGRESS_CACHED, "status", "code",
			failed ? STATUS_ERROR : STATUS_OK);
	if (span && failed && vertex->why && !trace->omits_text)
		json_object_set_new(json_object_get(span, "status"), "message",
				json_string(vertex->why));
	return span;
}

void trace_take(struct kaniko_trace *trace, const struct vertices *vertices, uint64_t epoch_ns)
{
	for (size_t i = 0; trace && i < vertices->all.n; i++)
		if (vertices->all.p[i].is_started)
			json_array_append_new(trace->spans,
					span_of(trace, &vertices->all.p[i], epoch_ns));
}

static json_t *resource_of(const struct kaniko_trace *trace)
{
	json_t *attributes = json_array();

	if (!list_env_get(&trace->attributes, "service.name"))
		json_array_append_new(attributes, text_attribute("service.name", "kiln"));
	json_array_append_new(attributes, text_attribute("service.version", KILN_VERSION));
	for (size_t i = 0; i < trace->attributes.n; i++) {
		struct str key, value;

		str_cut(str_of(trace->attributes.p[i]), '=', &key, &value);
		AUTO_FREE char *name = str_dup(key);
		json_array_append_new(attributes, text_attribute(name, value.p));
	}
	return json_pack("{s:o}", "attributes", attributes);
}

char *trace_json(const struct kaniko_trace *trace, const struct error *failed)
{
	json_t *spans = json_array();
	json_t *root = json_pack("{s:s, s:s, s:s, s:i, s:o, s:o, s:{s:i}}", "traceId", trace->id,
			"spanId", trace->root, "name", "build", "kind", KIND_INTERNAL,
			"startTimeUnixNano", nanoseconds(trace->started_ns), "endTimeUnixNano",
			nanoseconds(clock_now_ns()), "status", "code",
			failed ? STATUS_ERROR : STATUS_OK);

	json_array_append_new(spans, root);
	json_array_extend(spans, trace->spans);

	json_auto_t *document = json_pack("{s:[{s:o, s:[{s:{s:s, s:s}, s:o}]}]}", "resourceSpans",
			"resource", resource_of(trace), "scopeSpans", "scope", "name", "kiln",
			"version", KILN_VERSION, "spans", spans);

	return json_dumps(document, JSON_COMPACT);
}

FALLIBLE trace_send(const struct kaniko_trace *trace, const struct error *failed,
		struct http_client *client)
{
	AUTO_FREE char *text = trace_json(trace, failed);
	const struct sending what = { .method = "POST",
		.content_type = "application/json",
		.body = str_of(text),
		.headers = &trace->headers,
		.timeout_ms = TIMEOUT_MS };

	return send_bytes(&trace->url, &what, client);
}

/*
 * BuildKit's SolveStatus, one event an object and line. A vertex is told again as a whole whenever
 * it changes, as BuildKit does. Readers know a vertex by its digest; two steps may share one cache
 * key, so the digest here is made of the vertex's number, and the key stands beside it.
 *
 * Spec: github.com/moby/buildkit/client/graph.go.
 */
#include "ui/renderer.h"

#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "ui/plain_text.h"

struct told {
	char *name, *key;
	uint64_t started_ns;
	bool is_started;
};

struct json {
	struct renderer renderer;
	uint64_t epoch_ns;
	VEC(struct told) vertices; /* [number - 1] */
};

/* A JSON string. Bytes that are no UTF-8 become U+FFFD: JSON cannot say them. */
static void add_string(struct str text, struct strbuf *out)
{
	AUTO(strbuf) struct strbuf valid = { 0 };

	strbuf_add_char(out, '"');
	plain_text_utf8(text, &valid);
	for (size_t i = 0; i < valid.n; i++) {
		char c = valid.p[i];

		if (c == '"' || c == '\\')
			strbuf_addf(out, "\\%c", c);
		else if (c == '\n')
			strbuf_add(out, "\\n");
		else if ((unsigned char)c < 0x20)
			strbuf_addf(out, "\\u%04x", (unsigned)c);
		else
			strbuf_add_char(out, c);
	}
	strbuf_add_char(out, '"');
}

static void add_base64(struct str bytes, struct strbuf *out)
{
	static const char digits[] =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)bytes.p;

	strbuf_add_char(out, '"');
	for (size_t i = 0; i < bytes.n; i += 3) {
		size_t left = bytes.n - i;
		uint32_t group = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
				 (left > 2 ? p[i + 2] : 0);

		strbuf_add_char(out, digits[group >> 18]);
		strbuf_add_char(out, digits[group >> 12 & 63]);
		strbuf_add_char(out, left > 1 ? digits[group >> 6 & 63] : '=');
		strbuf_add_char(out, left > 2 ? digits[group & 63] : '=');
	}
	strbuf_add_char(out, '"');
}

static void add_time(
		const struct json *json, const char *name, uint64_t time_ns, struct strbuf *out)
{
	char text[CLOCK_RFC3339_TEXT];
	uint64_t at = json->epoch_ns + time_ns;

	strbuf_addf(out, ",\"%s\":\"%s\"", name,
			clock_rfc3339((int64_t)(at / 1000000000), (uint32_t)(at % 1000000000),
					text));
}

static void add_digest(const char *name, unsigned number, struct strbuf *out)
{
	strbuf_addf(out, "\"%s\":\"sha256:%064x\"", name, number);
}

static void add_vertex(struct json *json, const struct progress_event *event, struct strbuf *out)
{
	const struct told *told = &json->vertices.p[event->vertex - 1];
	bool is_end = event->kind == PROGRESS_EVENT_END;

	strbuf_add(out, "{\"vertexes\":[{");
	add_digest("digest", event->vertex, out);
	strbuf_add(out, ",\"name\":");
	add_string(str_of(told->name), out);
	if (told->key) {
		strbuf_add(out, ",\"key\":");
		add_string(str_of(told->key), out);
	}
	if (told->is_started)
		add_time(json, "started", told->started_ns, out);
	if (is_end) {
		add_time(json, "completed", event->time_ns, out);
		if (event->how == PROGRESS_CACHED)
			strbuf_add(out, ",\"cached\":true");
		if (event->how == PROGRESS_CANCELED || event->how == PROGRESS_FAILED) {
			strbuf_add(out, ",\"error\":");
			add_string(event->text_bytes ? str_of(event->text) : STR("canceled"), out);
		}
	}
	strbuf_add(out, "}]}\n");
}

static void add_status(struct json *json, const struct progress_event *event, struct strbuf *out)
{
	bool is_done = event->kind == PROGRESS_EVENT_NOTE ||
		       (event->total_bytes && event->done_bytes >= event->total_bytes);

	strbuf_add(out, "{\"statuses\":[{\"id\":");
	add_string(str_of(event->text), out);
	strbuf_add_char(out, ',');
	add_digest("vertex", event->vertex, out);
	if (event->total_bytes)
		strbuf_addf(out, ",\"total\":%llu", (unsigned long long)event->total_bytes);
	strbuf_addf(out, ",\"current\":%llu", (unsigned long long)event->done_bytes);
	add_time(json, "timestamp", event->time_ns, out);
	if (is_done)
		add_time(json, "completed", event->time_ns, out);
	strbuf_add(out, "}]}\n");
}

static void add_log(struct json *json, const struct progress_event *event, struct strbuf *out)
{
	strbuf_add(out, "{\"logs\":[{");
	add_digest("vertex", event->vertex, out);
	strbuf_addf(out, ",\"stream\":%d,\"data\":", event->stream);
	add_base64((struct str){ event->text, event->text_bytes }, out);
	add_time(json, "timestamp", event->time_ns, out);
	strbuf_add(out, "}]}\n");
}

static void add_warning(const struct progress_event *event, struct strbuf *out)
{
	strbuf_add(out, "{\"warnings\":[{");
	if (event->vertex) {
		add_digest("vertex", event->vertex, out);
		strbuf_add_char(out, ',');
	}
	strbuf_add(out, "\"level\":1,\"short\":");
	add_base64((struct str){ event->text, event->text_bytes }, out);
	if (event->at.file && event->at.line) {
		strbuf_add(out, ",\"sourceInfo\":{\"filename\":");
		add_string(str_of(event->at.file), out);
		strbuf_addf(out, "},\"range\":[{\"start\":{\"line\":%u},\"end\":{\"line\":%u}}]",
				event->at.line,
				event->at.end_line ? event->at.end_line : event->at.line);
	}
	strbuf_add(out, "}]}\n");
}

static void event(struct renderer *renderer, const struct progress_event *event, struct strbuf *out)
{
	struct json *json = (struct json *)renderer;
	bool is_known = event->vertex && event->vertex <= json->vertices.n;
	struct told *told;

	switch (event->kind) {
	case PROGRESS_EVENT_VERTEX:
		if (event->vertex != json->vertices.n + 1)
			break;
		told = vec_add(&json->vertices);
		told->name = xstrdup(event->text);
		told->key = xstrdup(event->key);
		add_vertex(json, event, out);
		break;
	case PROGRESS_EVENT_START:
	case PROGRESS_EVENT_END:
		if (!is_known)
			break;
		told = &json->vertices.p[event->vertex - 1];
		if (!told->is_started)
			told->started_ns = event->time_ns;
		told->is_started = true;
		add_vertex(json, event, out);
		break;
	case PROGRESS_EVENT_LOG:
		add_log(json, event, out);
		break;
	case PROGRESS_EVENT_BYTES:
	case PROGRESS_EVENT_NOTE:
		add_status(json, event, out);
		break;
	case PROGRESS_EVENT_WARN:
		add_warning(event, out);
		break;
	case PROGRESS_EVENT_USAGE:
	case PROGRESS_EVENT_INSTRUCTION:
		break;
	}
}

static void finish(struct renderer *renderer, uint64_t now_ns, struct strbuf *out)
{
}

static void json_free(struct renderer *renderer)
{
	struct json *json = (struct json *)renderer;

	for (size_t i = 0; i < json->vertices.n; i++) {
		free(json->vertices.p[i].name);
		free(json->vertices.p[i].key);
	}
	vec_done(&json->vertices);
	free(json);
}

struct renderer *renderer_json(uint64_t epoch_ns)
{
	static const struct renderer_ops ops = {
		.event = event, .finish = finish, .free = json_free
	};
	struct json *json = xcalloc(1, sizeof(*json));

	json->renderer.ops = &ops;
	json->epoch_ns = epoch_ns;
	return &json->renderer;
}

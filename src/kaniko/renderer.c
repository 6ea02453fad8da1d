/*
 * The events of a build as Kaniko's lines: what it would have said at the same point. What has no
 * counterpart there (transfers, exports to the store) is told at debug level; what the checks of
 * the Dockerfile found is no warning there, since Kaniko has none and its pipelines look for those.
 */
#include "kaniko/log.h"
#include "kaniko/trace.h"

#include "base/clock.h"
#include "base/xalloc.h"
#include "ui/renderer.h"
#include "ui/vertices.h"

#include <string.h>

struct teller {
	struct renderer renderer;
	struct vertices vertices;
	const struct kaniko_log *log;
	const struct list *destinations;
	struct kaniko_trace *trace; /* or NULL */
	uint64_t epoch_ns;          /* wall clock of the events' time 0: made just before them */
	struct strbuf *out;
	int64_t now;
};

static void say(struct teller *teller, enum severity severity, const char *format, ...)
		PRINTF_LIKE(3, 4);

static void say(struct teller *teller, enum severity severity, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	AUTO_FREE char *message = xvasprintf(format, args);
	va_end(args);
	kaniko_log_line(teller->log, severity, teller->now, str_of(message), teller->out);
}

static void line(void *user, struct vertex *vertex, uint64_t time_ns, struct str text)
{
	struct teller *teller = user;

	(void)vertex;
	(void)time_ns;
	strbuf_add_str(teller->out, text);
	strbuf_add_char(teller->out, '\n');
}

/* "[build 2/3] RUN make" is "RUN make"; NULL for what is no step. */
static const char *step_of(const char *name)
{
	const char *end = name[0] == '[' ? strstr(name, "] ") : NULL;

	return end && !text_starts(name, "[internal]") ? end + 2 : NULL;
}

static void tell_start(struct teller *teller, const struct vertex *vertex)
{
	static const char metadata[] = "[internal] load metadata for ";
	static const char isolation[] = "[internal] steps run with ";
	const char *step = step_of(vertex->name);

	if (text_starts(vertex->name, metadata))
		say(teller, SEVERITY_INFO, "Retrieving image manifest %s",
				vertex->name + strlen(metadata));
	else if (text_starts(vertex->name, isolation))
		say(teller, SEVERITY_INFO, "Steps run with %s", vertex->name + strlen(isolation));
	else if (step && text_starts(step, "FROM "))
		say(teller, SEVERITY_INFO, "Building stage '%s'", step + strlen("FROM "));
	else if (step)
		say(teller, SEVERITY_INFO, "%s", step);
	else if (text_equal(vertex->name, "pushing"))
		for (size_t i = 0; i < teller->destinations->n; i++)
			say(teller, SEVERITY_INFO, "Pushing image to %s",
					teller->destinations->p[i]);
	else
		say(teller, SEVERITY_DEBUG, "%s", vertex->name);
}

static void tell_end(struct teller *teller, const struct vertex *vertex)
{
	const char *step = step_of(vertex->name);
	double seconds = (double)(vertex->ended_ns - vertex->started_ns) / 1e9;

	if (vertex->how == PROGRESS_CACHED && step && !text_starts(step, "FROM "))
		say(teller, SEVERITY_INFO, "Using caching version of cmd: %s", step);
	else if (vertex->how == PROGRESS_FAILED)
		say(teller, SEVERITY_ERROR, "%s: %s", step ? step : vertex->name,
				vertex->why ? vertex->why : "failed");
	else
		say(teller, SEVERITY_DEBUG, "%s took %.1fs", step ? step : vertex->name, seconds);
}

static void event(struct renderer *renderer, const struct progress_event *event, struct strbuf *out)
{
	struct teller *teller = (struct teller *)renderer;
	unsigned number = event->vertex;
	bool is_known = number && number <= teller->vertices.all.n;
	bool was_shown = is_known && teller->vertices.all.p[number - 1].is_started;
	bool was_ended = is_known && teller->vertices.all.p[number - 1].is_ended;
	size_t warnings = teller->vertices.warnings.n;

	teller->out = out;
	teller->now = teller->log->started + (int64_t)(event->time_ns / 1000000000);

	struct vertex *vertex = vertices_event(&teller->vertices, event);

	if (vertex && vertex->is_started && !was_shown && event->kind == PROGRESS_EVENT_START)
		tell_start(teller, vertex);
	for (size_t i = warnings; i < teller->vertices.warnings.n; i++)
		say(teller, event->is_advice ? SEVERITY_INFO : SEVERITY_WARN, "%s",
				teller->vertices.warnings.p[i]);
	if (vertex && event->kind == PROGRESS_EVENT_NOTE)
		say(teller, SEVERITY_DEBUG, "%s", event->text);
	if (vertex && vertex->is_ended && !was_ended)
		tell_end(teller, vertex);
}

static void finish(struct renderer *renderer, uint64_t now_ns, struct strbuf *out)
{
	struct teller *teller = (struct teller *)renderer;

	(void)now_ns;
	(void)out;
	trace_take(teller->trace, &teller->vertices, teller->epoch_ns);
}

static void teller_free(struct renderer *renderer)
{
	vertices_done(&((struct teller *)renderer)->vertices);
	free(renderer);
}

struct renderer *kaniko_renderer(const struct kaniko_log *log, const struct list *destinations,
		struct kaniko_trace *trace)
{
	static const struct renderer_ops ops = {
		.event = event, .finish = finish, .free = teller_free
	};
	struct teller *teller = xcalloc(1, sizeof(*teller));

	teller->renderer.ops = &ops;
	teller->renderer.has_colour = log->has_escapes;
	teller->log = log;
	teller->destinations = destinations;
	teller->trace = trace;
	teller->epoch_ns = clock_now_ns();
	teller->vertices.on_line = line;
	teller->vertices.user = teller;
	return &teller->renderer;
}

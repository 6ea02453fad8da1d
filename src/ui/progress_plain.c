/*
 * Lines for a file or a CI log. Every line says whose it is, so steps that run at the same time may
 * mix; nothing is ever taken back. A transfer is told when it is over, and now and then on the way.
 */
#include "ui/renderer.h"

#include "base/xalloc.h"
#include "ui/human.h"
#include "ui/plain_text.h"
#include "ui/vertices.h"

static const uint64_t transfer_every_ns = 5000000000;

struct plain {
	struct renderer renderer;
	struct vertices vertices;
	struct strbuf *out; /* during one event */
	bool has_printed;
};

static void line(void *user, struct vertex *vertex, uint64_t time_ns, struct str text)
{
	struct plain *plain = user;

	char time[HUMAN_TEXT];

	strbuf_addf(plain->out, "#%u %s ", vertex->number,
			human_log_time(time_ns - vertex->started_ns, time));
	strbuf_add_str(plain->out, text);
	strbuf_add_char(plain->out, '\n');
}

static void add_transfer(const struct vertex *vertex, struct transfer *transfer, struct strbuf *out)
{
	AUTO(strbuf) struct strbuf size = { 0 };
	char seconds[HUMAN_TEXT];

	transfer_size(transfer, &size);
	strbuf_addf(out, "#%u %s", vertex->number, transfer->what);
	if (size.n)
		strbuf_addf(out, " %s", strbuf_text(&size));
	if (!transfer->is_note)
		strbuf_addf(out, " %s",
				human_seconds(transfer->ended_ns - transfer->started_ns, seconds));
	strbuf_add(out, transfer->is_done ? " done\n" : "\n");
	transfer->shown_ns = transfer->is_done ? UINT64_MAX : transfer->ended_ns;
}

static void add_transfers(struct vertex *vertex, struct strbuf *out)
{
	for (size_t i = 0; i < vertex->transfers.n; i++) {
		struct transfer *transfer = &vertex->transfers.p[i];

		if (transfer->shown_ns == UINT64_MAX)
			continue;
		if (transfer->is_done ||
				transfer->ended_ns - transfer->shown_ns >= transfer_every_ns)
			add_transfer(vertex, transfer, out);
	}
}

static void add_header(struct plain *plain, const struct vertex *vertex, struct strbuf *out)
{
	strbuf_addf(out, "%s#%u %s\n", plain->has_printed ? "\n" : "", vertex->number,
			vertex->name);
	plain->has_printed = true;
}

static void add_end(const struct vertex *vertex, struct strbuf *out)
{
	char seconds[HUMAN_TEXT];

	switch (vertex->how) {
	case PROGRESS_DONE:
		strbuf_addf(out, "#%u DONE %s\n", vertex->number,
				human_seconds(vertex->ended_ns - vertex->started_ns, seconds));
		break;
	case PROGRESS_CACHED:
		strbuf_addf(out, "#%u CACHED\n", vertex->number);
		break;
	case PROGRESS_CANCELED:
		strbuf_addf(out, "#%u CANCELED\n", vertex->number);
		break;
	case PROGRESS_FAILED:
		strbuf_addf(out, "#%u ERROR: %s\n", vertex->number,
				vertex->why ? vertex->why : "failed");
		break;
	}
}

static void event(struct renderer *renderer, const struct progress_event *event, struct strbuf *out)
{
	struct plain *plain = (struct plain *)renderer;
	unsigned number = event->vertex;
	bool is_known = number && number <= plain->vertices.all.n;
	bool was_shown = is_known && plain->vertices.all.p[number - 1].is_started;
	bool was_ended = is_known && plain->vertices.all.p[number - 1].is_ended;
	size_t warnings = plain->vertices.warnings.n;
	AUTO(strbuf) struct strbuf lines = { 0 };

	plain->out = &lines;
	struct vertex *vertex = vertices_event(&plain->vertices, event);
	plain->out = NULL;
	if (vertex && vertex->is_started && !was_shown)
		add_header(plain, vertex, out);
	strbuf_add_str(out, strbuf_str(&lines));
	if (vertex)
		add_transfers(vertex, out);
	if (plain->vertices.warnings.n > warnings) {
		if (vertex)
			strbuf_addf(out, "#%u ", vertex->number);
		strbuf_addf(out, "WARNING: %s\n", plain->vertices.warnings.p[warnings]);
	}
	if (vertex && vertex->is_ended && !was_ended)
		add_end(vertex, out);
}

/* Everything was told as it came. A step that never ended says so. */
static void finish(struct renderer *renderer, uint64_t now_ns, struct strbuf *out)
{
	struct plain *plain = (struct plain *)renderer;

	for (size_t i = 0; i < plain->vertices.shown.n; i++) {
		unsigned number = plain->vertices.shown.p[i];

		if (!plain->vertices.all.p[number - 1].is_ended)
			event(renderer,
					&(struct progress_event){ .kind = PROGRESS_EVENT_END,
							.vertex = number,
							.time_ns = now_ns,
							.how = PROGRESS_CANCELED },
					out);
	}
}

static void plain_free(struct renderer *renderer)
{
	vertices_done(&((struct plain *)renderer)->vertices);
	free(renderer);
}

struct renderer *renderer_plain(void)
{
	static const struct renderer_ops ops = {
		.event = event, .finish = finish, .free = plain_free
	};
	struct plain *plain = xcalloc(1, sizeof(*plain));

	plain->renderer.ops = &ops;
	plain->vertices.on_line = line;
	plain->vertices.user = plain;
	return &plain->renderer;
}

/* --- quiet --- */

struct quiet {
	struct renderer renderer;
	struct vertices vertices;
};

static void quiet_event(
		struct renderer *renderer, const struct progress_event *event, struct strbuf *out)
{
	(void)vertices_event(&((struct quiet *)renderer)->vertices, event);
}

static void quiet_finish(struct renderer *renderer, uint64_t now_ns, struct strbuf *out)
{
	vertices_failed_logs(&((struct quiet *)renderer)->vertices, renderer->has_colour, out);
}

static void quiet_free(struct renderer *renderer)
{
	vertices_done(&((struct quiet *)renderer)->vertices);
	free(renderer);
}

struct renderer *renderer_quiet(void)
{
	static const struct renderer_ops ops = {
		.event = quiet_event, .finish = quiet_finish, .free = quiet_free
	};
	struct quiet *quiet = xcalloc(1, sizeof(*quiet));

	quiet->renderer.ops = &ops;
	return &quiet->renderer;
}

void renderer_free(struct renderer *renderer)
{
	if (renderer)
		renderer->ops->free(renderer);
}

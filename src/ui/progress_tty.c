/*
 * BuildKit's picture, redrawn in place:
 *
 *	[+] Building 3.2s (5/8)
 *	 => CACHED [build 2/4] WORKDIR /src                         0.0s
 *	 => [build 3/4] RUN make                                    2.1s
 *	 => => # cc -c main.c
 *
 * A frame is a list of lines, each cut to the terminal's width. Drawing goes up by the rows that
 * the last frame takes now (a narrower terminal has wrapped them since), then writes every line
 * over the old one. While the build runs, a frame is kept lower than the terminal: what scrolled
 * away could not be redrawn. The last frame has no such bound.
 */
#include "ui/renderer.h"

#include "base/str.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "ui/human.h"
#include "ui/plain_text.h"
#include "ui/vertices.h"

enum { TAIL_LINES = 6, COLUMNS_LEAST = 20, ROWS_LEAST = 4 };

/* The last lines that a running step wrote. */
struct tail {
	char *lines[TAIL_LINES];
	size_t n, next;
};

struct tty {
	struct renderer renderer;
	struct vertices vertices;
	VEC(struct tail) tails; /* [number - 1] */
	VEC(size_t) drawn;      /* columns of each line of the last frame */
};

/* How much of a frame to show. */
struct extent {
	size_t tail_lines;
	bool has_old_transfers; /* of vertices that are over */
	size_t skipped;         /* vertices left out at the top, all of them over */
};

struct frame {
	struct list lines;
};

static struct tail *tail_of(struct tty *tty, unsigned number)
{
	while (tty->tails.n < number)
		(void)vec_add(&tty->tails);
	return &tty->tails.p[number - 1];
}

static void tail_done(struct tail *tail)
{
	for (size_t i = 0; i < TAIL_LINES; i++)
		free(tail->lines[i]);
	*tail = (struct tail){ 0 };
}

static void line(void *user, struct vertex *vertex, uint64_t time_ns, struct str text)
{
	struct tail *tail = tail_of(user, vertex->number);
	char **slot = &tail->lines[tail->next];

	free(*slot);
	*slot = str_dup(text);
	tail->next = (tail->next + 1) % TAIL_LINES;
	tail->n += tail->n < TAIL_LINES;
}

/* --- one line --- */

static const char *colour_of(const struct vertex *vertex)
{
	if (!vertex->is_ended)
		return NULL;
	switch (vertex->how) {
	case PROGRESS_DONE:
	case PROGRESS_CACHED:
		return "34";
	case PROGRESS_CANCELED:
		return "33";
	case PROGRESS_FAILED:
		return "31";
	}
	return NULL;
}

/* left, cut if need be, then right at the edge. */
static void add_line(struct tty *tty, struct frame *frame, const char *left, const char *right,
		const char *colour)
{
	AUTO(strbuf) struct strbuf out = { 0 };
	size_t columns = tty->renderer.columns - 1, wide = strlen(right), used;
	size_t room = columns > wide + 1 ? columns - wide - 1 : columns;

	if (colour && tty->renderer.has_colour)
		strbuf_addf(&out, "\x1b[%sm", colour);
	used = plain_text_cut(str_of(left), wide ? room : columns, true, &out);
	if (wide && room < columns)
		strbuf_addf(&out, "%*s%s", (int)(columns - wide - used), "", right);
	if (colour && tty->renderer.has_colour)
		strbuf_add(&out, "\x1b[0m");
	list_add(&frame->lines, strbuf_text(&out));
}

static void add_vertex(
		struct tty *tty, struct frame *frame, const struct vertex *vertex, uint64_t now_ns)
{
	static const char *const marks[] = {
		[0] = "",
		[PROGRESS_DONE] = "",
		[PROGRESS_CACHED] = "CACHED ",
		[PROGRESS_CANCELED] = "CANCELED ",
		[PROGRESS_FAILED] = "ERROR ",
	};
	uint64_t end = vertex->is_ended ? vertex->ended_ns : now_ns;
	char seconds[HUMAN_TEXT];
	AUTO(strbuf) struct strbuf left = { 0 };

	strbuf_addf(&left, " => %s%s", marks[vertex->how], vertex->name);
	add_line(tty, frame, strbuf_text(&left), human_seconds(end - vertex->started_ns, seconds),
			colour_of(vertex));
}

static void add_transfers(
		struct tty *tty, struct frame *frame, const struct vertex *vertex, uint64_t now_ns)
{
	for (size_t i = 0; i < vertex->transfers.n; i++) {
		const struct transfer *transfer = &vertex->transfers.p[i];
		uint64_t end = transfer->is_done ? transfer->ended_ns : now_ns;
		char seconds[HUMAN_TEXT];
		AUTO(strbuf) struct strbuf left = { 0 };

		strbuf_addf(&left, " => => %s ", transfer->what);
		transfer_size(transfer, &left);
		add_line(tty, frame, strbuf_text(&left),
				human_seconds(end - transfer->started_ns, seconds),
				transfer->is_done ? "34" : NULL);
	}
}

static void add_tail(
		struct tty *tty, struct frame *frame, const struct vertex *vertex, size_t lines)
{
	const struct tail *tail = tail_of(tty, vertex->number);
	AUTO(list) struct list texts = { 0 };

	for (size_t i = 0; i < tail->n; i++)
		list_addf(&texts, " => => # %s",
				tail->lines[(tail->next + TAIL_LINES - tail->n + i) % TAIL_LINES]);
	for (unsigned stream = 0; stream < VERTEX_STREAMS; stream++) {
		AUTO(strbuf) struct strbuf text = { 0 };

		vertex_partial(vertex, stream, &text);
		if (text.n)
			list_addf(&texts, " => => # %s", strbuf_text(&text));
	}
	for (size_t i = texts.n > lines ? texts.n - lines : 0; i < texts.n; i++)
		add_line(tty, frame, texts.p[i], "", NULL);
}

/* --- a frame --- */

static void add_title(struct tty *tty, struct frame *frame, uint64_t now_ns, bool is_last)
{
	const struct vertices *vertices = &tty->vertices;
	char seconds[HUMAN_TEXT];
	AUTO(strbuf) struct strbuf left = { 0 };

	strbuf_addf(&left, "[+] Building %s (%zu/%zu)", human_seconds(now_ns, seconds),
			vertices->n_ended, vertices->all.n);
	if (is_last && vertices->has_failed)
		strbuf_add(&left, " FAILED");
	else if (is_last && vertices->has_canceled)
		strbuf_add(&left, " CANCELED");
	else if (is_last)
		strbuf_add(&left, " FINISHED");
	add_line(tty, frame, strbuf_text(&left), "", is_last ? "34" : NULL);
}

static void compose(struct tty *tty, const struct extent *extent, uint64_t now_ns, bool is_last,
		struct frame *frame)
{
	const struct vertices *vertices = &tty->vertices;
	size_t skipped = 0;

	add_title(tty, frame, now_ns, is_last);
	for (size_t i = 0; i < vertices->shown.n; i++) {
		const struct vertex *vertex = &vertices->all.p[vertices->shown.p[i] - 1];

		if (vertex->is_ended && skipped < extent->skipped) {
			skipped++;
			continue;
		}
		add_vertex(tty, frame, vertex, now_ns);
		if (!vertex->is_ended || extent->has_old_transfers)
			add_transfers(tty, frame, vertex, now_ns);
		if (!vertex->is_ended)
			add_tail(tty, frame, vertex, extent->tail_lines);
	}
}

static void frame_done(struct frame *frame)
{
	list_done(&frame->lines);
}

DEFINE_AUTO_VALUE(frame)

/* The fullest frame that fits: first old transfers go, then old vertices, then tails shrink. */
static void compose_fitting(struct tty *tty, uint64_t now_ns, struct frame *ret)
{
	size_t rows = tty->renderer.rows - 1;
	struct extent extent = { TAIL_LINES, true, 0 };

	compose(tty, &extent, now_ns, false, ret);
	if (ret->lines.n > rows) {
		extent.has_old_transfers = false;
		frame_done(ret);
		compose(tty, &extent, now_ns, false, ret);
	}
	if (ret->lines.n > rows) {
		extent.skipped = ret->lines.n - rows;
		frame_done(ret);
		compose(tty, &extent, now_ns, false, ret);
	}
	while (ret->lines.n > rows && extent.tail_lines > 0) {
		extent.tail_lines--;
		frame_done(ret);
		compose(tty, &extent, now_ns, false, ret);
	}
	while (ret->lines.n > rows)
		list_remove(&ret->lines, ret->lines.n - 1);
}

/* Rows that the last frame takes on a terminal of this width. */
static size_t drawn_rows(const struct tty *tty)
{
	size_t rows = 0;

	for (size_t i = 0; i < tty->drawn.n; i++) {
		size_t columns = tty->drawn.p[i];

		rows += columns ? (columns + tty->renderer.columns - 1) / tty->renderer.columns : 1;
	}
	return rows;
}

static void put(struct tty *tty, const struct frame *frame, struct strbuf *out)
{
	size_t up = drawn_rows(tty);

	if (up)
		strbuf_addf(out, "\x1b[%zuA\r", up);
	tty->drawn.n = 0;
	for (size_t i = 0; i < frame->lines.n; i++) {
		strbuf_add(out, frame->lines.p[i]);
		strbuf_add(out, "\x1b[K\n");
		vec_push(&tty->drawn, plain_text_width(str_of(frame->lines.p[i])));
	}
	if (up)
		strbuf_add(out, "\x1b[J");
}

/* --- the renderer --- */

static void clamp_size(struct renderer *renderer)
{
	if (renderer->columns < COLUMNS_LEAST)
		renderer->columns = renderer->columns ? COLUMNS_LEAST : 80;
	if (renderer->rows < ROWS_LEAST)
		renderer->rows = renderer->rows ? ROWS_LEAST : 24;
}

static void event(struct renderer *renderer, const struct progress_event *event, struct strbuf *out)
{
	struct tty *tty = (struct tty *)renderer;
	struct vertex *vertex = vertices_event(&tty->vertices, event);

	if (vertex && vertex->is_ended)
		tail_done(tail_of(tty, vertex->number));
}

static void draw(struct renderer *renderer, uint64_t now_ns, struct strbuf *out)
{
	struct tty *tty = (struct tty *)renderer;
	AUTO(frame) struct frame frame = { 0 };

	clamp_size(renderer);
	compose_fitting(tty, now_ns, &frame);
	put(tty, &frame, out);
}

static void finish(struct renderer *renderer, uint64_t now_ns, struct strbuf *out)
{
	struct tty *tty = (struct tty *)renderer;
	const struct extent all = { 0, true, 0 };
	AUTO(frame) struct frame frame = { 0 };

	clamp_size(renderer);
	if (tty->vertices.shown.n == 0 && tty->drawn.n == 0)
		return;
	compose(tty, &all, now_ns, true, &frame);
	put(tty, &frame, out);
	vertices_failed_logs(&tty->vertices, renderer->has_colour, out);
	for (size_t i = 0; i < tty->vertices.warnings.n; i++)
		strbuf_addf(out, " %swarning: %s%s\n", renderer->has_colour ? "\x1b[33m" : "",
				tty->vertices.warnings.p[i], renderer->has_colour ? "\x1b[0m" : "");
}

static void tty_free(struct renderer *renderer)
{
	struct tty *tty = (struct tty *)renderer;

	for (size_t i = 0; i < tty->tails.n; i++)
		tail_done(&tty->tails.p[i]);
	vec_done(&tty->tails);
	vec_done(&tty->drawn);
	vertices_done(&tty->vertices);
	free(tty);
}

struct renderer *renderer_tty(void)
{
	static const struct renderer_ops ops = {
		.event = event, .draw = draw, .finish = finish, .free = tty_free
	};
	struct tty *tty = xcalloc(1, sizeof(*tty));

	tty->renderer.ops = &ops;
	tty->vertices.on_line = line;
	tty->vertices.user = tty;
	return &tty->renderer;
}

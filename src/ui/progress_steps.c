/*
 * Buildah's way of showing a build: the instructions in the order of the file, below each what it
 * said, "--> Using cache" where it had nothing to do. Stages that run at the same time are told one
 * after the other: what the later one says waits. What is neither an instruction nor said by one
 * (contexts, transfers, exports) is not told.
 */
#include "ui/renderer.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "ui/human.h"
#include "ui/plain_text.h"
#include "ui/vertices.h"

struct line {
	struct progress_place place;
	char *text; /* clean */
	unsigned vertex;
	bool is_told, is_counted;
};

struct steps {
	struct renderer renderer;
	struct vertices vertices;
	VEC(struct line) lines;
	size_t at;               /* the line that is being told */
	VEC(struct strbuf) said; /* by vertex - 1: what waits to be told */
	struct steps_view view;
	char *commit; /* the view's */
};

static void clear_lines(struct steps *steps)
{
	for (size_t i = 0; i < steps->lines.n; i++)
		free(steps->lines.p[i].text);
	steps->lines.n = 0;
	steps->at = 0;
}

static void add_line(struct steps *steps, const struct progress_event *event)
{
	AUTO(strbuf) struct strbuf text = { 0 };

	if (steps->lines.n && event->place.number == 1 &&
			event->place.stage <= steps->lines.p[0].place.stage)
		clear_lines(steps);
	plain_text_line(str_of(event->text), 0, &text);

	struct line line = { event->place, strbuf_take(&text), event->vertex, false, false };
	vec_push(&steps->lines, line);
}

static void on_line(void *user, struct vertex *vertex, uint64_t time_ns, struct str text)
{
	struct steps *steps = user;

	while (steps->said.n < vertex->number)
		(void)vec_add(&steps->said);

	struct strbuf *said = &steps->said.p[vertex->number - 1];

	strbuf_add_str(said, text);
	strbuf_add_char(said, '\n');
}

static void tell_place(const struct progress_place *place, struct strbuf *out)
{
	if (place->platform[0])
		strbuf_addf(out, "[%s] ", place->platform);
	if (place->stages > 1)
		strbuf_addf(out, "[%u/%u] ", place->stage, place->stages);
}

static void tell_header(struct line *line, struct strbuf *out)
{
	if (line->is_told)
		return;
	line->is_told = true;
	tell_place(&line->place, out);
	strbuf_addf(out, "STEP %u/%u: %s\n", line->place.number, line->place.count, line->text);
}

static void tell_said(struct steps *steps, unsigned vertex, struct strbuf *out)
{
	if (vertex > steps->said.n)
		return;
	strbuf_add_str(out, strbuf_str(&steps->said.p[vertex - 1]));
	strbuf_clear(&steps->said.p[vertex - 1]);
}

/* Only what touches files is ever cached; the rest takes no time. */
static bool is_step(const struct line *line)
{
	return str_starts(str_of(line->text), "RUN") || str_starts(str_of(line->text), "COPY") ||
	       str_starts(str_of(line->text), "ADD");
}

/* To who takes it, else to what is shown. */
static void hand_out(struct steps *steps, const struct line *line, bool is_usage,
		const struct strbuf *text, struct strbuf *out)
{
	const struct steps_view *view = &steps->view;

	if (!text->n)
		return;
	if (!view->take || !view->take(view->user, line ? line->place.platform : "", is_usage,
					   strbuf_str(text)))
		strbuf_add_str(out, strbuf_str(text));
}

/* Of an instruction that no process was started for, that is nothing. */
static void tell_usage(struct steps *steps, struct line *line, const struct vertex *vertex,
		struct strbuf *out)
{
	const struct progress_usage none = { 0 }, *usage = vertex ? &vertex->usage : &none;
	char system[HUMAN_TEXT], user[HUMAN_TEXT], elapsed[HUMAN_TEXT], in[HUMAN_TEXT],
			written[HUMAN_TEXT];
	AUTO(strbuf) struct strbuf text = { 0 };

	if (!steps->view.tells_usage || line->is_counted)
		return;
	line->is_counted = true;
	strbuf_addf(&text, "%s(system) %s(user) %s(elapsed) %s input %s output\n",
			human_duration(usage->system_ns, system),
			human_duration(usage->user_ns, user),
			human_duration(vertex ? vertex->ended_ns - vertex->started_ns : 0, elapsed),
			human_size_4(usage->read_bytes, in),
			human_size_4(usage->written_bytes, written));
	hand_out(steps, line, true, &text, out);
}

static bool tell_text(struct steps *steps, struct line *line, const struct vertex *vertex,
		struct strbuf *out)
{
	if (!vertex) {
		tell_header(line, out);
		if (line->place.is_cached && is_step(line))
			strbuf_add(out, "--> Using cache\n");
		return true;
	}
	if (!vertex->is_started)
		return false;
	tell_header(line, out);
	tell_said(steps, line->vertex, out);
	if (vertex->is_ended && vertex->how == PROGRESS_CACHED)
		strbuf_add(out, "--> Using cache\n");
	return vertex->is_ended && vertex->how <= PROGRESS_CACHED;
}

/* Tells what can be told of the line; true when that is all of it and the next one's turn. */
static bool tell_line(struct steps *steps, struct line *line, struct strbuf *out)
{
	const struct vertex *vertex = line->vertex && line->vertex <= steps->vertices.all.n
						      ? &steps->vertices.all.p[line->vertex - 1]
						      : NULL;
	AUTO(strbuf) struct strbuf text = { 0 };
	bool is_whole = tell_text(steps, line, vertex, &text);

	hand_out(steps, line, false, &text, out);
	if (is_whole || (vertex && vertex->is_ended && vertex->how == PROGRESS_FAILED))
		tell_usage(steps, line, vertex, out);
	return is_whole;
}

static void tell(struct steps *steps, struct strbuf *out)
{
	while (steps->at < steps->lines.n && tell_line(steps, &steps->lines.p[steps->at], out))
		steps->at++;
}

static void event(struct renderer *renderer, const struct progress_event *event, struct strbuf *out)
{
	struct steps *steps = (struct steps *)renderer;

	(void)vertices_event(&steps->vertices, event);
	/* All are declared in a row: the first that happens after them shows that they are whole.
	 */
	if (event->kind == PROGRESS_EVENT_INSTRUCTION)
		add_line(steps, event);
	else
		tell(steps, out);
}

static void finish(struct renderer *renderer, uint64_t now_ns, struct strbuf *out)
{
	struct steps *steps = (struct steps *)renderer;
	bool is_good = !steps->vertices.has_failed && !steps->vertices.has_canceled;

	tell(steps, out);
	/* What came too early to have its turn, and now never will. */
	for (size_t i = steps->at; i < steps->lines.n; i++)
		if (steps->lines.p[i].vertex)
			(void)tell_line(steps, &steps->lines.p[i], out);
	for (size_t i = 0; i < steps->vertices.warnings.n; i++)
		strbuf_addf(out, "WARNING: %s\n", steps->vertices.warnings.p[i]);
	if (!is_good || !steps->lines.n)
		return;

	const struct line *last = &steps->lines.p[steps->lines.n - 1];
	AUTO(strbuf) struct strbuf text = { 0 };

	tell_place(&last->place, &text);
	strbuf_addf(&text, "COMMIT%s%s\n", steps->commit ? " " : "",
			steps->commit ? steps->commit : "");
	hand_out(steps, last, false, &text, out);
}

static void steps_free(struct renderer *renderer)
{
	struct steps *steps = (struct steps *)renderer;

	clear_lines(steps);
	vec_done(&steps->lines);
	for (size_t i = 0; i < steps->said.n; i++)
		strbuf_done(&steps->said.p[i]);
	vec_done(&steps->said);
	vertices_done(&steps->vertices);
	free(steps->commit);
	free(steps);
}

struct renderer *renderer_steps(const struct steps_view *view)
{
	static const struct renderer_ops ops = {
		.event = event, .finish = finish, .free = steps_free
	};
	struct steps *steps = xcalloc(1, sizeof(*steps));

	steps->renderer.ops = &ops;
	steps->vertices.on_line = on_line;
	steps->vertices.user = steps;
	steps->vertices.keep = KEEP_TABS; /* what a step says is what a script reads */
	steps->view = *view;
	steps->view.commit = steps->commit = xstrdup(view->commit);
	return &steps->renderer;
}

#include "ui/vertices.h"

#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "ui/human.h"
#include "ui/plain_text.h"

/* What is shown of a name; a RUN with a heredoc may be megabytes. */
enum { NAME_BYTES = 1024 };

static char *clean(const char *text)
{
	AUTO(strbuf) struct strbuf line = { 0 };
	struct str first;
	struct str rest;

	str_cut(str_slice(str_of(text), 0, NAME_BYTES), '\n', &first, &rest);
	plain_text_line(first, 0, &line);
	return strbuf_take(&line);
}

static struct vertex *find(struct vertices *vertices, unsigned number)
{
	return number && number <= vertices->all.n ? &vertices->all.p[number - 1] : NULL;
}

static void show(struct vertices *vertices, struct vertex *vertex, uint64_t time_ns)
{
	if (vertex->is_started)
		return;
	vertex->is_started = true;
	vertex->started_ns = time_ns;
	vec_push(&vertices->shown, vertex->number);
}

/* Drop the older half when the log is too long. */
static void trim_log(struct vertex *vertex)
{
	struct strbuf *log = &vertex->log;
	size_t cut = log->n / 2;

	if (log->n <= VERTEX_LOG_BYTES)
		return;
	while (cut < log->n && log->p[cut - 1] != '\n')
		cut++;
	for (size_t i = 0; i < cut; i++)
		vertex->lines_cut += log->p[i] == '\n';
	memmove(log->p, log->p + cut, log->n - cut);
	strbuf_truncate(log, log->n - cut);
}

static void end_line(struct vertices *vertices, struct vertex *vertex, struct strbuf *partial,
		uint64_t time_ns)
{
	struct strbuf *log = &vertex->log;
	char time[HUMAN_TEXT];

	strbuf_add(log, human_log_time(time_ns - vertex->started_ns, time));
	strbuf_add_char(log, ' ');
	size_t at = log->n;
	plain_text_line(strbuf_str(partial), KEEP_COLOURS | vertices->keep, log);
	strbuf_clear(partial);
	if (vertices->on_line)
		vertices->on_line(vertices->user, vertex, time_ns,
				str_slice(strbuf_str(log), at, log->n));
	strbuf_add_char(log, '\n');
	trim_log(vertex);
}

/* A line that begins anew by carriage returns needs no memory for what was overwritten. */
static void forget_overwritten(struct strbuf *partial)
{
	struct str s = strbuf_str(partial);
	size_t at;

	if (s.n < 2)
		return;
	at = str_find_last(str_slice(s, 0, s.n - 1), '\r');
	if (at >= s.n - 1)
		return;
	memmove(partial->p, partial->p + at + 1, partial->n - at - 1);
	strbuf_truncate(partial, partial->n - at - 1);
}

static void add_log(struct vertices *vertices, struct vertex *vertex,
		const struct progress_event *event)
{
	struct str rest = { event->text, event->text_bytes }, line;
	struct strbuf *partial = &vertex->partial[event->stream == 2];

	while (rest.n > 0) {
		size_t room = LIMIT_LOG_LINE_BYTES - partial->n;
		bool is_whole = str_cut(rest, '\n', &line, &rest);

		if (line.n > room) {
			/* Cut a line that is too long; what is left of it is the next one. */
			rest = (struct str){ line.p + room, line.n - room + is_whole + rest.n };
			line.n = room;
			is_whole = true;
		}
		strbuf_add_str(partial, line);
		if (is_whole)
			end_line(vertices, vertex, partial, event->time_ns);
		else
			forget_overwritten(partial);
	}
}

static struct transfer *find_transfer(struct vertex *vertex, const struct progress_event *event)
{
	AUTO_FREE char *what = clean(event->text);

	for (size_t i = 0; i < vertex->transfers.n; i++)
		if (text_equal(vertex->transfers.p[i].what, what))
			return &vertex->transfers.p[i];
	if (vertex->transfers.n >= VERTEX_TRANSFERS)
		return NULL;

	struct transfer *transfer = vec_add(&vertex->transfers);

	transfer->what = TAKE(what);
	transfer->started_ns = transfer->shown_ns = event->time_ns;
	return transfer;
}

static void add_bytes(struct vertex *vertex, const struct progress_event *event)
{
	struct transfer *transfer = find_transfer(vertex, event);

	if (!transfer)
		return;
	transfer->done_bytes = event->done_bytes;
	transfer->total_bytes = event->total_bytes;
	transfer->ended_ns = event->time_ns;
	transfer->is_note = event->kind == PROGRESS_EVENT_NOTE;
	transfer->is_done = transfer->is_note ||
			    (event->total_bytes && event->done_bytes >= event->total_bytes);
}

static void end_vertex(struct vertices *vertices, struct vertex *vertex,
		const struct progress_event *event)
{
	if (vertex->is_ended)
		return;
	show(vertices, vertex, event->time_ns);
	for (size_t i = 0; i < VERTEX_STREAMS; i++)
		if (vertex->partial[i].n)
			end_line(vertices, vertex, &vertex->partial[i], event->time_ns);
	vertex->is_ended = true;
	vertex->ended_ns = event->time_ns;
	vertex->how = event->how;
	vertex->why = event->text_bytes ? clean(event->text) : NULL;
	vertices->n_ended++;
	vertices->has_failed = vertices->has_failed || event->how == PROGRESS_FAILED;
	vertices->has_canceled = vertices->has_canceled || event->how == PROGRESS_CANCELED;
	for (size_t i = 0; i < vertex->transfers.n; i++)
		if (!vertex->transfers.p[i].is_done) {
			vertex->transfers.p[i].is_done = true;
			vertex->transfers.p[i].ended_ns = event->time_ns;
		}
	if (event->how != PROGRESS_FAILED)
		strbuf_done(&vertex->log);
}

static void add_warning(struct vertices *vertices, const struct progress_event *event)
{
	AUTO_FREE char *text = clean(event->text);
	AUTO_FREE char *file = event->at.file ? clean(event->at.file) : NULL;

	if (vertices->warnings.n >= LIMIT_LIST_ENTRIES)
		return;
	vec_push(&vertices->warnings,
			file && event->at.line ? xasprintf("%s (%s:%u)", text, file, event->at.line)
					       : xstrdup(text));
}

static void add_usage(struct progress_usage *to, const struct progress_usage *more)
{
	to->user_ns += more->user_ns;
	to->system_ns += more->system_ns;
	to->read_bytes += more->read_bytes;
	to->written_bytes += more->written_bytes;
}

struct vertex *vertices_event(struct vertices *vertices, const struct progress_event *event)
{
	struct vertex *vertex = find(vertices, event->vertex);

	if (event->kind == PROGRESS_EVENT_VERTEX) {
		if (event->vertex != vertices->all.n + 1)
			return NULL;
		vertex = vec_add(&vertices->all);
		vertex->number = event->vertex;
		vertex->name = clean(event->text);
		return vertex;
	}
	if (event->kind == PROGRESS_EVENT_WARN)
		add_warning(vertices, event);
	if (!vertex)
		return NULL;
	switch (event->kind) {
	case PROGRESS_EVENT_START:
		show(vertices, vertex, event->time_ns);
		break;
	case PROGRESS_EVENT_LOG:
		show(vertices, vertex, event->time_ns);
		add_log(vertices, vertex, event);
		break;
	case PROGRESS_EVENT_BYTES:
	case PROGRESS_EVENT_NOTE:
		show(vertices, vertex, event->time_ns);
		add_bytes(vertex, event);
		break;
	case PROGRESS_EVENT_END:
		end_vertex(vertices, vertex, event);
		break;
	case PROGRESS_EVENT_USAGE:
		add_usage(&vertex->usage, &event->usage);
		break;
	case PROGRESS_EVENT_VERTEX:
	case PROGRESS_EVENT_WARN:
	case PROGRESS_EVENT_INSTRUCTION:
		break;
	}
	return vertex;
}

static void vertex_done(struct vertex *vertex)
{
	for (size_t i = 0; i < vertex->transfers.n; i++)
		free(vertex->transfers.p[i].what);
	vec_done(&vertex->transfers);
	for (size_t i = 0; i < VERTEX_STREAMS; i++)
		strbuf_done(&vertex->partial[i]);
	strbuf_done(&vertex->log);
	free(vertex->name);
	free(vertex->why);
}

void vertices_done(struct vertices *vertices)
{
	for (size_t i = 0; i < vertices->all.n; i++)
		vertex_done(&vertices->all.p[i]);
	for (size_t i = 0; i < vertices->warnings.n; i++)
		free(vertices->warnings.p[i]);
	vec_done(&vertices->all);
	vec_done(&vertices->shown);
	vec_done(&vertices->warnings);
}

void vertex_partial(const struct vertex *vertex, unsigned stream, struct strbuf *out)
{
	plain_text_line(strbuf_str(&vertex->partial[stream]), KEEP_COLOURS, out);
}

void vertices_failed_logs(const struct vertices *vertices, bool has_colour, struct strbuf *out)
{
	for (size_t i = 0; i < vertices->shown.n; i++) {
		const struct vertex *vertex = &vertices->all.p[vertices->shown.p[i] - 1];

		if (vertex->how != PROGRESS_FAILED || !vertex->log.n)
			continue;
		strbuf_addf(out, "------\n > %s%s:%s\n", has_colour ? "\x1b[1m" : "", vertex->name,
				has_colour ? "\x1b[0m" : "");
		if (vertex->lines_cut)
			strbuf_addf(out, "[%llu lines before]\n",
					(unsigned long long)vertex->lines_cut);
		strbuf_add_str(out, strbuf_str(&vertex->log));
		strbuf_add(out, "------\n");
	}
}

void transfer_size(const struct transfer *transfer, struct strbuf *out)
{
	char done[HUMAN_TEXT], total[HUMAN_TEXT];

	if (transfer->is_note)
		return;
	if (transfer->total_bytes)
		strbuf_addf(out, "%s / %s", human_size(transfer->done_bytes, done),
				human_size(transfer->total_bytes, total));
	else
		strbuf_add(out, human_size(transfer->done_bytes, done));
}

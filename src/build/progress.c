/*
 * A ring of events under one mutex. Room is counted in events and in bytes of text, so that a step
 * that prints megabytes a second holds back itself and not the machine's memory.
 */
#include "build/progress.h"

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>

struct progress {
	uint64_t started_ns, epoch_ns;
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
	struct progress_event *ring; /* guarded by lock, as all below */
	size_t first, n, text_bytes;
	unsigned vertices;
	bool closed;
};

struct progress *progress_new(void)
{
	struct progress *progress = xcalloc(1, sizeof(*progress));
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&progress->lock, NULL);
	pthread_cond_init(&progress->filled, &monotonic);
	pthread_cond_init(&progress->emptied, NULL);
	pthread_condattr_destroy(&monotonic);
	progress->ring = xcalloc(PROGRESS_QUEUE_EVENTS, sizeof(*progress->ring));
	progress->started_ns = clock_monotonic_ns();
	progress->epoch_ns = clock_now_ns();
	return progress;
}

void progress_free(struct progress *progress)
{
	if (!progress)
		return;
	for (size_t i = 0; i < progress->n; i++)
		progress_event_done(&progress->ring[(progress->first + i) % PROGRESS_QUEUE_EVENTS]);
	pthread_cond_destroy(&progress->emptied);
	pthread_cond_destroy(&progress->filled);
	pthread_mutex_destroy(&progress->lock);
	free(progress->ring);
	free(progress);
}

void progress_event_done(struct progress_event *event)
{
	free((char *)(uintptr_t)event->at.file);
	free(event->text);
	free(event->key);
	*event = (struct progress_event){ 0 };
}

uint64_t progress_epoch_ns(const struct progress *progress)
{
	return progress->epoch_ns;
}

uint64_t progress_now_ns(const struct progress *progress)
{
	return clock_monotonic_ns() - progress->started_ns;
}

static bool has_room(const struct progress *progress, size_t more_bytes)
{
	return progress->n < PROGRESS_QUEUE_EVENTS &&
	       (progress->n == 0 || progress->text_bytes + more_bytes <= PROGRESS_QUEUE_BYTES);
}

/* With the lock held: put the event at the end (takes what it owns). After close it is dropped. */
static void push(struct progress *progress, struct progress_event *event)
{
	while (!has_room(progress, event->text_bytes) && !progress->closed)
		pthread_cond_wait(&progress->emptied, &progress->lock);
	if (progress->closed) {
		progress_event_done(event);
		return;
	}
	event->time_ns = progress_now_ns(progress);
	if (event->kind == PROGRESS_EVENT_VERTEX)
		event->vertex = ++progress->vertices;
	progress->ring[(progress->first + progress->n) % PROGRESS_QUEUE_EVENTS] = *event;
	progress->text_bytes += event->text_bytes;
	if (progress->n++ == 0)
		pthread_cond_signal(&progress->filled);
}

static void emit(struct progress *progress, struct progress_event event)
{
	pthread_mutex_lock(&progress->lock);
	push(progress, &event);
	pthread_mutex_unlock(&progress->lock);
}

static struct progress_event event_of(enum progress_kind kind, unsigned vertex, const char *text)
{
	return (struct progress_event){
		.kind = kind,
		.vertex = vertex,
		.text = xstrdup(text ? text : ""),
		.text_bytes = text ? strlen(text) : 0,
	};
}

/* NUL behind, NUL bytes inside allowed. */
static char *copy_bytes(const char *from, size_t n)
{
	char *copy = xmalloc(n + 1);

	memcpy(copy, from, n);
	copy[n] = '\0';
	return copy;
}

static struct source_range own_range(struct source_range at)
{
	at.file = at.file ? xstrdup(at.file) : NULL;
	return at;
}

unsigned progress_vertex(struct progress *progress, const char *name, const char *key,
		struct source_range at)
{
	if (!progress)
		return 0;

	struct progress_event event = event_of(PROGRESS_EVENT_VERTEX, 0, name);

	event.key = xstrdup(key);
	event.at = own_range(at);
	pthread_mutex_lock(&progress->lock);
	push(progress, &event);
	unsigned vertex = progress->closed ? 0 : progress->vertices;
	pthread_mutex_unlock(&progress->lock);
	return vertex;
}

void progress_instruction(struct progress *progress, const struct progress_place *place,
		const char *text, unsigned vertex)
{
	if (!progress)
		return;

	struct progress_event event = event_of(PROGRESS_EVENT_INSTRUCTION, vertex, text);

	event.place = *place;
	emit(progress, event);
}

void progress_usage(struct progress *progress, unsigned vertex, const struct progress_usage *usage)
{
	if (!progress || !vertex)
		return;

	struct progress_event event = event_of(PROGRESS_EVENT_USAGE, vertex, NULL);

	event.usage = *usage;
	emit(progress, event);
}

void progress_start(struct progress *progress, unsigned vertex)
{
	if (progress && vertex)
		emit(progress, event_of(PROGRESS_EVENT_START, vertex, NULL));
}

void progress_log(
		struct progress *progress, unsigned vertex, int stream, const void *bytes, size_t n)
{
	const char *from = bytes;

	if (!progress || !vertex)
		return;
	while (n > 0) {
		size_t part = n < PROGRESS_LOG_BYTES ? n : PROGRESS_LOG_BYTES;

		emit(progress, (struct progress_event){
					       .kind = PROGRESS_EVENT_LOG,
					       .vertex = vertex,
					       .stream = stream,
					       .text = copy_bytes(from, part),
					       .text_bytes = part,
			       });
		from += part;
		n -= part;
	}
}

void progress_bytes(struct progress *progress, unsigned vertex, const char *what,
		uint64_t done_bytes, uint64_t total_bytes)
{
	bool is_last = total_bytes && done_bytes >= total_bytes;

	if (!progress || !vertex)
		return;
	pthread_mutex_lock(&progress->lock);
	struct progress_event *newest =
			progress->n ? &progress->ring[(progress->first + progress->n - 1) %
						      PROGRESS_QUEUE_EVENTS]
				    : NULL;
	if (newest && newest->kind == PROGRESS_EVENT_BYTES && newest->vertex == vertex &&
			text_equal(newest->text, what)) {
		newest->done_bytes = done_bytes;
		newest->total_bytes = total_bytes;
	} else if (is_last || has_room(progress, strlen(what))) {
		struct progress_event event = event_of(PROGRESS_EVENT_BYTES, vertex, what);

		event.done_bytes = done_bytes;
		event.total_bytes = total_bytes;
		push(progress, &event);
	}
	pthread_mutex_unlock(&progress->lock);
}

void progress_note(struct progress *progress, unsigned vertex, const char *format, ...)
{
	va_list args;

	if (!progress || !vertex)
		return;
	va_start(args, format);
	AUTO_FREE char *text = xvasprintf(format, args);
	va_end(args);
	emit(progress, event_of(PROGRESS_EVENT_NOTE, vertex, text));
}

static void PRINTF_LIKE(5, 0) warn(struct progress *progress, unsigned vertex,
		struct source_range at, bool is_advice, const char *format, va_list args)
{
	if (!progress)
		return;
	AUTO_FREE char *text = xvasprintf(format, args);
	struct progress_event event = event_of(PROGRESS_EVENT_WARN, vertex, text);

	event.at = own_range(at);
	event.is_advice = is_advice;
	emit(progress, event);
}

void progress_warn(struct progress *progress, unsigned vertex, struct source_range at,
		const char *format, ...)
{
	va_list args;

	va_start(args, format);
	warn(progress, vertex, at, false, format, args);
	va_end(args);
}

void progress_advise(struct progress *progress, struct source_range at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	warn(progress, 0, at, true, format, args);
	va_end(args);
}

void progress_end(
		struct progress *progress, unsigned vertex, enum progress_end how, const char *why)
{
	if (!progress || !vertex)
		return;

	struct progress_event event = event_of(PROGRESS_EVENT_END, vertex, why);

	event.how = how;
	emit(progress, event);
}

void progress_close(struct progress *progress)
{
	if (!progress)
		return;
	pthread_mutex_lock(&progress->lock);
	progress->closed = true;
	pthread_cond_broadcast(&progress->filled);
	pthread_cond_broadcast(&progress->emptied);
	pthread_mutex_unlock(&progress->lock);
}

static struct timespec deadline_after(int timeout_ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += timeout_ms / 1000;
	at.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

enum progress_next progress_next(
		struct progress *progress, int timeout_ms, struct progress_event *ret)
{
	struct timespec deadline = deadline_after(timeout_ms > 0 ? timeout_ms : 0);
	enum progress_next result = PROGRESS_NEXT_TIMEOUT;
	int waited = 0;

	pthread_mutex_lock(&progress->lock);
	while (progress->n == 0 && !progress->closed && waited != ETIMEDOUT)
		waited = timeout_ms < 0 ? pthread_cond_wait(&progress->filled, &progress->lock)
					: pthread_cond_timedwait(&progress->filled, &progress->lock,
							  &deadline);
	if (progress->n > 0) {
		*ret = progress->ring[progress->first];
		progress->first = (progress->first + 1) % PROGRESS_QUEUE_EVENTS;
		progress->n--;
		progress->text_bytes -= ret->text_bytes;
		pthread_cond_signal(&progress->emptied);
		result = PROGRESS_NEXT_EVENT;
	} else if (progress->closed) {
		result = PROGRESS_NEXT_CLOSED;
	}
	pthread_mutex_unlock(&progress->lock);
	return result;
}

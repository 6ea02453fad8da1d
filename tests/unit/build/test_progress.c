#include "unit.h"

#include "build/progress.h"

#include <pthread.h>

static const struct source_range nowhere;

static struct progress_event next(struct progress *progress)
{
	struct progress_event event = { 0 };

	assert_int_equal(progress_next(progress, 0, &event), PROGRESS_NEXT_EVENT);
	return event;
}

static void tells_in_order(void **state)
{
	AUTO(progress) struct progress *progress = progress_new();
	const struct source_range at = { "Dockerfile", 3, 1, 3, 9 };
	unsigned a = progress_vertex(progress, "one", "sha256:1", at);
	unsigned b = progress_vertex(progress, "two", NULL, nowhere);

	assert_int_equal(a, 1);
	assert_int_equal(b, 2);
	progress_start(progress, b);
	progress_log(progress, b, 2, "a\0b", 3);
	progress_note(progress, b, "to %s", "x");
	progress_warn(progress, 0, at, "old");
	progress_end(progress, b, PROGRESS_FAILED, "exit status 1");
	progress_close(progress);

	static const enum progress_kind kinds[] = { PROGRESS_EVENT_VERTEX, PROGRESS_EVENT_VERTEX,
		PROGRESS_EVENT_START, PROGRESS_EVENT_LOG, PROGRESS_EVENT_NOTE, PROGRESS_EVENT_WARN,
		PROGRESS_EVENT_END };
	struct progress_event event;
	uint64_t before_ns = 0;

	for (size_t i = 0; i < COUNT(kinds); i++) {
		event = next(progress);
		assert_int_equal(event.kind, kinds[i]);
		assert_true(event.time_ns >= before_ns);
		before_ns = event.time_ns;
		if (i == 0) {
			assert_string_equal(event.text, "one");
			assert_string_equal(event.key, "sha256:1");
			assert_string_equal(event.at.file, "Dockerfile");
			assert_int_equal(event.at.line, 3);
		} else if (i == 3) {
			assert_int_equal(event.stream, 2);
			assert_int_equal(event.text_bytes, 3);
			assert_memory_equal(event.text, "a\0b", 4);
		} else if (i == 6) {
			assert_int_equal(event.how, PROGRESS_FAILED);
			assert_string_equal(event.text, "exit status 1");
		}
		progress_event_done(&event);
	}
	assert_int_equal(progress_next(progress, -1, &event), PROGRESS_NEXT_CLOSED);
}

static void takes_nothing_without_a_queue(void **state)
{
	assert_int_equal(progress_vertex(NULL, "x", NULL, nowhere), 0);
	progress_start(NULL, 1);
	progress_log(NULL, 1, 1, "x", 1);
	progress_bytes(NULL, 1, "x", 1, 2);
	progress_note(NULL, 1, "x");
	progress_warn(NULL, 1, nowhere, "x");
	progress_end(NULL, 1, PROGRESS_DONE, NULL);
	progress_close(NULL);
}

static void ignores_vertex_zero(void **state)
{
	AUTO(progress) struct progress *progress = progress_new();
	struct progress_event event;

	progress_start(progress, 0);
	progress_end(progress, 0, PROGRESS_DONE, NULL);
	assert_int_equal(progress_next(progress, 1, &event), PROGRESS_NEXT_TIMEOUT);
}

static void drops_what_comes_after_the_end(void **state)
{
	AUTO(progress) struct progress *progress = progress_new();
	struct progress_event event;

	progress_close(progress);
	assert_int_equal(progress_vertex(progress, "late", NULL, nowhere), 0);
	progress_warn(progress, 0, nowhere, "late");
	assert_int_equal(progress_next(progress, -1, &event), PROGRESS_NEXT_CLOSED);
}

static void cuts_long_chunks(void **state)
{
	AUTO(progress) struct progress *progress = progress_new();
	size_t n = PROGRESS_LOG_BYTES * 2 + 1, got = 0;
	AUTO_FREE char *bytes = xcalloc(1, n);
	unsigned v = progress_vertex(progress, "x", NULL, nowhere);
	struct progress_event event = next(progress);

	progress_event_done(&event);
	progress_log(progress, v, 1, bytes, n);
	for (size_t i = 0; i < 3; i++) {
		event = next(progress);
		got += event.text_bytes;
		progress_event_done(&event);
	}
	assert_int_equal(got, n);
}

static void joins_counts(void **state)
{
	AUTO(progress) struct progress *progress = progress_new();
	unsigned v = progress_vertex(progress, "x", NULL, nowhere);
	struct progress_event event = next(progress);

	progress_event_done(&event);
	progress_bytes(progress, v, "a", 1, 10);
	progress_bytes(progress, v, "a", 5, 10);
	progress_bytes(progress, v, "b", 1, 0);
	progress_bytes(progress, v, "a", 10, 10);
	event = next(progress);
	assert_int_equal(event.done_bytes, 5);
	progress_event_done(&event);
	event = next(progress);
	assert_string_equal(event.text, "b");
	progress_event_done(&event);
	event = next(progress);
	assert_int_equal(event.done_bytes, 10);
	progress_event_done(&event);
	assert_int_equal(progress_next(progress, 0, &event), PROGRESS_NEXT_TIMEOUT);
}

/* With a full queue, counts on the way are dropped and never wait. */
static void never_waits_for_counts(void **state)
{
	AUTO(progress) struct progress *progress = progress_new();
	unsigned v = progress_vertex(progress, "x", NULL, nowhere);

	for (size_t i = 1; i < PROGRESS_QUEUE_EVENTS; i++)
		progress_start(progress, v);
	progress_bytes(progress, v, "a", 1, 10);
	progress_bytes(progress, v, "b", 1, 0);
}

enum { PRODUCERS = 4, LINES = 20000 };

static void *produce(void *argument)
{
	struct progress *progress = argument;
	unsigned v = progress_vertex(progress, "producer", NULL, nowhere);

	for (int i = 0; i < LINES; i++) {
		progress_log(progress, v, 1, "0123456789\n", 11);
		progress_bytes(progress, v, "what", (uint64_t)i, LINES);
	}
	progress_end(progress, v, PROGRESS_DONE, NULL);
	return NULL;
}

static void holds_back_producers(void **state)
{
	AUTO(progress) struct progress *progress = progress_new();
	pthread_t threads[PRODUCERS];
	size_t lines = 0, ended = 0;

	for (size_t i = 0; i < PRODUCERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, produce, progress), 0);
	while (ended < PRODUCERS) {
		struct progress_event event = { 0 };

		assert_int_equal(progress_next(progress, -1, &event), PROGRESS_NEXT_EVENT);
		lines += event.kind == PROGRESS_EVENT_LOG;
		ended += event.kind == PROGRESS_EVENT_END;
		progress_event_done(&event);
	}
	for (size_t i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(lines, PRODUCERS * LINES);
}

static void *produce_too_much(void *argument)
{
	AUTO_FREE char *bytes = xcalloc(1, PROGRESS_QUEUE_BYTES * 2);

	progress_log(argument, 1, 1, bytes, PROGRESS_QUEUE_BYTES * 2);
	return NULL;
}

/* A producer that waits for room is let go by close. */
static void close_frees_producers(void **state)
{
	AUTO(progress) struct progress *progress = progress_new();
	pthread_t thread;
	struct progress_event event;
	size_t n = 0;

	(void)progress_vertex(progress, "x", NULL, nowhere);
	assert_int_equal(pthread_create(&thread, NULL, produce_too_much, progress), 0);
	event = next(progress);
	progress_event_done(&event);
	assert_int_equal(progress_next(progress, -1, &event), PROGRESS_NEXT_EVENT);
	progress_event_done(&event);
	progress_close(progress);
	pthread_join(thread, NULL);
	while (progress_next(progress, -1, &event) == PROGRESS_NEXT_EVENT) {
		n += event.text_bytes;
		progress_event_done(&event);
	}
	assert_true(n <= PROGRESS_QUEUE_BYTES);
}

UNIT_TESTS(tells_in_order, takes_nothing_without_a_queue, ignores_vertex_zero,
		drops_what_comes_after_the_end, cuts_long_chunks, joins_counts,
		never_waits_for_counts, holds_back_producers, close_frees_producers)

/*
 * Scripted events, golden output. A script is a list of events with times in milliseconds; the tty
 * renderer's output is played on a small terminal, so that what is compared is what a person sees.
 */
#include "unit.h"

#include "base/str.h"
#include "ui/display.h"
#include "ui/renderer.h"

#include <unistd.h>

enum { MS = 1000000 };

static void feed(struct renderer *renderer, struct strbuf *out, unsigned ms,
		struct progress_event event)
{
	event.time_ns = (uint64_t)ms * MS;
	event.text_bytes = event.text_bytes ? event.text_bytes
			   : event.text     ? strlen(event.text)
					    : 0;
	renderer->ops->event(renderer, &event, out);
}

static char *text_of(const char *text)
{
	return (char *)(uintptr_t)text;
}

#define VERTEX(ms, n, name)                                                     \
	feed(r, out, ms,                                                        \
			(struct progress_event){ .kind = PROGRESS_EVENT_VERTEX, \
					.vertex = (n),                          \
					.text = text_of(name) })
#define START(ms, n) \
	feed(r, out, ms, (struct progress_event){ .kind = PROGRESS_EVENT_START, .vertex = (n) })
#define LOG(ms, n, s, t)                                                     \
	feed(r, out, ms,                                                     \
			(struct progress_event){ .kind = PROGRESS_EVENT_LOG, \
					.vertex = (n),                       \
					.stream = (s),                       \
					.text = text_of(t) })
#define BYTES(ms, n, t, d, all)                                                \
	feed(r, out, ms,                                                       \
			(struct progress_event){ .kind = PROGRESS_EVENT_BYTES, \
					.vertex = (n),                         \
					.text = text_of(t),                    \
					.done_bytes = (d),                     \
					.total_bytes = (all) })
#define NOTE(ms, n, t)                                                        \
	feed(r, out, ms,                                                      \
			(struct progress_event){ .kind = PROGRESS_EVENT_NOTE, \
					.vertex = (n),                        \
					.text = text_of(t) })
#define WARN(ms, n, t)                                                        \
	feed(r, out, ms,                                                      \
			(struct progress_event){ .kind = PROGRESS_EVENT_WARN, \
					.vertex = (n),                        \
					.text = text_of(t),                   \
					.at = { "Dockerfile", 3, 1, 0, 0 } })
#define END(ms, n, h, t)                                                     \
	feed(r, out, ms,                                                     \
			(struct progress_event){ .kind = PROGRESS_EVENT_END, \
					.vertex = (n),                       \
					.how = (h),                          \
					.text = text_of(t) })

#define INSTRUCTION(n, s, i, all, cached, t)                                         \
	feed(r, out, 0,                                                              \
			(struct progress_event){ .kind = PROGRESS_EVENT_INSTRUCTION, \
					.vertex = (n),                               \
					.text = text_of(t),                          \
					.place = { (s), 2, (i), (all), (cached) } })

/* A build with everything in it: two steps at once, of which one fails. */
static void play(struct renderer *r, struct strbuf *out)
{
	VERTEX(0, 1, "[internal] load build definition from Dockerfile");
	START(0, 1);
	NOTE(1, 1, "transferring dockerfile: 123B");
	END(2, 1, PROGRESS_DONE, "");
	VERTEX(2, 2, "[build 1/3] FROM busybox");
	VERTEX(2, 3, "[build 2/3] RUN make");
	VERTEX(2, 4, "[other 1/1] RUN sleep");
	START(3, 2);
	BYTES(103, 2, "sha256:4f53", 1000, 40000);
	BYTES(6103, 2, "sha256:4f53", 20000, 40000);
	BYTES(7103, 2, "sha256:4f53", 40000, 40000);
	END(7200, 2, PROGRESS_DONE, "");
	START(7200, 3);
	START(7201, 4);
	LOG(7300, 3, 1, "cc -c a");
	LOG(7301, 4, 1, "other\n");
	LOG(7400, 3, 2, "warning!\n");
	LOG(7500, 3, 1, ".c\nld \x1b[31ma\x1b[2J\x1b]0;t\x07\n");
	WARN(7500, 3, "old syntax");
	END(7600, 3, PROGRESS_FAILED, "exit status 2");
	END(7700, 4, PROGRESS_CANCELED, "");
}

static void plain(void **state)
{
	AUTO(renderer) struct renderer *r = renderer_plain();
	AUTO(strbuf) struct strbuf text = { 0 };
	struct strbuf *out = &text;

	play(r, out);
	r->ops->finish(r, (uint64_t)8000 * MS, out);
	assert_string_equal(strbuf_text(out),
			"#1 [internal] load build definition from Dockerfile\n"
			"#1 transferring dockerfile: 123B done\n"
			"#1 DONE 0.0s\n"
			"\n"
			"#2 [build 1/3] FROM busybox\n"
			"#2 sha256:4f53 20.0kB / 40.0kB 6.0s\n"
			"#2 sha256:4f53 40.0kB / 40.0kB 7.0s done\n"
			"#2 DONE 7.2s\n"
			"\n"
			"#3 [build 2/3] RUN make\n"
			"\n"
			"#4 [other 1/1] RUN sleep\n"
			"#4 0.100 other\n"
			"#3 0.200 warning!\n"
			"#3 0.300 cc -c a.c\n"
			"#3 0.300 ld \x1b[31ma\x1b[0m\n"
			"#3 WARNING: old syntax (Dockerfile:3)\n"
			"#3 ERROR: exit status 2\n"
			"#4 CANCELED\n");
}

/* Two stages: the second begins while the first is at work, and has to wait for its turn. */
static void play_stages(struct renderer *r, struct strbuf *out, enum progress_end how)
{
	VERTEX(0, 1, "[internal] load build definition");
	START(0, 1);
	END(0, 1, PROGRESS_DONE, "");
	VERTEX(0, 2, "[a 2/2] RUN make");
	VERTEX(0, 3, "[b 2/3] COPY x /");
	VERTEX(0, 4, "[b 3/3] RUN true");
	INSTRUCTION(0, 1, 1, 2, false, "FROM base AS a");
	INSTRUCTION(2, 1, 2, 2, false, "RUN make");
	INSTRUCTION(0, 2, 1, 4, false, "FROM base");
	INSTRUCTION(3, 2, 2, 4, false, "COPY x /");
	INSTRUCTION(4, 2, 3, 4, false, "RUN true");
	INSTRUCTION(0, 2, 4, 4, false, "CMD [\"x\"]");
	END(1, 3, PROGRESS_CACHED, "");
	START(2, 4);
	LOG(3, 4, 1, "early\n");
	START(4, 2);
	LOG(5, 2, 2, "made");
	END(6, 2, how, "");
	END(7, 4, PROGRESS_DONE, "");
}

static void steps_are_told_in_turn(void **state)
{
	AUTO(renderer) struct renderer *r = renderer_steps(&(struct steps_view){ .commit = "app" });
	AUTO(strbuf) struct strbuf text = { 0 };

	play_stages(r, &text, PROGRESS_DONE);
	r->ops->finish(r, 0, &text);
	assert_string_equal(strbuf_text(&text), "[1/2] STEP 1/2: FROM base AS a\n"
						"[1/2] STEP 2/2: RUN make\n"
						"made\n"
						"[2/2] STEP 1/4: FROM base\n"
						"[2/2] STEP 2/4: COPY x /\n"
						"--> Using cache\n"
						"[2/2] STEP 3/4: RUN true\n"
						"early\n"
						"[2/2] STEP 4/4: CMD [\"x\"]\n"
						"[2/2] COMMIT app\n");
}

static void steps_end_where_one_failed(void **state)
{
	AUTO(renderer) struct renderer *r = renderer_steps(&(struct steps_view){ 0 });
	AUTO(strbuf) struct strbuf text = { 0 };

	play_stages(r, &text, PROGRESS_FAILED);
	r->ops->finish(r, 0, &text);
	assert_string_equal(strbuf_text(&text), "[1/2] STEP 1/2: FROM base AS a\n"
						"[1/2] STEP 2/2: RUN make\n"
						"made\n"
						"[2/2] STEP 2/4: COPY x /\n"
						"--> Using cache\n"
						"[2/2] STEP 3/4: RUN true\n"
						"early\n");
}

/* Tried again, the list begins anew; of a stage that is not run nothing else is heard. */
static void steps_begin_again(void **state)
{
	AUTO(renderer) struct renderer *r = renderer_steps(&(struct steps_view){ 0 });
	AUTO(strbuf) struct strbuf text = { 0 };
	struct strbuf *out = &text;

	for (unsigned i = 0; i < 2; i++) {
		INSTRUCTION(0, 1, 1, 2, true, "FROM base");
		INSTRUCTION(0, 1, 2, 2, true, "RUN make");
	}
	r->ops->finish(r, 0, out);
	assert_string_equal(strbuf_text(out), "[1/2] STEP 1/2: FROM base\n"
					      "[1/2] STEP 2/2: RUN make\n"
					      "--> Using cache\n"
					      "[1/2] COMMIT\n");
}

/* The last word of two texts: of platforms, and of use. */
struct taken {
	struct strbuf platforms[2], usage;
};

static bool take(void *user, const char *platform, bool is_usage, struct str text)
{
	struct taken *taken = user;

	if (!is_usage && !strcmp(platform, "linux/s390x"))
		return false;
	strbuf_add_str(is_usage ? &taken->usage
				: &taken->platforms[strcmp(platform, "linux/amd64") != 0],
			text);
	return true;
}

static void steps_tell_what_was_used(void **state)
{
	const struct steps_view view = { .tells_usage = true };
	AUTO(renderer) struct renderer *r = renderer_steps(&view);
	AUTO(strbuf) struct strbuf text = { 0 };
	struct strbuf *out = &text;
	const struct progress_usage usage = { 197000000, 143400000, 4096, 69632 };

	VERTEX(0, 1, "make");
	VERTEX(0, 2, "fails");
	INSTRUCTION(0, 1, 1, 3, false, "FROM base");
	INSTRUCTION(1, 1, 2, 3, false, "RUN make");
	INSTRUCTION(2, 1, 3, 3, false, "RUN false");
	START(10, 1);
	for (unsigned i = 0; i < 2; i++)
		feed(r, out, 20,
				(struct progress_event){ .kind = PROGRESS_EVENT_USAGE,
						.vertex = 1,
						.usage = usage });
	END(1513, 1, PROGRESS_DONE, "");
	START(1513, 2);
	END(1520, 2, PROGRESS_FAILED, "");
	r->ops->finish(r, 0, out);
	assert_string_equal(strbuf_text(out),
			"[1/2] STEP 1/3: FROM base\n"
			"0s(system) 0s(user) 0s(elapsed) 0B input 0B output\n"
			"[1/2] STEP 2/3: RUN make\n"
			"287ms(system) 394ms(user) 1.503s(elapsed) 8.192kB input 139.3kB output\n"
			"[1/2] STEP 3/3: RUN false\n"
			"0s(system) 0s(user) 7ms(elapsed) 0B input 0B output\n");
}

static void steps_are_handed_out(void **state)
{
	struct taken taken = { 0 };
	const struct steps_view view = { .tells_usage = true, .take = take, .user = &taken };
	AUTO(renderer) struct renderer *r = renderer_steps(&view);
	AUTO(strbuf) struct strbuf text = { 0 };
	static const char *const platforms[] = { "linux/amd64", "linux/arm/v7", "linux/s390x" };

	for (unsigned i = 0; i < COUNT(platforms); i++) {
		struct progress_event event = { .kind = PROGRESS_EVENT_INSTRUCTION,
			.text = text_of("FROM scratch"),
			.place = { i + 1, 1, 1, 1 } };

		(void)snprintf(event.place.platform, sizeof(event.place.platform), "%s",
				platforms[i]);
		feed(r, &text, 0, event);
	}
	r->ops->finish(r, 0, &text);
	assert_string_equal(strbuf_text(&text), "[linux/s390x] STEP 1/1: FROM scratch\n"
						"[linux/s390x] COMMIT\n");
	assert_string_equal(
			strbuf_text(&taken.platforms[0]), "[linux/amd64] STEP 1/1: FROM scratch\n");
	assert_string_equal(strbuf_text(&taken.platforms[1]),
			"[linux/arm/v7] STEP 1/1: FROM scratch\n");
	assert_string_equal(strbuf_text(&taken.usage),
			"0s(system) 0s(user) 0s(elapsed) 0B input 0B output\n"
			"0s(system) 0s(user) 0s(elapsed) 0B input 0B output\n"
			"0s(system) 0s(user) 0s(elapsed) 0B input 0B output\n");
	strbuf_done(&taken.platforms[0]);
	strbuf_done(&taken.platforms[1]);
	strbuf_done(&taken.usage);
}

static void plain_closes_what_is_open(void **state)
{
	AUTO(renderer) struct renderer *r = renderer_plain();
	AUTO(strbuf) struct strbuf text = { 0 };
	struct strbuf *out = &text;

	VERTEX(0, 1, "a");
	VERTEX(0, 2, "b");
	VERTEX(0, 3, "never started");
	START(0, 1);
	LOG(500, 1, 1, "no end");
	END(600, 2, PROGRESS_CACHED, "");
	LOG(700, 9, 1, "nobody's\n");
	END(700, 9, PROGRESS_DONE, "");
	WARN(700, 0, "about all");
	r->ops->finish(r, (uint64_t)900 * MS, out);
	assert_string_equal(strbuf_text(out), "#1 a\n"
					      "\n"
					      "#2 b\n"
					      "#2 CACHED\n"
					      "WARNING: about all (Dockerfile:3)\n"
					      "#1 0.900 no end\n"
					      "#1 CANCELED\n");
}

static void quiet(void **state)
{
	AUTO(renderer) struct renderer *r = renderer_quiet();
	AUTO(strbuf) struct strbuf text = { 0 };
	struct strbuf *out = &text;

	play(r, out);
	assert_int_equal(out->n, 0);
	r->ops->finish(r, (uint64_t)8000 * MS, out);
	assert_string_equal(strbuf_text(out), "------\n"
					      " > [build 2/3] RUN make:\n"
					      "0.200 warning!\n"
					      "0.300 cc -c a.c\n"
					      "0.300 ld \x1b[31ma\x1b[0m\n"
					      "------\n");
}

#define V(n) "sha256:000000000000000000000000000000000000000000000000000000000000000" #n

static void json(void **state)
{
	AUTO(renderer) struct renderer *r = renderer_json(1700000000ull * 1000 * MS);
	AUTO(strbuf) struct strbuf text = { 0 };
	struct strbuf *out = &text;

	VERTEX(0, 1, "say \"hi\"\n\xff");
	feed(r, out, 0,
			(struct progress_event){ .kind = PROGRESS_EVENT_VERTEX,
					.vertex = 2,
					.text = text_of("b"),
					.key = text_of("sha256:ab") });
	START(0, 1);
	LOG(500, 1, 2, "hello\n");
	BYTES(600, 1, "x", 5, 10);
	NOTE(700, 1, "naming");
	END(1000, 1, PROGRESS_FAILED, "exit status 1");
	END(1000, 2, PROGRESS_CACHED, "");
	WARN(1000, 0, "old");
	r->ops->finish(r, (uint64_t)2000 * MS, out);
	assert_string_equal(strbuf_text(out),
			"{\"vertexes\":[{\"digest\":\"" V(
					1) "\",\"name\":\"say "
					   "\\\"hi\\\"\\n\xef\xbf\xbd\"}]}\n"
					   "{\"vertexes\":[{\"digest\":\"" V(
							   2) "\",\"name\":\"b\",\"key\":\"sha256:"
							      "ab\"}]}\n"
							      "{\"vertexes\":[{\"digest\":\"" V(
									      1) "\",\"name\":"
										 "\"say "
										 "\\\"hi\\\"\\n\xef"
										 "\xbf\xbd\","
										 "\"started\":"
										 "\"2023-11-14T22:"
										 "13:20Z\"}]}\n"
										 "{\"logs\":[{"
										 "\"vertex\":\"" V(
												 1) "\",\"stream\":2,\"data\":\"aGVsbG8K\","
												    "\"timestamp\":\"2023-11-14T22:13:20.500000000Z\"}]}\n"
												    "{\"statuses\":[{\"id\":\"x\",\"vertex\":\"" V(
														    1) "\",\"total\":10,"
														       "\"current\":5,\"timestamp\":\"2023-11-14T22:13:20.600000000Z\"}]}\n"
														       "{\"statuses\":[{\"id\":\"naming\",\"vertex\":\"" V(
																       1) "\",\"current\":0,"
																	  "\"timestamp\":\"2023-11-14T22:13:20.700000000Z\","
																	  "\"completed\":\"2023-11-14T22:13:20.700000000Z\"}]}\n"
																	  "{\"vertexes\":[{\"digest\":\"" V(
																			  1) "\",\"name\":\"say "
																			     "\\\"hi\\\"\\n\xef\xbf\xbd\",\"started\":\"2023-11-14T22:13:20Z\","
																			     "\"completed\":\"2023-11-14T22:13:21Z\",\"error\":\"exit status 1\"}]}\n"
																			     "{\"vertexes\":[{\"digest\":\"" V(
																					     2) "\",\"name\":\"b\",\"key\":\"sha256:"
																						"ab\",\"started\":\"2023-11-14T22:13:21Z\","
																						"\"completed\":\"2023-11-14T22:13:21Z\",\"cached\":true}]}\n"
																						"{\"warnings\":[{\"level\":1,\"short\":\"b2xk\",\"sourceInfo\":{\"filename\":"
																						"\"Dockerfile\"},\"range\":[{\"start\":{\"line\":3},\"end\":{\"line\":3}}]}"
																						"]}\n");
}

/* --- a terminal: enough of one to see what the tty renderer draws --- */

enum { SCREEN_ROWS = 64, SCREEN_COLUMNS = 80 };

struct screen {
	char cells[SCREEN_ROWS][SCREEN_COLUMNS + 1];
	size_t row, column;
};

static void clear_from(struct screen *screen, size_t row, size_t column)
{
	for (; row < SCREEN_ROWS; row++, column = 0)
		memset(screen->cells[row] + column, 0, SCREEN_COLUMNS - column);
}

static size_t obey(struct screen *screen, const char *p)
{
	size_t n = 2 + strspn(p + 2, "0123456789;?");
	unsigned long count = strtoul(p + 2, NULL, 10);

	switch (p[n]) {
	case 'A':
		assert_true(screen->row >= count);
		screen->row -= count;
		break;
	case 'K':
		memset(screen->cells[screen->row] + screen->column, 0,
				SCREEN_COLUMNS - screen->column);
		break;
	case 'J':
		clear_from(screen, screen->row, screen->column);
		break;
	case 'm':
		break;
	default:
		fail_msg("unknown sequence %c", p[n]);
	}
	return n + 1;
}

/* Text is ASCII, and lines shorter than the screen: the renderer promises that. */
static void show(struct screen *screen, const char *text)
{
	for (const char *p = text; *p;) {
		if (*p == '\x1b') {
			p += obey(screen, p);
			continue;
		}
		if (*p == '\n') {
			screen->row++;
			screen->column = 0;
			assert_true(screen->row < SCREEN_ROWS);
		} else if (*p == '\r') {
			screen->column = 0;
		} else {
			assert_true(screen->column < SCREEN_COLUMNS);
			screen->cells[screen->row][screen->column++] = *p;
		}
		p++;
	}
}

static char *seen(const struct screen *screen)
{
	struct strbuf out = { 0 };

	for (size_t row = 0; row < screen->row; row++)
		strbuf_addf(&out, "%s\n", screen->cells[row]);
	return strbuf_take(&out);
}

static char *draw(struct renderer *r, struct screen *screen, unsigned ms, bool is_last)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	(is_last ? r->ops->finish : r->ops->draw)(r, (uint64_t)ms * MS, &out);
	show(screen, strbuf_text(&out));
	return seen(screen);
}

static void tty(void **state)
{
	AUTO(renderer) struct renderer *r = renderer_tty();
	AUTO(strbuf) struct strbuf text = { 0 };
	struct strbuf *out = &text;
	struct screen screen = { 0 };

	r->columns = 60;
	r->rows = 24;
	VERTEX(0, 1, "[internal] load build definition from Dockerfile");
	START(0, 1);
	NOTE(1, 1, "transferring dockerfile: 123B");
	END(2, 1, PROGRESS_DONE, "");
	VERTEX(2, 2, "[build 1/3] FROM busybox");
	VERTEX(2, 3, "[build 2/3] WORKDIR /src");
	VERTEX(2, 4, "[build 3/3] RUN make a very long command line that has to be cut");
	START(3, 2);
	BYTES(103, 2, "sha256:4f53", 1000, 40000);

	AUTO_FREE char *pulling = draw(r, &screen, 203, false);
	assert_string_equal(pulling,
			"[+] Building 0.2s (1/4)\n"
			" => [internal] load build definition from Dockerfile   0.0s\n"
			" => => transferring dockerfile: 123B                   0.0s\n"
			" => [build 1/3] FROM busybox                           0.2s\n"
			" => => sha256:4f53 1.00kB / 40.0kB                     0.1s\n");
	BYTES(300, 2, "sha256:4f53", 40000, 40000);
	END(300, 2, PROGRESS_DONE, "");
	END(300, 3, PROGRESS_CACHED, "");
	START(300, 4);
	for (int i = 0; i < 9; i++) {
		AUTO_FREE char *one = xasprintf("line %d\n", i);
		LOG(400, 4, 1, one);
	}
	LOG(400, 4, 2, "\r10%\r20%");

	AUTO_FREE char *running = draw(r, &screen, 2300, false);
	assert_string_equal(running,
			"[+] Building 2.3s (3/4)\n"
			" => [internal] load build definition from Dockerfile   0.0s\n"
			" => => transferring dockerfile: 123B                   0.0s\n"
			" => [build 1/3] FROM busybox                           0.3s\n"
			" => => sha256:4f53 40.0kB / 40.0kB                     0.2s\n"
			" => CACHED [build 2/3] WORKDIR /src                    0.0s\n"
			" => [build 3/3] RUN make a very long command line tha\xe2\x80\xa6 2.0s\n"
			" => => # line 4\n"
			" => => # line 5\n"
			" => => # line 6\n"
			" => => # line 7\n"
			" => => # line 8\n"
			" => => # 20%\n");
	LOG(2400, 4, 2, "\r100%\n");
	WARN(2400, 4, "old");
	END(2400, 4, PROGRESS_FAILED, "exit status 2");

	AUTO_FREE char *over = draw(r, &screen, 2500, true);
	assert_string_equal(over,
			"[+] Building 2.5s (4/4) FAILED\n"
			" => [internal] load build definition from Dockerfile   0.0s\n"
			" => => transferring dockerfile: 123B                   0.0s\n"
			" => [build 1/3] FROM busybox                           0.3s\n"
			" => => sha256:4f53 40.0kB / 40.0kB                     0.2s\n"
			" => CACHED [build 2/3] WORKDIR /src                    0.0s\n"
			" => ERROR [build 3/3] RUN make a very long command li\xe2\x80\xa6 2.1s\n"
			"------\n"
			" > [build 3/3] RUN make a very long command line that has to be cut:\n"
			"0.100 line 0\n"
			"0.100 line 1\n"
			"0.100 line 2\n"
			"0.100 line 3\n"
			"0.100 line 4\n"
			"0.100 line 5\n"
			"0.100 line 6\n"
			"0.100 line 7\n"
			"0.100 line 8\n"
			"2.100 100%\n"
			"------\n"
			" warning: old (Dockerfile:3)\n");
}

static void tty_fits_a_low_terminal(void **state)
{
	AUTO(renderer) struct renderer *r = renderer_tty();
	AUTO(strbuf) struct strbuf text = { 0 };
	struct strbuf *out = &text;
	struct screen screen = { 0 };

	r->columns = 40;
	r->rows = 6;
	for (unsigned i = 1; i <= 20; i++) {
		AUTO_FREE char *name = xasprintf("step %u", i);

		VERTEX(i, i, name);
		START(i, i);
		NOTE(i, i, "a note");
		if (i != 3)
			END(i, i, PROGRESS_DONE, "");
	}
	for (int i = 0; i < 9; i++)
		LOG(400, 3, 1, "line\n");

	AUTO_FREE char *low = draw(r, &screen, 1000, false);
	assert_string_equal(low, "[+] Building 1.0s (19/20)\n"
				 " => step 3                         1.0s\n"
				 " => => a note                      0.0s\n"
				 " => => # line\n"
				 " => => # line\n");

	/* Narrower: the old lines wrapped, and are all drawn over. */
	memset(&screen, 0, sizeof(screen));
	screen.row = 2 + 2 + 2 + 1 + 1;
	r->columns = 20;
	r->rows = 6;
	AUTO_FREE char *narrow = draw(r, &screen, 1100, false);
	assert_non_null(strstr(narrow, " => step 3     1.1s\n"));
}

static void tty_says_nothing_of_nothing(void **state)
{
	AUTO(renderer) struct renderer *r = renderer_tty();
	AUTO(strbuf) struct strbuf text = { 0 };
	struct strbuf *out = &text;

	r->ops->finish(r, MS, out);
	assert_int_equal(out->n, 0);
}

static void keeps_bounded_logs(void **state)
{
	AUTO(renderer) struct renderer *r = renderer_quiet();
	AUTO(strbuf) struct strbuf text = { 0 };
	struct strbuf *out = &text;
	AUTO_FREE char *chunk = xmalloc(30001);

	memset(chunk, 'x', 30000);
	chunk[30000] = '\0';
	VERTEX(0, 1, "endless");
	START(0, 1);
	/* No line end for 30 MB, then 3 MB of lines. */
	for (int i = 0; i < 1000; i++)
		LOG(1, 1, 1, chunk);
	for (int i = 0; i < 100; i++) {
		LOG(2, 1, 2, chunk);
		LOG(2, 1, 2, "\n");
	}
	LOG(3, 1, 2, "the last line\n");
	END(4, 1, PROGRESS_FAILED, "");
	r->ops->finish(r, 5 * MS, out);
	assert_true(out->n < 2 * 1024 * 1024);
	assert_non_null(strstr(strbuf_text(out), " lines before]\n"));
	assert_non_null(strstr(strbuf_text(out), "0.003 the last line\n"));
}

/* The whole way: events from here, a thread draws, the text comes out of a pipe. */
static void displays(void **state)
{
	AUTO(progress) struct progress *progress = progress_new();
	struct display *display = NULL;
	int fds[2];
	char got[512] = { 0 };

	assert_int_equal(pipe(fds), 0);
	assert_ok(display_start(progress, &(struct display_options){ DISPLAY_PLAIN, fds[1], false },
			&display));

	unsigned v = progress_vertex(progress, "a", NULL, (struct source_range){ 0 });

	progress_end(progress, v, PROGRESS_CACHED, NULL);
	display_stop(display);
	close(fds[1]);
	assert_int_equal(read(fds[0], got, sizeof(got) - 1), 15);
	assert_string_equal(got, "#1 a\n#1 CACHED\n");
	close(fds[0]);
}

static void chooses_a_mode(void **state)
{
	enum display_mode mode;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_ok(display_mode_parse("auto", fds[1], "xterm", false, &mode));
	assert_int_equal(mode, DISPLAY_PLAIN);
	assert_ok(display_mode_parse("rawjson", fds[1], NULL, false, &mode));
	assert_int_equal(mode, DISPLAY_JSON);
	assert_ok(display_mode_parse("none", fds[1], NULL, false, &mode));
	assert_int_equal(mode, DISPLAY_QUIET);
	assert_error(display_mode_parse("tty", fds[1], "xterm", false, &mode), ERR_INVALID,
			"needs a terminal");
	assert_error(display_mode_parse("fancy", fds[1], NULL, false, &mode), ERR_INVALID,
			"'fancy'");
	close(fds[0]);
	close(fds[1]);
}

UNIT_TESTS(plain, plain_closes_what_is_open, steps_are_told_in_turn, steps_end_where_one_failed,
		steps_begin_again, steps_tell_what_was_used, steps_are_handed_out, quiet, json, tty,
		tty_fits_a_low_terminal, tty_says_nothing_of_nothing, keeps_bounded_logs, displays,
		chooses_a_mode)

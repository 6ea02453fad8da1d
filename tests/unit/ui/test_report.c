#include "unit.h"

#include "ui/human.h"
#include "ui/options.h"
#include "ui/plain_text.h"
#include "ui/report.h"

#include <errno.h>

static const char dockerfile[] = "FROM busybox\n"
				 "RUN make \\\n"
				 "\tall\r\n"
				 "COPY \xc3\xa4 b /\n"
				 "RUN \x1b[2Jx\n";

static char *render(struct error *error, bool has_colour, bool has_frames)
{
	AUTO(report_source) struct report_source source = { .name = xstrdup("Dockerfile") };
	const struct report_style style = {
		.program = "kiln",
		.has_colour = has_colour,
		.has_frames = has_frames,
		.source = &source,
	};
	struct strbuf out = { 0 };

	strbuf_add(&source.text, dockerfile);
	report_error(error, &style, &out);
	error_free(error);
	return strbuf_take(&out);
}

static void shows_what_where_why(void **state)
{
	struct error *error = error_new(ERR_NOT_FOUND, "'b' is not in the context");
	struct source_range at = { "Dockerfile", 4, 9, 4, 10 };

	error = error_wrap(error_hint(error_at(error, at), "see .dockerignore\nor the path"),
			"step 3 (COPY)");
	AUTO_FREE char *text = render(error, false, false);
	assert_string_equal(text, "kiln: step 3 (COPY): 'b' is not in the context\n"
				  "  --> Dockerfile:4:9\n"
				  "  |\n"
				  "4 | COPY \xc3\xa4 b /\n"
				  "  |        ^\n"
				  "  hint: see .dockerignore\n"
				  "        or the path\n");
}

static void shows_several_lines(void **state)
{
	struct error *error = error_at(error_code(ERR_EXIT, 2, "exit status 2"),
			(struct source_range){ "Dockerfile", 2, 1, 3, 4 });
	AUTO_FREE char *text = render(error, false, false);

	assert_string_equal(text, "kiln: exit status 2\n"
				  "  --> Dockerfile:2:1\n"
				  "  |\n"
				  "2 | RUN make \\\n"
				  "  | ^^^^^^^^^^\n"
				  "3 |         all\n");
}

static void needs_no_text(void **state)
{
	struct error *error = error_at(error_new(ERR_INVALID, "bad"),
			(struct source_range){ "/not/there", 7, 0, 0, 0 });
	AUTO_FREE char *text = render(error, false, false);

	assert_string_equal(text, "kiln: bad\n  --> /not/there:7\n");

	error = error_at(error_new(ERR_INVALID, "bad"),
			(struct source_range){ "Dockerfile", 99, 1, 0, 0 });
	AUTO_FREE char *beyond = render(error, false, false);
	assert_string_equal(beyond, "kiln: bad\n  --> Dockerfile:99:1\n");
}

static void marks_beyond_the_line(void **state)
{
	struct error *error = error_at(error_new(ERR_INVALID, "unexpected end"),
			(struct source_range){ "Dockerfile", 1, 99, 0, 0 });
	AUTO_FREE char *text = render(error, false, false);

	assert_non_null(strstr(text, "1 | FROM busybox\n  |             ^\n"));
}

static void obeys_nothing(void **state)
{
	struct error *error =
			error_at(error_new(ERR_HTTP, "server said '\x1b]0;x\x07\xff\xe2\x80\xae'"),
					(struct source_range){ "Dockerfile", 5, 1, 0, 0 });
	AUTO_FREE char *text = render(error, false, false);

	assert_string_equal(text, "kiln: server said '\\x1b]0;x\\x07\\xff\\u202e'\n"
				  "  --> Dockerfile:5:1\n"
				  "  |\n"
				  "5 | RUN x\n"
				  "  | ^^^^^\n");
}

static void colours_and_frames(void **state)
{
	struct error *error = error_wrap(error_errno(ENOENT, "open 'x'"), "read");
	AUTO_FREE char *text = render(error, true, true);

	assert_string_equal(text,
			"\x1b[1;31mkiln:\x1b[0m read: open 'x': No such file or directory\n"
			"  in colours_and_frames: read (kind 1, code 2)\n"
			"  in colours_and_frames: open 'x' (kind 1, code 2)\n");
}

static void warns(void **state)
{
	const struct report_style style = { .program = "kiln" };
	AUTO(strbuf) struct strbuf out = { 0 };

	report_warning("old", NULL, &style, &out);
	assert_string_equal(strbuf_text(&out), "kiln: warning: old\n");
}

static void exits(void **state)
{
	static const struct {
		enum error_kind kind;
		int code, status;
	} cases[] = {
		{ ERR_EXIT, 3, 3 },
		{ ERR_EXIT, 127, 127 },
		{ ERR_EXIT, 137, 137 },
		{ ERR_EXIT, 0, 1 },
		{ ERR_EXIT, 256, 1 },
		{ ERR_INVALID, EXIT_USAGE, 2 },
		{ ERR_INVALID, 0, 1 },
		{ ERR_SYS, 2, 1 },
		{ ERR_HTTP, 404, 1 },
		{ ERR_CANCELED, 0, 130 },
	};

	assert_int_equal(report_exit_status(NULL), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct error *error =
				error_wrap(error_code(cases[i].kind, cases[i].code, "x"), "step");

		assert_int_equal(report_exit_status(error), cases[i].status);
		error_free(error);
	}
}

static void cleans_lines(void **state)
{
	static const struct {
		const char *from, *plain, *coloured;
	} cases[] = {
		{ "plain", "plain", "plain" },
		{ "a\tb", "a       b", "a       b" },
		{ "\xc3\xa4\tb", "\xc3\xa4       b", "\xc3\xa4       b" },
		{ "\x1b[31mred\x1b[0m", "red", "\x1b[31mred\x1b[0m\x1b[0m" },
		{ "\x1b[38;5;1;mx", "x", "\x1b[38;5;1;mx\x1b[0m" },
		{ "\x1b[2Jx\x1b[10;5Hy\x1b[?25lz", "xyz", "xyz" },
		{ "\x1b]0;title\x07x", "x", "x" },
		{ "\x1b]8;;http://e\x1b\\link\x1b]8;;\x1b\\", "link", "link" },
		{ "\x1bP+q\x1b\\x", "x", "x" },
		{ "\x1b(0x", "x", "x" },
		{ "\x1b"
		  "cx",
				"x", "x" },
		{ "x\x1b", "x", "x" },
		{ "x\x1b[31", "x", "x" },
		{ "x\x1b]no end", "x", "x" },
		{ "a\bb\a\x7f", "ab", "ab" },
		{ "a\xff"
		  "b",
				"a\xef\xbf\xbd"
				"b",
				"a\xef\xbf\xbd"
				"b" },
		{ "a\xc2\x9b"
		  "b",
				"ab", "ab" },
		{ "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "10%\r50%\r100%\r", "100%", "100%" },
		{ "crlf\r\n", "crlf", "crlf" },
		{ "a\xe2\x80\xae"
		  "b",
				"ab", "ab" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(strbuf) struct strbuf plain = { 0 }, coloured = { 0 };

		plain_text_line(str_of(cases[i].from), 0, &plain);
		assert_string_equal(strbuf_text(&plain), cases[i].plain);
		plain_text_line(str_of(cases[i].from), KEEP_COLOURS, &coloured);
		assert_string_equal(strbuf_text(&coloured), cases[i].coloured);
	}

	AUTO(strbuf) struct strbuf kept = { 0 };
	plain_text_line(STR("x\ra\t\x1b[31mb\t"), KEEP_TABS, &kept);
	assert_string_equal(strbuf_text(&kept), "a\tb\t");
}

static void measures_and_cuts(void **state)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	assert_int_equal(plain_text_width(STR("a\xc3\xa4\xe6\xbc\xa2\x1b[1mb\x1b[0m")), 5);
	assert_int_equal(plain_text_cut(STR("\x1b[1mabcdef\x1b[0m"), 4, true, &out), 4);
	assert_string_equal(strbuf_text(&out), "\x1b[1mabc\x1b[0m…");
	strbuf_clear(&out);
	/* A wide character that fits only half is left out. */
	assert_int_equal(plain_text_cut(STR("a\xe6\xbc\xa2"
					    "b"),
					 2, false, &out),
			1);
	assert_string_equal(strbuf_text(&out), "a");
	strbuf_clear(&out);
	assert_int_equal(plain_text_cut(STR("abc"), 3, true, &out), 3);
	assert_string_equal(strbuf_text(&out), "abc");
}

static void speaks_human(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{ 0, "0B" },
		{ 999, "999B" },
		{ 1000, "1.00kB" },
		{ 1234, "1.23kB" },
		{ 12345, "12.3kB" },
		{ 99960, "100kB" },
		{ 146000000, "146MB" },
		{ 999999, "1.00MB" },
		{ UINT64_MAX, "18.4EB" },
	};
	static const struct {
		int64_t seconds;
		const char *text;
	} ages[] = {
		{ -5, "in the future" },
		{ 0, "0 seconds ago" },
		{ 1, "1 second ago" },
		{ 119, "1 minute ago" },
		{ 47 * 3600, "47 hours ago" },
		{ 48 * 3600, "2 days ago" },
		{ 15 * 86400, "2 weeks ago" },
		{ 100 * 86400, "3 months ago" },
		{ 56ll * 31556952, "56 years ago" },
	};
	char buf[HUMAN_TEXT];

	for (size_t i = 0; i < COUNT(sizes); i++)
		assert_string_equal(human_size(sizes[i].bytes, buf), sizes[i].text);
	for (size_t i = 0; i < COUNT(ages); i++)
		assert_string_equal(human_age(ages[i].seconds, buf), ages[i].text);
	assert_string_equal(human_seconds(12345000000ull, buf), "12.3s");
	assert_string_equal(human_size_4(69632, buf), "69.63kB");
	assert_string_equal(human_size_4(UINT64_MAX, buf), "18.45EB");
}

static void durations_as_go_has_them(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0s" },
		{ 499999, "0s" },
		{ 500000, "1ms" },
		{ 999600000, "1s" },
		{ 1503000000, "1.503s" },
		{ 60000000000ull, "1m0s" },
		{ 62500000000ull, "1m2.5s" },
		{ 3661000000000ull, "1h1m1s" },
	};
	char buf[HUMAN_TEXT];

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(human_duration(cases[i].ns, buf), cases[i].text);
}

static void times_of_log_lines(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0.000" },
		{ 499999, "0.000" },
		{ 500000, "0.001" },
		{ 98700000, "0.099" },
		{ 999999999, "1.000" },
		{ 754012000000ull, "754.012" },
		{ UINT64_MAX, "18446744073.710" },
	};
	char buf[HUMAN_TEXT];

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(human_log_time(cases[i].ns, buf), cases[i].text);
}

static void json_is_no_terminal_text(void **state)
{
	json_auto_t *value = json_pack("{s:s}", "k", "\x1b[1m\xc2\x9b\x7f\xe2\x80\xae\xc3\xa4\n");
	AUTO_FREE char *text = plain_text_of_json(value, 0);
	AUTO_FREE char *lines = plain_text_of_json(value, 2);
	json_auto_t *back = json_loads(text, 0, NULL);

	assert_string_equal(text, "{\"k\":\"\\u001B[1m\\u009b\\u007f\\u202e\xc3\xa4\\n\"}");
	assert_non_null(strstr(lines, "{\n  \"k\": "));
	assert_true(json_equal(value, back));
}

UNIT_TESTS(json_is_no_terminal_text, shows_what_where_why, shows_several_lines, needs_no_text,
		marks_beyond_the_line, obeys_nothing, colours_and_frames, warns, exits,
		cleans_lines, measures_and_cuts, speaks_human, durations_as_go_has_them,
		times_of_log_lines)

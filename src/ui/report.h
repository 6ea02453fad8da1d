/*
 * report: an error as a person wants to read it, and the exit status that it means.
 *
 *	kiln: step 7 (RUN make): exit status 2
 *	  --> Dockerfile:12:1
 *	   |
 *	12 | RUN make
 *	   | ^^^^^^^^
 *	  hint: …
 *
 * Control characters in messages and source lines are shown as escapes: what they quote may come
 * from anywhere.
 *
 * Floor: ui.
 */
#pragma once
#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

/* Exit statuses besides 0 and the one of a failed RUN. EXIT_USAGE (2) is in ui/options.h. */
enum {
	EXIT_FAILED = 1,
	EXIT_INTERRUPTED = 130, /* Ctrl-C, SIGTERM */
	EXIT_KILN = 125,        /* kiln could not begin: settings, its own output */
	EXIT_CANNOT_RUN = 126,  /* a program that could not be executed */
	EXIT_NO_PROGRAM = 127,  /* a program that is not there */
};

/* Text of a file that errors may speak of and nobody can open again. Owned. */
struct report_source {
	char *name; /* as errors know it; NULL: there is none */
	struct strbuf text;
};

struct report_style {
	const char *program; /* "kiln" */
	bool has_colour;
	bool has_frames;    /* --debug: function and message of each frame */
	bool has_low_errno; /* "no such file or directory", as programs in Go say it */
	const struct report_source *source; /* or NULL; other files are opened */
};

void report_source_done(struct report_source *source);

/* Append the whole report, with a newline at its end. Reads the file that error->at names. */
void report_error(const struct error *error, const struct report_style *style, struct strbuf *out);
/* The same without an error: "kiln: warning: text", with the place. */
void report_warning(const char *text, const struct source_range *at,
		const struct report_style *style, struct strbuf *out);
/* Only the place and its lines, and a hint; at may be unknown and hint NULL: nothing then. */
void report_place(const struct source_range *at, const char *hint, const struct report_style *style,
		struct strbuf *out);
/* 0 for NULL. */
int report_exit_status(const struct error *error);

DEFINE_AUTO_VALUE(report_source)

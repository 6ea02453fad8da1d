/*
 * build_call: what 'kiln build --call' and '--check' ask instead of a build.
 *
 * Floor: kiln.
 */
#pragma once
#include "build/build.h"
#include "ui/options.h"

enum call_kind { CALL_BUILD = 0, CALL_CHECK, CALL_OUTLINE, CALL_TARGETS, CALL_DESCRIBE };

struct build_call {
	enum call_kind kind;
	bool is_json;
};

/* "outline,format=json"; NULL is CALL_BUILD. Every failure is error_usage. */
FALLIBLE build_call_parse(const char *text, struct build_call *ret);
/*
 * Answer on standard output; options are those of the build that is not made. metadata_file (or
 * NULL) gets the answer as "result.json", whatever the format.
 */
FALLIBLE build_call_answer(const struct invocation *invocation, const struct build_call *call,
		const struct build_options *options, const char *metadata_file);

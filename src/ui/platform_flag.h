/*
 * platform_flag: --platform of what builds: several times, or several with commas; one that was
 * named before counts once. Every failure is error_usage.
 *
 * Floor: ui (pure).
 */
#pragma once
#include "base/vec.h"
#include "build/build.h"

struct platform_flags {
	struct platform *p;
	size_t n, capacity;
};

FALLIBLE platform_flags_add(struct platform_flags *flags, const char *text);
/* One is the build's platform; several make an index. Borrowed by options. */
void platform_flags_give(const struct platform_flags *flags, struct build_options *options);
void platform_flags_done(struct platform_flags *flags);

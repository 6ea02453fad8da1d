/*
 * annotation_flag: buildx's --annotation, "[TYPES[PLATFORM]:]KEY=VALUE": TYPES are manifest (also
 * when none is given), index, manifest-descriptor, index-descriptor, with commas between; PLATFORM
 * stands in brackets behind each: "manifest[linux/arm64],index:KEY=VALUE".
 *
 * Floor: ui.
 */
#pragma once
#include "build/build.h"

/* Texts are owned. */
struct annotation_flags {
	struct {
		struct build_annotation *p;
		size_t n, capacity;
	} annotations;
};

/* Add one value. Every failure is error_usage. flags starts as { 0 }. */
FALLIBLE annotation_flags_add(struct annotation_flags *flags, const char *value);
/*
 * The same as a field of --output: "annotation.KEY=VALUE", "annotation[PLATFORM].KEY=VALUE",
 * "annotation-TYPE.KEY=VALUE", "annotation-TYPE[PLATFORM].KEY=VALUE".
 */
FALLIBLE annotation_flags_add_output(struct annotation_flags *flags, const char *text);
void annotation_flags_done(struct annotation_flags *flags);

DEFINE_AUTO_VALUE(annotation_flags)

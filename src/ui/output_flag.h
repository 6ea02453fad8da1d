/*
 * output_flag: buildx's --output, "type=oci,dest=image.tar,name=app:1".
 *
 * A value without '=' is a folder (type=local), "-" alone is type=tar on standard output. Fields
 * follow CSV: one with a comma inside stands in double quotes, whole ("name=a,b").
 *
 * Floor: ui.
 */
#pragma once
#include "base/vec.h"
#include "build/build.h"
#include "stream/codec.h"

/* What --output values and their friends add up to. Texts are owned. */
struct output_flags {
	struct {
		struct build_output *p;
		size_t n, capacity;
	} outputs;
	struct list texts;            /* what outputs point to */
	enum compression compression; /* compression=, or 0 */
	int level;                    /* compression-level=, or CODEC_LEVEL_DEFAULT */
	bool forces;                  /* force-compression=: of the base's layers, too */
	enum image_format format;     /* oci-mediatypes=, or 0 */
	bool has_epoch;               /* source-date-epoch= */
	int64_t epoch;
	bool uses_stdout; /* an output goes there, so nothing else may */
	/* What image outputs say of annotations, for annotation_flags_add_output(). */
	struct list annotations;
	bool has_image;
};

/* Add one value. Every failure is error_usage. flags starts as OUTPUT_FLAGS_INIT. */
FALLIBLE output_flags_add(struct output_flags *flags, const char *value);
/* --push: what is an image is pushed, as with push=true; without one, by the names of -t. */
void output_flags_add_push(struct output_flags *flags);
/* --load. */
void output_flags_add_kind(struct output_flags *flags, enum output_kind kind);
void output_flags_done(struct output_flags *flags);

#define OUTPUT_FLAGS_INIT                    \
	{                                    \
		.level = CODEC_LEVEL_DEFAULT \
	}

DEFINE_AUTO_VALUE(output_flags)

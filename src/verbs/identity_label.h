/*
 * identity_label: the label by which Buildah says which version of it made an image.
 *
 * Floor: verbs.
 */
#pragma once
#include "build/build.h"
#include "ui/options.h"

/* OPTS has a char *identity_label. */
#define IDENTITY_LABEL_ROW                                                                     \
	OPT_TEXT(0, "identity-label", identity_label, "BOOL",                                  \
			"say by " IDENTITY_LABEL " what made the image; under Buildah's name " \
			"the default, unless its times are set",                               \
			.implied = "true")

/*
 * *ret: its value, for the image that program makes, or NULL for none. given: the option's value,
 * or NULL. An image whose times are set is to be the same whatever version makes it.
 */
FALLIBLE identity_label(const char *program, const char *given, bool sets_times, const char **ret);

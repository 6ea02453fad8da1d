/*
 * unused_args: --build-arg values that nothing takes, most often a name with a typing error, and
 * ARGs that nothing gives a value.
 *
 * Taken is what an ARG anywhere in the file names, used stages or not, or one of a base image's
 * ONBUILD; and what needs no ARG: proxies, platforms, SOURCE_DATE_EPOCH, BUILDKIT_*.
 *
 * Floor: build (pure).
 */
#pragma once
#include "base/strbuf.h"
#include "base/vec.h"

struct dockerfile;
struct plan;

/* plan may be NULL, and its images unopened: then a base image's own triggers are not known. */
void unused_args_find(const struct dockerfile *file, const struct plan *plan,
		const struct list *build_args, struct list *ret);
/* ARGs that have neither a default nor a value, each once, of the stages that built says. */
void missing_args_find(const struct dockerfile *file, const bool *built,
		const struct list *build_args, struct list *ret);
/* The words that users of docker build know, or of Buildah. False: there are none. */
bool unused_args_say(const struct list *names, bool as_buildah, struct strbuf *out);

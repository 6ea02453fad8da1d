/*
 * build_tags: -t of 'build', which is a name for the store or any transport that a build can write.
 *
 * Floor: buildah.
 */
#pragma once
#include "base/error.h"
#include "ui/config.h"
#include "ui/output_flag.h"
#include "ui/session.h"

/* With KILN_PODMAN=write what gets a name in the store gets it in Podman's, too. */
void build_tags_share(
		const struct config *config, const struct list *tags, struct output_flags *out);
/*
 * To tags, or an output; to after, for build_tags_send(), what a build does not write: a "dir:",
 * and with is_plain (layers without compression) layouts and archives of them. texts keeps what
 * outputs point to. Usage errors name --tag.
 */
FALLIBLE build_tags_add(const char *program, const char *text, bool is_plain, struct list *texts,
		struct list *tags, struct list *after, struct output_flags *out);
/* The image, which is in the store by now. */
FALLIBLE build_tags_send(struct session *session, const char *program,
		const struct digest *manifest, const struct list *after, bool is_plain);

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
 * To tags, or an output; a "dir:" to dirs, for build_tags_send_dirs(). texts keeps what outputs
 * point to. Usage errors name --tag.
 */
FALLIBLE build_tags_add(const char *program, const char *text, struct list *texts,
		struct list *tags, struct list *dirs, struct output_flags *out);
/* What is in the store now, to directories as skopeo writes them. */
FALLIBLE build_tags_send_dirs(struct session *session, const struct digest *manifest,
		const struct list *dirs, bool is_plain, bool quiet);

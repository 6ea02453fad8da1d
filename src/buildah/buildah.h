/*
 * buildah: the name buildah: Buildah's commands and options over the same calls that kiln makes.
 * Working containers are verbs/; what is here is what Buildah has in another shape than kiln.
 *
 * Floor: buildah, a name.
 */
#pragma once
#include "ui/options.h"

extern const struct program buildah_program;

extern const struct command buildah_build;
extern const struct command buildah_help;
extern const struct command buildah_images;
extern const struct command buildah_info;
extern const struct command buildah_inspect;
extern const struct command buildah_mkcw;
extern const struct command buildah_one_line_version;
extern const struct command buildah_prune;
extern const struct command buildah_pull;
extern const struct command buildah_push;
extern const struct command buildah_rmi;
extern const struct command buildah_tag;
extern const struct command buildah_untag;
extern const struct command buildah_version;

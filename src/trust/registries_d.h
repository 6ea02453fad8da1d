/*
 * registries_d: where simple signatures of a registry's images lie, and whether sigstore signatures
 * beside the images are looked at: the *.yaml files of registries.d.
 *
 * They are read with libyaml, loaded when there is such a file.
 *
 * Floor: trust. Constant once read.
 * Spec: containers-registries.d(5).
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/vec.h"
#include <stdbool.h>

struct lookaside_rule {
	char *scope; /* "r.example/team"; "" is default-docker */
	char *file;  /* that said so */
	char *read, *write;
	enum attachments { ATTACHMENTS_UNSAID = 0, ATTACHMENTS_NO, ATTACHMENTS_YES } attachments;
};

struct registries_d {
	VEC(struct lookaside_rule) rules;
};

/* A folder that is not there has no rules. A scope in two files is ERR_INVALID. */
FALLIBLE registries_d_read(const char *dir, struct registries_d *ret);
void registries_d_done(struct registries_d *rules);

/* By the first of scopes (policy_docker_scopes()) that a rule speaks of. Borrowed, or NULL. */
const char *registries_d_lookaside(
		const struct registries_d *rules, const struct list *scopes, bool for_writing);
enum attachments registries_d_attachments(
		const struct registries_d *rules, const struct list *scopes);

DEFINE_AUTO_VALUE(registries_d)

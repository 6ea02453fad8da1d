/*
 * verbs: commands that more than one of the names has: working containers, as scripts write them.
 * kiln's own table and Buildah's both list them; who was called is call->program, and decides what
 * a name without a registry means (names.h).
 *
 * Floor: verbs, above ui and below the names.
 */
#pragma once
#include "ui/options.h"

extern const struct command cmd_add;
extern const struct command cmd_commit;
extern const struct command cmd_config;
extern const struct command cmd_containers;
extern const struct command cmd_containers_ls; /* the same, as Buildah calls it */
extern const struct command cmd_copy;
extern const struct command cmd_diff;
extern const struct command cmd_from;
extern const struct command cmd_login;
extern const struct command cmd_logout;
extern const struct command cmd_manifest_add;
extern const struct command cmd_manifest_annotate;
extern const struct command cmd_manifest_create;
extern const struct command cmd_manifest_exists;
extern const struct command cmd_manifest_inspect;
extern const struct command cmd_manifest_push;
extern const struct command cmd_manifest_remove;
extern const struct command cmd_manifest_rm;
extern const struct command cmd_mount;
extern const struct command cmd_rename;
extern const struct command cmd_rm;
extern const struct command cmd_run;
extern const struct command cmd_source_add;
extern const struct command cmd_source_create;
extern const struct command cmd_source_pull;
extern const struct command cmd_source_push;
extern const struct command cmd_umount;
extern const struct command cmd_unshare;

/*
 * commands: the commands of the name kiln, one file each (cmd_NAME.c), and the table of them.
 *
 * Floor: kiln.
 */
#pragma once
#include "ui/options.h"

extern const struct program kiln_program;

extern const struct command cmd_build;
extern const struct command cmd_check;
extern const struct command cmd_cache;
extern const struct command cmd_completion;
extern const struct command cmd_doctor;
extern const struct command cmd_explain;
extern const struct command cmd_fsck;
extern const struct command cmd_help;
extern const struct command cmd_history;
extern const struct command cmd_image_copy;
extern const struct command cmd_images;
extern const struct command cmd_info;
extern const struct command cmd_inspect;
extern const struct command cmd_man;
extern const struct command cmd_prune;
extern const struct command cmd_pull;
extern const struct command cmd_push;
extern const struct command cmd_rmi;
extern const struct command cmd_shell;
extern const struct command cmd_tag;
extern const struct command cmd_version;
extern const struct command cmd_warm;

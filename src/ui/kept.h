/*
 * kept: what kiln reads or writes by name while isolation inplace has given "/" to an image
 * (build_options.inplace_keep). Only what somebody configured is kept, and of a folder no more
 * than is needed: what is kept of the container hides what the image has at the same path.
 *
 *	AUTO(list) struct list kept = { 0 };
 *	kept_settings(call->config, &kept);
 *	kept_path(opts->file, &kept);
 *
 * Floor: ui. Pure but for reading names.
 */
#pragma once
#include "base/vec.h"
#include "ui/config.h"

/* A path as an option gives it; relative ones from where we stand. NULL, "" and "-": nothing. */
void kept_path(const char *path, struct list *ret);
/* "HOST=FILE", "HOST=FILE:FILE": the files. */
void kept_files_of_host(const char *text, struct list *ret);
/*
 * Credentials (the files that registry/creds.h reads, where they are), certificates and
 * authorities that settings or variables name, and folders of settings.
 */
void kept_settings(const struct config *config, struct list *ret);

/*
 * config_environment: what configuration takes from variables that are not kiln's own. For config.c
 * only; config.h has the rest of what is done here.
 *
 * Floor: ui.
 */
#pragma once
#include "ui/config.h"

/* environ as in main(); environment_done(). ERR_INVALID: SOURCE_DATE_EPOCH is no number. */
FALLIBLE environment_read(const char *const *variables, struct environment *ret);
void environment_done(struct environment *environment);

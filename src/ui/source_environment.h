/*
 * source_environment: what git and ssh need of the environment to find the user's credentials, and
 * to reach the outside: build_options.source_environment of every command that builds.
 *
 * Floor: ui.
 */
#pragma once
#include "base/vec.h"
#include "ui/config.h"

/* Adds "NAME=value" of each that is set. */
void source_environment_add(const struct config *config, struct list *out);

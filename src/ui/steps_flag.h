/*
 * steps_flag: options of every command that builds which say what steps may do and use: --allow,
 * --memory, --cpus, --resource. Every failure is error_usage.
 *
 * Floor: ui (pure).
 */
#pragma once
#include "build/build.h"

/* network.host or security.insecure. */
FALLIBLE allow_flag_add(const char *text, struct build_options *options);
/* "memory=2g,cpu-quota=50000,cpu-period=100000", as BuildKit's --resource. */
FALLIBLE resource_flag_add(const char *text, struct build_options *options);
/* "1.5" */
FALLIBLE cpus_flag_set(const char *text, struct build_options *options);

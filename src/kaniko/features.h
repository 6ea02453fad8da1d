/*
 * features: Kaniko's feature flags, FF_KANIKO_*. Each chose between a fault and its cure; kiln does
 * what the cure does, so they are known and change nothing. One that nobody knows is warned of, as
 * Kaniko does.
 *
 * Floor: kaniko.
 */
#pragma once
struct kaniko_log;

void features_check(const char *const *variables, const struct kaniko_log *log);

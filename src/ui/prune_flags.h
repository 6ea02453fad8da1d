/*
 * prune_flags: what people type to say what may go: "until=24h", "type=cache", "72h".
 *
 * Floor: ui.
 */
#pragma once
#include "base/error.h"
#include "store/prune.h"

/*
 * One --filter: until=DURATION|RFC3339|SECONDS, unused-for=DURATION, type=KIND (repeated: any of
 * them). error_usage names what there is.
 */
FALLIBLE prune_flags_filter(const char *text, struct prune_options *ret);
/* A duration of an option, in seconds. NULL text leaves *ret alone. */
FALLIBLE prune_flags_duration(const char *text, const char *option, uint64_t *ret);

/*
 * attest_flag: buildx's --provenance, --sbom and --attest. kiln makes no attestations, and many a
 * pipeline asks for none ('--provenance=false'): that is taken, all else is refused by name.
 *
 * Floor: ui (pure).
 */
#pragma once
#include "base/error.h"
#include "base/vec.h"

/*
 * What option "--provenance" or "--sbom" says: "false", or "mode=min" and its like; NULL when it
 * was not given. Every failure is error_usage.
 */
FALLIBLE attest_flag_switch(const char *option, const char *value);
/* Values of --attest: "type=sbom,disabled=true". */
FALLIBLE attest_flag_list(const struct list *values);

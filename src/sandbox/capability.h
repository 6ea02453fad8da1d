/*
 * capability: names of capabilities as people write them.
 *
 * Floor: sandbox (pure).
 */
#pragma once
#include "base/error.h"
#include "base/vec.h"
#include <stdint.h>

/* "CAP_NET_ADMIN", "net_admin": its bit; "all": every bit. ERR_INVALID. */
FALLIBLE capability_parse(const char *name, uint64_t *ret);
/* The other way: "chown", "net_admin" in the order of their numbers; "all" for every bit. */
void capability_names(uint64_t bits, struct list *out);
/* The names of Docker's default set, in the order of their numbers: "CAP_CHOWN" … i from 0; NULL.
 */
const char *capability_default_name(unsigned i);

/*
 * capability: names of capabilities as people write them.
 *
 * Floor: sandbox (pure).
 */
#pragma once
#include "base/error.h"
#include <stdint.h>

/* "CAP_NET_ADMIN", "net_admin": its bit; "all": every bit. ERR_INVALID. */
FALLIBLE capability_parse(const char *name, uint64_t *ret);
/* The names of Docker's default set, in the order of their numbers: "CAP_CHOWN" … i from 0; NULL.
 */
const char *capability_default_name(unsigned i);

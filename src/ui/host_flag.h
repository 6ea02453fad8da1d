/*
 * host_flag: --add-host of every verb that runs steps.
 *
 * Floor: ui (pure).
 */
#pragma once
#include "base/error.h"
#include "base/str.h"

/*
 * "NAME:ADDRESS" or "NAME=ADDRESS" into views of text (or of constants): the address is IPv4 or
 * IPv6, in brackets or without, or "host-gateway", which is 127.0.0.1 here: steps share the
 * machine's network unless told otherwise. Anything else is error_usage.
 */
FALLIBLE host_flag_parse(const char *text, struct str *ret_name, struct str *ret_address);

/*
 * probe: does a server on this machine speak TLS? A hello is sent and the first byte of the answer
 * looked at, without a TLS library: loading its contexts for a plain registry on loopback, the
 * common case in CI, would cost more than the request.
 *
 * Floor: registry. Thread-safe.
 * Spec: RFC 8446, 4.1.2, 5.1.
 */
#pragma once
#include "base/error.h"
#include "sys/cancel.h"
#include <stdbool.h>

/*
 * host: "localhost:5000", "127.0.0.1", "[::1]:443"; without a port that of https. Nobody there, or
 * no answer within seconds, is false: the request itself will say what is wrong.
 */
FALLIBLE probe_tls(const char *host, struct cancel *cancel, bool *ret);

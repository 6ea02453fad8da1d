/*
 * send: a few bytes to an address that somebody gave us: a digest to a pre-signed one, a trace to
 * its collector. Redirects are not followed. Messages do not show the address's query.
 *
 * Floor: kaniko.
 */
#pragma once
#include "base/str.h"
#include "base/vec.h"
#include "registry/url.h"

struct http_client;

struct sending {
	const char *method, *content_type;
	struct str body;
	const struct list *headers; /* "Name: value", or NULL */
	unsigned timeout_ms;        /* to connect, and without an answer; 0: 20 s and 60 s */
};

/*
 * By client (may be NULL: one is made for it, timeout_ms is its patience). In isolation inplace it
 * has to be the session's, which knew the authorities before an image brought others.
 */
FALLIBLE send_bytes(const struct url *url, const struct sending *what, struct http_client *client);

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
#include "sys/cancel.h"

struct sending {
	const char *method, *content_type;
	struct str body;
	const struct list *headers; /* "Name: value", or NULL */
	unsigned timeout_ms;        /* to connect, and without an answer; 0: 20 s and 60 s */
};

FALLIBLE send_bytes(const struct url *url, const struct sending *what, struct cancel *cancel);

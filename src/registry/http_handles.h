/*
 * http_handles: libcurl's handles and what they share, for http.c alone. A handle is an easy handle
 * in a multi handle of its own, whose cache holds its connections; idle ones wait here for the next
 * transfer to the same host. Names looked up and TLS sessions are shared by all.
 *
 * Floor: registry. Thread-safe; a handle belongs to one thread at a time.
 */
#pragma once
#include "registry/curl.h"
#include <stdbool.h>

struct http_handles;

struct http_handle {
	CURL *easy;
	CURLM *multi;
	char *host; /* talked to last */
	struct http_handle *next;
};

struct http_handles *http_handles_new(void);
void http_handles_free(struct http_handles *handles); /* all must have been given back */
/* Idle, of the same host if there is one, or new. Loads libcurl on first use. */
FALLIBLE http_handles_take(
		struct http_handles *handles, const char *host, struct http_handle **ret);
void http_handles_give(struct http_handles *handles, struct http_handle *handle);

/* Constant once a handle was taken. */
const struct curl_calls *http_handles_curl(const struct http_handles *handles);
CURLSH *http_handles_share(const struct http_handles *handles);
/* /etc/ssl/certs has the system's authorities by hash, so that the bundle need not be loaded. */
bool http_handles_has_hashed_authorities(const struct http_handles *handles);

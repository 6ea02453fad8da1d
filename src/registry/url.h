/*
 * url: the http and https addresses that registries, token services and redirects name. All of them
 * come from outside: other schemes, credentials in the address and control characters are refused.
 *
 * Floor: registry (pure).
 * Spec: RFC 3986, the part that HTTP needs.
 */
#pragma once
#include "base/auto.h"
#include "base/strbuf.h"
#include <stdbool.h>

struct url {
	bool is_https;
	char *host; /* "host[:port]", lower case, without the scheme's own port */
	char *path; /* from the '/' on, with query, without fragment */
};

/* Absolute only. ERR_INVALID quotes the address without its query, which may hold a secret. */
FALLIBLE url_parse(struct str text, struct url *ret);
struct url url_make(bool is_https, const char *host, const char *path);
void url_copy(const struct url *from, struct url *ret);
/*
 * What a Location or Link says, seen from base: absolute, //host/path, /path, ?query or relative.
 * A step from https down to http is ERR_DENIED, except to the same host (a proxy that ends TLS and
 * does not tell the registry behind it), which stays https.
 */
FALLIBLE url_resolve(const struct url *base, struct str location, struct url *ret);
void url_done(struct url *url);
/* An address of the web, as people type one. */
bool url_is_http(const char *text);
/* Same scheme, host and port: what credentials are bound to. */
bool url_same_origin(const struct url *a, const struct url *b);
char *url_text(const struct url *url);  /* new; free() */
char *url_shown(const struct url *url); /* without the query; new; free() */
/* Add "key=value", escaped, behind '?' or '&'. */
void url_add_query(struct url *url, const char *key, const char *value);
/* Percent-encode everything but unreserved characters. */
void url_escape(struct strbuf *out, const char *text);

/* How much of "host[:port]" is the host: "[::1]" of "[::1]:80". */
size_t host_name_length(const char *host);
/* The same host, whatever the port. */
bool host_is_same(const char *a, const char *b);
/* "localhost", "127.1.2.3:5000", "[::1]:80": this machine. */
bool host_is_loopback(const char *host);

DEFINE_AUTO_VALUE(url)

/*
 * exchange: one HTTP request of a cache home that is no registry, with another try where that makes
 * sense. Over the registry floor's HTTP client: its proxies, its patience, its cancel.
 *
 * Floor: cache, private. Any thread.
 */
#pragma once
#include "base/strbuf.h"
#include "registry/http.h"
#include "registry/registry.h"

struct exchange {
	struct registry_client *client; /* whose proxies and patience */
	struct cancel *cancel;
	const char *method;
	struct url url;
	struct list headers;              /* "Name: value" */
	const struct registry_blob *body; /* or NULL: none */
	const char *what;                 /* "object 'x'", for messages */
};

void exchange_done(struct exchange *exchange);
/*
 * 2xx is success. 404 is ERR_NOT_FOUND, 401 and 403 ERR_DENIED, others ERR_HTTP, with the beginning
 * of what the server said. *ret_body (may be NULL) reads the answer's body.
 */
FALLIBLE exchange_run(const struct exchange *exchange, struct reader **ret_body);

/* A name as the path of an address: its slashes stay, its parts are escaped. */
void exchange_add_path(struct strbuf *out, const char *name);

DEFINE_AUTO_VALUE(exchange)

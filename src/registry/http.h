/*
 * http: one request, one answer, the only user of libcurl. Knows nothing of registries: no
 * credentials, no retries, no redirects are followed here.
 *
 * A client keeps idle connections and shares names looked up and TLS sessions. Each transfer owns a
 * handle (an easy handle in a multi handle of its own, whose cache holds its connections) while it
 * runs; handles go back into a pool, so that the next request to the same host reuses the
 * connection. Waiting ends at once when the cancel token is set.
 *
 * Floor: registry. The client is thread-safe; a transfer belongs to one thread at a time.
 * Spec: RFC 9110.
 */
#pragma once
#include "base/auto.h"
#include "base/vec.h"
#include "registry/url.h"
#include "stream/reader.h"
#include "sys/cancel.h"

struct http_client;

/* Borrowed texts must outlive the client. */
struct http_settings {
	const char *user_agent;
	const char *http_proxy, *https_proxy, *no_proxy; /* or NULL */
	unsigned connect_timeout_ms, stall_timeout_ms;
};

/* How a host is to be trusted. Zeroed: by the system's authorities. Borrowed texts. */
struct http_tls {
	bool is_unverified;
	const char *authorities;              /* PEM texts to trust besides the system's, or NULL */
	const char *client_cert, *client_key; /* paths of PEM files, or NULL */
};

enum { HTTP_UNKNOWN_SIZE = -1 };

struct http_request {
	const char *method;
	const struct url *url;
	const struct list *headers; /* "Name: value", or NULL */
	struct reader *body;        /* borrowed; NULL: none */
	int64_t body_bytes;         /* HTTP_UNKNOWN_SIZE: sent in chunks */
	bool may_stall;             /* the body's source may pause for long */
	const struct http_tls *tls; /* or NULL */
};

struct http_response {
	int status;
	struct list headers; /* "Name: value" of the final answer */
};

/* connections are opened on demand; nothing is loaded before the first http_open(). */
struct http_client *http_client_new(const struct http_settings *settings, struct cancel *cancel);
/* Load what is loaded now, and go on with the system's authorities as they are now. */
FALLIBLE http_client_prepare(struct http_client *client);
void http_client_free(struct http_client *client);
/* Requests sent so far. */
unsigned long http_client_requests(const struct http_client *client);

/*
 * Send the request with its body and wait for the answer's headers; *ret_body reads what follows
 * (always set, empty for HEAD) and must be freed before the client. No answer is ERR_NETWORK with
 * the CURLcode as code; headers over LIMIT_HTTP_HEADER_BYTES are ERR_LIMIT; an error of the body's
 * reader comes back as it was. A transfer that breaks in the middle of the answer's body is
 * ERR_NETWORK from the reader.
 */
FALLIBLE http_open(struct http_client *client, const struct http_request *request,
		struct http_response *ret, struct reader **ret_body);

void http_response_done(struct http_response *response);
/* The value of the first header of that name (any case), or NULL. Borrowed. */
const char *http_header(const struct http_response *response, const char *name);
/* A status that says where else to ask, in Location. */
bool http_is_redirect(int status);
/* Content-Length, or -1. */
int64_t http_content_length(const struct http_response *response);

/* What ERR_NETWORK was about. */
bool http_error_is_tls_speech(const struct error *error);  /* the other side does not speak TLS */
bool http_error_is_trust(const struct error *error);       /* a certificate that is not trusted */
bool http_error_is_unreachable(const struct error *error); /* no such name, refused, no route */
bool http_error_is_silence(const struct error *error); /* nothing came for as long as one waits */

DEFINE_AUTO_VALUE(http_response)
DEFINE_AUTO_PTR(http_client, http_client_free)

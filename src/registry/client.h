/*
 * client: what every call to a registry goes through: scheme and certificates of the host,
 * authorization, redirects, retries. Inside registry/ only; registry.h is what others see.
 *
 * Floor: registry. Thread-safe.
 */
#pragma once
#include "registry/certs.h"
#include "registry/http.h"
#include "registry/mirror.h"
#include "registry/registry.h"
#include "registry/retry.h"

struct auth;
struct cloud;

/* settings_copy.c: deep, with the defaults; user_agent stays borrowed. */
void settings_copy(const struct registry_settings *from, struct registry_settings *ret);
void settings_copy_done(struct registry_settings *settings);

/* The bytes of a request, opened for each try. */
struct send_body {
	struct error *(*open)(void *user, uint64_t offset, struct reader **ret);
	void *user;
	uint64_t offset;
	int64_t size; /* from offset on, or HTTP_UNKNOWN_SIZE */
	bool once;    /* cannot be opened a second time: no second try once it was */
	bool may_stall;
};

struct send {
	const char *method;
	const struct endpoint *endpoint;
	const char *path;           /* "/v2/…", on the endpoint; or */
	const struct url *url;      /* an address that it gave us */
	const struct list *headers; /* "Name: value", or NULL */
	const struct send_body *body;
	const char *actions;   /* on endpoint->repository: "pull", "pull,push"; NULL: no scope */
	const char *also_pull; /* a second repository, or NULL */
	struct auth *auth;     /* NULL: the client's own */
	bool no_retry;         /* the caller has its own loop */
};

struct answer {
	struct http_response http;
	struct reader *body;
	struct url url; /* what answered: the base of a relative Location */
	char *source;   /* where the credentials came from that were sent last, or NULL */
};

void answer_done(struct answer *answer);
DEFINE_AUTO_VALUE(answer)

/*
 * Send and wait for the answer's headers. Any status is success here, except that 401 was tried to
 * be answered with a token before, and temporary ones were tried again.
 */
FALLIBLE client_send(struct registry_client *client, const struct send *send, struct answer *ret);
/*
 * The error that an answer is: what (in quotes already) was wanted of the endpoint, with the
 * registry's own words. Reads the body.
 */
struct error *answer_error(struct answer *answer, const struct send *send, const char *what);
/*
 * One exchange without authorization or redirects but with retries, for token services: the whole
 * body, at most limit bytes.
 */
FALLIBLE client_exchange(struct registry_client *client, const struct http_request *request,
		struct str body, size_t limit, struct http_response *ret, struct strbuf *ret_body);
/*
 * A GET of that kind, along redirects; authorization (a header's value, or NULL) goes to start's
 * origin alone. is_insecure: start's host is trusted without a certificate.
 */
FALLIBLE client_exchange_along(struct registry_client *client, const struct url *start,
		bool is_insecure, const char *authorization, size_t limit,
		struct http_response *ret, struct strbuf *ret_body);
/* Says what can be done when the error is about the host's certificate. Takes error. */
struct error *client_hint_trust(struct error *error, const char *host);

/* Where a name is to be asked for. */
FALLIBLE client_endpoints(struct registry_client *client, const struct reference *reference,
		bool for_writing, struct endpoints *ret);
FALLIBLE client_write_endpoint(struct registry_client *client, const struct reference *reference,
		struct endpoint *ret);
FALLIBLE client_host_endpoint(
		struct registry_client *client, const char *host, struct endpoint *ret);
FALLIBLE client_conf(struct registry_client *client, const struct registries_conf **ret);
/* "https://host" or "http://host", found out on first use. */
FALLIBLE client_origin(
		struct registry_client *client, const struct endpoint *endpoint, struct url *ret);
/* Certificates for a host that an address names; *ret is borrowed from the client. */
FALLIBLE client_tls(struct registry_client *client, const char *host, bool is_insecure,
		const struct http_tls **ret);

struct cancel *client_cancel(const struct registry_client *client);
const struct creds_settings *client_creds(const struct registry_client *client);
struct retry client_retry(const struct registry_client *client);
struct http_client *client_http(struct registry_client *client);
struct cloud *client_cloud(struct registry_client *client);

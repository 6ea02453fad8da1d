/*
 * How a request reaches a registry: client_send() tries again what failed for the moment; each try
 * (send_authorized) answers a refusal with a token; each of those (follow) goes along redirects,
 * with credentials for the registry's own origin only.
 */
#include "registry/client.h"

#include "base/limits.h"
#include "base/log.h"
#include "registry/auth.h"
#include "registry/cloud.h"
#include "registry/probe.h"
#include "stream/crypto.h"

#include <pthread.h>
#include <string.h>

enum {
	CONNECT_TIMEOUT_MS = 20 * 1000,
	STALL_TIMEOUT_MS = 60 * 1000,
	/* A challenge, a token that proves too old or too small, one more. */
	AUTH_TRIES = 3,
};

/* What we know of a host that we connect to. */
struct host {
	struct host *next;
	char *name;
	bool is_insecure;
	struct certs certs;
	struct http_tls tls;
	enum {
		SCHEME_UNKNOWN = 0,
		SCHEME_ASKING,
		SCHEME_HTTPS,
		SCHEME_HTTP
	} scheme; /* guarded by lock */
};

struct registry_client {
	struct registry_settings settings;
	char *user_agent;
	struct cancel *cancel;
	struct http_client *http;
	struct auth *auth;
	struct cloud *cloud;
	pthread_mutex_t lock;
	pthread_cond_t changed;      /* a host's scheme is known */
	bool conf_is_read;           /* guarded by lock */
	struct registries_conf conf; /* constant once read */
	struct host *hosts;          /* guarded by lock */
};

/* What goes wrong here goes wrong again, and is told, where it is needed. */
static void read_ahead(struct registry_client *client)
{
	AUTO(list) struct list there = { 0 };
	const struct registries_conf *conf = NULL;
	const struct crypto_calls *crypto = NULL;

	for (size_t i = 0; i < client->settings.certs_dirs.n; i++)
		if (access(client->settings.certs_dirs.p[i], F_OK) == 0)
			list_add(&there, client->settings.certs_dirs.p[i]);
	list_done(&client->settings.certs_dirs);
	client->settings.certs_dirs = TAKE_VALUE(there);
	error_ignore(client_conf(client, &conf), "told by the first transfer");
	error_ignore(http_client_prepare(client->http), "told by the first transfer");
	error_ignore(crypto_load(&crypto), "told by the first key");
}

struct registry_client *registry_client_new(
		const struct registry_settings *settings, struct cancel *cancel)
{
	struct registry_client *client = xcalloc(1, sizeof(*client));

	settings_copy(settings, &client->settings);
	client->user_agent =
			xstrdup(settings->user_agent ? settings->user_agent : "kiln/" KILN_VERSION);
	client->settings.user_agent = client->user_agent;
	client->cancel = cancel;
	(void)pthread_mutex_init(&client->lock, NULL);
	(void)pthread_cond_init(&client->changed, NULL);
	struct http_settings http = { .user_agent = client->user_agent,
		.http_proxy = client->settings.http_proxy,
		.https_proxy = client->settings.https_proxy,
		.no_proxy = client->settings.no_proxy,
		.connect_timeout_ms = settings->connect_timeout_ms ? settings->connect_timeout_ms
								   : CONNECT_TIMEOUT_MS,
		.stall_timeout_ms = settings->stall_timeout_ms ? settings->stall_timeout_ms
							       : STALL_TIMEOUT_MS };
	client->http = http_client_new(&http, cancel);
	client->auth = auth_new(client, NULL);
	client->cloud = cloud_new(client);
	if (settings->reads_ahead)
		read_ahead(client);
	return client;
}

void registry_client_free(struct registry_client *client)
{
	if (!client)
		return;
	auth_free(client->auth);
	cloud_free(client->cloud);
	http_client_free(client->http);
	while (client->hosts) {
		struct host *host = client->hosts;

		client->hosts = host->next;
		free(host->name);
		certs_done(&host->certs);
		free(host);
	}
	registries_conf_done(&client->conf);
	settings_copy_done(&client->settings);
	free(client->user_agent);
	(void)pthread_cond_destroy(&client->changed);
	(void)pthread_mutex_destroy(&client->lock);
	free(client);
}

unsigned long registry_client_requests(const struct registry_client *client)
{
	return http_client_requests(client->http);
}

struct cancel *client_cancel(const struct registry_client *client)
{
	return client->cancel;
}

const struct creds_settings *client_creds(const struct registry_client *client)
{
	return &client->settings.creds;
}

struct cloud *client_cloud(struct registry_client *client)
{
	return client->cloud;
}

struct http_client *client_http(struct registry_client *client)
{
	return client->http;
}

struct http_client *registry_client_http(struct registry_client *client)
{
	return client->http;
}

struct retry client_retry(const struct registry_client *client)
{
	return (struct retry){ .tries = client->settings.retries,
		.base_ms = client->settings.retry_base_ms,
		.delay_ms = client->settings.retry_delay_ms,
		.after_ms = client->settings.retry_after_ms,
		.silence_ends = client->settings.silence_ends };
}

unsigned registry_client_retry_after_ms(const struct registry_client *client)
{
	return client->settings.retry_after_ms;
}

FALLIBLE client_conf(struct registry_client *client, const struct registries_conf **ret)
{
	struct error *error = NULL;

	(void)pthread_mutex_lock(&client->lock);
	if (!client->conf_is_read)
		error = registries_conf_read(&client->settings.registries_confs, &client->conf);
	if (!error)
		client->conf_is_read = true;
	(void)pthread_mutex_unlock(&client->lock);
	*ret = &client->conf;
	return error;
}

static FALLIBLE rules_of(struct registry_client *client, bool is_insecure, struct mirror_rules *ret)
{
	*ret = (struct mirror_rules){ .mirrors = &client->settings.mirrors,
		.mirrors_only = client->settings.mirrors_only,
		.insecure_hosts = &client->settings.insecure_hosts,
		.denied_hosts = &client->settings.denied_hosts,
		.allowed_hosts = &client->settings.allowed_hosts,
		.all_insecure = client->settings.tls_verify_off || is_insecure };
	return client_conf(client, &ret->conf);
}

FALLIBLE client_endpoints(struct registry_client *client, const struct reference *reference,
		bool for_writing, struct endpoints *ret)
{
	struct mirror_rules rules;

	TRY(rules_of(client,
			for_writing ? client->settings.insecure_push
				    : client->settings.insecure_pull,
			&rules));
	return mirror_endpoints(&rules, reference, for_writing, ret);
}

FALLIBLE client_write_endpoint(struct registry_client *client, const struct reference *reference,
		struct endpoint *ret)
{
	AUTO(endpoints) struct endpoints endpoints = { 0 };

	TRY(client_endpoints(client, reference, true, &endpoints));
	*ret = endpoints.p[0];
	endpoints.p[0] = (struct endpoint){ 0 };
	return NULL;
}

FALLIBLE client_host_endpoint(
		struct registry_client *client, const char *host, struct endpoint *ret)
{
	struct mirror_rules rules;

	TRY(rules_of(client, client->settings.insecure_push, &rules));
	return mirror_host(&rules, host, ret);
}

/* Called with lock held. */
static FALLIBLE make_host(struct registry_client *client, const char *name, bool is_insecure)
{
	const char *own_dir = client->settings.cert_dir;
	struct certs certs = { 0 };

	TRY_WRAP(own_dir ? certs_read(own_dir, &certs)
			 : certs_find(&client->settings.certs_dirs, name, &certs),
			"certificates of '%s'", name);
	certs_add_authorities(&client->settings.authorities, &certs);
	struct error *error = certs_add(&client->settings.certificates,
			&client->settings.client_certs, name, &certs);
	if (error) {
		certs_done(&certs);
		return error_wrap(error, "certificates of '%s'", name);
	}
	struct host *host = xcalloc(1, sizeof(*host));
	host->name = xstrdup(name);
	host->is_insecure = is_insecure;
	host->certs = certs;
	host->tls = (struct http_tls){ .is_unverified = is_insecure,
		.authorities = certs.authorities,
		.client_cert = certs.client_cert,
		.client_key = certs.client_key };
	host->next = client->hosts;
	client->hosts = host;
	return NULL;
}

static struct host *find_host(
		const struct registry_client *client, const char *name, bool is_insecure)
{
	struct host *host = client->hosts;

	while (host && (strcmp(host->name, name) != 0 || host->is_insecure != is_insecure))
		host = host->next;
	return host;
}

/* The entry of a host, made on first use. Its address stays. */
static FALLIBLE get_host(struct registry_client *client, const char *name, bool is_insecure,
		struct host **ret)
{
	struct error *error = NULL;

	(void)pthread_mutex_lock(&client->lock);
	*ret = find_host(client, name, is_insecure);
	if (!*ret) {
		error = make_host(client, name, is_insecure);
		*ret = client->hosts;
	}
	(void)pthread_mutex_unlock(&client->lock);
	return error;
}

FALLIBLE client_tls(struct registry_client *client, const char *name, bool is_insecure,
		const struct http_tls **ret)
{
	struct host *host = NULL;
	bool listed = client->settings.tls_verify_off ||
		      host_is_listed(&client->settings.insecure_hosts, name);

	TRY(get_host(client, name, is_insecure || listed, &host));
	*ret = &host->tls;
	return NULL;
}

/*
 * Does the host speak TLS? A request without credentials, its certificate not looked at (that comes
 * with the real request); only a host that does not answer with TLS is taken as plain.
 */
static FALLIBLE probe_by_request(
		struct registry_client *client, const struct host *host, bool *ret_https)
{
	AUTO(url) struct url url = url_make(true, host->name, "/v2/");
	AUTO(http_response) struct http_response answer = { 0 };
	AUTO(reader) struct reader *body = NULL;
	struct http_tls tls = host->tls;

	tls.is_unverified = true;
	struct http_request request = { .method = "HEAD", .url = &url, .tls = &tls };
	struct error *error = http_open(client->http, &request, &answer, &body);
	*ret_https = !error;
	if (!error || error_is(error, ERR_CANCELED))
		return error;
	/* A client certificate may be missing or wrong: that is TLS all the same. */
	*ret_https = !http_error_is_tls_speech(error) && !http_error_is_unreachable(error);
	error_ignore(error, *ret_https ? "TLS there, as far as one can see" : "no TLS there");
	return NULL;
}

/* Hosts that may be plain: asked once, by the first who needs to know; others wait for it. */
static FALLIBLE find_scheme(struct registry_client *client, struct host *host, bool *ret_https)
{
	struct error *error = NULL;

	(void)pthread_mutex_lock(&client->lock);
	while (host->scheme == SCHEME_ASKING && !error) {
		(void)pthread_cond_wait(&client->changed, &client->lock);
		error = cancel_check(client->cancel);
	}
	bool is_mine = host->scheme == SCHEME_UNKNOWN;
	*ret_https = host->scheme == SCHEME_HTTPS;
	if (is_mine && !error)
		host->scheme = SCHEME_ASKING;
	(void)pthread_mutex_unlock(&client->lock);
	if (error || !is_mine)
		return error;
	error = host_is_loopback(host->name) ? probe_tls(host->name, client->cancel, ret_https)
					     : probe_by_request(client, host, ret_https);
	if (!error && !*ret_https)
		log_debug("registry '%s' speaks plain HTTP", host->name);
	(void)pthread_mutex_lock(&client->lock);
	host->scheme = error ? SCHEME_UNKNOWN : *ret_https ? SCHEME_HTTPS : SCHEME_HTTP;
	(void)pthread_cond_broadcast(&client->changed);
	(void)pthread_mutex_unlock(&client->lock);
	return error;
}

FALLIBLE client_origin(
		struct registry_client *client, const struct endpoint *endpoint, struct url *ret)
{
	struct host *host = NULL;
	bool is_https = true;

	if (endpoint->is_insecure || host_is_loopback(endpoint->host)) {
		TRY(get_host(client, endpoint->host, endpoint->is_insecure, &host));
		TRY(find_scheme(client, host, &is_https));
	}
	*ret = url_make(is_https, endpoint->host, "/");
	return NULL;
}

void answer_done(struct answer *answer)
{
	reader_free(answer->body);
	http_response_done(&answer->http);
	url_done(&answer->url);
	free(answer->source);
	*answer = (struct answer){ 0 };
}

/* One hop. */
static FALLIBLE hop(struct registry_client *client, const struct send *send, const struct url *url,
		const struct list *headers, bool *body_opened, struct answer *ret)
{
	AUTO(reader) struct reader *body = NULL;
	const struct http_tls *tls;

	TRY(client_tls(client, url->host,
			send->endpoint->is_insecure && text_equal(url->host, send->endpoint->host),
			&tls));
	struct http_request request = {
		.method = send->method, .url = url, .headers = headers, .tls = tls
	};
	if (send->body) {
		if (*body_opened && send->body->once)
			return error_new(ERR_NETWORK,
					"'%s' wants the bytes of a running upload again",
					url->host);
		*body_opened = true;
		TRY(send->body->open(send->body->user, send->body->offset, &body));
		request.body = body;
		request.body_bytes = send->body->size;
		request.may_stall = send->body->may_stall;
	}
	TRY(http_open(client->http, &request, &ret->http, &ret->body));
	url_copy(url, &ret->url);
	return NULL;
}

/*
 * Along redirects. The authorization goes to the origin alone: not to another host, port or scheme,
 * and not to what is behind them.
 */
static FALLIBLE follow(struct registry_client *client, const struct send *send,
		const struct url *origin, const struct url *start, const char *authorization,
		bool *body_opened, struct answer *ret)
{
	AUTO(url) struct url url = { 0 };
	bool is_reading = text_equal(send->method, "GET") || text_equal(send->method, "HEAD");

	url_copy(start, &url);
	for (int hops = 0;; hops++) {
		AUTO(list) struct list headers = { 0 };

		if (send->headers)
			list_add_all(&headers, send->headers);
		if (authorization && url_same_origin(origin, &url))
			list_addf(&headers, "Authorization: %s", authorization);
		TRY(hop(client, send, &url, &headers, body_opened, ret));
		const char *location = http_header(&ret->http, "Location");
		bool keeps_method =
				is_reading || ret->http.status == 307 || ret->http.status == 308;
		if (!http_is_redirect(ret->http.status) || !location || !keeps_method)
			return NULL;
		if (hops == LIMIT_REDIRECTS)
			return error_new(ERR_LIMIT, "'%s' redirects more than %d times",
					origin->host, LIMIT_REDIRECTS);
		AUTO(url) struct url next = { 0 };
		TRY_WRAP(url_resolve(&url, str_of(location), &next), "redirect of '%s'", url.host);
		answer_done(ret);
		url_done(&url);
		url = TAKE_VALUE(next);
	}
}

/* Once, with answers to challenges. */
static FALLIBLE send_authorized(struct registry_client *client, const struct send *send,
		bool *body_opened, struct answer *ret)
{
	struct auth *auth = send->auth ? send->auth : client->auth;
	AUTO(url) struct url origin = { 0 }, start = { 0 };
	AUTO(list) struct list scopes = { 0 };

	TRY(client_origin(client, send->endpoint, &origin));
	if (send->url)
		url_copy(send->url, &start);
	else
		start = url_make(origin.is_https, origin.host, send->path);
	auth_scopes(send, &scopes);
	for (int tries = 1;; tries++) {
		AUTO(answer) struct answer answer = { 0 };
		AUTO_FREE char *authorization = NULL, *source = NULL;
		bool again = false;

		TRY(auth_header(auth, send->endpoint, &origin, &scopes, &authorization, &source));
		TRY(follow(client, send, &origin, &start, authorization, body_opened, &answer));
		answer.source = TAKE(source);
		if (answer.http.status == 401 && url_same_origin(&origin, &answer.url) &&
				tries < AUTH_TRIES)
			auth_learn(auth, send->endpoint, &answer.http, authorization, &scopes,
					&again);
		if (!again || (*body_opened && send->body->once)) {
			*ret = TAKE_VALUE(answer);
			return NULL;
		}
	}
}

struct error *client_hint_trust(struct error *error, const char *host)
{
	if (!http_error_is_trust(error))
		return error;
	return error_hint(error,
			"put the registry's authority into /etc/containers/certs.d/%s/ca.crt, or "
			"use "
			"--insecure-registry %s to not verify it",
			host, host);
}

static struct error *hint_plain(struct error *error, const struct endpoint *endpoint)
{
	const char *host = endpoint->host;

	/* Where plain HTTP is allowed already, the other side is only broken. */
	if (!http_error_is_tls_speech(error) || endpoint->is_insecure || host_is_loopback(host))
		return error;
	return error_hint(error,
			"if it is a plain HTTP registry, allow that with "
			"--insecure-registry %s",
			host);
}

FALLIBLE client_send(struct registry_client *client, const struct send *send, struct answer *ret)
{
	struct retry retry = client_retry(client);
	bool body_opened = false;

	if (send->no_retry)
		retry.tries = 0;
	for (;;) {
		AUTO(answer) struct answer answer = { 0 };
		struct error *error = send_authorized(client, send, &body_opened, &answer);
		bool is_temporary = error ? retry_is_broken(error)
					  : retry_is_temporary(answer.http.status);
		bool again = false;

		if (is_temporary && !(body_opened && send->body->once)) {
			const char *after = error ? NULL : http_header(&answer.http, "Retry-After");

			error = retry_again(&retry, after, error, client->cancel, &again);
		}
		if (again)
			continue;
		if (error)
			return hint_plain(client_hint_trust(error, send->endpoint->host),
					send->endpoint);
		*ret = TAKE_VALUE(answer);
		return NULL;
	}
}

/*
 * How a transfer runs: http_open() performs until the headers are complete, then the reader pulls.
 * What curl delivers meanwhile waits in a buffer; beyond BUFFER_BYTES the transfer is paused, so
 * memory stays bounded whatever the server sends. A request's body is pulled from its reader inside
 * curl's read callback.
 */
#include "registry/http.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "registry/http_handles.h"
#include "sys/fd.h"

#include <assert.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>

enum {
	BUFFER_BYTES = 1024 * 1024,
	RECEIVE_BYTES = 128 * 1024,
	SEND_BYTES = 256 * 1024,
	POLL_MS = 1000,
	/* Answers up to this are read to the end, so that their connection can be reused. */
	DRAIN_BYTES = 256 * 1024,
	DRAIN_NS = 500 * 1000 * 1000,
	/* A server that sends less than this over the stall timeout only wants to keep us. */
	SLOWEST_BYTES_PER_SECOND = 100,
	LARGE_BYTES = 1024 * 1024,
};

struct http_client {
	struct http_settings settings;
	struct cancel *cancel;
	atomic_ulong requests;
	struct http_handles *handles;
	char *authorities; /* http_client_prepare(): the system's; else NULL. Then constant */
};

struct transfer {
	struct reader reader;
	struct http_client *client;
	struct http_handle *handle;
	struct reader *body; /* borrowed; the request's */
	struct curl_slist *headers;
	char *shown; /* "GET https://…" for messages */
	char curl_error[CURL_ERROR_SIZE];
	struct http_response response;
	size_t header_bytes;
	struct strbuf buffer; /* received, not yet read */
	size_t buffer_at;
	uint64_t received;
	struct error *error; /* of a callback, or what ended the transfer; sticky */
	bool headers_complete, finished, paused;
	bool is_https, is_head, body_ended;
};

static const char authorities_dir[] = "/etc/ssl/certs";
static const char authorities_bundle[] = "/etc/ssl/certs/ca-certificates.crt";

struct http_client *http_client_new(const struct http_settings *settings, struct cancel *cancel)
{
	struct http_client *client = xcalloc(1, sizeof(*client));

	client->settings = *settings;
	client->cancel = cancel;
	client->handles = http_handles_new();
	return client;
}

FALLIBLE http_client_prepare(struct http_client *client)
{
	struct http_handle *handle = NULL;
	struct error *error = NULL;
	size_t n = 0;

	error = file_read(AT_FDCWD, authorities_bundle, LIMIT_SETTINGS_BYTES, &client->authorities,
			&n);
	/* Then nobody is trusted, whoever puts such a file there later. */
	if (error)
		client->authorities = xstrdup("");
	error_ignore(error, "a system may have no authorities");
	TRY(http_handles_take(client->handles, "", &handle));
	http_handles_give(client->handles, handle);
	return NULL;
}

void http_client_free(struct http_client *client)
{
	if (!client)
		return;
	http_handles_free(client->handles);
	free(client->authorities);
	free(client);
}

unsigned long http_client_requests(const struct http_client *client)
{
	return atomic_load(&client->requests);
}

/* libcurl, for a transfer that has its handle. */
static const struct curl_calls *curl_of(const struct transfer *transfer)
{
	return http_handles_curl(transfer->client->handles);
}

static void keep_error(struct transfer *transfer, struct error *error)
{
	if (transfer->error)
		error_ignore(error, "an earlier error of the same transfer counts");
	else
		transfer->error = error;
}

static void forget_headers(struct transfer *transfer)
{
	list_done(&transfer->response.headers);
	transfer->response.status = 0;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *user)
{
	struct transfer *transfer = user;
	struct str line = str_trim((struct str){ bytes, size * n });

	transfer->header_bytes += size * n;
	if (transfer->header_bytes > LIMIT_HTTP_HEADER_BYTES) {
		keep_error(transfer, error_new(ERR_LIMIT, "%s: headers of more than %d bytes",
						     transfer->shown, LIMIT_HTTP_HEADER_BYTES));
		return 0;
	}
	if (str_starts(line, "HTTP/")) {
		forget_headers(transfer);
	} else if (!line.n) {
		long status = 0;

		(void)curl_of(transfer)->easy_getinfo(
				transfer->handle->easy, CURLINFO_RESPONSE_CODE, &status);
		transfer->response.status = (int)status;
		transfer->headers_complete = status >= 200;
	} else if (!memchr(line.p, '\0', line.n)) {
		list_addf(&transfer->response.headers, "%.*s", STR_ARG(line));
	}
	return size * n;
}

static size_t on_write(char *bytes, size_t size, size_t n, void *user)
{
	struct transfer *transfer = user;

	if (transfer->buffer.n - transfer->buffer_at >= BUFFER_BYTES) {
		transfer->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (transfer->buffer_at == transfer->buffer.n) {
		strbuf_clear(&transfer->buffer);
		transfer->buffer_at = 0;
	}
	strbuf_add_bytes(&transfer->buffer, bytes, size * n);
	transfer->received += size * n;
	return size * n;
}

static size_t on_read(char *bytes, size_t size, size_t n, void *user)
{
	struct transfer *transfer = user;
	size_t got = 0;

	if (!transfer->body)
		return CURL_READFUNC_ABORT;
	struct error *error = cancel_check(transfer->client->cancel);
	if (!error)
		error = reader_read(transfer->body, bytes, size * n, &got);
	if (!error) {
		transfer->body_ended = got == 0;
		return got;
	}
	keep_error(transfer, error);
	return CURL_READFUNC_ABORT;
}

static const char *proxy_for(const struct http_settings *settings, const struct url *url)
{
	const char *proxy = url->is_https ? settings->https_proxy : settings->http_proxy;

	/* "" is none at all: curl would ask the environment otherwise. */
	return proxy && !host_is_loopback(url->host) ? proxy : "";
}

/* The system's authorities, and more: curl takes one text, so both are put into it. */
static void set_authorities(struct transfer *transfer, const char *more)
{
	const struct curl_calls *curl = curl_of(transfer);
	CURL *easy = transfer->handle->easy;
	AUTO(strbuf) struct strbuf all = { 0 };
	AUTO_FREE char *bundle = NULL;
	size_t n = 0;
	const char *prepared = transfer->client->authorities;
	bool is_hashed =
			!prepared && http_handles_has_hashed_authorities(transfer->client->handles);

	if (is_hashed) {
		(void)curl->easy_setopt(easy, CURLOPT_CAPATH, authorities_dir);
		(void)curl->easy_setopt(easy, CURLOPT_CAINFO, NULL);
	} else if (prepared) {
		(void)curl->easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	if (!more && !prepared)
		return;
	strbuf_addf(&all, "%s\n%s", more ? more : "", prepared ? prepared : "");
	if (!prepared && !is_hashed) {
		error_ignore(file_read(AT_FDCWD, authorities_bundle, LIMIT_SETTINGS_BYTES, &bundle,
					     &n),
				"a system may have no authorities");
		strbuf_add_bytes(&all, bundle, n);
	}
	struct curl_blob blob = { .data = all.p, .len = all.n, .flags = CURL_BLOB_COPY };
	(void)curl->easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
}

static void set_tls(struct transfer *transfer, const struct http_tls *tls)
{
	const struct curl_calls *curl = curl_of(transfer);
	CURL *easy = transfer->handle->easy;

	if (!transfer->is_https)
		return;
	if (tls && tls->is_unverified) {
		(void)curl->easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		(void)curl->easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	} else {
		set_authorities(transfer, tls ? tls->authorities : NULL);
	}
	if (tls && tls->client_cert) {
		(void)curl->easy_setopt(easy, CURLOPT_SSLCERT, tls->client_cert);
		(void)curl->easy_setopt(easy, CURLOPT_SSLKEY, tls->client_key);
	}
}

static void set_method(struct transfer *transfer, const struct http_request *request)
{
	const struct curl_calls *curl = curl_of(transfer);
	CURL *easy = transfer->handle->easy;

	if (request->body) {
		(void)curl->easy_setopt(easy, CURLOPT_UPLOAD, 1L);
		(void)curl->easy_setopt(
				easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_bytes);
		(void)curl->easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
		(void)curl->easy_setopt(easy, CURLOPT_READDATA, transfer);
		(void)curl->easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)SEND_BYTES);
	} else if (text_equal(request->method, "HEAD")) {
		(void)curl->easy_setopt(easy, CURLOPT_NOBODY, 1L);
		return;
	} else if (text_equal(request->method, "POST") || text_equal(request->method, "PUT") ||
			text_equal(request->method, "PATCH")) {
		(void)curl->easy_setopt(easy, CURLOPT_POST, 1L);
		(void)curl->easy_setopt(easy, CURLOPT_POSTFIELDS, "");
		(void)curl->easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
	}
	(void)curl->easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_headers(struct transfer *transfer, const struct http_request *request)
{
	const struct curl_calls *curl = curl_of(transfer);
	/* No Expect: a second's wait where the server does not know it. No type for empty POSTs. */
	struct curl_slist *headers = curl->slist_append(NULL, "Expect:");
	bool has_type = false;

	for (size_t i = 0; request->headers && i < request->headers->n; i++) {
		headers = curl->slist_append(headers, request->headers->p[i]);
		has_type |= str_is_nocase(
				str_slice(str_of(request->headers->p[i]), 0, 13), "Content-Type:");
	}
	if (!has_type)
		headers = curl->slist_append(headers, "Content-Type:");
	transfer->headers = headers;
	(void)curl->easy_setopt(transfer->handle->easy, CURLOPT_HTTPHEADER, headers);
}

/*
 * Large bodies go over HTTP/1.1: servers in Go give an HTTP/2 upload a window of 1 MiB, which at
 * 50 ms there and back is 20 MB/s at most, and on loopback costs a third.
 */
static long http_version(const struct http_request *request)
{
	bool is_large = request->body && (request->body_bytes == HTTP_UNKNOWN_SIZE ||
							 request->body_bytes >= LARGE_BYTES);

	return is_large ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS;
}

static void set_options(struct transfer *transfer, const struct http_request *request)
{
	const struct http_settings *settings = &transfer->client->settings;
	const struct curl_calls *curl = curl_of(transfer);
	CURL *easy = transfer->handle->easy;
	AUTO_FREE char *address = url_text(request->url);
	unsigned stall_ms = settings->stall_timeout_ms * (request->may_stall ? 10 : 1);

	(void)curl->easy_setopt(easy, CURLOPT_URL, address);
	(void)curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl->easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	(void)curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl->easy_setopt(easy, CURLOPT_SHARE, http_handles_share(transfer->client->handles));
	(void)curl->easy_setopt(easy, CURLOPT_HTTP_VERSION, http_version(request));
	(void)curl->easy_setopt(easy, CURLOPT_USERAGENT, settings->user_agent);
	(void)curl->easy_setopt(easy, CURLOPT_PROXY, proxy_for(settings, request->url));
	(void)curl->easy_setopt(
			easy, CURLOPT_NOPROXY, settings->no_proxy ? settings->no_proxy : "");
	(void)curl->easy_setopt(
			easy, CURLOPT_CONNECTTIMEOUT_MS, (long)settings->connect_timeout_ms);
	(void)curl->easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT,
			request->may_stall ? 1L : (long)SLOWEST_BYTES_PER_SECOND);
	(void)curl->easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)((stall_ms + 999) / 1000));
	(void)curl->easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl->easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
	(void)curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl->easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	(void)curl->easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	(void)curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
	(void)curl->easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	(void)curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->curl_error);
	set_method(transfer, request);
	set_headers(transfer, request);
	set_tls(transfer, request->tls);
}

/* What tools written in Go say of the same, for scripts that look for it. */
static const char *go_words(CURLcode code, const char *detail)
{
	if (code == CURLE_COULDNT_RESOLVE_HOST)
		return ": no such host";
	if (code == CURLE_PEER_FAILED_VERIFICATION &&
			(strstr(detail, "self-signed") || strstr(detail, "local issuer")))
		return ": x509: certificate signed by unknown authority";
	return "";
}

static struct error *network_error(struct transfer *transfer, CURLcode code)
{
	const char *detail = transfer->curl_error[0] ? transfer->curl_error
						     : curl_of(transfer)->easy_strerror(code);

	/* What curl says of a header line beyond its own 100 KiB. */
	if (code == CURLE_OUT_OF_MEMORY && !transfer->headers_complete)
		return error_new(ERR_LIMIT, "%s: headers of more than %d bytes", transfer->shown,
				LIMIT_HTTP_HEADER_BYTES);
	return error_code(ERR_NETWORK, (int)code, "%s: %s%s", transfer->shown, detail,
			go_words(code, detail));
}

static void check_finished(struct transfer *transfer)
{
	const struct curl_calls *curl = curl_of(transfer);
	CURLMsg *message;
	int left;

	while ((message = curl->multi_info_read(transfer->handle->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		transfer->finished = true;
		if (message->data.result != CURLE_OK)
			keep_error(transfer, network_error(transfer, message->data.result));
	}
}

/* One round: let curl work, and wait for the network when it has nothing to do. */
static FALLIBLE pump(struct transfer *transfer, bool (*enough)(const struct transfer *transfer))
{
	const struct curl_calls *curl = curl_of(transfer);
	struct http_handle *handle = transfer->handle;
	struct curl_waitfd cancel = { .fd = cancel_fd(transfer->client->cancel),
		.events = CURL_WAIT_POLLIN };
	int running = 0;

	TRY(cancel_check(transfer->client->cancel));
	CURLMcode code = curl->multi_perform(handle->multi, &running);
	if (code != CURLM_OK)
		return error_new(
				ERR_NETWORK, "%s: %s", transfer->shown, curl->multi_strerror(code));
	check_finished(transfer);
	if (transfer->finished || enough(transfer))
		return NULL;
	code = curl->multi_poll(handle->multi, &cancel, cancel.fd >= 0 ? 1 : 0, POLL_MS, NULL);
	if (code != CURLM_OK)
		return error_new(
				ERR_NETWORK, "%s: %s", transfer->shown, curl->multi_strerror(code));
	return NULL;
}

static FALLIBLE pump_until(
		struct transfer *transfer, bool (*enough)(const struct transfer *transfer))
{
	while (!transfer->finished && !enough(transfer)) {
		struct error *error = pump(transfer, enough);

		if (error) {
			keep_error(transfer, error);
			break;
		}
	}
	return transfer->error && !enough(transfer) ? error_copy(transfer->error) : NULL;
}

/*
 * An answer before the end of the request's body counts when it is a refusal; curl then stops
 * sending. HEAD is waited for to its end, which is there already, so that its connection is free.
 */
static bool has_answer(const struct transfer *transfer)
{
	return transfer->headers_complete && !transfer->is_head &&
	       (!transfer->body || transfer->body_ended || transfer->response.status >= 300);
}

static bool has_bytes(const struct transfer *transfer)
{
	return transfer->buffer.n > transfer->buffer_at;
}

static struct error *transfer_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct transfer *transfer = (struct transfer *)reader;

	if (!has_bytes(transfer) && transfer->paused && !transfer->finished) {
		transfer->paused = false;
		(void)curl_of(transfer)->easy_pause(transfer->handle->easy, CURLPAUSE_CONT);
	}
	TRY(pump_until(transfer, has_bytes));
	size_t have = transfer->buffer.n - transfer->buffer_at;
	if (have > n)
		have = n;
	if (have)
		memcpy(buf, transfer->buffer.p + transfer->buffer_at, have);
	transfer->buffer_at += have;
	*ret_n = have;
	return NULL;
}

/* Read a short rest, so that the connection stays good. */
static void drain(struct transfer *transfer)
{
	int64_t length = http_content_length(&transfer->response);
	uint64_t deadline = clock_monotonic_ns() + DRAIN_NS;

	while (clock_monotonic_ns() < deadline && !transfer->finished && !transfer->error &&
			transfer->headers_complete && length <= DRAIN_BYTES &&
			transfer->received <= DRAIN_BYTES) {
		char scrap[4096];
		size_t n = 0;
		struct error *error = transfer_read(&transfer->reader, scrap, sizeof(scrap), &n);

		if (error)
			error_ignore(error, "the rest of an answer is not needed");
		if (!n)
			break;
	}
}

static void transfer_free(struct reader *reader)
{
	struct transfer *transfer = (struct transfer *)reader;
	struct http_client *client = transfer->client;

	drain(transfer);
	(void)http_handles_curl(client->handles)
			->multi_remove_handle(transfer->handle->multi, transfer->handle->easy);
	http_handles_curl(client->handles)->slist_free_all(transfer->headers);
	http_handles_give(client->handles, transfer->handle);
	http_response_done(&transfer->response);
	strbuf_done(&transfer->buffer);
	error_free(transfer->error);
	free(transfer->shown);
	free(transfer);
}

static const struct reader_ops transfer_ops = { .read = transfer_read, .free = transfer_free };

static void log_exchange(const struct transfer *transfer, uint64_t started, unsigned long number)
{
	log_debug("http %lu: %s: %d, %llu ms", number, transfer->shown, transfer->response.status,
			(unsigned long long)((clock_monotonic_ns() - started) / 1000000));
}

FALLIBLE http_open(struct http_client *client, const struct http_request *request,
		struct http_response *ret, struct reader **ret_body)
{
	struct http_handle *handle = NULL;
	AUTO_FREE char *address = url_shown(request->url);
	uint64_t started = clock_monotonic_ns();

	TRY(cancel_check(client->cancel));
	TRY(http_handles_take(client->handles, request->url->host, &handle));
	assert(handle);
	struct transfer *transfer = xcalloc(1, sizeof(*transfer));
	transfer->reader.ops = &transfer_ops;
	transfer->client = client;
	transfer->handle = handle;
	transfer->body = request->body;
	transfer->is_https = request->url->is_https;
	transfer->is_head = text_equal(request->method, "HEAD");
	transfer->shown = xasprintf("%s %s", request->method, address);
	set_options(transfer, request);
	unsigned long number = atomic_fetch_add(&client->requests, 1) + 1;
	(void)http_handles_curl(client->handles)->multi_add_handle(handle->multi, handle->easy);
	struct error *error = pump_until(transfer, has_answer);
	transfer->body = NULL;
	if (error && transfer->headers_complete && transfer->response.status >= 300) {
		error_ignore(error, "the server answered before the request broke off");
		error = NULL;
	}
	if (!error && !transfer->headers_complete)
		error = error_new(ERR_NETWORK, "%s: no answer", transfer->shown);
	log_exchange(transfer, started, number);
	if (error) {
		reader_free(&transfer->reader);
		return error;
	}
	ret->status = transfer->response.status;
	ret->headers = (struct list){ 0 };
	list_add_all(&ret->headers, &transfer->response.headers);
	*ret_body = &transfer->reader;
	return NULL;
}

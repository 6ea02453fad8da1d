/*
 * registry_download() is a loop of attempts on one file; an attempt (go) is a chain of redirects
 * and then a body. What an attempt wrote is kept for the next one when the server has said which
 * version it was, and is asked for the rest of that version.
 */
#include "registry/download.h"

#include "base/limits.h"
#include "base/log.h"
#include "registry/client.h"
#include "stream/hash.h"
#include "sys/fd.h"

#include <string.h>
#include <unistd.h>

/* What brought this much since it last broke has earned its tries again. */
enum { COPY_BYTES = 256 * 1024, PROGRESS_BYTES = 1024 * 1024 };

struct transfer {
	struct registry_client *client;
	const struct download_request *request;
	struct url first;
	char *shown; /* "download 'https://…'" without its query */
	int fd;
	struct hash *hash;
	uint64_t done; /* bytes in fd that are good */
	struct download download;
	struct retry retry;
};

static void transfer_done(struct transfer *transfer)
{
	url_done(&transfer->first);
	free(transfer->shown);
	hash_free(transfer->hash);
	download_done(&transfer->download);
}

DEFINE_AUTO_VALUE(transfer)

void download_done(struct download *download)
{
	free(download->etag);
	free(download->last_modified);
	free(download->disposition);
	*download = (struct download){ 0 };
}

static void keep(char **slot, const struct http_response *response, const char *name)
{
	const char *value = http_header(response, name);

	free(*slot);
	*slot = value ? xstrdup(value) : NULL;
}

/* A weak validator does not vouch for each byte. */
static const char *strong_validator(const struct download *download)
{
	if (download->etag && !text_starts(download->etag, "W/"))
		return download->etag;
	return download->last_modified;
}

static void add_conditions(const struct transfer *transfer, struct list *headers)
{
	const struct download_request *request = transfer->request;
	const char *validator = strong_validator(&transfer->download);

	if (transfer->done && validator) {
		list_addf(headers, "Range: bytes=%llu-", (unsigned long long)transfer->done);
		list_addf(headers, "If-Range: %s", validator);
		return;
	}
	if (request->etag)
		list_addf(headers, "If-None-Match: %s", request->etag);
	else if (request->last_modified)
		list_addf(headers, "If-Modified-Since: %s", request->last_modified);
}

/* One request, to wherever it has been sent by now. */
static FALLIBLE ask(struct transfer *transfer, const struct url *url, struct http_response *ret,
		struct reader **ret_body)
{
	AUTO(list) struct list headers = { 0 };
	const struct http_tls *tls = NULL;
	struct http_request request = { .method = "GET", .url = url, .headers = &headers };

	list_add(&headers, "Accept: */*");
	if (transfer->request->authorization && url_same_origin(url, &transfer->first))
		list_addf(&headers, "Authorization: %s", transfer->request->authorization);
	add_conditions(transfer, &headers);
	if (transfer->request->sign && url_same_origin(url, &transfer->first))
		TRY(transfer->request->sign(transfer->request->user, url, &headers));
	TRY(client_tls(transfer->client, url->host, false, &tls));
	request.tls = tls;
	return http_open(client_http(transfer->client), &request, ret, ret_body);
}

static FALLIBLE follow(
		struct transfer *transfer, struct http_response *ret, struct reader **ret_body)
{
	AUTO(url) struct url url = { 0 };

	url_copy(&transfer->first, &url);
	for (unsigned i = 0; i <= LIMIT_REDIRECTS; i++) {
		AUTO(http_response) struct http_response response = { 0 };
		AUTO(reader) struct reader *body = NULL;
		AUTO(url) struct url next = { 0 };

		TRY(ask(transfer, &url, &response, &body));
		if (!http_is_redirect(response.status)) {
			*ret = TAKE_VALUE(response);
			*ret_body = TAKE(body);
			return NULL;
		}
		const char *location = http_header(&response, "Location");
		if (!location)
			return error_new(ERR_INVALID, "status %d without a Location",
					response.status);
		TRY_WRAP(url_resolve(&url, str_of(location), &next), "follow a redirect");
		url_done(&url);
		url = TAKE_VALUE(next);
	}
	return error_new(ERR_LIMIT, "more than %d redirects", LIMIT_REDIRECTS);
}

static struct error *status_error(int status)
{
	if (status == 404 || status == 410)
		return error_new(ERR_NOT_FOUND, "not found (invalid response status %d)", status);
	if (status == 401 || status == 403)
		return error_hint(
				error_new(ERR_DENIED, "the server refuses it (status %d)", status),
				"a secret HTTP_AUTH_HEADER_host or HTTP_AUTH_TOKEN_host is sent "
				"to that host");
	return error_code(ERR_HTTP, status, "invalid response status %d", status);
}

static FALLIBLE start_over(struct transfer *transfer)
{
	(void)hash_finish(transfer->hash);
	transfer->done = 0;
	if (ftruncate(transfer->fd, 0) != 0 || lseek(transfer->fd, 0, SEEK_SET) != 0)
		return error_sys("empty the file that is written to");
	return NULL;
}

/* "bytes 100-199/200": does it go on where we are? */
static bool goes_on(const struct transfer *transfer, const struct http_response *response)
{
	AUTO_FREE char *wanted = xasprintf("bytes %llu-", (unsigned long long)transfer->done);
	const char *range = http_header(response, "Content-Range");

	return range && text_starts(range, wanted);
}

static FALLIBLE copy_body(struct transfer *transfer, struct reader *body)
{
	AUTO_FREE char *buf = xmalloc(COPY_BYTES);

	for (;;) {
		size_t n = 0;

		TRY(cancel_check(client_cancel(transfer->client)));
		TRY(reader_read(body, buf, COPY_BYTES, &n));
		if (!n)
			return NULL;
		if (n > transfer->request->limit - transfer->done)
			return error_new(ERR_LIMIT, "larger than %llu bytes",
					(unsigned long long)transfer->request->limit);
		TRY(fd_write_all(transfer->fd, buf, n));
		hash_update(transfer->hash, buf, n);
		transfer->done += n;
	}
}

static FALLIBLE attempt(struct transfer *transfer, char **ret_retry_after)
{
	AUTO(http_response) struct http_response response = { 0 };
	AUTO(reader) struct reader *body = NULL;
	bool may_go_on = transfer->done && strong_validator(&transfer->download);

	TRY(follow(transfer, &response, &body));
	if (response.status == 304 && !may_go_on &&
			(transfer->request->etag || transfer->request->last_modified)) {
		transfer->download.is_unchanged = true;
		return NULL;
	}
	if (may_go_on && response.status == 206) {
		if (!goes_on(transfer, &response))
			return error_new(ERR_INVALID,
					"the server sends another range than asked for");
	} else if (response.status == 200) {
		TRY(start_over(transfer));
		keep(&transfer->download.etag, &response, "ETag");
		keep(&transfer->download.last_modified, &response, "Last-Modified");
		keep(&transfer->download.disposition, &response, "Content-Disposition");
	} else {
		const char *after = http_header(&response, "Retry-After");

		*ret_retry_after = after ? xstrdup(after) : NULL;
		return status_error(response.status);
	}
	return copy_body(transfer, body);
}

static bool may_try_again(const struct error *error)
{
	return retry_is_broken(error) ||
	       (error_is(error, ERR_HTTP) && retry_is_temporary(error->code));
}

static FALLIBLE try_all(struct transfer *transfer)
{
	for (;;) {
		AUTO_FREE char *retry_after = NULL;
		uint64_t before = transfer->done;
		bool again = false;
		struct error *error = attempt(transfer, &retry_after);

		if (!error || !may_try_again(error))
			return error;
		if (transfer->done >= before + PROGRESS_BYTES)
			transfer->retry.used = 0;
		TRY(retry_again(&transfer->retry, retry_after, error,
				client_cancel(transfer->client), &again));
		log_info("%s broke after %llu bytes, trying again", transfer->shown,
				(unsigned long long)transfer->done);
	}
}

FALLIBLE registry_download(struct registry_client *client, const struct download_request *request,
		int fd, struct download *ret)
{
	AUTO(transfer)
	struct transfer transfer = {
		.client = client,
		.request = request,
		.fd = fd,
		.retry = client_retry(client),
	};

	TRY(url_parse(str_of(request->url), &transfer.first));
	AUTO_FREE char *address = url_shown(&transfer.first);
	transfer.shown = xasprintf("download '%s'", address);
	transfer.hash = hash_new();
	TRY_WRAP(try_all(&transfer), "%s", transfer.shown);
	if (!transfer.download.is_unchanged) {
		transfer.download.bytes = transfer.done;
		transfer.download.digest = hash_finish(transfer.hash);
	}
	*ret = TAKE_VALUE(transfer.download);
	return NULL;
}

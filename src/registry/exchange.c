/*
 * Short requests that are none of the registry's own: to token services, and those of clouds. The
 * whole answer is read; what failed for the moment is tried again.
 */
#include "registry/client.h"

#include "base/limits.h"

static FALLIBLE exchange_once(struct registry_client *client, const struct http_request *request,
		struct str form, size_t limit, struct http_response *ret, struct strbuf *ret_body)
{
	AUTO(reader) struct reader *body = NULL, *answer = NULL;
	AUTO_FREE char *text = NULL;
	struct http_request once = *request;
	size_t n = 0;

	if (form.n) {
		body = reader_from_bytes(form.p, form.n);
		once.body = body;
		once.body_bytes = (int64_t)form.n;
	}
	TRY(http_open(client_http(client), &once, ret, &answer));
	TRY(reader_read_all(answer, limit, &text, &n));
	strbuf_add_bytes(ret_body, text, n);
	return NULL;
}

FALLIBLE client_exchange(struct registry_client *client, const struct http_request *request,
		struct str body, size_t limit, struct http_response *ret, struct strbuf *ret_body)
{
	struct retry retry = client_retry(client);

	for (;;) {
		AUTO(http_response) struct http_response answer = { 0 };
		bool again = false;

		strbuf_clear(ret_body);
		struct error *error =
				exchange_once(client, request, body, limit, &answer, ret_body);
		if (error ? retry_is_broken(error) : retry_is_temporary(answer.status)) {
			const char *after = error ? NULL : http_header(&answer, "Retry-After");

			error = retry_again(&retry, after, error, client_cancel(client), &again);
		}
		if (again)
			continue;
		if (error)
			return client_hint_trust(error, request->url->host);
		*ret = TAKE_VALUE(answer);
		return NULL;
	}
}

FALLIBLE client_exchange_along(struct registry_client *client, const struct url *start,
		bool is_insecure, const char *authorization, size_t limit,
		struct http_response *ret, struct strbuf *ret_body)
{
	AUTO(url) struct url url = { 0 };

	url_copy(start, &url);
	for (int hops = 0;; hops++) {
		AUTO(http_response) struct http_response answer = { 0 };
		AUTO(list) struct list headers = { 0 };
		AUTO(url) struct url next = { 0 };
		const struct http_tls *tls;

		if (authorization && url_same_origin(start, &url))
			list_addf(&headers, "Authorization: %s", authorization);
		TRY(client_tls(client, url.host, is_insecure && text_equal(url.host, start->host),
				&tls));
		struct http_request request = {
			.method = "GET", .url = &url, .headers = &headers, .tls = tls
		};
		TRY(client_exchange(client, &request, (struct str){ 0 }, limit, &answer, ret_body));
		const char *location = http_header(&answer, "Location");
		if (!http_is_redirect(answer.status) || !location) {
			*ret = TAKE_VALUE(answer);
			return NULL;
		}
		if (hops == LIMIT_REDIRECTS)
			return error_new(ERR_LIMIT, "'%s' redirects more than %d times",
					start->host, LIMIT_REDIRECTS);
		TRY_WRAP(url_resolve(&url, str_of(location), &next), "redirect of '%s'", url.host);
		url_done(&url);
		url = TAKE_VALUE(next);
	}
}

#include "cache/exchange.h"
#include "base/limits.h"
#include "registry/retry.h"

#include <string.h>

enum { TRIES = 2, WAIT_MS = 300, SAID_BYTES = 300 };

void exchange_add_path(struct strbuf *out, const char *name)
{
	struct str rest = str_of(name), part;
	bool more = true;

	while (more) {
		more = str_cut(rest, '/', &part, &rest);
		AUTO_FREE char *word = str_dup(part);
		url_escape(out, word);
		if (more)
			strbuf_add_char(out, '/');
	}
}

void exchange_done(struct exchange *exchange)
{
	url_done(&exchange->url);
	list_done(&exchange->headers);
}

/* What the server said, on one line. */
static struct error *refusal(const struct exchange *exchange, int status, struct reader *body)
{
	enum error_kind kind = status == 404                    ? ERR_NOT_FOUND
			       : status == 401 || status == 403 ? ERR_DENIED
								: ERR_HTTP;
	AUTO_FREE char *said = NULL;
	AUTO_FREE char *shown = url_shown(&exchange->url);
	size_t n = 0;

	error_ignore(reader_read_all(body, LIMIT_SETTINGS_BYTES, &said, &n), "it said enough");
	for (size_t i = 0; said && i < n; i++)
		if ((unsigned char)said[i] < ' ' || said[i] == 0x7f)
			said[i] = ' ';
	return error_code(kind, status, "%s: '%s' answers %d%s%.*s", exchange->what, shown, status,
			n ? ": " : "", (int)(n < SAID_BYTES ? n : SAID_BYTES), said ? said : "");
}

static FALLIBLE run_once(const struct exchange *exchange, struct http_response *response,
		struct reader **ret_body)
{
	AUTO(reader) struct reader *body = NULL;
	struct http_request request = {
		.method = exchange->method, .url = &exchange->url, .headers = &exchange->headers
	};

	if (exchange->body) {
		TRY(exchange->body->open(exchange->body->user, 0, &body));
		request.body = body;
		request.body_bytes = (int64_t)exchange->body->size;
	}
	return http_open(registry_client_http(exchange->client), &request, response, ret_body);
}

FALLIBLE exchange_run(const struct exchange *exchange, struct reader **ret_body)
{
	struct retry retry = { .tries = TRIES,
		.base_ms = WAIT_MS,
		.after_ms = registry_client_retry_after_ms(exchange->client),
		.silence_ends = true };

	for (;;) {
		AUTO(http_response) struct http_response response = { 0 };
		AUTO(reader) struct reader *body = NULL;
		bool again = false;
		struct error *error = run_once(exchange, &response, &body);

		if (!error && response.status / 100 == 2) {
			if (ret_body)
				*ret_body = TAKE(body);
			return NULL;
		}
		bool is_temporary = error ? retry_is_broken(error)
					  : retry_is_temporary(response.status);
		const char *after = error ? NULL : http_header(&response, "Retry-After");
		if (error)
			error = error_wrap(error, "%s", exchange->what);
		else
			error = refusal(exchange, response.status, body);
		if (is_temporary)
			error = retry_again(&retry, after, error, exchange->cancel, &again);
		if (!again)
			return error;
	}
}

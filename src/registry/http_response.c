#include "registry/curl.h"
#include "registry/http.h"

#include <string.h>

void http_response_done(struct http_response *response)
{
	list_done(&response->headers);
	*response = (struct http_response){ 0 };
}

const char *http_header(const struct http_response *response, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < response->headers.n; i++) {
		struct str line = str_of(response->headers.p[i]);

		if (line.n > n && line.p[n] == ':' && str_is_nocase(str_slice(line, 0, n), name)) {
			const char *value = line.p + n + 1;

			return value + strspn(value, " \t");
		}
	}
	return NULL;
}

bool http_is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

int64_t http_content_length(const struct http_response *response)
{
	const char *text = http_header(response, "Content-Length");
	uint64_t value = 0;
	struct error *error = text ? parse_u64(str_of(text), INT64_MAX, &value) : NULL;

	if (!text || error) {
		error_free(error);
		return -1;
	}
	return (int64_t)value;
}

static bool is_code(const struct error *error, const int *codes, size_t n)
{
	for (size_t i = 0; error && error->kind == ERR_NETWORK && i < n; i++)
		if (error->code == codes[i])
			return true;
	return false;
}

bool http_error_is_tls_speech(const struct error *error)
{
	static const int codes[] = { CURLE_SSL_CONNECT_ERROR, CURLE_WEIRD_SERVER_REPLY };

	return is_code(error, codes, COUNT(codes));
}

bool http_error_is_trust(const struct error *error)
{
	static const int codes[] = { CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_ISSUER_ERROR,
		CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM };

	return is_code(error, codes, COUNT(codes));
}

bool http_error_is_unreachable(const struct error *error)
{
	static const int codes[] = { CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY,
		CURLE_COULDNT_CONNECT };

	return is_code(error, codes, COUNT(codes));
}

bool http_error_is_silence(const struct error *error)
{
	static const int codes[] = { CURLE_OPERATION_TIMEDOUT };

	return is_code(error, codes, COUNT(codes));
}

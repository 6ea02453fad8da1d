/* What a registry's answer means, in words: kind of error, its own message, what can be done. */
#include "oci/json.h"
#include "registry/client.h"

#include <ctype.h>
#include <string.h>

enum { ERROR_BODY_BYTES = 64 * 1024 };

/* What comes from a server and goes to a terminal: one printable line. */
static void add_printable(struct strbuf *out, const char *text)
{
	for (size_t i = 0; text[i] && i < 300; i++)
		strbuf_add_char(out, isprint((unsigned char)text[i]) ? text[i] : ' ');
}

/* {"errors": [{"code": …, "message": …}]}: the first code and its message. */
static void read_words(struct answer *answer, char **ret_code, struct strbuf *ret_words)
{
	AUTO_FREE char *text = NULL;
	json_auto_t *value = NULL;
	struct json_field root, errors, first;
	size_t n = 0;
	struct error *error =
			answer->body ? reader_read_all(answer->body, ERROR_BODY_BYTES, &text, &n)
				     : error_new(ERR_INVALID, "no body");

	if (!error)
		error = json_parse((struct str){ text, n }, ERROR_BODY_BYTES, "error", &value);
	if (!error)
		error = json_root(value, "error", &root);
	if (!error)
		error = json_get_array(&root, "errors", JSON_MUST, &errors);
	if (!error)
		error = json_item_object(&errors, 0, &first);
	if (!error)
		error = json_get_text(&first, "code", JSON_MAY, ret_code);
	AUTO_FREE char *message = NULL;
	if (!error)
		error = json_get_text(&first, "message", JSON_MAY, &message);
	if (message)
		add_printable(ret_words, message);
	error_ignore(error, "an answer without an error document");
}

static enum error_kind kind_of(int status, const char *code)
{
	if (status == 401 || status == 403)
		return ERR_DENIED;
	if (status == 404)
		return ERR_NOT_FOUND;
	if (status == 405)
		return ERR_UNSUPPORTED;
	if (status == 413)
		return ERR_LIMIT;
	return text_equal(code, "DIGEST_INVALID") ? ERR_DIGEST : ERR_HTTP;
}

static struct error *hint_status(
		struct error *error, const struct answer *answer, const struct send *send)
{
	const char *host = send->endpoint->creds_host;
	int status = answer->http.status;

	if (status == 401 && !answer->source)
		return error_hint(error, "log in with kiln login %s", host);
	if (status == 401)
		return error_hint(error,
				"the credentials from '%s' were refused; log in again with kiln "
				"login "
				"%s",
				answer->source, host);
	if (status == 403 && !answer->source)
		return error_hint(
				error, "log in with kiln login %s, if an account has access", host);
	if (status == 403)
		return error_hint(error, "the account from '%s' may not %s there", answer->source,
				send->actions && strstr(send->actions, "push") ? "push" : "read");
	if (status == 429)
		return error_hint(error, answer->source ? "the registry limits requests; try later"
							: "the registry limits requests; log in "
							  "with kiln login, or try later");
	return error;
}

struct error *answer_error(struct answer *answer, const struct send *send, const char *what)
{
	AUTO(strbuf) struct strbuf words = { 0 };
	AUTO_FREE char *code = NULL;
	int status = answer->http.status;
	static const char *const names[] = { [0] = "",
		[401] = " unauthorized: authentication required",
		[403] = " forbidden",
		[404] = " not found",
		[429] = " too many requests" };
	const char *name = status > 0 && (size_t)status < COUNT(names) && names[status]
					   ? names[status]
					   : "";

	read_words(answer, &code, &words);
	struct error *error = error_code(kind_of(status, code), status,
			"%s: registry '%s' answers %d%s%s%s", what, send->endpoint->host, status,
			name, words.n ? ": " : "", strbuf_text(&words));
	return hint_status(error, answer, send);
}

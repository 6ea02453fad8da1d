/*
 * Writing. A known blob: HEAD, mount, then POST and one PUT with all bytes; when that breaks, the
 * session is asked how much it has and the rest is put, or a new session begins. A blob that is
 * still being made: POST, one PATCH of unknown length, PUT with the digest.
 */
#include "base/log.h"
#include "registry/fetch.h"

#include <string.h>

#define PUSH "pull,push"

static const char octets[] = "Content-Type: application/octet-stream";

static char *blob_name(const struct endpoint *endpoint, const struct digest *digest)
{
	char text[DIGEST_TEXT];

	return xasprintf("blob '%s' of '%s/%s'", digest_text(digest, text), endpoint->creds_host,
			endpoint->repository);
}

/* *ret_bytes: UINT64_MAX where the registry does not say, or says 0, which is no blob's size. */
static FALLIBLE look_at_blob(struct registry_client *client, struct send *send,
		const struct digest *digest, bool *ret_exists, uint64_t *ret_bytes)
{
	AUTO(answer) struct answer answer = { 0 };
	char text[DIGEST_TEXT];
	AUTO_FREE char *path = fetch_path(send->endpoint, "blobs", digest_text(digest, text));
	AUTO_FREE char *what = blob_name(send->endpoint, digest);

	send->method = "HEAD";
	send->path = path;
	TRY_WRAP(client_send(client, send, &answer), "%s", what);
	int status = answer.http.status;
	/* What a registry that does not know HEAD has is not known: it is sent once more. */
	if (status != 200 && status != 404 && status != 405 && status != 501)
		return answer_error(&answer, send, what);
	*ret_exists = status == 200;
	int64_t bytes = *ret_exists ? http_content_length(&answer.http) : 0;
	*ret_bytes = bytes > 0 ? (uint64_t)bytes : UINT64_MAX;
	return NULL;
}

static FALLIBLE has_other_size(const struct endpoint *endpoint, const struct digest *digest,
		uint64_t bytes, uint64_t wanted)
{
	AUTO_FREE char *what = blob_name(endpoint, digest);

	return error_new(ERR_DIGEST,
			"%s has %llu bytes there, and not the %llu that are said of it", what,
			(unsigned long long)bytes, (unsigned long long)wanted);
}

/* To be left as it is, when it is what the manifest will say. */
static FALLIBLE blob_exists(struct registry_client *client, const struct endpoint *endpoint,
		const struct digest *digest, uint64_t wanted, bool *ret)
{
	struct send send = { .endpoint = endpoint, .actions = PUSH };
	uint64_t bytes = UINT64_MAX;

	TRY(look_at_blob(client, &send, digest, ret, &bytes));
	return bytes == UINT64_MAX || bytes == wanted
			       ? NULL
			       : has_other_size(endpoint, digest, bytes, wanted);
}

FALLIBLE registry_has_blob(struct registry_client *client, const struct reference *to,
		const struct digest *digest, bool *ret)
{
	AUTO(endpoint) struct endpoint endpoint = { 0 };
	struct send send = { .endpoint = &endpoint, .actions = PUSH };
	uint64_t bytes = 0;

	TRY(client_write_endpoint(client, to, &endpoint));
	return look_at_blob(client, &send, digest, ret, &bytes);
}

FALLIBLE registry_check_blob_size(struct registry_client *client, const char *repository,
		const struct digest *digest, uint64_t wanted)
{
	AUTO(endpoint) struct endpoint endpoint = { 0 };
	AUTO(reference) struct reference reference = { 0 };
	/* Whoever waits has something better to do than to try again. */
	struct send send = { .endpoint = &endpoint, .actions = "pull", .no_retry = true };
	uint64_t bytes = UINT64_MAX;
	bool exists = false;

	TRY(reference_parse(str_of(repository), &reference));
	TRY(client_write_endpoint(client, &reference, &endpoint));
	struct error *error = look_at_blob(client, &send, digest, &exists, &bytes);
	if (error_is(error, ERR_CANCELED))
		return error;
	error_ignore(error, "a registry that does not tell is taken at the record's word");
	return bytes == UINT64_MAX || bytes == wanted
			       ? NULL
			       : has_other_size(&endpoint, digest, bytes, wanted);
}

/* The address of the session, from a 202. */
static FALLIBLE take_location(const struct answer *answer, const char *what, struct url *ret)
{
	AUTO(url) struct url url = { 0 };
	const char *location = http_header(&answer->http, "Location");

	if (!location)
		return error_new(ERR_INVALID, "%s: registry '%s' opened an upload without Location",
				what, answer->url.host);
	TRY_WRAP(url_resolve(&answer->url, str_of(location), &url), "%s", what);
	url_done(ret);
	*ret = TAKE_VALUE(url);
	return NULL;
}

/* Open an upload session. mount (may be NULL): "&mount=…&from=…" was wanted; then 201 is done. */
static FALLIBLE open_session(struct registry_client *client, const struct endpoint *endpoint,
		const struct digest *mount, const char *from, struct url *ret_session,
		bool *ret_mounted)
{
	AUTO(answer) struct answer answer = { 0 };
	AUTO(strbuf) struct strbuf path = { 0 };
	AUTO_FREE char *what =
			xasprintf("upload to '%s/%s'", endpoint->creds_host, endpoint->repository);
	char text[DIGEST_TEXT];

	strbuf_addf(&path, "/v2/%s/blobs/uploads/", endpoint->repository);
	if (mount) {
		strbuf_addf(&path, "?mount=%s&from=", digest_text(mount, text));
		url_escape(&path, from);
	}
	struct send send = { .method = "POST",
		.endpoint = endpoint,
		.path = strbuf_text(&path),
		.actions = PUSH,
		.also_pull = mount ? from : NULL };
	TRY_WRAP(client_send(client, &send, &answer), "%s", what);
	if (mount && answer.http.status == 201) {
		*ret_mounted = true;
		return NULL;
	}
	if (answer.http.status != 202)
		return answer_error(&answer, &send, what);
	return take_location(&answer, what, ret_session);
}

static void close_session(struct registry_client *client, const struct endpoint *endpoint,
		const struct url *session)
{
	AUTO(answer) struct answer answer = { 0 };
	struct send send = { .method = "DELETE",
		.endpoint = endpoint,
		.url = session,
		.actions = PUSH,
		.no_retry = true };

	if (session->host)
		error_ignore(client_send(client, &send, &answer),
				"an upload that is given up ends by itself, later");
}

/* "host/repository" of the same host: its repository, else NULL. */
static const char *same_host_repository(const struct endpoint *endpoint, const char *from)
{
	size_t n = strlen(endpoint->creds_host);
	bool same = strncmp(from, endpoint->creds_host, n) == 0 && from[n] == '/';

	return same && strcmp(from + n + 1, endpoint->repository) != 0 ? from + n + 1 : NULL;
}

/*
 * Mount from one of the repositories. Not mounted: a session is open, unless there was nothing to
 * try or the registry refused (we may not read there, or it is not there).
 */
static FALLIBLE try_mounts(struct registry_client *client, const struct endpoint *endpoint,
		const struct registry_blob *blob, struct url *ret_session, bool *ret_mounted)
{
	for (size_t i = 0; blob->mount_from && blob->mount_from[i] && !*ret_mounted; i++) {
		const char *from = same_host_repository(endpoint, blob->mount_from[i]);

		if (!from)
			continue;
		close_session(client, endpoint, ret_session);
		struct error *error = open_session(
				client, endpoint, &blob->digest, from, ret_session, ret_mounted);
		bool is_refusal = error_is(error, ERR_DENIED) || error_is(error, ERR_NOT_FOUND) ||
				  error_is(error, ERR_HTTP) || error_is(error, ERR_UNSUPPORTED);
		if (error && !is_refusal)
			return error;
		error_ignore(error, "what cannot be mounted is uploaded");
	}
	return NULL;
}

/* One way of the bytes, counting where it stands. */
struct sending {
	struct registry_client *client;
	const struct endpoint *endpoint;
	const struct registry_blob *blob;
	const char *what;
	struct url session;
	uint64_t offset; /* what the registry has already */
};

static struct error *open_source(void *user, uint64_t offset, struct reader **ret)
{
	struct sending *sending = user;

	return sending->blob->open(sending->blob->user, offset, ret);
}

static FALLIBLE put_rest(struct sending *sending, struct answer *ret)
{
	AUTO(url) struct url url = { 0 };
	AUTO(list) struct list headers = { 0 };
	char text[DIGEST_TEXT];
	const struct registry_blob *blob = sending->blob;
	struct send_body body = { .open = open_source,
		.user = sending,
		.offset = sending->offset,
		.size = (int64_t)(blob->size - sending->offset) };
	struct send send = { .method = "PUT",
		.endpoint = sending->endpoint,
		.url = &url,
		.headers = &headers,
		.body = &body,
		.actions = PUSH,
		.no_retry = true };

	url_copy(&sending->session, &url);
	url_add_query(&url, "digest", digest_text(&blob->digest, text));
	list_add(&headers, octets);
	if (sending->offset)
		list_addf(&headers, "Content-Range: %llu-%llu", (unsigned long long)sending->offset,
				(unsigned long long)(blob->size - 1));
	TRY_WRAP(client_send(sending->client, &send, ret), "%s", sending->what);
	return NULL;
}

/*
 * How much the session has, from "Range: 0-N". "0-0" can be one byte or none, so the session is
 * begun anew; so it is when the registry does not know it any more.
 */
static FALLIBLE ask_session(struct sending *sending)
{
	AUTO(answer) struct answer answer = { 0 };
	struct send send = { .method = "GET",
		.endpoint = sending->endpoint,
		.url = &sending->session,
		.actions = PUSH };
	uint64_t last = 0;
	bool mounted = false;
	struct str unit, rest;

	TRY_WRAP(client_send(sending->client, &send, &answer), "%s", sending->what);
	const char *range = http_header(&answer.http, "Range");
	bool is_session = (answer.http.status == 204 || answer.http.status == 202) && range;
	struct error *error = NULL;
	if (is_session) {
		/* "0-99", or "bytes=0-99" as some write it. */
		if (!str_cut(str_of(range), '=', &unit, &rest))
			rest = str_of(range);
		str_cut(rest, '-', &unit, &rest);
		error = parse_u64(str_trim(rest), INT64_MAX, &last);
	}
	bool is_usable = is_session && !error && last > 0 && last < sending->blob->size;
	error_ignore(error, "an upload that does not say how much it has is begun anew");
	if (!is_usable) {
		sending->offset = 0;
		url_done(&sending->session);
		return open_session(sending->client, sending->endpoint, NULL, NULL,
				&sending->session, &mounted);
	}
	sending->offset = last + 1;
	if (http_header(&answer.http, "Location"))
		TRY(take_location(&answer, sending->what, &sending->session));
	log_info("%s: resuming at byte %llu", sending->what, (unsigned long long)sending->offset);
	return NULL;
}

static bool is_created(int status)
{
	return status == 201 || status == 204 || status == 200;
}

/* Until it is there, or there is no use in trying. */
static FALLIBLE send_blob(struct sending *sending)
{
	struct retry retry = client_retry(sending->client);

	for (;;) {
		AUTO(answer) struct answer answer = { 0 };
		struct send said = { .endpoint = sending->endpoint, .actions = PUSH };
		bool again = false;
		struct error *error = put_rest(sending, &answer);

		if (!error && is_created(answer.http.status))
			return NULL;
		/* 404 and 416: the session is gone or stands elsewhere than we think. */
		bool is_temporary = error ? retry_is_broken(error)
					  : retry_is_temporary(answer.http.status) ||
								    answer.http.status == 404 ||
								    answer.http.status == 416;
		const char *after = error ? NULL : http_header(&answer.http, "Retry-After");
		if (!error)
			error = answer_error(&answer, &said, sending->what);
		if (is_temporary)
			error = retry_again(&retry, after, error, client_cancel(sending->client),
					&again);
		if (!again)
			return error;
		TRY(ask_session(sending));
	}
}

FALLIBLE registry_put_blob(struct registry_client *client, const struct reference *to,
		const struct registry_blob *blob, enum registry_put *ret)
{
	AUTO(endpoint) struct endpoint endpoint = { 0 };
	struct sending sending = { .client = client, .endpoint = &endpoint, .blob = blob };
	bool exists = false, mounted = false;

	AUTO(url) struct url session = { 0 };
	TRY(client_write_endpoint(client, to, &endpoint));
	if (blob->is_mountable)
		TRY(try_mounts(client, &endpoint, blob, &session, &mounted));
	if (!mounted && !blob->is_new)
		TRY(blob_exists(client, &endpoint, &blob->digest, blob->size, &exists));
	if (exists) {
		close_session(client, &endpoint, &session);
		if (ret)
			*ret = PUT_EXISTED;
		return NULL;
	}
	AUTO_FREE char *what = blob_name(&endpoint, &blob->digest);
	if (!mounted && !blob->is_mountable)
		TRY(try_mounts(client, &endpoint, blob, &session, &mounted));
	if (!mounted && !session.host)
		TRY(open_session(client, &endpoint, NULL, NULL, &session, &mounted));
	if (!mounted) {
		sending.what = what;
		sending.session = TAKE_VALUE(session);
		struct error *error = send_blob(&sending);
		url_done(&sending.session);
		TRY(error);
	}
	if (ret)
		*ret = mounted ? PUT_MOUNTED : PUT_UPLOADED;
	return NULL;
}

FALLIBLE registry_mount_blob(struct registry_client *client, const struct reference *to,
		const struct digest *digest, const char *from, bool *ret)
{
	AUTO(endpoint) struct endpoint endpoint = { 0 };
	AUTO(url) struct url session = { 0 };
	const char *const sources[] = { from, NULL };
	struct registry_blob blob = { .digest = *digest, .mount_from = sources };

	*ret = false;
	TRY(client_write_endpoint(client, to, &endpoint));
	TRY(try_mounts(client, &endpoint, &blob, &session, ret));
	close_session(client, &endpoint, &session);
	return NULL;
}

FALLIBLE registry_check_push(struct registry_client *client, const struct reference *to)
{
	AUTO(endpoint) struct endpoint endpoint = { 0 };
	AUTO(url) struct url session = { 0 };
	bool mounted = false;

	TRY(client_write_endpoint(client, to, &endpoint));
	TRY(open_session(client, &endpoint, NULL, NULL, &session, &mounted));
	close_session(client, &endpoint, &session);
	return NULL;
}

/* An upload whose digest comes last. */
struct registry_upload {
	struct registry_client *client;
	struct endpoint endpoint;
	char *what;
	struct url session;
	struct reader *source; /* borrowed while the bytes are sent */
};

/* The source, lent: it stays the caller's. */
struct lent_reader {
	struct reader reader;
	struct reader *owner;
};

static struct error *lent_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	return reader_read(((struct lent_reader *)reader)->owner, buf, n, ret_n);
}

static void lent_free(struct reader *reader)
{
	free(reader);
}

static const struct reader_ops lent_ops = { .read = lent_read, .free = lent_free };

static struct error *open_lent(void *user, uint64_t offset, struct reader **ret)
{
	struct registry_upload *upload = user;
	struct lent_reader *lent = xcalloc(1, sizeof(*lent));

	lent->reader.ops = &lent_ops;
	lent->owner = upload->source;
	*ret = &lent->reader;
	return NULL;
}

static FALLIBLE patch(struct registry_upload *upload)
{
	AUTO(answer) struct answer answer = { 0 };
	AUTO(list) struct list headers = { 0 };
	struct send_body body = { .open = open_lent,
		.user = upload,
		.size = HTTP_UNKNOWN_SIZE,
		.once = true,
		.may_stall = true };
	struct send send = { .method = "PATCH",
		.endpoint = &upload->endpoint,
		.url = &upload->session,
		.headers = &headers,
		.body = &body,
		.actions = PUSH };

	list_add(&headers, octets);
	TRY_WRAP(client_send(upload->client, &send, &answer), "%s", upload->what);
	if (answer.http.status != 202 && answer.http.status != 204 && answer.http.status != 201)
		return answer_error(&answer, &send, upload->what);
	return http_header(&answer.http, "Location")
			       ? take_location(&answer, upload->what, &upload->session)
			       : NULL;
}

FALLIBLE registry_upload_from(struct registry_client *client, const struct reference *to,
		struct reader *source, struct registry_upload **ret)
{
	AUTO(registry_upload) struct registry_upload *upload = xcalloc(1, sizeof(*upload));
	bool mounted = false;

	upload->client = client;
	TRY(client_write_endpoint(client, to, &upload->endpoint));
	upload->what = xasprintf("upload to '%s/%s'", upload->endpoint.creds_host,
			upload->endpoint.repository);
	TRY(open_session(client, &upload->endpoint, NULL, NULL, &upload->session, &mounted));
	upload->source = source;
	TRY(patch(upload));
	upload->source = NULL;
	*ret = TAKE(upload);
	return NULL;
}

FALLIBLE registry_upload_finish(struct registry_upload *taken, const struct digest *digest)
{
	AUTO(registry_upload) struct registry_upload *upload = taken;
	AUTO(answer) struct answer answer = { 0 };
	char text[DIGEST_TEXT];
	struct send send = { .method = "PUT",
		.endpoint = &upload->endpoint,
		.url = &upload->session,
		.actions = PUSH };

	url_add_query(&upload->session, "digest", digest_text(digest, text));
	TRY_WRAP(client_send(upload->client, &send, &answer), "%s", upload->what);
	if (!is_created(answer.http.status))
		return answer_error(&answer, &send, upload->what);
	url_done(&upload->session); /* nothing to abandon any more */
	return NULL;
}

void registry_upload_free(struct registry_upload *upload)
{
	if (!upload)
		return;
	close_session(upload->client, &upload->endpoint, &upload->session);
	url_done(&upload->session);
	endpoint_done(&upload->endpoint);
	free(upload->what);
	free(upload);
}

/*
 * Reading. Each call asks the endpoints of a name in order, mirrors first; what a mirror cannot
 * give, the registry itself is asked for. A blob's reader stays with the endpoint that began it and
 * resumes there.
 */
#include "registry/fetch.h"

#include "base/limits.h"
#include "base/log.h"
#include "oci/manifest.h"
#include "stream/hash.h"

#include <string.h>

const char fetch_accept[] = "Accept: " MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST
			    ", " MEDIA_DOCKER_LIST ", " MEDIA_DOCKER_MANIFEST;

/* A blob that brought this much since it last broke has earned its tries again. */
enum { PROGRESS_BYTES = 1024 * 1024 };

void registry_manifest_done(struct registry_manifest *manifest)
{
	free(manifest->json);
	free(manifest->media_type);
	*manifest = (struct registry_manifest){ 0 };
}

char *fetch_path(const struct endpoint *endpoint, const char *kind, const char *name)
{
	return xasprintf("/v2/%s/%s/%s", endpoint->repository, kind, name);
}

FALLIBLE fetch_document(struct registry_client *client, const struct send *send, size_t limit,
		const char *what, char **ret_body, size_t *ret_n, struct answer *ret_answer)
{
	struct retry retry = client_retry(client);

	for (;;) {
		AUTO(answer) struct answer answer = { 0 };
		bool again = false;

		TRY_WRAP(client_send(client, send, &answer), "%s", what);
		if (answer.http.status != 200)
			return answer_error(&answer, send, what);
		if (http_content_length(&answer.http) > (int64_t)limit)
			return error_new(ERR_LIMIT, "%s: larger than %zu bytes", what, limit);
		struct error *error = reader_read_all(answer.body, limit, ret_body, ret_n);
		if (error && retry_is_broken(error))
			error = retry_again(&retry, NULL, error, client_cancel(client), &again);
		if (again)
			continue;
		TRY_WRAP(error, "%s", what);
		if (ret_answer) {
			*ret_answer = TAKE_VALUE(answer);
		}
		return NULL;
	}
}

/* "sha256:…" or the tag. */
static const char *name_of(const struct reference *reference, const struct digest *digest,
		char buf[DIGEST_TEXT])
{
	if (digest && digest_known(digest))
		return digest_text(digest, buf);
	if (digest_known(&reference->digest))
		return digest_text(&reference->digest, buf);
	return reference->tag ? reference->tag : "latest";
}

static const struct digest *wanted_digest(
		const struct reference *reference, const struct digest *digest)
{
	if (digest && digest_known(digest))
		return digest;
	return digest_known(&reference->digest) ? &reference->digest : NULL;
}

static char *shown_name(const struct endpoint *endpoint, const char *what, const char *name)
{
	return xasprintf("%s '%s/%s%c%s'", what, endpoint->creds_host, endpoint->repository,
			strchr(name, ':') ? '@' : ':', name);
}

static FALLIBLE differs(const char *what, const struct digest *got, const struct digest *wanted)
{
	char a[DIGEST_TEXT], b[DIGEST_TEXT];

	return error_new(ERR_DIGEST, "%s: the registry sent %s instead of %s", what,
			digest_text(got, a), digest_text(wanted, b));
}

static char *content_type(const struct http_response *response)
{
	const char *type = http_header(response, "Content-Type");

	return type ? str_dup(str_trim(str_slice(str_of(type), 0, strcspn(type, ";")))) : NULL;
}

static FALLIBLE get_from(struct registry_client *client, const struct endpoint *endpoint,
		const char *name, const struct digest *wanted, struct registry_manifest *ret)
{
	AUTO(answer) struct answer answer = { 0 };
	AUTO(list) struct list headers = { 0 };
	AUTO(registry_manifest) struct registry_manifest manifest = { 0 };
	AUTO_FREE char *path = fetch_path(endpoint, "manifests", name);
	AUTO_FREE char *what = shown_name(endpoint, "manifest of", name);
	struct send send = { .method = "GET",
		.endpoint = endpoint,
		.path = path,
		.headers = &headers,
		.actions = "pull" };

	list_add(&headers, fetch_accept);
	TRY(fetch_document(client, &send, LIMIT_MANIFEST_BYTES, what, &manifest.json, &manifest.n,
			&answer));
	manifest.digest = digest_of(manifest.json, manifest.n);
	if (wanted && !digest_equal(wanted, &manifest.digest))
		return differs(what, &manifest.digest, wanted);
	const char *stated = http_header(&answer.http, "Docker-Content-Digest");
	if (stated && text_starts(stated, "sha256:")) {
		struct digest digest;

		TRY_WRAP(digest_parse(str_trim(str_of(stated)), &digest), "%s", what);
		if (!digest_equal(&digest, &manifest.digest))
			return differs(what, &manifest.digest, &digest);
	}
	manifest.media_type = content_type(&answer.http);
	*ret = TAKE_VALUE(manifest);
	return NULL;
}

/*
 * Go to the next endpoint after error? Not when the user stopped. The last error is the registry's
 * own, as it stands last in the list.
 */
static bool next_endpoint(const struct endpoints *endpoints, size_t i, struct error *error)
{
	if (i + 1 == endpoints->n || error_is(error, ERR_CANCELED))
		return false;
	log_info("mirror '%s' did not serve '%s', trying the next", endpoints->p[i].host,
			endpoints->p[i].repository);
	error_ignore(error, "another place is asked");
	return true;
}

FALLIBLE registry_get_manifest(struct registry_client *client, const struct reference *reference,
		const struct digest *digest, struct registry_manifest *ret)
{
	AUTO(endpoints) struct endpoints endpoints = { 0 };
	char buf[DIGEST_TEXT];

	TRY(client_endpoints(client, reference, false, &endpoints));
	for (size_t i = 0;; i++) {
		struct error *error =
				get_from(client, &endpoints.p[i], name_of(reference, digest, buf),
						wanted_digest(reference, digest), ret);

		if (!error || !next_endpoint(&endpoints, i, error))
			return error;
	}
}

FALLIBLE registry_get_own_manifest(struct registry_client *client, const struct reference *to,
		struct registry_manifest *ret)
{
	AUTO(endpoint) struct endpoint endpoint = { 0 };
	char buf[DIGEST_TEXT];

	TRY(client_write_endpoint(client, to, &endpoint));
	return get_from(client, &endpoint, name_of(to, NULL, buf), wanted_digest(to, NULL), ret);
}

/* HEAD says all, if the registry gives digest and size. *ret_known tells. */
static FALLIBLE head_from(struct registry_client *client, const struct endpoint *endpoint,
		const char *name, const struct digest *wanted, struct descriptor *ret,
		bool *ret_known)
{
	AUTO(answer) struct answer answer = { 0 };
	AUTO(list) struct list headers = { 0 };
	AUTO_FREE char *path = fetch_path(endpoint, "manifests", name);
	AUTO_FREE char *what = shown_name(endpoint, "manifest of", name), *type = NULL;
	struct send send = { .method = "HEAD",
		.endpoint = endpoint,
		.path = path,
		.headers = &headers,
		.actions = "pull" };
	struct digest digest = { 0 };

	*ret_known = false;
	list_add(&headers, fetch_accept);
	TRY_WRAP(client_send(client, &send, &answer), "%s", what);
	if (answer.http.status == 405 || answer.http.status == 501)
		return NULL;
	if (answer.http.status != 200)
		return answer_error(&answer, &send, what);
	const char *stated = http_header(&answer.http, "Docker-Content-Digest");
	int64_t size = http_content_length(&answer.http);
	type = content_type(&answer.http);
	bool is_manifest = mediatype_role(type) == MEDIA_MANIFEST ||
			   mediatype_role(type) == MEDIA_INDEX;
	if (!stated || size < 0 || !is_manifest)
		return NULL;
	if (size > LIMIT_MANIFEST_BYTES)
		return error_new(ERR_LIMIT, "%s: larger than %d bytes", what, LIMIT_MANIFEST_BYTES);
	TRY_WRAP(digest_parse(str_trim(str_of(stated)), &digest), "%s", what);
	if (wanted && !digest_equal(wanted, &digest))
		return differs(what, &digest, wanted);
	*ret = descriptor_make(type, digest, (uint64_t)size);
	*ret_known = true;
	return NULL;
}

static FALLIBLE resolve_at(struct registry_client *client, const struct endpoint *endpoint,
		const char *name, const struct digest *wanted, struct descriptor *ret)
{
	AUTO(registry_manifest) struct registry_manifest manifest = { 0 };
	bool known = false;

	TRY(head_from(client, endpoint, name, wanted, ret, &known));
	if (known)
		return NULL;
	TRY(get_from(client, endpoint, name, wanted, &manifest));
	enum media_role role = manifest_sniff(
			(struct str){ manifest.json, manifest.n }, manifest.media_type);
	const char *type = manifest.media_type;
	if (mediatype_role(type) == MEDIA_OTHER)
		type = role == MEDIA_INDEX ? MEDIA_OCI_INDEX : MEDIA_OCI_MANIFEST;
	*ret = descriptor_make(type, manifest.digest, manifest.n);
	return NULL;
}

FALLIBLE registry_resolve(struct registry_client *client, const struct reference *reference,
		struct descriptor *ret)
{
	AUTO(endpoints) struct endpoints endpoints = { 0 };
	char buf[DIGEST_TEXT];

	TRY(client_endpoints(client, reference, false, &endpoints));
	for (size_t i = 0;; i++) {
		struct error *error = resolve_at(client, &endpoints.p[i],
				name_of(reference, NULL, buf), wanted_digest(reference, NULL), ret);

		if (!error || !next_endpoint(&endpoints, i, error))
			return error;
	}
}

/* A blob on its way; below verify_reader, so it counts bytes only. */
struct blob_reader {
	struct reader reader;
	struct registry_client *client;
	struct endpoint endpoint;
	char *path, *what;
	uint64_t size, at; /* bytes; those handed on */
	uint64_t broke_at; /* where it last broke */
	struct retry retry;
	struct reader *body; /* or NULL after it broke */
};

static void blob_free(struct reader *reader)
{
	struct blob_reader *blob = (struct blob_reader *)reader;

	reader_free(blob->body);
	endpoint_done(&blob->endpoint);
	free(blob->path);
	free(blob->what);
	free(blob);
}

/* Drop what we have already: a server without ranges sends all of it again. */
static FALLIBLE skip_bytes(struct reader *reader, uint64_t n)
{
	char scrap[16384];

	while (n) {
		size_t want = n < sizeof(scrap) ? (size_t)n : sizeof(scrap);

		TRY(reader_read_full(reader, scrap, want));
		n -= want;
	}
	return NULL;
}

/* "bytes 100-199/200" must start where we are. */
static bool range_starts_at(const struct http_response *response, uint64_t at)
{
	const char *range = http_header(response, "Content-Range");
	AUTO_FREE char *wanted = xasprintf("bytes %llu-", (unsigned long long)at);

	return range && text_starts(range, wanted);
}

static FALLIBLE check_length(const struct blob_reader *blob, const struct answer *answer)
{
	int64_t length = http_content_length(&answer->http);
	uint64_t rest = answer->http.status == 206 ? blob->size - blob->at : blob->size;

	if (length < 0 || blob->size == UINT64_MAX || (uint64_t)length == rest)
		return NULL;
	return error_new(ERR_DIGEST, "%s: registry '%s' has %lld bytes, the manifest says %llu",
			blob->what, blob->endpoint.host, (long long)length,
			(unsigned long long)rest);
}

/* Open at blob->at. *ret_ended: the server has nothing there. */
static FALLIBLE open_body(struct blob_reader *blob, bool *ret_ended)
{
	AUTO(answer) struct answer answer = { 0 };
	AUTO(list) struct list headers = { 0 };
	struct send send = { .method = "GET",
		.endpoint = &blob->endpoint,
		.path = blob->path,
		.headers = &headers,
		.actions = "pull",
		.no_retry = blob->at > 0 };

	*ret_ended = false;
	if (blob->at)
		list_addf(&headers, "Range: bytes=%llu-", (unsigned long long)blob->at);
	TRY_WRAP(client_send(blob->client, &send, &answer), "%s", blob->what);
	int status = answer.http.status;
	if (blob->at && status == 416) {
		*ret_ended = true;
		return NULL;
	}
	if (blob->at && retry_is_temporary(status))
		return error_code(ERR_NETWORK, 0, "%s: registry '%s' answers %d", blob->what,
				blob->endpoint.host, status);
	bool is_part = blob->at && status == 206;
	if (status != 200 && !is_part)
		return answer_error(&answer, &send, blob->what);
	if (is_part && !range_starts_at(&answer.http, blob->at))
		return error_new(ERR_INVALID,
				"%s: registry '%s' sends another range than asked for", blob->what,
				blob->endpoint.host);
	TRY(check_length(blob, &answer));
	if (!is_part)
		TRY(skip_bytes(answer.body, blob->at));
	blob->body = TAKE(answer.body);
	return NULL;
}

/* The body broke or ended early: wait, and open the rest. Takes why. */
static FALLIBLE resume(struct blob_reader *blob, struct error *why, bool *ret_ended)
{
	reader_free(TAKE(blob->body));
	for (;;) {
		bool again = false;

		if (blob->at >= blob->broke_at + PROGRESS_BYTES)
			blob->retry.used = 0;
		blob->broke_at = blob->at;
		why = retry_again(&blob->retry, NULL, why, client_cancel(blob->client), &again);
		TRY_WRAP(why, "%s: broke off after %llu bytes", blob->what,
				(unsigned long long)blob->at);
		log_info("%s: resuming at byte %llu", blob->what, (unsigned long long)blob->at);
		why = open_body(blob, ret_ended);
		if (!why)
			return NULL;
		if (!retry_is_broken(why))
			return why;
	}
}

static struct error *blob_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct blob_reader *blob = (struct blob_reader *)reader;

	for (;;) {
		size_t got = 0;
		bool ended = false;
		struct error *error = reader_read(blob->body, buf, n, &got);

		if (!error && (got || blob->at >= blob->size || blob->size == UINT64_MAX)) {
			blob->at += got;
			*ret_n = got;
			return NULL;
		}
		if (!error)
			error = error_new(ERR_NETWORK, "the answer ended early");
		if (!retry_is_broken(error))
			return error;
		TRY(resume(blob, error, &ended));
		if (ended) {
			*ret_n = 0; /* verify_reader says what is missing */
			return NULL;
		}
	}
}

static const struct reader_ops blob_ops = { .read = blob_read, .free = blob_free };

static FALLIBLE open_from(struct registry_client *client, const struct endpoint *endpoint,
		const struct descriptor *descriptor, struct reader **ret)
{
	char digest[DIGEST_TEXT];
	struct blob_reader *blob = xcalloc(1, sizeof(*blob));
	AUTO(reader) struct reader *reader = &blob->reader;
	bool ended;

	blob->reader.ops = &blob_ops;
	blob->client = client;
	endpoint_copy(endpoint, &blob->endpoint);
	blob->path = fetch_path(endpoint, "blobs", digest_text(&descriptor->digest, digest));
	blob->what = xasprintf(
			"blob '%s' of '%s/%s'", digest, endpoint->creds_host, endpoint->repository);
	blob->size = descriptor->size;
	blob->retry = client_retry(client);
	TRY(open_body(blob, &ended));
	*ret = verify_reader(TAKE(reader), &descriptor->digest, descriptor->size);
	return NULL;
}

FALLIBLE registry_open_blob(struct registry_client *client, const struct reference *reference,
		const struct descriptor *blob, struct reader **ret)
{
	AUTO(endpoints) struct endpoints endpoints = { 0 };

	TRY(client_endpoints(client, reference, false, &endpoints));
	for (size_t i = 0;; i++) {
		struct error *error = open_from(client, &endpoints.p[i], blob, ret);

		if (!error || !next_endpoint(&endpoints, i, error))
			return error;
	}
}

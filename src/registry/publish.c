/*
 * What a repository shows: putting and deleting manifests, listing tags, repositories, referrers.
 */
#include "base/limits.h"
#include "base/log.h"
#include "oci/json.h"
#include "oci/manifest.h"
#include "registry/fetch.h"

#include <string.h>

#define PUSH "pull,push"

static char *manifest_name(const struct endpoint *endpoint, const char *name)
{
	return xasprintf("manifest of '%s/%s%c%s'", endpoint->creds_host, endpoint->repository,
			strchr(name, ':') ? '@' : ':', name);
}

static FALLIBLE ask_manifest(struct registry_client *client, const struct endpoint *endpoint,
		const char *name, const struct digest *digest, enum registry_name *ret)
{
	AUTO(answer) struct answer answer = { 0 };
	AUTO(list) struct list headers = { 0 };
	AUTO_FREE char *path = fetch_path(endpoint, "manifests", name);
	AUTO_FREE char *what = manifest_name(endpoint, name);
	struct send send = { .method = "HEAD",
		.endpoint = endpoint,
		.path = path,
		.headers = &headers,
		.actions = PUSH };
	char text[DIGEST_TEXT];

	list_add(&headers, fetch_accept);
	TRY_WRAP(client_send(client, &send, &answer), "%s", what);
	int status = answer.http.status;
	if (status == 401 || status == 403 || retry_is_temporary(status))
		return answer_error(&answer, &send, what);
	/* A registry that does not know HEAD, or does not tell the digest, is sent the manifest. */
	const char *stated = http_header(&answer.http, "Docker-Content-Digest");
	*ret = status == 404 ? NAME_FREE
	       : status == 200 && stated &&
					       str_is(str_trim(str_of(stated)),
							       digest_text(digest, text))
			       ? NAME_SAME
			       : NAME_UNKNOWN;
	return NULL;
}

FALLIBLE registry_has_manifest(struct registry_client *client, const struct reference *to,
		const struct digest *digest, enum registry_name *ret)
{
	AUTO(endpoint) struct endpoint endpoint = { 0 };
	char text[DIGEST_TEXT];

	TRY(client_write_endpoint(client, to, &endpoint));
	return ask_manifest(client, &endpoint, to->tag ? to->tag : digest_text(digest, text),
			digest, ret);
}

struct document {
	struct str json;
};

static struct error *open_document(void *user, uint64_t offset, struct reader **ret)
{
	const struct document *document = user;

	*ret = reader_from_bytes(document->json.p + offset, document->json.n - (size_t)offset);
	return NULL;
}

static FALLIBLE put_document(struct registry_client *client, const struct endpoint *endpoint,
		const char *path, const char *media_type, struct str json,
		const struct digest *digest, const char *what)
{
	AUTO(answer) struct answer answer = { 0 };
	AUTO(list) struct list headers = { 0 };
	struct document document = { json };
	struct send_body body = {
		.open = open_document, .user = &document, .size = (int64_t)json.n
	};
	struct send send = { .method = "PUT",
		.endpoint = endpoint,
		.path = path,
		.headers = &headers,
		.body = &body,
		.actions = PUSH };
	char ours[DIGEST_TEXT];

	list_addf(&headers, "Content-Type: %s", media_type);
	TRY_WRAP(client_send(client, &send, &answer), "%s", what);
	/* 201 by the specification; Quay has said 202, others 200 or 204. */
	if (answer.http.status < 200 || answer.http.status >= 300)
		return answer_error(&answer, &send, what);
	const char *stated = http_header(&answer.http, "Docker-Content-Digest");
	if (stated && !str_is(str_trim(str_of(stated)), digest_text(digest, ours)))
		return error_new(ERR_DIGEST, "%s: the registry stored '%.80s' instead of %s", what,
				stated, ours);
	return NULL;
}

FALLIBLE registry_put_manifest(struct registry_client *client, const struct reference *to,
		const char *media_type, struct str json, bool *ret_existed)
{
	AUTO(endpoint) struct endpoint endpoint = { 0 };
	struct digest digest = digest_of(json.p, json.n);
	char text[DIGEST_TEXT];

	if (json.n > LIMIT_MANIFEST_BYTES)
		return error_new(ERR_LIMIT, "manifest of %zu bytes: registries take at most %d",
				json.n, LIMIT_MANIFEST_BYTES);
	TRY(client_write_endpoint(client, to, &endpoint));
	const char *name = to->tag ? to->tag : digest_text(&digest, text);
	AUTO_FREE char *path = fetch_path(&endpoint, "manifests", name);
	AUTO_FREE char *what = manifest_name(&endpoint, name);
	if (ret_existed) {
		enum registry_name stands = 0;

		TRY(ask_manifest(client, &endpoint, name, &digest, &stands));
		*ret_existed = stands == NAME_SAME;
		if (*ret_existed)
			return NULL;
	}
	return put_document(client, &endpoint, path, media_type, json, &digest, what);
}

static FALLIBLE delete_path(struct registry_client *client, const struct endpoint *endpoint,
		const char *path, const char *what)
{
	AUTO(answer) struct answer answer = { 0 };
	struct send send = { .method = "DELETE",
		.endpoint = endpoint,
		.path = path,
		.actions = "pull,push,delete" };

	TRY_WRAP(client_send(client, &send, &answer), "%s", what);
	if (answer.http.status == 202 || answer.http.status == 200 || answer.http.status == 204)
		return NULL;
	return error_hint(answer_error(&answer, &send, what),
			"a registry must be set up to allow deleting (docker-registry: "
			"storage.delete.enabled)");
}

FALLIBLE registry_delete_manifest(struct registry_client *client, const struct reference *reference)
{
	AUTO(endpoint) struct endpoint endpoint = { 0 };
	char text[DIGEST_TEXT];

	TRY(client_write_endpoint(client, reference, &endpoint));
	const char *name = digest_known(&reference->digest) ? digest_text(&reference->digest, text)
							    : reference->tag;
	AUTO_FREE char *path = fetch_path(&endpoint, "manifests", name);
	AUTO_FREE char *what = manifest_name(&endpoint, name);
	return delete_path(client, &endpoint, path, what);
}

FALLIBLE registry_delete_blob(struct registry_client *client, const struct reference *reference,
		const struct digest *digest)
{
	AUTO(endpoint) struct endpoint endpoint = { 0 };
	char text[DIGEST_TEXT];

	TRY(client_write_endpoint(client, reference, &endpoint));
	AUTO_FREE char *path = fetch_path(&endpoint, "blobs", digest_text(digest, text));
	AUTO_FREE char *what = xasprintf("blob '%s'", text);
	return delete_path(client, &endpoint, path, what);
}

/* The address of a Link header with rel="next"; false when there is none. */
static FALLIBLE next_page(const struct answer *answer, struct url *ret, bool *ret_more)
{
	const char *link = http_header(&answer->http, "Link");
	const char *open = link ? strchr(link, '<') : NULL;
	const char *close = open ? strchr(open, '>') : NULL;

	*ret_more = close && (strstr(close, "rel=\"next\"") || strstr(close, "rel=next"));
	if (!*ret_more)
		return NULL;
	struct url url = { 0 };
	TRY(url_resolve(&answer->url, (struct str){ open + 1, (size_t)(close - open - 1) }, &url));
	url_done(ret);
	*ret = url;
	return NULL;
}

/* Pages of {"KEY": [text …]}. */
static FALLIBLE list_pages(struct registry_client *client, const struct send *first,
		const char *key, const char *what, struct list *ret)
{
	AUTO(url) struct url next = { 0 };
	struct send send = *first;
	unsigned pages = 0;
	bool more = true;

	while (more) {
		AUTO(answer) struct answer answer = { 0 };
		AUTO_FREE char *text = NULL;
		json_auto_t *value = NULL;
		struct json_field root;
		size_t n = 0, before = ret->n;

		TRY(fetch_document(client, &send, LIMIT_SETTINGS_BYTES, what, &text, &n, &answer));
		TRY(json_parse((struct str){ text, n }, LIMIT_SETTINGS_BYTES, what, &value));
		TRY(json_root(value, what, &root));
		TRY(json_get_list(&root, key, ret, NULL));
		if (ret->n > LIMIT_TAGS)
			return error_new(ERR_LIMIT, "%s: more than %d", what, LIMIT_TAGS);
		TRY_WRAP(next_page(&answer, &next, &more), "%s", what);
		/* A page without anything that has a next one could go on for ever. */
		if (ret->n == before)
			more = false;
		if (more && ++pages == LIMIT_TAG_PAGES)
			return error_new(
					ERR_LIMIT, "%s: more than %d pages", what, LIMIT_TAG_PAGES);
		if (more && url_same_origin(&answer.url, &next) &&
				text_equal(answer.url.path, next.path))
			return error_new(ERR_INVALID, "%s: a page names itself as the next one",
					what);
		send.url = &next;
	}
	return NULL;
}

FALLIBLE registry_list_tags(
		struct registry_client *client, const struct reference *reference, struct list *ret)
{
	AUTO(endpoint) struct endpoint endpoint = { 0 };

	TRY(client_write_endpoint(client, reference, &endpoint));
	AUTO_FREE char *path = fetch_path(&endpoint, "tags", "list");
	AUTO_FREE char *what =
			xasprintf("tags of '%s/%s'", endpoint.creds_host, endpoint.repository);
	struct send send = {
		.method = "GET", .endpoint = &endpoint, .path = path, .actions = "pull"
	};
	return list_pages(client, &send, "tags", what, ret);
}

FALLIBLE registry_list_repositories(
		struct registry_client *client, const char *host, struct list *ret)
{
	AUTO(endpoint) struct endpoint endpoint = { 0 };

	TRY(client_host_endpoint(client, host, &endpoint));
	AUTO_FREE char *what = xasprintf("repositories of '%s'", host);
	struct send send = { .method = "GET", .endpoint = &endpoint, .path = "/v2/_catalog" };
	return list_pages(client, &send, "repositories", what, ret);
}

/* The convention from before the API: an index under the tag sha256-<hex>. */
static FALLIBLE referrers_by_tag(struct registry_client *client, const struct reference *reference,
		const struct digest *subject, struct registry_manifest *ret)
{
	AUTO(reference) struct reference tagged = { 0 };
	char hex[DIGEST_HEX];

	tagged.host = xstrdup(reference->host);
	tagged.repository = xstrdup(reference->repository);
	tagged.tag = xasprintf("sha256-%s", digest_hex(subject, hex));
	struct error *error = registry_get_own_manifest(client, &tagged, ret);
	if (!error_is(error, ERR_NOT_FOUND))
		return error;
	error_free(error);
	struct image_index none = { .format = FORMAT_OCI };
	*ret = (struct registry_manifest){ .json = image_index_print(&none),
		.media_type = xstrdup(MEDIA_OCI_INDEX) };
	ret->n = strlen(ret->json);
	ret->digest = digest_of(ret->json, ret->n);
	return NULL;
}

/* 404 by the specification; registries from before it answer in other ways, too. */
static bool has_no_referrers(const struct error *error)
{
	static const int codes[] = { 400, 405, 406, 501 };
	bool is = error_is(error, ERR_NOT_FOUND);

	for (size_t i = 0; error && i < COUNT(codes); i++)
		is |= (error_is(error, ERR_HTTP) || error_is(error, ERR_UNSUPPORTED)) &&
		      error->code == codes[i];
	return is;
}

FALLIBLE registry_get_referrers(struct registry_client *client, const struct reference *reference,
		const struct digest *subject, const char *artifact_type,
		struct registry_manifest *ret)
{
	AUTO(endpoint) struct endpoint endpoint = { 0 };
	AUTO(registry_manifest) struct registry_manifest found = { 0 };
	AUTO(strbuf) struct strbuf path = { 0 };
	char text[DIGEST_TEXT];

	TRY(client_write_endpoint(client, reference, &endpoint));
	strbuf_addf(&path, "/v2/%s/referrers/%s", endpoint.repository, digest_text(subject, text));
	if (artifact_type) {
		strbuf_add(&path, "?artifactType=");
		url_escape(&path, artifact_type);
	}
	AUTO_FREE char *what = xasprintf(
			"referrers of '%s/%s@%s'", endpoint.creds_host, endpoint.repository, text);
	struct send send = { .method = "GET",
		.endpoint = &endpoint,
		.path = strbuf_text(&path),
		.actions = "pull" };
	struct error *error = fetch_document(
			client, &send, LIMIT_MANIFEST_BYTES, what, &found.json, &found.n, NULL);
	if (has_no_referrers(error)) {
		error_ignore(error, "no referrers API there");
		return referrers_by_tag(client, reference, subject, ret);
	}
	TRY(error);
	found.media_type = xstrdup(MEDIA_OCI_INDEX);
	found.digest = digest_of(found.json, found.n);
	*ret = TAKE_VALUE(found);
	return NULL;
}

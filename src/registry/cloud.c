#include "registry/cloud.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "registry/client.h"
#include "registry/cloud_host.h"
#include "registry/creds_env.h"
#include "registry/google.h"
#include "sys/fd.h"

#include <ctype.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <string.h>

enum {
	METADATA_CONNECT_MS = 1000,
	METADATA_STALL_MS = 2000,
	/* What is about to end is looked for again. */
	MARGIN_SECONDS = 5 * 60,
	CODE_SHOWN = 80,
};

struct entry {
	char *host;
	struct cloud_found found; /* expires 0: nothing yet */
	bool is_busy;             /* somebody is looking */
};

struct cloud {
	struct registry_client *client;
	struct http_client *direct; /* to metadata servers */
	pthread_mutex_t lock;
	pthread_cond_t changed;    /* nobody looks any more */
	VEC(struct entry) entries; /* guarded by lock */
};

struct cloud *cloud_new(struct registry_client *client)
{
	struct cloud *cloud = xcalloc(1, sizeof(*cloud));
	const struct http_settings direct = { .user_agent = "kiln/" KILN_VERSION,
		.connect_timeout_ms = METADATA_CONNECT_MS,
		.stall_timeout_ms = METADATA_STALL_MS };

	cloud->client = client;
	cloud->direct = http_client_new(&direct, client_cancel(client));
	(void)pthread_mutex_init(&cloud->lock, NULL);
	(void)pthread_cond_init(&cloud->changed, NULL);
	return cloud;
}

static void entry_done(struct entry *entry)
{
	free(entry->host);
	credential_done(&entry->found.credential);
}

void cloud_free(struct cloud *cloud)
{
	if (!cloud)
		return;
	for (size_t i = 0; i < cloud->entries.n; i++)
		entry_done(&cloud->entries.p[i]);
	vec_done(&cloud->entries);
	http_client_free(cloud->direct);
	(void)pthread_cond_destroy(&cloud->changed);
	(void)pthread_mutex_destroy(&cloud->lock);
	free(cloud);
}

const char *cloud_env(const struct cloud *cloud, const char *name)
{
	return creds_env_get(client_creds(cloud->client), name);
}

const char *const *cloud_program_env(const struct cloud *cloud)
{
	return client_creds(cloud->client)->helper_env;
}

struct cancel *cloud_cancel(const struct cloud *cloud)
{
	return client_cancel(cloud->client);
}

/* --- asking --- */

void cloud_answer_done(struct cloud_answer *answer)
{
	http_response_done(&answer->http);
	if (answer->body.p)
		OPENSSL_cleanse(answer->body.p, answer->body.capacity);
	strbuf_done(&answer->body);
}

static FALLIBLE ask_metadata(
		struct cloud *cloud, const struct http_request *http, struct cloud_answer *answer)
{
	AUTO(reader) struct reader *body = NULL;
	char *text = NULL;
	size_t n = 0;

	TRY(http_open(cloud->direct, http, &answer->http, &body));
	TRY(reader_read_all(body, LIMIT_TOKEN_BYTES, &text, &n));
	strbuf_done(&answer->body);
	answer->body = (struct strbuf){ .p = text, .n = n, .capacity = n };
	return NULL;
}

/*
 * The service's own word for a refusal, from XML or JSON: letters and digits alone, so that nothing
 * that it may quote of the request gets into a message.
 */
static void add_code(struct strbuf *out, const char *body)
{
	static const char *const marks[] = { "<Code>", "\"__type\"", "\"error\"", "\"code\"" };

	for (size_t i = 0; i < COUNT(marks); i++) {
		const char *at = strstr(body, marks[i]);
		size_t n = 0;

		if (!at)
			continue;
		at += strlen(marks[i]);
		at += *marks[i] == '"' ? strspn(at, ": \"") : 0;
		while (isalnum((unsigned char)at[n]) || (at[n] && strchr("._-#", at[n])))
			n++;
		if (n && n <= CODE_SHOWN && (at[n] == '"' || at[n] == '<')) {
			strbuf_addf(out, ": %.*s", (int)n, at);
			return;
		}
	}
}

static struct error *status_error(const struct cloud_request *request, struct cloud_answer *answer)
{
	AUTO(strbuf) struct strbuf code = { 0 };
	int status = answer->http.status;
	enum error_kind kind = status == 404                                     ? ERR_NOT_FOUND
			       : status == 400 || status == 401 || status == 403 ? ERR_DENIED
										 : ERR_HTTP;

	add_code(&code, strbuf_text(&answer->body));
	return error_code(kind, status, "%s answers with status %d%s", request->what, status,
			strbuf_text(&code));
}

FALLIBLE cloud_ask(
		struct cloud *cloud, const struct cloud_request *request, struct cloud_answer *ret)
{
	AUTO(url) struct url url = { 0 };
	AUTO(cloud_answer) struct cloud_answer answer = { 0 };
	const struct http_tls *tls = NULL;

	TRY_WRAP(url_parse(str_of(request->url), &url), "%s", request->what);
	if (!url.is_https && !request->is_metadata && !host_is_loopback(url.host))
		return error_new(ERR_INVALID, "%s: 'http://%s' is not https", request->what,
				url.host);
	TRY(client_tls(cloud->client, url.host, false, &tls));

	struct http_request http = {
		.method = request->method, .url = &url, .headers = request->headers, .tls = tls
	};
	if (request->is_metadata)
		TRY_WRAP(ask_metadata(cloud, &http, &answer), "ask %s", request->what);
	else
		TRY_WRAP(client_exchange(cloud->client, &http, request->body, LIMIT_TOKEN_BYTES,
					 &answer.http, &answer.body),
				"ask %s", request->what);
	if (answer.http.status != 200)
		return status_error(request, &answer);
	*ret = TAKE_VALUE(answer);
	return NULL;
}

FALLIBLE cloud_ask_json(struct cloud *cloud, const struct cloud_request *request, json_t **ret)
{
	AUTO(cloud_answer) struct cloud_answer answer = { 0 };

	TRY(cloud_ask(cloud, request, &answer));
	return json_parse(strbuf_str(&answer.body), LIMIT_TOKEN_BYTES, request->what, ret);
}

bool cloud_is_absent(struct error *error, const char *what)
{
	if (!error_is(error, ERR_NETWORK) && !error_is(error, ERR_NOT_FOUND))
		return false;
	AUTO(strbuf) struct strbuf why = { 0 };

	error_text(error, &why);
	log_info("no credentials from %s: %s", what, strbuf_text(&why));
	error_ignore(error, "it is one of several places");
	return true;
}

FALLIBLE cloud_read_file(const char *path, char **ret)
{
	char *text = NULL;
	size_t n = 0;

	TRY(file_read(AT_FDCWD, path, LIMIT_TOKEN_BYTES, &text, &n));
	while (n && isspace((unsigned char)text[n - 1]))
		text[--n] = '\0';
	*ret = text;
	return NULL;
}

void cloud_form_add(struct strbuf *form, const char *key, const char *value)
{
	strbuf_addf(form, "%s%s=", form->n ? "&" : "", key);
	url_escape(form, value);
}

/* --- one host --- */

/* Called with lock held; valid until the next entry is added. */
static struct entry *entry_of(struct cloud *cloud, const char *host)
{
	for (size_t i = 0; i < cloud->entries.n; i++)
		if (strcmp(cloud->entries.p[i].host, host) == 0)
			return &cloud->entries.p[i];
	struct entry *entry = vec_add(&cloud->entries);

	entry->host = xstrdup(host);
	return entry;
}

static void wait_for_change(struct cloud *cloud)
{
	struct timespec until;

	/* Bounded, so that a build that is cancelled does not wait for another's metadata server.
	 */
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 100 * 1000 * 1000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	(void)pthread_cond_timedwait(&cloud->changed, &cloud->lock, &until);
}

/* What is known, or else the duty to look for it and then to call finish(). */
static FALLIBLE recall(
		struct cloud *cloud, const char *host, struct credential *ret, bool *ret_known)
{
	struct error *error = NULL;

	(void)pthread_mutex_lock(&cloud->lock);
	while (!error && entry_of(cloud, host)->is_busy) {
		wait_for_change(cloud);
		error = cancel_check(client_cancel(cloud->client));
	}
	struct entry *entry = entry_of(cloud, host);
	*ret_known = entry->found.expires - MARGIN_SECONDS > clock_now_seconds();
	if (!error && *ret_known)
		credential_copy(&entry->found.credential, ret);
	else if (!error)
		entry->is_busy = true;
	(void)pthread_mutex_unlock(&cloud->lock);
	return error;
}

/* found: NULL after an error. */
static void finish(struct cloud *cloud, const char *host, struct cloud_found *found)
{
	(void)pthread_mutex_lock(&cloud->lock);
	struct entry *entry = entry_of(cloud, host);

	entry->is_busy = false;
	if (found) {
		credential_done(&entry->found.credential);
		entry->found = TAKE_VALUE(*found);
		if (!credential_known(&entry->found.credential))
			entry->found.expires = INT64_MAX;
	}
	(void)pthread_cond_broadcast(&cloud->changed);
	(void)pthread_mutex_unlock(&cloud->lock);
}

static FALLIBLE find(struct cloud *cloud, const char *host, const struct cloud_host *known,
		struct cloud_found *found)
{
	switch (known->kind) {
	case CLOUD_NONE:
		return NULL;
	case CLOUD_ECR:
	case CLOUD_ECR_PUBLIC:
		return ecr_credential(cloud, known, found);
	case CLOUD_GOOGLE:
		return google_credential(cloud, found);
	case CLOUD_AZURE:
		return azure_credential(cloud, host, found);
	}
	return NULL;
}

FALLIBLE cloud_credential(struct cloud *cloud, const char *host, struct credential *ret)
{
	const struct cloud_host known = cloud_host_of(host);
	struct cloud_found found = { 0 };

	if (!known.kind || !creds_env_wants(client_creds(cloud->client),
					   cloud_helper_name(known.kind)))
		return NULL;
	bool is_known = false;
	TRY(recall(cloud, host, ret, &is_known));
	if (is_known)
		return NULL;
	struct error *error = find(cloud, host, &known, &found);
	if (!error)
		credential_copy(&found.credential, ret);
	finish(cloud, host, error ? NULL : &found);
	credential_done(&found.credential);
	return error;
}

#include "registry/auth.h"

#include "base/clock.h"
#include "base/log.h"
#include "registry/challenge.h"
#include "registry/cloud.h"
#include "registry/token.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <string.h>

enum {
	SCOPES_MAX = 64,
};

/* A header's value for some scopes. */
struct grant {
	struct list scopes;
	char *header; /* NULL: credentials were looked for and there are none, or busy */
	char *source; /* or NULL */
	uint64_t expires_ns;
	bool is_busy; /* somebody is fetching it */
};

/* What one registry host asks for. */
struct auth_host {
	struct auth_host *next;
	char *host;
	enum challenge_kind kind; /* CHALLENGE_OTHER: nothing yet */
	char *realm, *service;
	VEC(struct grant) grants;
};

struct auth {
	struct registry_client *client;
	struct credential fixed;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct auth_host *hosts; /* guarded by lock, what is in them as well */
};

static void grant_done(struct grant *grant)
{
	list_done(&grant->scopes);
	if (grant->header)
		OPENSSL_cleanse(grant->header, strlen(grant->header));
	free(grant->header);
	free(grant->source);
	*grant = (struct grant){ 0 };
}

struct auth *auth_new(struct registry_client *client, const struct credential *fixed)
{
	struct auth *auth = xcalloc(1, sizeof(*auth));
	pthread_condattr_t attributes;

	auth->client = client;
	if (fixed)
		credential_copy(fixed, &auth->fixed);
	(void)pthread_mutex_init(&auth->lock, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&auth->changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	return auth;
}

void auth_free(struct auth *auth)
{
	if (!auth)
		return;
	while (auth->hosts) {
		struct auth_host *host = auth->hosts;

		auth->hosts = host->next;
		for (size_t i = 0; i < host->grants.n; i++)
			grant_done(&host->grants.p[i]);
		vec_done(&host->grants);
		free(host->host);
		free(host->realm);
		free(host->service);
		free(host);
	}
	credential_done(&auth->fixed);
	(void)pthread_cond_destroy(&auth->changed);
	(void)pthread_mutex_destroy(&auth->lock);
	free(auth);
}

void auth_scopes(const struct send *send, struct list *ret)
{
	if (send->actions && send->endpoint->repository)
		list_addf(ret, "repository:%s:%s", send->endpoint->repository, send->actions);
	if (send->also_pull)
		list_addf(ret, "repository:%s:pull", send->also_pull);
}

/* "repository:a:pull,push" covers "repository:a:pull". */
static bool scope_covers(const char *have, const char *want)
{
	struct str left = str_of(have), right = str_of(want), action;
	size_t a = str_find_last(left, ':'), b = str_find_last(right, ':');

	if (a == left.n || b == right.n)
		return strcmp(have, want) == 0;
	if (!str_equal(str_slice(left, 0, a), str_slice(right, 0, b)))
		return false;
	struct str actions = str_slice(right, b + 1, right.n);
	for (bool more = true; more;) {
		struct str rest, offered = str_slice(left, a + 1, left.n), one;
		bool found = false;

		more = str_cut(actions, ',', &action, &rest);
		for (bool others = true; others && !found;) {
			struct str tail;

			others = str_cut(offered, ',', &one, &tail);
			found = str_equal(one, action);
			offered = tail;
		}
		if (!found)
			return false;
		actions = rest;
	}
	return true;
}

static bool covers(const struct list *have, const struct list *want)
{
	for (size_t i = 0; i < want->n; i++) {
		bool found = false;

		for (size_t k = 0; k < have->n && !found; k++)
			found = scope_covers(have->p[k], want->p[i]);
		if (!found)
			return false;
	}
	/* A token without scopes is of use for nothing else. */
	return want->n > 0 || have->n == 0;
}

/* Called with lock held. */
static struct auth_host *find_host(const struct auth *auth, const char *name)
{
	struct auth_host *host = auth->hosts;

	while (host && strcmp(host->host, name) != 0)
		host = host->next;
	return host;
}

/* Called with lock held. */
static struct auth_host *make_host(struct auth *auth, const char *name)
{
	struct auth_host *host = xcalloc(1, sizeof(*host));

	host->host = xstrdup(name);
	host->next = auth->hosts;
	auth->hosts = host;
	return host;
}

static void drop_grant(struct auth_host *host, size_t i)
{
	grant_done(&host->grants.p[i]);
	host->grants.n--;
	memmove(&host->grants.p[i], &host->grants.p[i + 1],
			(host->grants.n - i) * sizeof(*host->grants.p));
}

/* Called with lock held. */
static void drop_expired(struct auth_host *host)
{
	uint64_t now = clock_monotonic_ns();

	for (size_t i = host->grants.n; i > 0; i--) {
		const struct grant *grant = &host->grants.p[i - 1];

		if (!grant->is_busy && now >= grant->expires_ns)
			drop_grant(host, i - 1);
	}
}

/* Called with lock held. */
static struct grant *find_grant(struct auth_host *host, const struct list *scopes)
{
	drop_expired(host);
	for (size_t i = 0; i < host->grants.n; i++)
		if (covers(&host->grants.p[i].scopes, scopes))
			return &host->grants.p[i];
	return NULL;
}

/* What is needed to ask, copied out of the lock. */
struct grant_request {
	const struct endpoint *endpoint;
	const struct list *scopes;
	struct credential credential;
	enum challenge_kind kind;
	char *realm, *service;
	bool registry_is_plain;
};

static void grant_request_done(struct grant_request *request)
{
	credential_done(&request->credential);
	free(request->realm);
	free(request->service);
}

DEFINE_AUTO_VALUE(grant_request)

static FALLIBLE ask_token_service(
		struct auth *auth, const struct grant_request *request, struct grant *grant)
{
	const struct token_request token = { .endpoint = request->endpoint,
		.scopes = request->scopes,
		.credential = &request->credential,
		.realm = request->realm,
		.service = request->service,
		.registry_is_plain = request->registry_is_plain };

	return token_fetch(auth->client, &token, &grant->header, &grant->expires_ns);
}

/* --creds; whoever gave them checked their form. */
static void take_given(const char *given, struct credential *ret)
{
	struct str user, password;

	str_cut(str_of(given), ':', &user, &password);
	ret->username = str_dup(user);
	ret->password = str_dup(password);
	ret->source = xstrdup("--creds");
}

static FALLIBLE fetch_grant(struct auth *auth, struct grant_request *request, struct grant *grant)
{
	struct credential *credential = &request->credential;
	struct creds_settings creds = *client_creds(auth->client);
	const struct registries_conf *conf = NULL;

	TRY(client_conf(auth->client, &conf));
	creds.helpers = &conf->credential_helpers;
	if (credential_known(&auth->fixed))
		credential_copy(&auth->fixed, credential);
	else if (creds.given && !request->endpoint->is_mirror)
		take_given(creds.given, credential);
	else
		TRY_WRAP(creds_find(&creds, request->endpoint->creds_host,
					 request->endpoint->repository, client_cancel(auth->client),
					 credential),
				"credentials for '%s'", request->endpoint->creds_host);
	/* Those of a cloud go over TLS alone. */
	if (!credential_known(credential) && !request->registry_is_plain)
		TRY_WRAP(cloud_credential(client_cloud(auth->client), request->endpoint->creds_host,
					 credential),
				"credentials for '%s'", request->endpoint->creds_host);
	grant->source = xstrdup(credential->source);
	grant->expires_ns = UINT64_MAX;
	if (credential->registry_token)
		return token_given(credential, &grant->header);
	if (request->kind == CHALLENGE_BEARER)
		return ask_token_service(auth, request, grant);
	if (credential->username && credential->password)
		grant->header = token_basic(credential->username, credential->password);
	return NULL;
}

static void wait_for_change(struct auth *auth)
{
	struct timespec until;

	/* Bounded, so that a cancelled build does not wait for somebody else's transfer. */
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += 100 * 1000 * 1000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	(void)pthread_cond_timedwait(&auth->changed, &auth->lock, &until);
}

/* Called with lock held, given back held: make the grant that is marked busy real, or drop it. */
static FALLIBLE make_grant(struct auth *auth, struct auth_host *host,
		const struct endpoint *endpoint, const struct url *origin,
		const struct list *scopes)
{
	AUTO(grant_request)
	struct grant_request request = { .endpoint = endpoint,
		.scopes = scopes,
		.kind = host->kind,
		.realm = xstrdup(host->realm),
		.service = xstrdup(host->service),
		.registry_is_plain = !origin->is_https };
	struct grant made = { 0 };
	struct grant *busy = vec_add(&host->grants);

	busy->is_busy = true;
	list_add_all(&busy->scopes, scopes);
	(void)pthread_mutex_unlock(&auth->lock);
	struct error *error = fetch_grant(auth, &request, &made);
	(void)pthread_mutex_lock(&auth->lock);
	for (size_t i = 0; i < host->grants.n; i++)
		if (host->grants.p[i].is_busy && covers(&host->grants.p[i].scopes, scopes) &&
				covers(scopes, &host->grants.p[i].scopes)) {
			drop_grant(host, i);
			break;
		}
	if (error) {
		grant_done(&made);
	} else {
		list_add_all(&made.scopes, scopes);
		vec_push(&host->grants, made);
	}
	(void)pthread_cond_broadcast(&auth->changed);
	return error;
}

static FALLIBLE header_locked(struct auth *auth, const struct endpoint *endpoint,
		const struct url *origin, const struct list *scopes, char **ret, char **ret_source)
{
	struct auth_host *host = find_host(auth, endpoint->host);

	for (;;) {
		if (!host || host->kind == CHALLENGE_OTHER)
			return NULL;
		struct grant *grant = find_grant(host, scopes);
		if (grant && grant->is_busy) {
			TRY(cancel_check(client_cancel(auth->client)));
			wait_for_change(auth);
			continue;
		}
		if (grant) {
			*ret = xstrdup(grant->header);
			*ret_source = xstrdup(grant->source);
			return NULL;
		}
		TRY(make_grant(auth, host, endpoint, origin, scopes));
	}
}

/* Basic credentials are found by repository, so that name stands where tokens have scopes. */
static void basic_scopes(const struct endpoint *endpoint, struct list *ret)
{
	list_addf(ret, "basic %s", endpoint->repository ? endpoint->repository : "");
}

FALLIBLE auth_header(struct auth *auth, const struct endpoint *endpoint, const struct url *origin,
		const struct list *scopes, char **ret, char **ret_source)
{
	AUTO(list) struct list basic = { 0 };

	*ret = *ret_source = NULL;
	basic_scopes(endpoint, &basic);
	(void)pthread_mutex_lock(&auth->lock);
	struct auth_host *host = find_host(auth, endpoint->host);
	bool is_basic = host && host->kind == CHALLENGE_BASIC;
	struct error *error = header_locked(
			auth, endpoint, origin, is_basic ? &basic : scopes, ret, ret_source);
	(void)pthread_mutex_unlock(&auth->lock);
	return error;
}

/* What the challenge asks for and we did not: "repository:a:pull repository:b:pull". */
static bool add_scopes(const char *text, struct list *scopes)
{
	bool grew = false;
	struct str rest = str_of(text);

	for (bool more = rest.n > 0; more && scopes->n < SCOPES_MAX;) {
		struct str one, tail;
		AUTO(list) struct list wanted = { 0 };

		more = str_cut(rest, ' ', &one, &tail);
		rest = tail;
		if (!one.n)
			continue;
		list_addf(&wanted, "%.*s", STR_ARG(one));
		if (!covers(scopes, &wanted)) {
			list_add_all(scopes, &wanted);
			grew = true;
		}
	}
	return grew;
}

/* Called with lock held. The header did not serve: forget it. */
static bool forget_header(struct auth_host *host, const char *used)
{
	for (size_t i = 0; i < host->grants.n; i++)
		if (host->grants.p[i].header && strcmp(host->grants.p[i].header, used) == 0) {
			drop_grant(host, i);
			return true;
		}
	return false;
}

static void learn_locked(struct auth *auth, const struct endpoint *endpoint,
		const struct challenge *best, const char *used, struct list *scopes,
		bool *ret_again)
{
	struct auth_host *known = find_host(auth, endpoint->host);
	struct auth_host *host = known ? known : make_host(auth, endpoint->host);
	bool same = host->kind == best->kind && text_equal(host->realm, best->realm);

	if (used)
		(void)forget_header(host, used);
	host->kind = best->kind;
	free(host->realm);
	free(host->service);
	host->realm = xstrdup(best->realm);
	host->service = xstrdup(best->service);
	bool grew = best->kind == CHALLENGE_BEARER && best->scope &&
		    add_scopes(best->scope, scopes);
	if (!same)
		for (size_t i = host->grants.n; i > 0; i--)
			if (!host->grants.p[i - 1].is_busy)
				drop_grant(host, i - 1);
	/* The same password would be refused again; another token may not be. */
	*ret_again = !used || grew || best->kind == CHALLENGE_BEARER ||
		     !text_starts(used, "Basic ");
}

void auth_learn(struct auth *auth, const struct endpoint *endpoint,
		const struct http_response *answer, const char *used, struct list *scopes,
		bool *ret_again)
{
	AUTO(challenges) struct challenges challenges = { 0 };
	static const char name[] = "WWW-Authenticate:";

	*ret_again = false;
	for (size_t i = 0; i < answer->headers.n; i++) {
		struct str line = str_of(answer->headers.p[i]);

		if (str_is_nocase(str_slice(line, 0, sizeof(name) - 1), name))
			challenges_parse(str_slice(line, sizeof(name) - 1, line.n), &challenges);
	}
	const struct challenge *best = challenges_best(&challenges);
	if (!best)
		return;
	(void)pthread_mutex_lock(&auth->lock);
	learn_locked(auth, endpoint, best, used, scopes, ret_again);
	(void)pthread_mutex_unlock(&auth->lock);
}

#include "registry/http_handles.h"

#include "base/auto.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "sys/dir.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>

enum { IDLE_HANDLES = 16 };

struct http_handles {
	pthread_mutex_t lock;
	struct curl_calls curl;      /* guarded by lock until is_loaded */
	bool is_loaded;              /* guarded by lock */
	bool has_hashed_authorities; /* guarded by lock until is_loaded */
	CURLSH *share;               /* its data guarded by share_locks */
	pthread_mutex_t share_locks[CURL_LOCK_DATA_LAST + 1];
	struct http_handle *idle; /* guarded by lock; the latest first */
	size_t idle_count;        /* guarded by lock */
};

static void share_lock(CURL *easy, curl_lock_data data, curl_lock_access access, void *user)
{
	struct http_handles *handles = user;

	(void)pthread_mutex_lock(&handles->share_locks[data]);
}

static void share_unlock(CURL *easy, curl_lock_data data, void *user)
{
	struct http_handles *handles = user;

	(void)pthread_mutex_unlock(&handles->share_locks[data]);
}

struct http_handles *http_handles_new(void)
{
	struct http_handles *handles = xcalloc(1, sizeof(*handles));

	(void)pthread_mutex_init(&handles->lock, NULL);
	for (size_t i = 0; i < COUNT(handles->share_locks); i++)
		(void)pthread_mutex_init(&handles->share_locks[i], NULL);
	return handles;
}

static void handle_free(const struct curl_calls *curl, struct http_handle *handle)
{
	curl->easy_cleanup(handle->easy);
	(void)curl->multi_cleanup(handle->multi);
	free(handle->host);
	free(handle);
}

void http_handles_free(struct http_handles *handles)
{
	while (handles->idle) {
		struct http_handle *handle = handles->idle;

		handles->idle = handle->next;
		handle_free(&handles->curl, handle);
	}
	if (handles->share)
		(void)handles->curl.share_cleanup(handles->share);
	for (size_t i = 0; i < COUNT(handles->share_locks); i++)
		(void)pthread_mutex_destroy(&handles->share_locks[i]);
	(void)pthread_mutex_destroy(&handles->lock);
	free(handles);
}

/*
 * Loading the system's bundle costs OpenSSL 40 ms for each new connection. Where its folder has the
 * same certificates by hash (Debian, as a rule), only what a server's chain needs is read.
 */
static bool has_hashed_authorities(void)
{
	AUTO(list) struct list names = { 0 };

	error_ignore(dir_names(AT_FDCWD, "/etc/ssl/certs", &names), "then by the bundle");
	for (size_t i = 0; i < names.n; i++)
		if (strlen(names.p[i]) == 10 && strspn(names.p[i], "0123456789abcdef") == 8 &&
				strcmp(names.p[i] + 8, ".0") == 0)
			return true;
	return false;
}

/* Called with lock held. */
static FALLIBLE load(struct http_handles *handles)
{
	if (handles->is_loaded)
		return NULL;
	TRY(curl_load(&handles->curl));
	const struct curl_calls *curl = &handles->curl;
	handles->share = curl->share_init();
	if (!handles->share)
		return error_new(ERR_NETWORK, "initialise libcurl");
	curl->share_setopt(handles->share, CURLSHOPT_LOCKFUNC, share_lock);
	curl->share_setopt(handles->share, CURLSHOPT_UNLOCKFUNC, share_unlock);
	curl->share_setopt(handles->share, CURLSHOPT_USERDATA, handles);
	curl->share_setopt(handles->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
	curl->share_setopt(handles->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	handles->has_hashed_authorities = has_hashed_authorities();
	handles->is_loaded = true;
	return NULL;
}

/* Called with lock held. Of the same host if there is one, for its open connection. */
static struct http_handle *take_idle(struct http_handles *handles, const char *host)
{
	struct http_handle **found = &handles->idle;

	for (struct http_handle **at = &handles->idle; *at; at = &(*at)->next)
		if (text_equal((*at)->host, host)) {
			found = at;
			break;
		}
	struct http_handle *handle = *found;
	if (handle) {
		*found = handle->next;
		handles->idle_count--;
	}
	return handle;
}

/* Called with lock held. The one that was idle longest, when there are too many. */
static struct http_handle *take_surplus(struct http_handles *handles)
{
	struct http_handle **at = &handles->idle;

	if (handles->idle_count <= IDLE_HANDLES)
		return NULL;
	while ((*at)->next)
		at = &(*at)->next;
	handles->idle_count--;
	return TAKE(*at);
}

FALLIBLE http_handles_take(struct http_handles *handles, const char *host, struct http_handle **ret)
{
	(void)pthread_mutex_lock(&handles->lock);
	struct error *error = load(handles);
	struct http_handle *handle = error ? NULL : take_idle(handles, host);
	(void)pthread_mutex_unlock(&handles->lock);
	TRY(error);
	if (!handle) {
		handle = xcalloc(1, sizeof(*handle));
		handle->easy = handles->curl.easy_init();
		handle->multi = handles->curl.multi_init();
		if (!handle->easy || !handle->multi) {
			handle_free(&handles->curl, handle);
			return error_new(ERR_NETWORK, "make a libcurl handle");
		}
	}
	free(handle->host);
	handle->host = xstrdup(host);
	handle->next = NULL;
	*ret = handle;
	return NULL;
}

void http_handles_give(struct http_handles *handles, struct http_handle *handle)
{
	handles->curl.easy_reset(handle->easy);
	(void)pthread_mutex_lock(&handles->lock);
	handle->next = handles->idle;
	handles->idle = handle;
	handles->idle_count++;
	struct http_handle *surplus = take_surplus(handles);
	(void)pthread_mutex_unlock(&handles->lock);
	if (surplus)
		handle_free(&handles->curl, surplus);
}

const struct curl_calls *http_handles_curl(const struct http_handles *handles)
{
	return &handles->curl;
}

CURLSH *http_handles_share(const struct http_handles *handles)
{
	return handles->share;
}

bool http_handles_has_hashed_authorities(const struct http_handles *handles)
{
	return handles->has_hashed_authorities;
}

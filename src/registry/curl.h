/*
 * curl: libcurl, loaded on first use. Loading it and the 40 libraries behind it costs 6 ms, which
 * `kiln version` and local builds need not pay; so nothing links it and registry/http.c calls
 * through this table.
 *
 * Floor: registry. The table is constant once loaded.
 */
#pragma once
#include "base/error.h"

#include <curl/curl.h>

#define CURL_CALLS(X)          \
	X(global_init)         \
	X(easy_init)           \
	X(easy_cleanup)        \
	X(easy_reset)          \
	X(easy_setopt)         \
	X(easy_getinfo)        \
	X(easy_strerror)       \
	X(easy_pause)          \
	X(multi_init)          \
	X(multi_cleanup)       \
	X(multi_setopt)        \
	X(multi_add_handle)    \
	X(multi_remove_handle) \
	X(multi_perform)       \
	X(multi_poll)          \
	X(multi_info_read)     \
	X(multi_strerror)      \
	X(share_init)          \
	X(share_setopt)        \
	X(share_cleanup)       \
	X(slist_append)        \
	X(slist_free_all)

struct curl_calls {
#define CURL_MEMBER(name) __typeof__(&curl_##name) name;
	CURL_CALLS(CURL_MEMBER)
#undef CURL_MEMBER
};

/* Load and initialise. ERR_NOT_FOUND, with the package's name as hint, where it is not installed.
 */
FALLIBLE curl_load(struct curl_calls *ret);

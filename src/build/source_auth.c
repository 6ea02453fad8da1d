#include "build/source_auth.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "build/build.h"
#include "registry/url.h"

#include <openssl/evp.h>
#include <string.h>

void source_auth_free(char *value)
{
	if (value)
		explicit_bzero(value, strlen(value));
	free(value);
}

/* "host:port" of an http(s) address without a name in it; empty for any other. */
static struct str host_of(const char *url)
{
	const char *start = url_is_http(url) ? strstr(url, "://") + 3 : "";

	return (struct str){ start, strcspn(start, "/?#") };
}

/* Its text up to the first line's end: a header has one line. Borrowed, empty when there is none.
 */
static struct str find(const struct sources *sources, const char *id)
{
	for (size_t i = 0; i < sources->secret_count; i++) {
		const struct build_secret *secret = &sources->secrets[i];

		if (strcmp(secret->id, id) != 0 || !secret->content)
			continue;
		struct str text = str_trim((struct str){ secret->content, secret->bytes });
		return str_slice(text, 0, str_find(text, '\n'));
	}
	return (struct str){ "", 0 };
}

/* PREFIX + separator + host, with the port and without. */
static struct str find_for(const struct sources *sources, const char *prefix, struct str host)
{
	AUTO_FREE char *whole = xasprintf("%s%.*s", prefix, STR_ARG(host));
	AUTO_FREE char *bare = xasprintf("%s%.*s", prefix, (int)str_find(host, ':'), host.p);
	struct str found = find(sources, whole);

	return found.n ? found : find(sources, bare);
}

char *source_auth_basic(const char *pair)
{
	size_t n = strlen(pair);
	AUTO(source_auth) char *coded = xmalloc((n + 2) / 3 * 4 + 1);

	(void)EVP_EncodeBlock((unsigned char *)coded, (const unsigned char *)pair, (int)n);
	return xasprintf("Basic %s", coded);
}

static char *basic(struct str token)
{
	AUTO(source_auth) char *pair = xasprintf("x-access-token:%.*s", STR_ARG(token));

	return source_auth_basic(pair);
}

char *source_auth_http(const struct sources *sources, const char *url)
{
	struct str host = host_of(url);
	struct str header = find_for(sources, "HTTP_AUTH_HEADER_", host);
	struct str token = find_for(sources, "HTTP_AUTH_TOKEN_", host);

	if (host.n && header.n)
		return str_dup(header);
	return host.n && token.n ? xasprintf("Bearer %.*s", STR_ARG(token)) : NULL;
}

char *source_auth_git(const struct sources *sources, const char *url)
{
	struct str host = host_of(url);

	if (!host.n)
		return NULL;
	struct str header = find_for(sources, "GIT_AUTH_HEADER.", host);
	struct str token = find_for(sources, "GIT_AUTH_TOKEN.", host);
	if (!header.n && !token.n) {
		header = find(sources, "GIT_AUTH_HEADER");
		token = find(sources, "GIT_AUTH_TOKEN");
	}
	if (header.n)
		return str_dup(header);
	return token.n ? basic(token) : NULL;
}

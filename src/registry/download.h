/*
 * download: any http or https address into a file, for ADD and for build contexts. It shares the
 * client's connections, certificates and proxies with what speaks to registries, and nothing else:
 * registry credentials, mirrors and tokens have no part in it.
 *
 * Redirects are followed, at most LIMIT_REDIRECTS, never from https down to http on another host;
 * an authorization goes to the address it was given for and to no other origin. A transfer that
 * breaks is resumed where the server can (If-Range), else begun again; temporary failures are tried
 * again as everywhere (retry.h).
 *
 * Floor: registry. Thread-safe.
 * Spec: RFC 9110, 13 (conditional requests), 14 (ranges), 15.4 (redirects).
 */
#pragma once
#include "oci/digest.h"
#include "registry/registry.h"
#include "registry/url.h"

struct download_request {
	const char *url;
	const char *authorization; /* value of that header, or NULL; never in messages */
	/* What an earlier download said, to learn that nothing changed; or NULL. */
	const char *etag, *last_modified;
	/*
	 * Add what signs a request to the address that was given, and to its origin alone; called
	 * for each, with what its headers are by then. NULL: nothing is signed.
	 */
	struct error *(*sign)(void *user, const struct url *url, struct list *headers);
	void *user;
	uint64_t limit; /* more bytes are ERR_LIMIT */
};

struct download {
	bool is_unchanged; /* 304: nothing was written, digest and size are not known */
	struct digest digest;
	uint64_t bytes;
	char *etag, *last_modified, *disposition; /* headers of the answer, or NULL */
};

/*
 * Write the body to fd, from its start; what an attempt left there is cut off. ERR_NOT_FOUND (404,
 * 410), ERR_DENIED (401, 403), ERR_HTTP (code), ERR_NETWORK, ERR_LIMIT, ERR_INVALID (address).
 */
FALLIBLE registry_download(struct registry_client *client, const struct download_request *request,
		int fd, struct download *ret);
void download_done(struct download *download);

DEFINE_AUTO_VALUE(download)

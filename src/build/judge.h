/*
 * judge: what the source policy says of an image, an address or a repository before anybody is
 * asked for it; and what is taken instead.
 *
 * Floor: build, private.
 */
#pragma once
#include "dockerfile/git_url.h"
#include "trust/source_policy.h"

/* As image_open() takes it. *ret: the same or another, new. ERR_DENIED. */
FALLIBLE judge_image(const struct source_policy *policy, const char *name, char **ret);
/*
 * *ret_url is new. *ret_checksum: what the policy wants it to be, new; else NULL. checksum: what
 * the Dockerfile wants, or NULL.
 */
FALLIBLE judge_url(const struct source_policy *policy, const char *url, const char *checksum,
		char **ret_url, char **ret_checksum);
/* *ret is NULL, or what to take instead: new; git_url_done() and free(). */
FALLIBLE judge_git(const struct source_policy *policy, const struct git_url *url,
		struct git_url **ret);

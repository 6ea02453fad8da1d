/*
 * image_names: what users type for an image of the store, and how it is shown to them.
 *
 * Floor: ui.
 */
#pragma once
#include "store/tag.h"

#include "base/strbuf.h"

struct image;
struct platform;
struct session;

enum { SHORT_ID_TEXT = 12 + 1 };

/*
 * The image that text means: a name (":latest" may be left out), an image ID or digest, or at least
 * four digits of one. *ret_name (may be NULL; new) is the complete reference when text was a name,
 * else NULL. ERR_NOT_FOUND names text.
 */
FALLIBLE image_name_find(
		struct store *store, const char *text, struct tag_record *ret, char **ret_name);
/*
 * Open what text means: an image of the store by name or ID, or a transport such as oci:DIR; of an
 * index the one for platform, or for this machine (NULL). *ret_names gets its names in the store.
 */
FALLIBLE image_open_named(struct session *session, const char *text,
		const struct platform *platform, struct image **ret, struct list *ret_names);
/* A complete reference for text. New; free(). */
FALLIBLE image_name_complete(const char *text, char **ret);
/* "busybox" and "latest" of a complete reference; "<none>" where there is nothing. New; free(). */
void image_name_split(const char *name, char **ret_repository, char **ret_tag);
/* The first 12 digits; "" when not known. Returns buf. */
char *short_id(const struct digest *digest, char buf[static SHORT_ID_TEXT]);

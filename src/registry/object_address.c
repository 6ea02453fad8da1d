#include "registry/object_address.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "registry/cloud_host.h"
#include "registry/url.h"

#include <ctype.h>
#include <string.h>

#define DEFAULT_KEY "context.tar.gz" /* Kaniko's */

enum { BUCKET_MAX = 255, KEY_MAX = 1024 };

/* The host of an https address that is Azure's, or nothing. */
static char *azure_host(const char *text)
{
	if (!text_starts(text, "https://"))
		return NULL;
	text += strlen("https://");
	AUTO_FREE char *host = xstrndup(text, strcspn(text, "/?#"));

	return cloud_is_azure_blob(host) ? TAKE(host) : NULL;
}

bool object_address_is(const char *text)
{
	AUTO_FREE char *azure = azure_host(text);

	return azure || text_starts(text, "s3://") || text_starts(text, "gs://");
}

void object_address_done(struct object_address *address)
{
	free(address->bucket);
	free(address->key);
	*address = (struct object_address){ 0 };
}

static FALLIBLE check(struct str bucket, struct str key, const char *text)
{
	bool is_good = bucket.n && bucket.n <= BUCKET_MAX && isalnum((unsigned char)bucket.p[0]);

	for (size_t i = 0; i < bucket.n; i++)
		is_good = is_good &&
			  (isalnum((unsigned char)bucket.p[i]) || strchr("._-", bucket.p[i]));
	if (!is_good)
		return error_new(ERR_INVALID, "'%s' does not name a bucket", text);
	if (key.n > KEY_MAX)
		return error_new(ERR_INVALID, "'%.80s...': a key of more than %d bytes", text,
				KEY_MAX);
	for (size_t i = 0; i < key.n; i++)
		if (iscntrl((unsigned char)key.p[i]))
			return error_new(ERR_INVALID, "a key with a control character");
	return NULL;
}

FALLIBLE object_address_parse(const char *text, struct object_address *ret)
{
	AUTO_FREE char *azure = azure_host(text);
	struct str bucket, key;

	if (azure) {
		if (!strchr(text + strlen("https://"), '/'))
			return error_new(ERR_INVALID, "'%s' names no blob", text);
		*ret = (struct object_address){ .kind = OBJECT_AZURE,
			.bucket = xstrndup(azure, strcspn(azure, ".")),
			.key = xstrdup(text) };
		return NULL;
	}
	str_cut(str_of(text + strlen("s3://")), '/', &bucket, &key);
	TRY(check(bucket, key, text));
	*ret = (struct object_address){ .kind = text_starts(text, "s3://") ? OBJECT_S3
									   : OBJECT_GOOGLE,
		.bucket = str_dup(bucket),
		.key = key.n ? str_dup(key) : xstrdup(DEFAULT_KEY) };
	return NULL;
}

char *object_key_path(const char *key)
{
	AUTO(strbuf) struct strbuf out = { 0 };
	struct str rest = str_of(key), part;
	bool more = true;

	while (more) {
		more = str_cut(rest, '/', &part, &rest);
		AUTO_FREE char *word = str_dup(part);
		strbuf_add_char(&out, '/');
		url_escape(&out, word);
	}
	return strbuf_take(&out);
}

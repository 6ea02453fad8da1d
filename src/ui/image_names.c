#include "ui/image_names.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "image/image.h"
#include "oci/reference.h"
#include "ui/session.h"

FALLIBLE image_name_complete(const char *text, char **ret)
{
	AUTO(reference) struct reference reference = { 0 };

	TRY(reference_parse(str_of(text), &reference));
	*ret = reference_text(&reference);
	return NULL;
}

/* Digits alone may be an ID as well as a repository; a name that is there comes first. */
FALLIBLE image_name_find(
		struct store *store, const char *text, struct tag_record *ret, char **ret_name)
{
	AUTO_FREE char *name = NULL;
	struct error *wrong_name = image_name_complete(text, &name);
	struct error *error = wrong_name ? wrong_name : tag_get(store, name, ret);

	if (!error) {
		if (ret_name)
			*ret_name = TAKE(name);
		return NULL;
	}
	if (!error_is(error, ERR_NOT_FOUND) && !error_is(error, ERR_INVALID))
		return error;
	error_free(error);
	error = tag_find(store, text, ret);
	if (error_is(error, ERR_NOT_FOUND) || error_is(error, ERR_UNSUPPORTED)) {
		error_free(error);
		return error_hint(error_new(ERR_NOT_FOUND, "no image '%s' in the store", text),
				"'kiln images' lists them");
	}
	if (!error && ret_name)
		*ret_name = NULL;
	return error;
}

void image_name_split(const char *name, char **ret_repository, char **ret_tag)
{
	AUTO(reference) struct reference reference = { 0 };
	struct error *error = name ? reference_parse(str_of(name), &reference) : NULL;
	AUTO_FREE char *tag = xstrdup(name && !error ? reference.tag : NULL);

	*ret_tag = tag ? TAKE(tag) : xstrdup("<none>");
	if (!name) {
		*ret_repository = xstrdup("<none>");
	} else if (error) {
		/* Another tool's name: shown as it is. */
		error_ignore(error, "shown as it is");
		*ret_repository = xstrdup(name);
	} else {
		free(reference.tag);
		reference.tag = NULL;
		reference.digest = (struct digest){ 0 };
		*ret_repository = reference_familiar(&reference);
	}
}

char *short_id(const struct digest *digest, char buf[static SHORT_ID_TEXT])
{
	char hex[DIGEST_HEX];

	buf[0] = '\0';
	if (digest_known(digest))
		(void)snprintf(buf, SHORT_ID_TEXT, "%.12s", digest_hex(digest, hex));
	return buf;
}

FALLIBLE image_open_named(struct session *session, const char *text,
		const struct platform *platform, struct image **ret, struct list *ret_names)
{
	/* What is here may be looked at, whatever the policy says of its use. */
	const struct image_homes homes = { session->store, session->registry, platform,
		session->cancel, NULL, image_is_transport(text) ? session->trust : NULL,
		.podman = &session->podman };
	AUTO(tag_record) struct tag_record record = { 0 };
	struct error *error = image_name_find(session->store, text, &record, NULL);

	if (error && image_is_transport(text)) {
		error_ignore(error, "it may be a transport");
		return image_open(&homes, text, PULL_NEVER, ret);
	}
	TRY(error);
	TRY(tag_names(session->store, &record.manifest, ret_names));

	char digest[DIGEST_TEXT];
	AUTO_FREE char *by_digest = xasprintf("store:%s", digest_text(&record.manifest, digest));

	return image_open(&homes, ret_names->n ? ret_names->p[0] : by_digest, PULL_NEVER, ret);
}

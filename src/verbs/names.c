#include "verbs/names.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "oci/reference.h"
#include "registry/registry.h"
#include "sys/path.h"
#include "ui/image_names.h"
#include "ui/options.h"
#include "ui/show.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCAL  "localhost/"
#define PODMAN "containers-storage:"

static bool is_buildah(const char *program)
{
	return strcmp(program, "buildah") == 0;
}

static FALLIBLE complete_local(const char *text, char **ret)
{
	AUTO_FREE char *local = xasprintf(LOCAL "%s", text);

	return image_name_complete(local, ret);
}

FALLIBLE names_new(const char *program, const char *text, char **ret)
{
	if (is_buildah(program) && !reference_has_host(str_of(text)))
		return complete_local(text, ret);
	return image_name_complete(text, ret);
}

/* NULL when it is there. ERR_NOT_FOUND also for what cannot be a name. */
static FALLIBLE get(struct store *store, const char *text, bool is_local, struct tag_record *ret,
		char **ret_name)
{
	AUTO_FREE char *name = NULL;
	struct error *error =
			is_local ? complete_local(text, &name) : image_name_complete(text, &name);

	if (error) {
		error_free(error);
		return error_new(ERR_NOT_FOUND, "not a name");
	}
	TRY(tag_get(store, name, ret));
	*ret_name = TAKE(name);
	return NULL;
}

FALLIBLE names_find(struct store *store, const char *program, const char *text,
		struct tag_record *ret, char **ret_name)
{
	AUTO_FREE char *name = NULL;
	bool may_be_local = !reference_has_host(str_of(text));
	bool local_first = may_be_local && is_buildah(program);
	struct error *error = get(store, text, local_first, ret, &name);

	if (error_is(error, ERR_NOT_FOUND) && may_be_local) {
		error_free(error);
		error = get(store, text, !local_first, ret, &name);
	}
	if (error_is(error, ERR_NOT_FOUND)) {
		error_free(error);
		error = tag_find(store, text, ret);
	}
	if (error_is(error, ERR_NOT_FOUND)) {
		error_free(error);
		error = error_new(ERR_NOT_FOUND, "%s: image not known", text);
		/* Scripts count the lines that Buildah prints. */
		return is_buildah(program) ? error
					   : error_hint(error, "'%s images' lists them", program);
	}
	TRY(error);
	if (ret_name)
		*ret_name = TAKE(name);
	return NULL;
}

FALLIBLE names_pull_policy(const char *text, enum pull_policy *ret)
{
	static const struct {
		const char *text;
		enum pull_policy policy;
	} policies[] = {
		{ "always", PULL_ALWAYS },
		{ "true", PULL_ALWAYS },
		{ "newer", PULL_NEWER },
		{ "ifnewer", PULL_NEWER },
		{ "missing", PULL_MISSING },
		{ "ifmissing", PULL_MISSING },
		{ "false", PULL_NEVER },
		{ "never", PULL_NEVER },
	};

	for (size_t i = 0; text && i < COUNT(policies); i++)
		if (text_equal(policies[i].text, text)) {
			*ret = policies[i].policy;
			return NULL;
		}
	if (!text) {
		*ret = PULL_MISSING;
		return NULL;
	}
	return error_usage("unrecognized pull policy \"%s\"", text);
}

void named_image_done(struct named_image *named)
{
	image_free(named->image);
	free(named->name);
	list_done(&named->more_names);
}

/*
 * What an image from a file is called, as Buildah has it: the path, and the tag that is behind it.
 * NULL: it has no name that a reference may have.
 */
static char *name_of_path(const char *text)
{
	const char *path = strchr(text, ':') + 1;
	AUTO_FREE char *absolute = path[0] == '/' ? NULL : realpath(".", NULL);
	AUTO_FREE char *joined = xasprintf("%s%s%s", absolute ? absolute + 1 : "",
			absolute ? "/" : "", path[0] == '/' ? path + 1 : path);
	char *name = NULL;
	struct error *error = complete_local(joined, &name);

	error_ignore(error, "a path that no reference may have");
	return name;
}

char *names_of_transport(const char *text)
{
	if (text_starts(text, "oci-archive:") || text_starts(text, "docker-archive:") ||
			text_starts(text, "dir:"))
		return xstrndup(text, strcspn(text, ":"));
	if (!text_starts(text, "oci:"))
		return NULL;
	const char *path = strchr(text, ':') + 1;
	AUTO_FREE char *clean = path_clean((struct str){ path, strcspn(path, ":") });
	const char *slash = strrchr(clean, '/');
	char *last = xstrdup(slash ? slash + 1 : clean);

	for (char *p = last; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return last;
}

static bool is_archive(const char *text)
{
	return text_starts(text, "oci-archive:") || text_starts(text, "docker-archive:");
}

/* The names that an archive has for its image; words alone are localhost's in a layout. */
static FALLIBLE names_inside(const char *text, struct list *ret)
{
	AUTO(list) struct list names = { 0 };
	bool is_oci = text_starts(text, "oci-archive:");

	TRY(image_names_inside(text, &names));
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *name = NULL;
		struct error *error = is_oci && !reference_has_host(str_of(names.p[i]))
						      ? complete_local(names.p[i], &name)
						      : image_name_complete(names.p[i], &name);

		if (!error)
			list_add(ret, name);
		error_ignore(error, "what cannot be a name is none");
	}
	return NULL;
}

static FALLIBLE open_transport(struct session *session, const struct names_request *request,
		struct named_image *ret)
{
	const struct image_homes homes = { session->store, session->registry, request->platform,
		session->cancel, NULL, session->trust, .podman = &session->podman,
		.decryption = session->decryption };
	const char *text = request->text;

	if (text_starts(text, "docker://")) {
		TRY(image_name_complete(text + strlen("docker://"), &ret->name));
		show_trying(session->config, request->quiet, ret->name);
	} else if (text_starts(text, "oci:") || text_starts(text, "rootfs:"))
		ret->name = name_of_path(text);
	TRY(image_open(&homes, text, request->pull, &ret->image));
	if (is_archive(text))
		TRY(names_inside(text, &ret->more_names));
	if (ret->more_names.n)
		ret->name = xstrdup(ret->more_names.p[0]);
	/* What it is called there; by an ID alone, nothing. */
	if (text_starts(text, PODMAN))
		error_ignore(image_name_complete(ret->image->name + strlen(PODMAN), &ret->name),
				"it has no name there");
	return NULL;
}

static FALLIBLE open_stored(struct session *session, const struct names_request *request,
		const struct tag_record *record, struct named_image *ret)
{
	const struct image_homes homes = { session->store, session->registry, request->platform,
		session->cancel, NULL, session->trust, .decryption = session->decryption };
	char digest[DIGEST_TEXT];
	AUTO_FREE char *by_digest = xasprintf("store:%s", digest_text(&record->manifest, digest));

	ret->record = record->manifest;
	TRY(image_open(&homes, by_digest, PULL_NEVER, &ret->image));
	if (!ret->image->is_decrypted)
		return NULL;
	/* Later commands are told of no key. */
	ret->record = ret->image->digest;
	return image_save_store(ret->image, session->store, NULL, session->cancel, NULL);
}

/* name: what it is called in our store, or NULL. */
static FALLIBLE save(struct session *session, const struct names_request *request,
		struct named_image *named, const char *name)
{
	AUTO(show) struct show show = { 0 };

	named->record = named->image->digest;
	TRY(show_open_copy(session->config, request->quiet, &show));
	show_copy_image(&show, named->image);
	show_begin(&show, "pulling %s", request->text);
	TRY(show_end(&show, image_save_store(named->image, session->store, name, session->cancel,
					    &show.copies)));
	for (size_t i = 1; i < named->more_names.n; i++)
		TRY(image_save_store(named->image, session->store, named->more_names.p[i],
				session->cancel, NULL));
	if (!named->name)
		named->name = xstrdup("");
	return NULL;
}

/* Of what registries.conf says that the name may mean, what is here already. */
static FALLIBLE find_candidate(struct session *session, const struct names_request *request,
		struct tag_record *ret, char **ret_name, bool *ret_found)
{
	AUTO(list) struct list names = { 0 };

	TRY(registry_short_names(session->registry, request->text, &names));
	for (size_t i = 0; i < names.n && !*ret_found; i++) {
		struct error *error = tag_get(session->store, names.p[i], ret);

		*ret_found = !error;
		if (error && !error_is(error, ERR_NOT_FOUND))
			return error;
		error_free(error);
		if (*ret_found)
			*ret_name = xstrdup(names.p[i]);
	}
	return NULL;
}

static FALLIBLE pull(struct session *session, const struct names_request *request,
		struct named_image *ret)
{
	const struct image_homes homes = { session->store, session->registry, request->platform,
		session->cancel, NULL, session->trust, is_buildah(request->program),
		.decryption = session->decryption };

	if (image_is_transport(request->text))
		TRY(open_transport(session, request, ret));
	else if (homes.short_names && !reference_has_host(str_of(request->text))) {
		TRY(image_open(&homes, request->text, PULL_ALWAYS, &ret->image));
		ret->name = xstrdup(ret->image->fetched_as);
		show_trying(session->config, request->quiet, ret->name);
	} else {
		TRY(image_name_complete(request->text, &ret->name));
		show_trying(session->config, request->quiet, ret->name);
		TRY(image_open(&homes, ret->name, PULL_ALWAYS, &ret->image));
	}
	return save(session, request, ret, ret->name);
}

/* What Podman has under that name. *ret->image stays NULL when there is none. */
static FALLIBLE take_shared(struct session *session, const struct names_request *request,
		struct named_image *ret)
{
	const struct image_homes homes = { session->store, session->registry, request->platform,
		session->cancel, NULL, session->trust, is_buildah(request->program),
		&session->podman };

	TRY(image_open_shared(&homes, request->text, &ret->image));
	if (!ret->image)
		return NULL;
	error_ignore(image_name_complete(ret->image->name + strlen(PODMAN), &ret->name),
			"it has no name there");
	/* For Buildah it is here, so there is nothing to tell where its lines would be shown. */
	struct names_request silent = *request;
	silent.quiet = silent.quiet || !isatty(STDERR_FILENO);
	return save(session, &silent, ret, NULL);
}

static bool asks_registry(const struct names_request *request)
{
	return request->pull == PULL_ALWAYS || request->pull == PULL_NEWER;
}

/* What is here under the name, unless it is of another platform than the one that is asked for. */
static FALLIBLE open_served(struct session *session, const struct names_request *request,
		const struct tag_record *record, bool is_id, struct named_image *ret)
{
	struct error *error = open_stored(session, request, record, ret);

	if (!request->is_platform_asked || is_id || request->pull != PULL_MISSING)
		return error;
	/* Of a list that was kept for another platform there is no image here. */
	bool is_other = error ? error_is(error, ERR_NOT_FOUND)
			      : platform_match(request->platform, &ret->image->config.platform) ==
							0;
	if (!is_other)
		return error;
	error_free(error);
	image_free(TAKE(ret->image));
	free(TAKE(ret->name));
	return pull(session, request, ret);
}

/* The image of the store, where a registry that was asked for a newer one has none. */
static FALLIBLE pull_newer(struct session *session, const struct names_request *request,
		const struct tag_record *record, const char *name, struct named_image *ret)
{
	struct error *error = pull(session, request, ret);

	if (!error || error_is(error, ERR_CANCELED))
		return error;
	named_image_done(ret);
	*ret = (struct named_image){ .name = xstrdup(name) };
	error_ignore(error, "the image that is here will do");
	return open_stored(session, request, record, ret);
}

FALLIBLE names_open(struct session *session, const struct names_request *request,
		struct named_image *ret)
{
	AUTO(tag_record) struct tag_record record = { 0 };
	struct names_request wanted = *request;

	if (text_starts(wanted.text, "store:")) {
		wanted.text += strlen("store:");
		wanted.pull = PULL_NEVER;
	}
	if (image_is_transport(wanted.text))
		return pull(session, &wanted, ret);
	struct error *error = names_find(
			session->store, wanted.program, wanted.text, &record, &ret->name);
	bool is_id = !error && !ret->name;

	/* "always" asks the registry, if only to hear that nobody there knows localhost's. */
	if (!error && (!asks_registry(&wanted) || is_id)) {
		if (!ret->name)
			ret->name = xstrdup(record.name ? record.name : "");
		return open_served(session, &wanted, &record, is_id, ret);
	}
	if (error_is(error, ERR_NOT_FOUND) && wanted.pull != PULL_ALWAYS && !wanted.own_only) {
		struct error *worse = take_shared(session, &wanted, ret);

		if (worse || ret->image) {
			error_free(error);
			return worse;
		}
	}
	/* An ID is of the store alone: no registry knows it. */
	if (error && (!error_is(error, ERR_NOT_FOUND) || wanted.pull == PULL_NEVER ||
				     text_starts(wanted.text, "sha256:")))
		return error;
	bool is_new = error != NULL, found = false;
	error_free(error);
	AUTO_FREE char *here = TAKE(ret->name);
	if (here && wanted.pull == PULL_NEWER)
		return pull_newer(session, &wanted, &record, here, ret);
	if (is_new && wanted.pull == PULL_MISSING && is_buildah(wanted.program) &&
			!reference_has_host(str_of(wanted.text)))
		TRY(find_candidate(session, &wanted, &record, &ret->name, &found));
	return found ? open_served(session, &wanted, &record, false, ret)
		     : pull(session, &wanted, ret);
}

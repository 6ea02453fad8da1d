#include "build/judge.h"
#include "base/xalloc.h"
#include "oci/reference.h"
#include "registry/url.h"

#include <string.h>

#define IMAGE    "docker-image://"
#define LAYOUT   "oci-layout://"
#define GIT      "git://"
#define CHECKSUM "http.checksum"

/* "docker-image://docker.io/library/alpine:latest", "oci-layout://dir:tag"; else as it is. */
static char *source_of_image(const char *name)
{
	AUTO(reference) struct reference reference = { 0 };

	if (text_starts(name, "oci:"))
		return xasprintf(LAYOUT "%s", name + strlen("oci:"));
	if (text_starts(name, "docker://"))
		name += strlen("docker://");
	struct error *error = reference_parse(str_of(name), &reference);
	if (error) {
		error_ignore(error, "another transport's");
		return xstrdup(name);
	}
	AUTO_FREE char *text = reference_text(&reference);
	return xasprintf(IMAGE "%s", text);
}

FALLIBLE judge_image(const struct source_policy *policy, const char *name, char **ret)
{
	AUTO_FREE char *source = source_of_image(name), *was = xstrdup(source);
	AUTO(list) struct list attributes = { 0 };

	TRY(source_policy_judge(policy, &source, &attributes));
	if (strcmp(source, was) == 0)
		*ret = xstrdup(name);
	else if (text_starts(source, IMAGE))
		*ret = xstrdup(source + strlen(IMAGE));
	else if (text_starts(source, LAYOUT))
		*ret = xasprintf("oci:%s", source + strlen(LAYOUT));
	else
		return error_new(ERR_INVALID,
				"the source policy makes '%s' of an image, which is none", source);
	return NULL;
}

FALLIBLE judge_url(const struct source_policy *policy, const char *url, const char *checksum,
		char **ret_url, char **ret_checksum)
{
	AUTO_FREE char *source = xstrdup(url);
	AUTO(list) struct list attributes = { 0 };

	if (checksum && *checksum)
		list_env_set(&attributes, CHECKSUM, checksum);
	TRY(source_policy_judge(policy, &source, &attributes));
	if (!url_is_http(source))
		return error_new(ERR_INVALID,
				"the source policy makes '%s' of an address, which is none",
				source);
	const char *wanted = list_env_get(&attributes, CHECKSUM);
	*ret_checksum = wanted && !text_equal(wanted, checksum) ? xstrdup(wanted) : NULL;
	*ret_url = TAKE(source);
	return NULL;
}

/* "git://host/path#ref:subdir", whatever way git goes there. */
static char *source_of_git(const struct git_url *url, size_t *ret_scheme)
{
	const char *colon = strstr(url->remote, "://");
	const char *place = colon ? colon + 3 : url->remote;
	const char *at = strchr(place, '@');
	bool has_more = url->ref || url->subdir;

	*ret_scheme = (size_t)(place - url->remote);
	if (at && at < place + strcspn(place, "/"))
		place = at + 1;
	return xasprintf(GIT "%s%s%s%s%s", place, has_more ? "#" : "", url->ref ? url->ref : "",
			url->subdir ? ":" : "", url->subdir ? url->subdir : "");
}

FALLIBLE judge_git(
		const struct source_policy *policy, const struct git_url *url, struct git_url **ret)
{
	size_t scheme = 0;
	AUTO_FREE char *source = source_of_git(url, &scheme), *was = xstrdup(source);
	AUTO(list) struct list attributes = { 0 };
	AUTO(git_url) struct git_url made = { 0 };

	TRY(source_policy_judge(policy, &source, &attributes));
	if (strcmp(source, was) == 0)
		return NULL;
	if (!text_starts(source, GIT) || !scheme)
		return error_new(ERR_INVALID,
				"the source policy makes '%s' of a repository, which is not "
				"supported",
				source);
	AUTO_FREE char *text = xasprintf("%.*s%s", (int)scheme, url->remote, source + strlen(GIT));
	TRY_WRAP(git_url_parse(text, &made), "source policy");
	made.keep_git_dir = url->keep_git_dir;
	made.submodules = url->submodules;
	made.keeps_checkout_times = url->keeps_checkout_times;
	if (!made.checksum)
		made.checksum = xstrdup(url->checksum);
	*ret = xcalloc(1, sizeof(**ret));
	**ret = made;
	made = (struct git_url){ 0 };
	return NULL;
}

/*
 * Sources of ADD that are not files of the context: http(s) addresses and git repositories. What
 * can be told from their text is checked here, with its place in the Dockerfile.
 */
#include "dockerfile/git_url.h"
#include "graph/lower.h"
#include "oci/digest.h"
#include "registry/url.h"

#include <strings.h>

static bool starts_nocase(const char *text, const char *prefix)
{
	return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

bool lower_is_remote(const char *path)
{
	return git_url_matches(path, false) || starts_nocase(path, "http://") ||
	       starts_nocase(path, "https://") || starts_nocase(path, "ftp://");
}

/* --keep-git-dir, whatever it says, is of repositories alone: hosts need not call theirs ".git". */
static bool is_git(const struct plan_copy *copy, const char *path)
{
	return git_url_matches(path, false) ||
	       (copy->keep_git_dir &&
			       (starts_nocase(path, "http://") || starts_nocase(path, "https://")));
}

static FALLIBLE read_remote(
		struct lower *lower, const struct plan_copy *copy, struct plan_source *source)
{
	AUTO(git_url) struct git_url git = { 0 };
	AUTO(url) struct url url = { 0 };
	AUTO_FREE char *shown = git_url_shown(source->path);

	if (is_git(copy, source->path)) {
		TRY(git_url_parse(source->path, &git));
		source->git = source->path;
	} else if (starts_nocase(source->path, "ftp://")) {
		return error_hint(error_new(ERR_UNSUPPORTED, "ADD does not speak ftp: '%s'", shown),
				"http, https and git can be added");
	} else {
		TRY(url_parse(str_of(source->path), &url));
		source->url = source->path;
	}
	/* What is shown, recorded and keyed has no password in it. */
	source->path = arena_text(lower->arena, shown);
	return NULL;
}

FALLIBLE lower_remote(struct lower *lower, const struct plan_copy *copy, struct source_range at,
		struct plan_source *source)
{
	AUTO_FREE char *shown = git_url_shown(source->path);

	if (!copy->is_add)
		return error_hint(error_at(error_new(ERR_INVALID,
							   "source can't be a URL for COPY: '%s'",
							   shown),
						  at),
				"use ADD for URLs");
	struct error *error = read_remote(lower, copy, source);
	return error ? error_at(error, at) : NULL;
}

static const char *checksum_fault(const char *checksum)
{
	return strchr(checksum, ':') && !text_starts(checksum, "sha256:")
			       ? "unsupported digest algorithm"
			       : "invalid checksum digest format";
}

FALLIBLE lower_checksum(const struct plan_copy *copy, struct source_range at)
{
	const struct plan_source *source = &copy->sources[0];
	struct digest digest;

	if (!copy->checksum || !copy->checksum[0])
		return NULL;
	if (copy->source_count != 1)
		return error_hint(error_at(error_new(ERR_INVALID, "checksum can't be specified for "
								  "multiple sources"),
						  at),
				"add the others with an ADD or COPY of their own");
	if (!source->url && !source->git)
		return error_at(error_new(ERR_INVALID, "checksum requires HTTP(S) or Git sources"),
				at);
	if (source->git) {
		if (git_is_commit(copy->checksum))
			return NULL;
		return error_hint(error_at(error_new(ERR_INVALID,
							   "invalid checksum '%s', expected hex "
							   "commit hash",
							   copy->checksum),
						  at),
				"4 to 64 hexadecimal digits");
	}
	struct error *error = digest_parse(str_of(copy->checksum), &digest);
	return error ? error_at(error_wrap(error, "%s", checksum_fault(copy->checksum)), at) : NULL;
}

#include "dockerfile/frontend.h"

#include "base/auto.h"
#include "dockerfile/lines.h"
#include "dockerfile/parser.h"
#include "oci/reference.h"

#include <ctype.h>
#include <string.h>

static bool is_ours(const struct reference *reference)
{
	return text_equal(reference->host, "docker.io") &&
	       (text_equal(reference->repository, "docker/dockerfile") ||
			       text_equal(reference->repository, "docker/dockerfile-upstream"));
}

/* "1", "1.7", "1.7.1-labs", and the names that move; a second language would be a "2". */
static bool is_first_language(const char *tag)
{
	static const char *const moving[] = { "latest", "labs", "master", "master-labs",
		"experimental" };

	if (!tag)
		return true;
	for (size_t i = 0; i < COUNT(moving); i++)
		if (strcmp(moving[i], tag) == 0)
			return true;
	return (tag[0] == '0' || tag[0] == '1') && !isalnum((unsigned char)tag[1]);
}

static struct error *refuse(const char *text)
{
	return error_hint(error_new(ERR_UNSUPPORTED,
					  "the frontend image '%s' would read this file, and kiln "
					  "runs none",
					  text),
			"kiln reads docker/dockerfile:1 by itself; if that is the language, say "
			"'--build-arg BUILDKIT_SYNTAX=docker/dockerfile:1'");
}

static FALLIBLE check_one(const char *text)
{
	AUTO(reference) struct reference reference = { 0 };
	struct error *error = NULL;

	if (strcmp(text, "dockerfile.v0") == 0)
		return NULL;
	error = reference_parse(str_of(text), &reference);
	if (error) {
		error_ignore(error, "what is no name of an image is no frontend of ours");
		return refuse(text);
	}
	if (!is_ours(&reference))
		return refuse(text);
	/* With a digest the tag is but a comment. */
	if (is_first_language(reference.tag))
		return NULL;
	return error_hint(error_new(ERR_UNSUPPORTED,
					  "kiln does not know version '%s' of the Dockerfile "
					  "language",
					  reference.tag),
			"docker/dockerfile:1 is what it reads");
}

FALLIBLE frontend_check(struct str text, const char *name, const struct list *build_args)
{
	AUTO(arena) struct arena *arena = arena_new();
	const char *given = build_args ? list_env_get(build_args, "BUILDKIT_SYNTAX") : NULL;
	const char *wanted = NULL;
	unsigned line = 0;

	if (given && *given)
		TRY_WRAP(check_one(given), "build argument BUILDKIT_SYNTAX");
	if (given && *given)
		return NULL;
	syntax_detect(arena, text, &wanted, &line);
	if (!wanted)
		return NULL;
	struct str shown = dockerfile_line(text, line);
	const char *at = shown.n ? memmem(shown.p, shown.n, wanted, strlen(wanted)) : NULL;
	unsigned column = at ? (unsigned)(at - shown.p) + 1 : 1;
	struct source_range range = { name, line, column, line,
		column + (unsigned)(at ? strlen(wanted) : 0) };

	return error_at(check_one(wanted), range);
}

/*
 * Secret mounts: a file on a file system of its own, or a variable of the step's environment. Both
 * go from our memory into the sandbox's message and nowhere else.
 */
#include "base/limits.h"
#include "build/mounts.h"
#include "build/secrets.h"

#include <string.h>

static const struct build_secret *find(const struct build *build, const char *id)
{
	for (size_t i = 0; i < build->options->secret_count; i++)
		if (strcmp(build->options->secrets[i].id, id) == 0)
			return &build->options->secrets[i];
	return NULL;
}

static struct error *not_given(const struct run_mount *as, const struct build_secret *secret)
{
	if (secret)
		return error_hint(error_new(ERR_NOT_FOUND, "the secret '%s' is required, and %s",
						  as->id, secret->missing),
				"set it, or leave 'required' out");
	return error_hint(error_new(ERR_NOT_FOUND,
					  "secret required but no secret with id \"%s\" found",
					  as->id),
			"give it: --secret id=%s,src=FILE or --secret id=%s,env=NAME", as->id,
			as->id);
}

static FALLIBLE add_variable(
		struct step_mounts *mounts, const char *name, const struct build_secret *secret)
{
	if (memchr(secret->content, '\0', secret->bytes))
		return error_new(ERR_INVALID,
				"the secret '%s' holds a zero byte, which no variable can",
				secret->id);
	if (strlen(name) + secret->bytes + 2 > LIMIT_ARG_BYTES)
		return error_hint(error_new(ERR_LIMIT,
						  "the secret '%s' has %zu bytes, too many for a "
						  "variable",
						  secret->id, secret->bytes),
				"mount it as a file: target=PATH");
	list_addf(&mounts->env, "%s=%.*s", name, (int)secret->bytes, (const char *)secret->content);
	return NULL;
}

FALLIBLE mount_secret_show(struct build *build, struct step_mounts *mounts, size_t i,
		struct sandbox_mount *out)
{
	const struct plan_mount *plan = mounts->p[i].plan;
	const struct run_mount *as = &plan->as;
	const struct build_secret *secret = find(build, as->id);

	if (!secret || !secret->content)
		return as->is_required ? not_given(as, secret) : NULL;
	if (!mounts->secrets)
		mounts->secrets = secrets_new();
	secrets_add(mounts->secrets, secret);
	if (as->env)
		TRY(add_variable(mounts, as->env, secret));
	if (!plan->target)
		return NULL;
	out->kind = SANDBOX_FILE;
	out->content = secret->content;
	out->content_bytes = secret->bytes;
	out->read_only = true;
	out->no_exec = true;
	out->mode = as->mode;
	out->uid = as->takes_over && !as->has_uid ? mounts->user->uid : as->uid;
	out->gid = as->takes_over && !as->has_gid ? mounts->user->gid : as->gid;
	return NULL;
}

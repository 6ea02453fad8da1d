#include "verbs/run_mounts.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "graph/plan.h"
#include "sys/path.h"
#include "ui/config.h"
#include "ui/options.h"

#include <string.h>

void run_mounts_done(struct run_mounts *mounts)
{
	arena_free(mounts->arena);
	vec_done(&mounts->mounts);
	secret_flags_done(&mounts->secrets);
	ssh_flags_done(&mounts->agents);
}

FALLIBLE run_mounts_flags(
		const struct list *secrets, const struct list *agents, struct run_mounts *ret)
{
	for (size_t i = 0; i < secrets->n; i++)
		TRY(secret_flags_add(&ret->secrets, secrets->p[i], config_getenv));
	for (size_t i = 0; i < agents->n; i++)
		TRY(ssh_flags_add(&ret->agents, agents->p[i], config_getenv("SSH_AUTH_SOCK")));
	return NULL;
}

static const char *absolute(struct run_mounts *mounts, const char *workdir, const char *path)
{
	AUTO_FREE char *joined = path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", workdir, path);
	AUTO_FREE char *clean = path_clean(str_of(joined));

	return arena_printf(mounts->arena, "/%s", clean);
}

/* Caches, secrets and agents are what they are in a build; a bind shows the host. */
static FALLIBLE add_mount(struct run_mounts *mounts, struct run_parts *parts, const char *text,
		const char *workdir, const char *context_dir)
{
	const struct flag flag = { "mount", text, arena_printf(mounts->arena, "--mount=%s", text),
		{ 0 } };
	const struct words_env nothing = { 0 };
	struct plan_mount mount = { .source = "" };

	TRY(usage_of_option(run_mount_parse(mounts->arena, &flag, &nothing, &mount.as), "--mount"));
	if (mount.as.target)
		mount.target = absolute(mounts, workdir, mount.as.target);
	if (text_equal(mount.target, "/"))
		return error_usage("option '--mount': nothing can be mounted on '/'");
	if (mount.as.type == MOUNT_BIND || mount.as.type == MOUNT_TMPFS)
		return mount_flag_add(&parts->volumes, &mount.as, mount.target, context_dir);
	if (mount.as.from)
		return error_hint(error_usage("option '--mount': from is not supported with type "
					      "%s",
						  mount_type_name(mount.as.type)),
				"'copy --from' brings files of images and containers");
	if (mount.as.type == MOUNT_SECRET && !mount.as.id[0])
		return error_usage("option '--mount': a secret needs an id");
	if (mount.as.source) {
		AUTO_FREE char *clean = path_clean(str_of(mount.as.source));

		mount.source = arena_text(mounts->arena, clean);
	}
	vec_push(&mounts->mounts, mount);
	return NULL;
}

FALLIBLE run_mounts_make(const struct list *texts, const char *workdir, const char *context_dir,
		struct run_parts *parts, struct run_mounts *mounts)
{
	mounts->arena = arena_new();
	TRY(secret_flags_load(&mounts->secrets, config_getenv));
	for (size_t i = 0; i < texts->n; i++)
		TRY(add_mount(mounts, parts, texts->p[i], workdir, context_dir));
	parts->run.mounts = mounts->mounts.p;
	parts->run.mount_count = mounts->mounts.n;
	parts->run.secrets = mounts->secrets.loaded.p;
	parts->run.secret_count = mounts->secrets.loaded.n;
	parts->run.agents = mounts->agents.agents.p;
	parts->run.agent_count = mounts->agents.agents.n;
	return NULL;
}

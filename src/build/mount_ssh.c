/*
 * SSH mounts: the socket of agent.h, in a scratch directory, given to who the flag says. Without a
 * target it is /run/buildkit/ssh_agent.N, as in BuildKit, and the first one is SSH_AUTH_SOCK.
 */
#include "build/agent.h"
#include "build/key_agent.h"
#include "build/mounts.h"

#include <string.h>
#include <sys/stat.h>

static const struct build_agent *find(const struct build *build, const char *id)
{
	for (size_t i = 0; i < build->options->agent_count; i++)
		if (strcmp(build->options->agents[i].id, id) == 0)
			return &build->options->agents[i];
	return NULL;
}

static const char *socket_of(const struct build *build, const struct build_agent *given)
{
	return given->socket ? given->socket
			     : key_agent_socket(build->key_agents[given - build->options->agents]);
}

static FALLIBLE not_given(const struct run_mount *as)
{
	if (!as->is_required)
		return NULL;
	return error_hint(
			error_new(ERR_NOT_FOUND, "the SSH agent '%s' is required and was not given",
					as->id),
			"give it: --ssh %s, or --ssh %s=SOCKET|KEYFILE", as->id, as->id);
}

FALLIBLE mount_ssh_show(struct build *build, struct step_mounts *mounts, size_t i,
		struct sandbox_mount *out)
{
	struct step_mount *mount = &mounts->p[i];
	const struct run_mount *as = &mount->plan->as;
	const struct build_agent *given = find(build, as->id);
	const struct owner owner = {
		.uid = as->takes_over && !as->has_uid ? mounts->user->uid : as->uid,
		.gid = as->takes_over && !as->has_gid ? mounts->user->gid : as->gid,
		.mode = S_IFSOCK | as->mode,
	};

	if (!given)
		return not_given(as);
	TRY(layer_begin(build->options->store, &mount->draft));
	TRY_WRAP(agent_start(mount->draft.tree_fd, "agent", socket_of(build, given), &mount->agent),
			"--ssh %s", as->id);
	TRY(owner_set(&build->options->userns->owner, mount->draft.tree_fd, "agent", &owner));
	mount->ssh_target = mount->plan->target ? xstrdup(mount->plan->target)
						: xasprintf("/run/buildkit/ssh_agent.%zu",
								  mounts->agents);
	if (mounts->agents++ == 0)
		list_addf(&mounts->env, "SSH_AUTH_SOCK=%s", mount->ssh_target);
	out->kind = SANDBOX_BIND;
	out->target = mount->ssh_target;
	out->source = (struct mount_dir){ mount->draft.tree_fd, "agent" };
	return NULL;
}

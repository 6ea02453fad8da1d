#include "ui/ssh_flag.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "ui/options.h"

#include <stdlib.h>
#include <sys/stat.h>

void ssh_flags_done(struct ssh_flags *flags)
{
	for (size_t i = 0; i < flags->agents.n; i++) {
		free(flags->agents.p[i].id);
		free(flags->agents.p[i].socket);
		list_done(&flags->agents.p[i].keys);
	}
	vec_done(&flags->agents);
}

/* What a path is decides what it is taken for: the agent's socket, or one of several key files. */
static FALLIBLE add_path(struct build_agent *agent, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return error_usage("option '--ssh': there is no '%s'", path);
	if (agent->socket || (S_ISSOCK(st.st_mode) && agent->keys.n))
		return error_usage("option '--ssh': an agent's socket stands alone, without '%s'",
				path);
	if (S_ISSOCK(st.st_mode))
		agent->socket = xstrdup(path);
	else if (S_ISREG(st.st_mode))
		list_add(&agent->keys, path);
	else
		return error_usage("option '--ssh': '%s' is neither an agent's socket nor a key "
				   "file",
				path);
	return NULL;
}

static FALLIBLE add_paths(struct build_agent *agent, struct str paths)
{
	struct str path = { 0 };

	for (bool more = true; more;) {
		more = str_cut(paths, ',', &path, &paths);
		AUTO_FREE char *text = str_dup(path);
		TRY(add_path(agent, text));
	}
	return NULL;
}

FALLIBLE ssh_flags_add(struct ssh_flags *flags, const char *text, const char *socket)
{
	struct str id = { 0 }, paths = { 0 };
	bool has_path = str_cut(str_of(text), '=', &id, &paths);
	AUTO_FREE char *name = str_dup(id);

	if (!id.n || (has_path && !paths.n))
		return error_usage("option '--ssh': '%s' is not ID, ID=SOCKET or ID=KEYFILE", text);
	if (!has_path && (!socket || !socket[0]))
		return error_hint(
				error_usage("option '--ssh': SSH_AUTH_SOCK names no agent for '%s'",
						text),
				"start one (eval $(ssh-agent)), or --ssh %s=SOCKET, or --ssh "
				"%s=KEYFILE",
				name, name);
	for (size_t i = 0; i < flags->agents.n; i++)
		if (text_equal(flags->agents.p[i].id, name))
			return error_usage("option '--ssh': id '%s' twice", name);
	struct build_agent *agent = vec_add(&flags->agents);
	agent->id = TAKE(name);
	return has_path ? add_paths(agent, paths) : add_path(agent, socket);
}

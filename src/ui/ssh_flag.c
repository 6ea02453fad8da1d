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
	}
	vec_done(&flags->agents);
}

static FALLIBLE check_socket(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return error_usage("option '--ssh': there is no '%s'", path);
	if (S_ISSOCK(st.st_mode))
		return NULL;
	return error_hint(
			error_usage("option '--ssh': '%s' is no agent's socket; key files are not "
				    "supported yet",
					path),
			"eval $(ssh-agent); ssh-add %s; and --ssh default", path);
}

FALLIBLE ssh_flags_add(struct ssh_flags *flags, const char *text, const char *socket)
{
	struct str id = { 0 }, path = { 0 };
	bool has_path = str_cut(str_of(text), '=', &id, &path);
	AUTO_FREE char *name = str_dup(id);

	if (!id.n || (has_path && !path.n))
		return error_usage("option '--ssh': '%s' is not ID or ID=SOCKET", text);
	if (!has_path && (!socket || !socket[0]))
		return error_hint(
				error_usage("option '--ssh': SSH_AUTH_SOCK names no agent for '%s'",
						text),
				"start one (eval $(ssh-agent)), or --ssh %s=SOCKET", name);
	for (size_t i = 0; i < flags->agents.n; i++)
		if (text_equal(flags->agents.p[i].id, name))
			return error_usage("option '--ssh': id '%s' twice", name);
	AUTO_FREE char *real = has_path ? str_dup(path) : xstrdup(socket);
	TRY(check_socket(real));
	vec_push(&flags->agents, ((struct build_agent){ TAKE(name), TAKE(real) }));
	return NULL;
}

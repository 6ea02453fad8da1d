#include "verbs/namespace_flag.h"

#include "base/str.h"
#include "base/strbuf.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static bool is_own(const char *how)
{
	return !how || !*how || text_equal(how, "private") || text_equal(how, "container");
}

static const char *path_of(const char *how)
{
	return text_starts(how, "ns:") ? how + strlen("ns:") : how;
}

/* *ret_path NULL: it is the one that we are in. */
static FALLIBLE find(enum sandbox_namespace which, const char *how, const char **ret_path)
{
	const char *path = path_of(how);
	struct stat theirs, ours;

	if (strlen(path) >= PATH_MAX)
		return error_usage("checking %s namespace: the path is too long",
				namespace_name(which));
	if (stat(path, &theirs) != 0) {
		bool is_denied = errno == EACCES;
		struct error *error = error_usage("checking %s namespace: stat %s: %s",
				namespace_name(which), path, strerrordesc_np(errno));

		return !is_denied ? error
				  : error_hint(error, "what a process in another user namespace "
						      "has is out of reach: an ordinary user's "
						      "kiln is in one of its own by then");
	}
	bool is_ours = stat(namespace_file(which), &ours) == 0 && ours.st_ino == theirs.st_ino &&
		       ours.st_dev == theirs.st_dev;
	*ret_path = is_ours ? NULL : path;
	return NULL;
}

static FALLIBLE take(enum sandbox_namespace which, const char *how, struct sandbox_namespaces *ret)
{
	if (is_own(how))
		return NULL;
	if (!text_equal(how, "host"))
		TRY(find(which, how, &ret->path[which]));
	ret->is_host[which] = !ret->path[which];
	return NULL;
}

FALLIBLE namespace_flag_network(const char *text, bool *ret_is_path, const char **ret_path)
{
	*ret_path = NULL;
	*ret_is_path = text && path_of(text)[0] == '/';
	return *ret_is_path ? find(SANDBOX_NET, text, ret_path) : NULL;
}

FALLIBLE namespace_flags_make(const struct run_flags *flags, struct sandbox_namespaces *ret)
{
	bool is_path = false;

	*ret = (struct sandbox_namespaces){ 0 };
	TRY(take(SANDBOX_CGROUP, flags->cgroupns, ret));
	TRY(take(SANDBOX_IPC, flags->ipc, ret));
	TRY(take(SANDBOX_PID, flags->pid, ret));
	TRY(take(SANDBOX_UTS, flags->uts, ret));
	return namespace_flag_network(flags->network, &is_path, &ret->path[SANDBOX_NET]);
}

char *namespace_flags_text(const struct sandbox_namespaces *namespaces)
{
	struct strbuf text = { 0 };

	for (size_t i = 0; i < SANDBOX_NAMESPACES; i++) {
		const char *path = namespaces->path[i];

		if (path || namespaces->is_host[i])
			strbuf_addf(&text, "%s%s=%s", text.n ? " " : "",
					namespace_name((enum sandbox_namespace)i),
					path ? path : "host");
	}
	return text.n ? strbuf_take(&text) : NULL;
}

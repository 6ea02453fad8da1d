/* Where we are, and groups; below what they may be made is cgroup_base.c. */
#include "sys/cgroup.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "sys/cgroup_parts.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

enum { END_MS = 1000 };

/* --- where we are --- */

/* The first cgroup2 of mountinfo, and which part of the hierarchy it shows. */
static bool find_mount(const char *mountinfo, char **ret_root, char **ret_shown)
{
	for (struct str rest = str_of(mountinfo), line; rest.n;) {
		struct str fields[5] = { 0 }, tail = { 0 };

		(void)str_cut(rest, '\n', &line, &rest);
		AUTO_FREE char *text = str_dup(line);
		if (!strstr(text, " - cgroup2 "))
			continue;
		tail = line;
		for (size_t i = 0; i < COUNT(fields); i++)
			(void)str_cut(tail, ' ', &fields[i], &tail);
		*ret_shown = str_dup(fields[3]);
		*ret_root = str_dup(fields[4]);
		return true;
	}
	return false;
}

void cgroup_find(struct cgroup_host *ret)
{
	AUTO_FREE char *mounts = NULL;
	AUTO_FREE char *own = NULL;
	AUTO_FREE char *root = NULL;
	AUTO_FREE char *shown = NULL;
	struct error *error = file_read(
			AT_FDCWD, "/proc/self/mountinfo", LIMIT_SETTINGS_BYTES, &mounts, NULL);

	*ret = (struct cgroup_host){ 0 };
	if (!error)
		error = file_read(AT_FDCWD, "/proc/self/cgroup", LIMIT_SETTINGS_BYTES, &own, NULL);
	if (error || !find_mount(mounts, &root, &shown)) {
		error_ignore(error, "no cgroups");
		return;
	}
	const char *line = text_starts(own, "0::") ? own : strstr(own, "\n0::");
	if (!line)
		return;
	line += *line == '\n' ? 4 : 3;
	AUTO_FREE char *path = xstrndup(line, strcspn(line, "\n"));
	size_t n = text_equal(shown, "/") ? 0 : strlen(shown);
	/* A mount of a part, with paths of the whole: what is outside cannot be reached. */
	if (n && (strncmp(path, shown, n) != 0 || (path[n] && path[n] != '/')))
		return;
	ret->root = TAKE(root);
	ret->own = xstrdup(path[n] ? path + n : "/");
}

void cgroup_host_done(struct cgroup_host *host)
{
	free(host->root);
	free(host->own);
	*host = (struct cgroup_host){ 0 };
}

/* --- groups --- */

FALLIBLE cgroup_write(const char *dir, const char *file, const char *value)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, file);
	AUTO_FD int fd = -1;

	/* The kernel makes these files; O_CREAT is for a directory that tests put in its place. */
	TRY(file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0644, &fd));
	TRY_WRAP(fd_write_all(fd, value, strlen(value)), "write '%s' to '%s'", value, path);
	return NULL;
}

static FALLIBLE set(const struct cgroup *group, const struct cgroup_setting *setting)
{
	struct error *error = cgroup_write(group->path, setting->file, setting->value);

	/* What the kernel does not have cannot be made in its file system. */
	if (setting->is_optional &&
			(error_is_errno(error, EACCES) || error_is_errno(error, ENOENT) ||
					error_is_errno(error, EPERM))) {
		error_ignore(error, "there is nothing to limit");
		return NULL;
	}
	TRY_WRAP(error, "limit a step");
	return NULL;
}

FALLIBLE cgroup_open(struct cgroup_base *base, const struct cgroup_setting *settings, size_t n,
		struct cgroup **ret)
{
	AUTO(cgroup) struct cgroup *group = xcalloc(1, sizeof(*group));

	group->procs_fd = -1;
	group->path = cgroup_base_name(base);
	if (mkdir(group->path, 0755) < 0) {
		struct error *error = error_sys("make cgroup '%s'", group->path);

		free(TAKE(group->path));
		return error;
	}
	for (size_t i = 0; i < n; i++)
		TRY(set(group, &settings[i]));
	AUTO_FREE char *procs = xasprintf("%s/cgroup.procs", group->path);
	TRY(file_open(AT_FDCWD, procs, O_WRONLY | O_CREAT, 0644, &group->procs_fd));
	*ret = TAKE(group);
	return NULL;
}

unsigned cgroup_oom_kills(const struct cgroup *group)
{
	AUTO_FREE char *path = xasprintf("%s/memory.events", group->path);
	AUTO_FREE char *text = NULL;
	uint64_t kills = 0;
	struct error *error = file_read(AT_FDCWD, path, LIMIT_SETTINGS_BYTES, &text, NULL);
	const char *at = error ? NULL : strstr(text, "oom_kill ");

	error_ignore(error, "no memory controller");
	if (at) {
		at += strlen("oom_kill ");
		error_ignore(parse_u64((struct str){ at, strspn(at, "0123456789") }, UINT32_MAX,
					     &kills),
				"not the kernel's words");
	}
	return (unsigned)kills;
}

/* End who is still there, and wait until the kernel says that nobody is. */
static void end_rest(const struct cgroup *group)
{
	AUTO_FREE char *events = xasprintf("%s/cgroup.events", group->path);
	AUTO_FD int fd = open(events, O_RDONLY | O_CLOEXEC);
	char text[256];

	error_ignore(cgroup_write(group->path, "cgroup.kill", "1"), "Linux before 5.14");
	while (fd >= 0) {
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
		struct pollfd wait = { .fd = fd, .events = POLLPRI };

		text[n > 0 ? n : 0] = '\0';
		if (n <= 0 || !strstr(text, "populated 1") || poll(&wait, 1, END_MS) <= 0)
			return;
	}
}

void cgroup_close(struct cgroup *group)
{
	if (!group)
		return;
	if (group->procs_fd >= 0)
		(void)close(group->procs_fd);
	if (group->path && rmdir(group->path) < 0 && errno == EBUSY) {
		end_rest(group);
		(void)rmdir(group->path);
	}
	free(group->path);
	free(group);
}

#include "sandbox/bare_tree.h"
#include "base/auto.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "sys/dir.h"
#include "sys/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>

enum { STAT_BYTES = 4096 };

struct process {
	pid_t pid, parent;
	bool is_ours;
};

struct processes {
	struct process *p;
	size_t n, capacity;
};

static void processes_done(struct processes *processes)
{
	vec_done(processes);
}

DEFINE_AUTO_VALUE(processes)

/* "PID (NAME) STATE PPID ...", and NAME may hold anything. */
static bool read_parent(int proc_fd, const char *name, pid_t *ret)
{
	AUTO_FREE char *path = xasprintf("%s/stat", name);
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	uint64_t parent = 0;
	struct str word;
	struct error *error = file_read(proc_fd, path, STAT_BYTES, &text, &n);

	if (error) {
		error_free(error);
		return false;
	}
	struct str rest = { text, n };
	rest = str_slice(rest, str_find_last(rest, ')'), rest.n);
	for (int i = 0; i < 3; i++)
		(void)str_cut(rest, ' ', &word, &rest);
	error = parse_u64(word, INT32_MAX, &parent);
	*ret = (pid_t)parent;
	bool ok = !error;
	error_free(error);
	return ok;
}

/* 0: not a process's directory. */
static pid_t pid_of(const char *name)
{
	uint64_t pid = 0;
	struct error *error = parse_u64(str_of(name), INT32_MAX, &pid);

	error_free(error);
	return (pid_t)pid;
}

bool bare_tree_is_seen(int proc_fd)
{
	char name[16] = "";
	ssize_t n = proc_fd >= 0 ? readlinkat(proc_fd, "self", name, sizeof(name) - 1)
				 : readlink("/proc/self", name, sizeof(name) - 1);

	return n > 0 && pid_of(name) == getpid();
}

static void list_processes(int proc_fd, struct processes *ret)
{
	if (!bare_tree_is_seen(proc_fd))
		return;
	AUTO(dir) struct dir dir = { 0 };
	const struct dirent *entry = NULL;
	struct error *error = proc_fd >= 0 ? dir_open(proc_fd, ".", 0, &dir)
					   : dir_open(AT_FDCWD, "/proc", 0, &dir);

	while (!error && !(error = dir_next(&dir, &entry)) && entry) {
		struct process process = { .pid = pid_of(entry->d_name) };

		if (process.pid > 0 && read_parent(dir_fd(&dir), entry->d_name, &process.parent))
			vec_push(ret, process);
	}
	error_ignore(error, "without /proc there is none to be seen");
}

static bool is_child(const struct processes *all, const struct process *process)
{
	if (process->parent == getpid())
		return true;
	for (size_t i = 0; i < all->n; i++)
		if (all->p[i].pid == process->parent)
			return all->p[i].is_ours;
	return false;
}

/* Parents may be listed behind their children: again until nothing is found. */
static void find_descendants(struct processes *all)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < all->n; i++) {
			if (all->p[i].is_ours || !is_child(all, &all->p[i]))
				continue;
			all->p[i].is_ours = true;
			again = true;
		}
	}
}

static bool is_spared(pid_t pid, const pid_t *spared, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (spared[i] == pid)
			return true;
	return false;
}

/* Those below us. A spared child's own children are spared with it. */
static void find_others(int proc_fd, const pid_t *spared, size_t n, struct processes *ret)
{
	list_processes(proc_fd, ret);
	for (size_t i = 0; i < ret->n; i++)
		if (is_spared(ret->p[i].pid, spared, n))
			ret->p[i--] = ret->p[--ret->n];
	find_descendants(ret);
}

void bare_tree_signal(int proc_fd, int number)
{
	AUTO(processes) struct processes all = { 0 };

	find_others(proc_fd, NULL, 0, &all);
	for (size_t i = 0; i < all.n; i++)
		if (all.p[i].is_ours)
			(void)kill(all.p[i].pid, number);
}

void bare_tree_signal_but(int number, pid_t spared)
{
	AUTO(processes) struct processes all = { 0 };

	list_processes(-1, &all);
	find_descendants(&all);
	for (size_t i = 0; i < all.n; i++)
		if (all.p[i].is_ours && all.p[i].pid != spared)
			(void)kill(all.p[i].pid, number);
}

bool bare_tree_is_left(pid_t child)
{
	AUTO(processes) struct processes all = { 0 };
	bool is_left = false;

	list_processes(-1, &all);
	find_descendants(&all);
	for (size_t i = 0; i < all.n; i++) {
		if (all.p[i].parent == child)
			return false;
		is_left = is_left || (all.p[i].is_ours && all.p[i].pid != child);
	}
	return is_left;
}

/* Those that are children of somebody who was killed come to us: true as long as there are some. */
static bool end_some(int proc_fd, const pid_t *spared, size_t n)
{
	AUTO(processes) struct processes all = { 0 };
	bool found = false;

	find_others(proc_fd, spared, n, &all);
	for (size_t i = 0; i < all.n; i++) {
		if (!all.p[i].is_ours)
			continue;
		found = true;
		(void)kill(all.p[i].pid, SIGKILL);
		/* By its number: waiting for anybody tells of a dead spared one first, and always.
		 */
		if (all.p[i].parent == getpid())
			(void)waitpid(all.p[i].pid, NULL, WNOHANG);
	}
	return found;
}

void bare_tree_end(int proc_fd, const pid_t *spared, size_t n)
{
	const struct timespec pause = { 0, 500000 };

	while (end_some(proc_fd, spared, n))
		(void)nanosleep(&pause, NULL);
}

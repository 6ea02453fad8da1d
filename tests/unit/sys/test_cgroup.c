#include "scratch.h"
#include "sys/cgroup.h"
#include "sys/cgroup_parts.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

/* A hierarchy as a directory: what kiln asks and writes can be read there. */
struct fake {
	struct scratch scratch;
	struct cgroup_host host;
	char own[8];
};

static void fake_dir(struct fake *fake, const char *path, const char *controllers,
		const char *subtree, const char *procs)
{
	const char *const files[][2] = { { "cgroup.controllers", controllers },
		{ "cgroup.subtree_control", subtree }, { "cgroup.procs", procs },
		{ "cgroup.type", "domain\n" } };

	if (*path)
		assert_int_equal(mkdirat(fake->scratch.fd, path, 0755), 0);
	for (size_t i = 0; i < COUNT(files); i++) {
		AUTO_FREE char *file = xasprintf("%s%s%s", path, *path ? "/" : "", files[i][0]);

		/* The root of all has no type. */
		if (*path || i < 3)
			scratch_put(fake->scratch.fd, file, files[i][1]);
	}
}

static void fake_begin(struct fake *fake)
{
	*fake = (struct fake){ .scratch = scratch_new(), .own = "/own" };
	fake->host = (struct cgroup_host){ fake->scratch.path, fake->own };
	fake_dir(fake, "", "memory cpu cpuset pids\n", "memory cpu cpuset pids\n", "1\n");
}

static void fake_end(struct fake *fake)
{
	scratch_done(&fake->scratch);
}

/* The only directory in path whose name begins like that. */
static char *find(const struct fake *fake, const char *path, const char *prefix)
{
	AUTO_FREE char *full = xasprintf("%s/%s", fake->scratch.path, path);
	DIR *dir = opendir(full);
	char *found = NULL;

	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
			found = xasprintf("%s/%s", path, entry->d_name);
	(void)closedir(dir);
	return found;
}

static void says_what_is_in_the_way(void **state)
{
	static const struct {
		const char *why, *controllers, *procs, *says, *hint;
	} cases[] = {
		{ "no controllers", "", "", "'memory' is not in cgroup", "above" },
		{ "one missing", "cpu pids\n", "", "which has cpu pids", "systemd.unified" },
		{ "somebody else", "memory cpu\n", "1\n", "process 1, which is not kiln's",
				"Delegate=yes" },
		{ "of another pid namespace", "memory cpu\n", "0\n", "process 0", "Delegate=yes" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fake fake;
		struct cgroup_base *base = NULL;

		note("%s", cases[i].why);
		fake_begin(&fake);
		fake_dir(&fake, "own", cases[i].controllers, "", cases[i].procs);
		struct error *error = cgroup_base_open(
				&fake.host, NULL, CGROUP_MEMORY | CGROUP_CPU, &base);
		assert_non_null(error);
		assert_non_null(strstr(error_find_hint(error), cases[i].hint));
		assert_error(error, ERR_UNSUPPORTED, cases[i].says);
		fake_end(&fake);
	}
	struct cgroup_base *base = NULL;
	assert_error(cgroup_base_open(&(struct cgroup_host){ 0 }, NULL, CGROUP_CPU, &base),
			ERR_UNSUPPORTED, "no cgroup2");
}

static void needs_the_right_to_write(void **state)
{
	static const char *const files[] = { "own/cgroup.procs", "own/cgroup.subtree_control",
		"own" };

	/* Root may write everywhere: it is somebody else for a while. */
	bool is_root = geteuid() == 0;
	if (is_root)
		assert_int_equal(setresuid(65534, 65534, 0), 0);
	for (size_t i = 0; i < COUNT(files); i++) {
		struct fake fake;
		struct cgroup_base *base = NULL;

		fake_begin(&fake);
		fake_dir(&fake, "own", "memory\n", "memory\n", "");
		assert_int_equal(fchmodat(fake.scratch.fd, files[i], 0555, 0), 0);
		assert_error(cgroup_base_open(&fake.host, NULL, CGROUP_MEMORY, &base),
				ERR_UNSUPPORTED, "not ours to write");
		assert_int_equal(fchmodat(fake.scratch.fd, files[i], 0755, 0), 0);
		fake_end(&fake);
	}
	if (is_root)
		assert_int_equal(setresuid(0, 0, 0), 0);
}

static void writes_the_limits(void **state)
{
	static const struct cgroup_setting settings[] = {
		{ .file = "memory.max", .value = "1000" },
		{ .file = "cpu.max", .value = "50000 100000" },
	};
	struct fake fake;
	AUTO(cgroup_base) struct cgroup_base *base = NULL;
	AUTO(cgroup) struct cgroup *group = NULL;

	fake_begin(&fake);
	fake_dir(&fake, "own", "memory cpu\n", "memory cpu\n", "");
	assert_ok(cgroup_base_open(&fake.host, NULL, CGROUP_MEMORY | CGROUP_CPU, &base));
	assert_ok(cgroup_open(base, settings, COUNT(settings), &group));
	AUTO_FREE char *name = find(&fake, "own", "kiln-");
	AUTO_FREE char *memory = xasprintf("%s/memory.max", name);
	AUTO_FREE char *cpu = xasprintf("%s/cpu.max", name);
	assert_holds(fake.scratch.fd, memory, "1000");
	assert_holds(fake.scratch.fd, cpu, "50000 100000");
	/* They were on: nothing to write. */
	assert_holds(fake.scratch.fd, "own/cgroup.subtree_control", "memory cpu\n");
	AUTO_FREE char *events = xasprintf("%s/memory.events", name);
	scratch_put(fake.scratch.fd, events, "low 0\noom 1\noom_kill 3\n");
	assert_int_equal(cgroup_oom_kills(group), 3);
	fake_end(&fake);
}

static void makes_a_parent_below_the_root_or_below_us(void **state)
{
	struct fake fake;
	struct cgroup_base *base = NULL;

	fake_begin(&fake);
	fake_dir(&fake, "own", "memory\n", "memory\n", "");
	fake_dir(&fake, "team", "memory\n", "memory\n", "");
	assert_ok(cgroup_base_open(&fake.host, "/team", CGROUP_MEMORY, &base));
	cgroup_base_free(base);
	/* Made, but a directory made here gets no files. */
	assert_error(cgroup_base_open(&fake.host, "a/b", CGROUP_MEMORY, &base), ERR_UNSUPPORTED,
			"own/a/b', which has none");
	AUTO_FREE char *made = xasprintf("%s/own/a/b", fake.scratch.path);
	assert_int_equal(access(made, F_OK), 0);
	assert_error(cgroup_base_open(&fake.host, "/../../etc", CGROUP_MEMORY, &base),
			ERR_UNSUPPORTED, "none");
	assert_int_equal(access("/etc/cgroup.controllers", F_OK), -1);
	fake_end(&fake);
}

/* No process is in a group with limits for others: kiln goes to a group beside theirs. */
static void makes_room_and_goes_back(void **state)
{
	struct fake fake;
	struct cgroup_base *base = NULL;
	AUTO_FREE char *self = xasprintf("%d\n", (int)getpid());

	fake_begin(&fake);
	fake_dir(&fake, "own", "memory\n", "", self);
	/* The fake's list never gets shorter, so it ends with that; what was tried is there. */
	assert_error(cgroup_base_open(&fake.host, NULL, CGROUP_MEMORY, &base), ERR_UNSUPPORTED,
			"does not get empty");
	fake_end(&fake);
}

/* PID 1 of another pid namespace is another process: its kiln may be alive. */
static void sweeps_its_own_pid_namespace_only(void **state)
{
	struct fake fake;
	struct cgroup_base *base = NULL;
	struct stat ns;

	assert_int_equal(stat("/proc/self/ns/pid", &ns), 0);
	/* No process has the start 0, whoever has the number. */
	const unsigned long long own = ns.st_ino, pid = (unsigned long long)getpid();
	AUTO_FREE char *dead = xasprintf("own/kiln-%llu-%llu-0-0", own, pid);
	AUTO_FREE char *other = xasprintf("own/kiln-%llu-%llu-0-0", own + 1, pid);
	AUTO_FREE char *short_name = xasprintf("own/kiln-%llu-0-0", pid);
	fake_begin(&fake);
	fake_dir(&fake, "own", "memory\n", "memory\n", "");
	assert_int_equal(mkdirat(fake.scratch.fd, dead, 0755), 0);
	assert_int_equal(mkdirat(fake.scratch.fd, other, 0755), 0);
	assert_int_equal(mkdirat(fake.scratch.fd, short_name, 0755), 0);
	assert_ok(cgroup_base_open(&fake.host, NULL, CGROUP_MEMORY, &base));
	AUTO_FREE char *group = cgroup_base_name(base);
	AUTO_FREE char *ours = xasprintf("/kiln-%llu-%llu-", own, pid);
	assert_non_null(strstr(group, ours));
	cgroup_base_free(base);
	assert_int_equal(faccessat(fake.scratch.fd, dead, F_OK, 0), -1);
	assert_int_equal(faccessat(fake.scratch.fd, other, F_OK, 0), 0);
	assert_int_equal(faccessat(fake.scratch.fd, short_name, F_OK, 0), 0);
	fake_end(&fake);
}

/* --- the real thing, where there is one: root, and a cgroup2 --- */

static bool find_real(struct cgroup_host *host)
{
	cgroup_find(host);
	return host->root && geteuid() == 0 && access(host->root, W_OK) == 0;
}

static char *own_group_of(pid_t pid)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/cgroup", (int)pid);
	char *text = NULL;

	assert_ok(file_read(AT_FDCWD, path, 1 << 16, &text, NULL));
	return text;
}

static void a_process_joins_and_the_group_goes(void **state)
{
	AUTO(cgroup_host) struct cgroup_host host = { 0 };
	AUTO_FREE char *parent = xasprintf("/kiln-test-%d", (int)getpid());
	AUTO(cgroup_base) struct cgroup_base *base = NULL;
	struct cgroup *group = NULL;
	int go[2];
	char byte;

	if (!find_real(&host))
		skip();
	assert_ok(cgroup_base_open(&host, parent, 0, &base));
	assert_ok(cgroup_open(base, NULL, 0, &group));
	assert_int_equal(pipe(go), 0);
	pid_t pid = fork();
	if (pid == 0) {
		bool has_joined = write(group->procs_fd, "0", 1) == 1;

		(void)!write(go[1], has_joined ? "+" : "-", 1);
		(void)pause();
		_exit(1);
	}
	assert_int_equal(read(go[0], &byte, 1), 1);
	assert_int_equal(byte, '+');
	AUTO_FREE char *there = own_group_of(pid);
	assert_non_null(strstr(there, parent));
	AUTO_FREE char *path = xstrdup(group->path);
	/* Who is still there is ended. */
	cgroup_close(group);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(access(path, F_OK), -1);
	AUTO_FREE char *top = xasprintf("%s%s", host.root, parent);
	assert_int_equal(rmdir(top), 0);
	(void)close(go[0]);
	(void)close(go[1]);
}

static void what_a_killed_kiln_leaves_is_swept(void **state)
{
	AUTO(cgroup_host) struct cgroup_host host = { 0 };
	AUTO_FREE char *parent = xasprintf("/kiln-test-%d", (int)getpid());
	struct cgroup_base *base = NULL;
	struct cgroup *group = NULL;

	if (!find_real(&host))
		skip();
	pid_t pid = fork();
	if (pid == 0) {
		error_free(cgroup_base_open(&host, parent, 0, &base));
		error_free(base ? cgroup_open(base, NULL, 0, &group) : NULL);
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	AUTO_FREE char *top = xasprintf("%s%s", host.root, parent);
	AUTO_FREE char *of_others = xasprintf("%s/kiln-of-others", top);
	/* The group is there, until the next kiln comes; other names are not ours to remove. */
	assert_int_equal(rmdir(top), -1);
	assert_int_equal(mkdir(of_others, 0755), 0);
	assert_ok(cgroup_base_open(&host, parent, 0, &base));
	cgroup_base_free(base);
	assert_int_equal(rmdir(of_others), 0);
	assert_int_equal(rmdir(top), 0);
}

UNIT_TESTS(says_what_is_in_the_way, needs_the_right_to_write, writes_the_limits,
		makes_a_parent_below_the_root_or_below_us, makes_room_and_goes_back,
		sweeps_its_own_pid_namespace_only, a_process_joins_and_the_group_goes,
		what_a_killed_kiln_leaves_is_swept)

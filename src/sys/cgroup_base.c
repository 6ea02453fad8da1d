/*
 * May groups be made there, and what is in the way. The order of the questions is the order in
 * which a person can do something about the answers.
 */
#include "base/limits.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "sys/cgroup.h"
#include "sys/cgroup_parts.h"
#include "sys/dir.h"
#include "sys/fd.h"
#include "sys/path.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

enum { MOVE_ROUNDS = 100, ANCESTORS_MAX = 1000 };

#define HOW                                                                                   \
	"run kiln as 'systemd-run --user --scope -p Delegate=yes kiln ...' (as root without " \
	"--user), or name a cgroup of yours with --cgroup-parent"

static const char *const names[] = { "memory", "cpu", "cpuset", "pids" };

struct cgroup_base {
	char *path;
	char *leaf;         /* where we went, or NULL */
	struct strbuf undo; /* "-memory -cpu" takes back what we enabled */
	uint64_t pid_ns;    /* our pid namespace's inode */
	uint64_t start;     /* of this process, as the kernel counts */
	atomic_uint next;
};

/* --- processes --- */

/* Its parent, and when it started: fields 4 and 22 of /proc/PID/stat. */
static bool process_read(uint64_t pid, uint64_t *ret_parent, uint64_t *ret_start)
{
	AUTO_FREE char *path = xasprintf("/proc/%llu/stat", (unsigned long long)pid);
	AUTO_FREE char *text = NULL;
	size_t n = 0;
	struct error *error = file_read(AT_FDCWD, path, LIMIT_SETTINGS_BYTES, &text, &n);
	/* The second field is a name in parentheses that may hold blanks. */
	struct str rest = { text, error ? 0 : n }, word;

	rest = str_slice(rest, str_find_last(rest, ')'), rest.n);
	for (int field = 2; !error && field <= 22; field++) {
		(void)str_cut(rest, ' ', &word, &rest);
		if (field == 4)
			error = parse_u64(word, UINT32_MAX, ret_parent);
		if (field == 22)
			error = parse_u64(word, UINT64_MAX, ret_start);
	}
	bool is_there = !error;
	error_ignore(error, "no such process");
	return is_there;
}

static bool is_ours(uint64_t pid)
{
	uint64_t start = 0;

	for (int i = 0; pid > 1 && i < ANCESTORS_MAX; i++) {
		if (pid == (uint64_t)getpid())
			return true;
		if (!process_read(pid, &pid, &start))
			return false;
	}
	return pid == (uint64_t)getpid();
}

/* --- names of groups --- */

char *cgroup_base_name(struct cgroup_base *base)
{
	return xasprintf("%s/kiln-%llu-%d-%llu-%u", base->path, (unsigned long long)base->pid_ns,
			(int)getpid(), (unsigned long long)base->start,
			atomic_fetch_add(&base->next, 1));
}

/*
 * Is name that of a group whose kiln has ended? Who runs in another pid namespace is not in our
 * /proc, or is somebody else there: only its own kilns can tell.
 */
static bool is_left_over(const char *name, uint64_t own_ns)
{
	uint64_t pid_ns = 0, pid = 0, start = 0, parent = 0, now = 0;
	struct str part, rest = str_of(name);

	if (!text_starts(name, "kiln-"))
		return false;
	(void)str_cut(rest, '-', &part, &rest);
	(void)str_cut(rest, '-', &part, &rest);
	struct error *error = parse_u64(part, UINT64_MAX, &pid_ns);
	(void)str_cut(rest, '-', &part, &rest);
	if (!error)
		error = parse_u64(part, UINT32_MAX, &pid);
	(void)str_cut(rest, '-', &part, &rest);
	if (!error)
		error = parse_u64(part, UINT64_MAX, &start);
	if (error) {
		error_ignore(error, "somebody else's name");
		return false;
	}
	return pid_ns == own_ns && (!process_read(pid, &parent, &now) || now != start);
}

static void sweep(const struct cgroup_base *base)
{
	AUTO(list) struct list found = { 0 };
	AUTO_FD int fd = open(base->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	error_ignore(dir_names(fd, ".", &found), "the next one sweeps");
	for (size_t i = 0; i < found.n; i++)
		if (is_left_over(found.p[i], base->pid_ns))
			(void)unlinkat(fd, found.p[i], AT_REMOVEDIR);
}

/* --- what is in the way --- */

static FALLIBLE in_the_way(const char *hint, const char *format, ...) PRINTF_LIKE(2, 3);

static FALLIBLE in_the_way(const char *hint, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	AUTO_FREE char *text = xvasprintf(format, args);
	va_end(args);
	return error_hint(error_new(ERR_UNSUPPORTED, "%s", text), "%s", hint);
}

static bool has_word(const char *text, const char *word)
{
	for (struct str rest = str_of(text), part; rest.n;) {
		(void)str_cut(rest, ' ', &part, &rest);
		if (str_is(str_trim(part), word))
			return true;
	}
	return false;
}

static char *read_words(const char *dir, const char *file)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, file);
	char *text = NULL;
	size_t n = 0;

	error_ignore(file_read(AT_FDCWD, path, LIMIT_SETTINGS_BYTES, &text, &n), "none");
	if (!text)
		return xstrdup("");
	while (n && strchr("\n ", text[n - 1]))
		text[--n] = '\0';
	return text;
}

static FALLIBLE check_controllers(const char *path, unsigned controllers)
{
	AUTO_FREE char *there = read_words(path, "cgroup.controllers");

	for (size_t i = 0; i < COUNT(names); i++)
		if (controllers & 1u << i && !has_word(there, names[i]))
			return in_the_way("it has to be in cgroup.subtree_control of the cgroup "
					  "above, and not in use by cgroup v1 (boot with "
					  "systemd.unified_cgroup_hierarchy=1)",
					"the controller '%s' is not in cgroup '%s', which has %s",
					names[i], path, *there ? there : "none");
	return NULL;
}

static FALLIBLE check_writable(const char *path)
{
	static const char *const files[] = { "", "/cgroup.procs", "/cgroup.subtree_control" };

	for (size_t i = 0; i < COUNT(files); i++) {
		AUTO_FREE char *file = xasprintf("%s%s", path, files[i]);

		if (faccessat(AT_FDCWD, file, W_OK, AT_EACCESS) < 0)
			return in_the_way(HOW, "'%s' is not ours to write: %s", file,
					strerrordesc_np(errno));
	}
	return NULL;
}

/* "/a" is below the root of all that we see, "a" below where we are. */
static FALLIBLE find_place(const struct cgroup_host *host, const char *parent, char **ret)
{
	if (!host->root)
		return in_the_way("mount one, or boot with systemd.unified_cgroup_hierarchy=1",
				"no cgroup2 hierarchy is mounted that shows our own cgroup");
	AUTO_FREE char *below = xasprintf(
			"%s/%s", parent && *parent == '/' ? "" : host->own, parent ? parent : "");
	AUTO_FREE char *clean = path_clean(str_of(below));
	*ret = *clean ? xasprintf("%s/%s", host->root, clean) : xstrdup(host->root);
	return NULL;
}

/* Who goes from one cgroup to another must be let write to what holds both. */
static FALLIBLE check_way(const struct cgroup_host *host, const char *path)
{
	AUTO_FREE char *own = NULL;
	size_t end = 0;

	TRY(find_place(host, NULL, &own));

	for (size_t i = 0;; i++) {
		if ((!own[i] || own[i] == '/') && (!path[i] || path[i] == '/'))
			end = i;
		if (!own[i] || own[i] != path[i])
			break;
	}
	AUTO_FREE char *procs = xasprintf("%.*s/cgroup.procs", (int)end, path);
	if (faccessat(AT_FDCWD, procs, W_OK, AT_EACCESS) < 0)
		return in_the_way(HOW,
				"no process can be moved from '%s' to '%s': '%s' is not ours to "
				"write",
				own, path, procs);
	return NULL;
}

/* --- making room --- */

/* Every process of a cgroup that is ours goes to leaf; *ret_left: there were some. */
static FALLIBLE move_ours(const char *path, const char *leaf, bool *ret_left)
{
	AUTO_FREE char *procs = read_words(path, "cgroup.procs");

	*ret_left = *procs != '\0';
	for (struct str rest = str_of(procs), line; rest.n;) {
		uint64_t pid = 0;

		(void)str_cut(rest, '\n', &line, &rest);
		TRY(parse_u64(line, UINT32_MAX, &pid));
		if (!is_ours(pid))
			return in_the_way(HOW,
					"process %llu, which is not kiln's, is in cgroup '%s'",
					(unsigned long long)pid, path);
		AUTO_FREE char *text = str_dup(line);
		struct error *error = cgroup_write(leaf, "cgroup.procs", text);
		if (!error_is_errno(error, ESRCH)) /* it has ended meanwhile */
			TRY(error);
		error_free(error);
	}
	return NULL;
}

/* A cgroup with limits for groups below it has no processes; the root of all alone may. */
static FALLIBLE make_room(struct cgroup_base *base)
{
	AUTO_FREE char *type = xasprintf("%s/cgroup.type", base->path);
	bool has_left = true;

	AUTO_FREE char *procs = read_words(base->path, "cgroup.procs");
	if (access(type, F_OK) < 0 || !*procs)
		return NULL;
	AUTO_FREE char *leaf = cgroup_base_name(base);
	if (mkdir(leaf, 0755) < 0)
		return error_sys("make cgroup '%s'", leaf);
	base->leaf = TAKE(leaf);
	for (int i = 0; has_left; i++) {
		if (i == MOVE_ROUNDS)
			return in_the_way(HOW, "cgroup '%s' does not get empty", base->path);
		TRY(move_ours(base->path, base->leaf, &has_left));
	}
	return NULL;
}

static FALLIBLE enable(struct cgroup_base *base, unsigned controllers)
{
	AUTO_FREE char *on = read_words(base->path, "cgroup.subtree_control");
	AUTO(strbuf) struct strbuf wanted = { 0 };

	for (size_t i = 0; i < COUNT(names); i++) {
		if (!(controllers & 1u << i) || has_word(on, names[i]))
			continue;
		strbuf_addf(&wanted, "%s+%s", wanted.n ? " " : "", names[i]);
		strbuf_addf(&base->undo, "%s-%s", base->undo.n ? " " : "", names[i]);
	}
	if (!wanted.n)
		return NULL;
	struct error *error = make_room(base);
	if (!error)
		error = cgroup_write(base->path, "cgroup.subtree_control", strbuf_text(&wanted));
	if (error)
		strbuf_clear(&base->undo);
	if (!error || error_is(error, ERR_UNSUPPORTED))
		return error;
	AUTO(strbuf) struct strbuf text = { 0 };
	error_text(error, &text);
	error_free(error);
	return in_the_way(HOW, "%s", strbuf_text(&text));
}

/* --- the place --- */

/* Made when it is not there, from above to below. */
static FALLIBLE make_dirs(const char *path)
{
	if (access(path, F_OK) == 0)
		return NULL;
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *above = slash && slash != path ? xstrndup(path, (size_t)(slash - path))
						       : xstrdup("/");

	TRY(make_dirs(above));
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return in_the_way(HOW, "cgroup '%s' cannot be made: %s", path,
				strerrordesc_np(errno));
	return NULL;
}

FALLIBLE cgroup_check(const struct cgroup_host *host, unsigned controllers)
{
	AUTO_FREE char *path = NULL;

	TRY(find_place(host, NULL, &path));
	TRY(check_controllers(path, controllers));
	return check_writable(path);
}

FALLIBLE cgroup_base_open(const struct cgroup_host *host, const char *parent, unsigned controllers,
		struct cgroup_base **ret)
{
	AUTO(cgroup_base) struct cgroup_base *base = xcalloc(1, sizeof(*base));
	uint64_t above = 0;
	struct stat pid_ns;

	TRY(find_place(host, parent, &base->path));
	if (!process_read((uint64_t)getpid(), &above, &base->start) ||
			stat("/proc/self/ns/pid", &pid_ns) != 0)
		return in_the_way("mount /proc", "'/proc/self' cannot be read");
	base->pid_ns = pid_ns.st_ino;
	if (parent)
		TRY(make_dirs(base->path));
	TRY(check_controllers(base->path, controllers));
	TRY(check_writable(base->path));
	TRY(check_way(host, base->path));
	sweep(base);
	TRY(enable(base, controllers));
	*ret = TAKE(base);
	return NULL;
}

void cgroup_base_free(struct cgroup_base *base)
{
	if (!base)
		return;
	if (base->undo.n && base->leaf)
		error_ignore(cgroup_write(base->path, "cgroup.subtree_control",
					     strbuf_text(&base->undo)),
				"another kiln's groups are there");
	if (base->leaf) {
		error_ignore(cgroup_write(base->path, "cgroup.procs", "0"), "we stay in the leaf");
		(void)rmdir(base->leaf);
	}
	strbuf_done(&base->undo);
	free(base->leaf);
	free(base->path);
	free(base);
}

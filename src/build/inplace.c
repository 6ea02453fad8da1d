#include "build/inplace.h"
#include "base/limits.h"
#include "build/build.h"
#include "cache/spec.h"
#include "store/store.h"
#include "sys/fd.h"
#include "sys/path.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct inplace {
	struct layer_set *set;
	struct list kept;
	char *home; /* kiln's directory */
	pthread_mutex_t lock;
	const void *who; /* guarded by lock */
};

enum inplace_place inplace_place(const struct list *kept, const char *path)
{
	size_t n = strlen(path);
	enum inplace_place place = INPLACE_FREE;

	for (size_t i = 0; i < kept->n; i++) {
		const char *keep = kept->p[i];
		size_t length = strlen(keep);

		if (strncmp(path, keep, length) == 0 &&
				(path[length] == '\0' || path[length] == '/'))
			return INPLACE_KEPT;
		if (n < length && strncmp(path, keep, n) == 0 && (n == 0 || keep[n] == '/'))
			place = INPLACE_ABOVE;
	}
	return place;
}

/* --- what is kept --- */

static void keep_clean(struct inplace *inplace, const char *path)
{
	AUTO_FREE char *clean = path_clean(str_of(path));

	if (*clean && !list_has(&inplace->kept, clean))
		list_add(&inplace->kept, clean);
}

/* A name that is a link, as itself and as what it leads to. NULL, "" and "-" are nothing. */
static void keep(struct inplace *inplace, const char *path)
{
	if (!path || !*path || strcmp(path, "-") == 0)
		return;
	AUTO_FREE char *parent = strchr(path, '/') ? str_dup(path_parent(path)) : xstrdup(".");
	AUTO_FREE char *dir = realpath(*parent ? parent : "/", NULL);
	AUTO_FREE char *full = xasprintf("%s/%s", dir ? dir : parent, path_name(path));
	AUTO_FREE char *real = realpath(path, NULL);

	keep_clean(inplace, full);
	if (real)
		keep_clean(inplace, real);
}

/* "ID PARENT MAJOR:MINOR ROOT PLACE ...", odd bytes of PLACE as \040. */
static void keep_mount(struct inplace *inplace, struct str line)
{
	AUTO(strbuf) struct strbuf place = { 0 };
	struct str word = { 0 };

	for (int i = 0; i < 5; i++)
		(void)str_cut(line, ' ', &word, &line);
	for (size_t i = 0; i < word.n; i++) {
		const char *p = word.p + i;

		if (p[0] == '\\' && i + 3 < word.n) {
			strbuf_add_char(&place,
					(char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + p[3] - '0'));
			i += 3;
		} else {
			strbuf_add_char(&place, p[0]);
		}
	}
	keep_clean(inplace, strbuf_text(&place));
}

static FALLIBLE keep_mounts(struct inplace *inplace)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	TRY_WRAP(file_read(AT_FDCWD, "/proc/self/mountinfo", LIMIT_SETTINGS_BYTES, &text, &n),
			"find the mounts of this container");
	for (struct str rest = { text, n }, line; rest.n;) {
		(void)str_cut(rest, '\n', &line, &rest);
		keep_mount(inplace, line);
	}
	return NULL;
}

/* Where programs of an image lie too: kiln cannot keep such a directory for itself. */
static bool is_shared(const char *home)
{
	static const char *const shared[] = { "bin", "sbin", "usr", "lib", "lib64", "usr/bin",
		"usr/sbin", "usr/local", "usr/local/bin", "usr/local/sbin", "opt", "root", "home",
		"tmp", "var", "etc", NULL };
	AUTO_FREE char *clean = path_clean(str_of(home));

	for (const char *const *name = shared; *name; name++)
		if (strcmp(clean, *name) == 0)
			return true;
	return !*clean;
}

static FALLIBLE keep_home(struct inplace *inplace)
{
	AUTO_FREE char *program = realpath("/proc/self/exe", NULL);

	if (!program)
		return error_sys("find kiln's own directory");
	inplace->home = str_dup(path_parent(program));
	if (is_shared(inplace->home))
		return error_hint(
				error_new(ERR_UNSUPPORTED,
						"isolation 'inplace' removes what is in '%s', and "
						"kiln with it",
						inplace->home),
				"put kiln and what it needs into a directory of its own, as its "
				"image has it (/kaniko)");
	keep(inplace, inplace->home);
	return NULL;
}

static void keep_caches(struct inplace *inplace, const struct cache_specs *specs)
{
	for (size_t i = 0; specs && i < specs->n; i++)
		if (specs->p[i].kind == CACHE_HOME_LOCAL)
			keep(inplace, specs->p[i].where);
}

/* What the build reads or writes by name, now or at its end. */
static void keep_named(struct inplace *inplace, const char *context)
{
	const struct build_options *options = inplace->set->options;

	keep(inplace, context);
	for (size_t i = 0; i < options->context_count; i++)
		if (access(options->contexts[i].value, F_OK) == 0)
			keep(inplace, options->contexts[i].value);
	for (size_t i = 0; i < options->output_count; i++)
		keep(inplace, options->outputs[i].dest);
	for (size_t i = 0; i < options->agent_count; i++)
		keep(inplace, options->agents[i].socket);
	keep(inplace, options->base_cache);
	keep_caches(inplace, options->cache_from);
	keep_caches(inplace, options->cache_to);
	for (size_t i = 0; options->inplace_keep && i < options->inplace_keep->n; i++)
		keep(inplace, options->inplace_keep->p[i]);
}

FALLIBLE inplace_new(struct layer_set *set, const char *context, struct inplace **ret)
{
	struct inplace *inplace = xcalloc(1, sizeof(*inplace));

	inplace->set = set;
	(void)pthread_mutex_init(&inplace->lock, NULL);
	*ret = inplace;
	TRY(keep_home(inplace));
	TRY(keep_mounts(inplace));
	keep(inplace, store_root(set->options->store));
	keep_named(inplace, context);
	keep(inplace, "/etc/resolv.conf");
	keep(inplace, "/etc/hosts");
	keep(inplace, "/etc/hostname");
	return NULL;
}

void inplace_free(struct inplace *inplace)
{
	if (!inplace)
		return;
	list_done(&inplace->kept);
	free(inplace->home);
	pthread_mutex_destroy(&inplace->lock);
	free(inplace);
}

const struct list *inplace_kept(const struct inplace *inplace)
{
	return &inplace->kept;
}

/* --- clearing --- */

static FALLIBLE clear_dir(const struct list *kept, int dir_fd, const char *path);

static FALLIBLE clear_name(const struct list *kept, int dir_fd, const char *path, const char *name)
{
	AUTO_FREE char *full = path_join(path, name);
	AUTO_FD int fd = -1;

	switch (inplace_place(kept, full)) {
	case INPLACE_KEPT:
		return NULL;
	case INPLACE_FREE:
		return file_remove_tree(dir_fd, name);
	case INPLACE_ABOVE:
		break;
	}
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? file_remove_tree(dir_fd, name) : clear_dir(kept, fd, full);
}

/* All that is in a directory but what is kept. */
static FALLIBLE clear_dir(const struct list *kept, int dir_fd, const char *path)
{
	AUTO(list) struct list names = { 0 };
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;

	if (!dir)
		return error_sys("read '/%s'", path);
	// NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone
	for (struct dirent *at = readdir(dir); at; at = readdir(dir))
		if (strcmp(at->d_name, ".") != 0 && strcmp(at->d_name, "..") != 0)
			list_add(&names, at->d_name);
	(void)closedir(dir);
	for (size_t i = 0; i < names.n; i++)
		TRY_WRAP(clear_name(kept, dir_fd, path, names.p[i]), "remove '/%s'", names.p[i]);
	return NULL;
}

static FALLIBLE clear(const struct inplace *inplace, const char *path)
{
	AUTO_FREE char *full = xasprintf("/%s", path);
	AUTO_FD int fd = -1;

	TRY(file_open(AT_FDCWD, full, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd));
	return clear_dir(&inplace->kept, fd, path);
}

FALLIBLE inplace_take(struct inplace *inplace, const void *who, bool *ret_is_other)
{
	pthread_mutex_lock(&inplace->lock);
	*ret_is_other = inplace->who != who;
	if (!*ret_is_other)
		return NULL;
	inplace->who = who;
	struct error *error = clear(inplace, "");
	if (error)
		pthread_mutex_unlock(&inplace->lock);
	return error ? error_wrap(error, "make room in '/' for a stage") : NULL;
}

FALLIBLE inplace_give(struct inplace *inplace)
{
	struct store *store = inplace->set->options->store;
	struct stat ours, there;
	bool is_gone = fstat(store_dir_fd(store), &ours) < 0 ||
		       stat(store_root(store), &there) < 0 || ours.st_ino != there.st_ino ||
		       ours.st_dev != there.st_dev || access(inplace->home, F_OK) != 0;

	pthread_mutex_unlock(&inplace->lock);
	if (!is_gone)
		return NULL;
	return error_hint(error_new(ERR_DENIED,
					  "the step has removed what kiln lives in ('%s', '%s')",
					  inplace->home, store_root(store)),
			"in place a step shares '/' with kiln: leave these directories alone, or "
			"use "
			"'--isolation chroot'");
}

/* --- the sink --- */

struct sparing {
	struct entry_sink sink;
	const struct inplace *inplace;
	struct entry_sink *below;
};

static struct error *sparing_add(
		struct entry_sink *sink, const struct entry *entry, struct reader *content)
{
	struct sparing *sparing = (struct sparing *)sink;
	const struct list *kept = &sparing->inplace->kept;
	enum inplace_place place = *entry->path ? inplace_place(kept, entry->path) : INPLACE_FREE;

	if (place == INPLACE_KEPT ||
			(entry->is_hardlink && inplace_place(kept, entry->link) == INPLACE_KEPT))
		return NULL;
	if (place == INPLACE_ABOVE && (entry->is_hardlink || !S_ISDIR(entry->owner.mode)))
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "the image has no directory at '/%s', where "
						  "something "
						  "of this container must stay",
						  entry->path),
				"mount volumes, context and store elsewhere, or use '--isolation "
				"chroot'");
	return entry_sink_add(sparing->below, entry, content);
}

static struct error *sparing_whiteout(struct entry_sink *sink, const char *path)
{
	struct sparing *sparing = (struct sparing *)sink;

	switch (inplace_place(&sparing->inplace->kept, path)) {
	case INPLACE_KEPT:
		return NULL;
	case INPLACE_ABOVE:
		return clear(sparing->inplace, path);
	case INPLACE_FREE:
		break;
	}
	return entry_sink_whiteout(sparing->below, path);
}

static struct error *sparing_opaque(struct entry_sink *sink, const char *path)
{
	struct sparing *sparing = (struct sparing *)sink;

	switch (inplace_place(&sparing->inplace->kept, path)) {
	case INPLACE_KEPT:
		return NULL;
	case INPLACE_ABOVE:
		return clear(sparing->inplace, path);
	case INPLACE_FREE:
		break;
	}
	return entry_sink_opaque(sparing->below, path);
}

static struct error *sparing_close(struct entry_sink *sink)
{
	return entry_sink_close(TAKE(((struct sparing *)sink)->below));
}

static void sparing_free(struct entry_sink *sink)
{
	entry_sink_free(((struct sparing *)sink)->below);
	free(sink);
}

struct entry_sink *inplace_sink(const struct inplace *inplace, struct entry_sink *below)
{
	static const struct entry_sink_ops ops = { sparing_add, sparing_whiteout, sparing_opaque,
		sparing_close, sparing_free };
	struct sparing *sparing = xcalloc(1, sizeof(*sparing));

	*sparing = (struct sparing){ { .ops = &ops }, inplace, below };
	return &sparing->sink;
}

#include "build/inplace.h"
#include "base/limits.h"
#include "build/build.h"
#include "cache/spec.h"
#include "store/store.h"
#include "stream/codec.h"
#include "sys/fd.h"
#include "sys/path.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct inplace {
	struct layer_set *set;
	struct list kept;
	char *home; /* kiln's directory */
	struct flat *holder;
};

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
	*ret = inplace;
	TRY(codec_load());
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
	free(inplace);
}

const struct list *inplace_kept(const struct inplace *inplace)
{
	return &inplace->kept;
}

/* --- who has it --- */

struct flat *inplace_holder(const struct inplace *inplace)
{
	return inplace->holder;
}

void inplace_drop(struct inplace *inplace, const struct flat *flat)
{
	if (inplace->holder == flat)
		inplace->holder = NULL;
}

/* By a rename, and then at leisure, where the file system can; else here and now. */
static FALLIBLE empty(struct inplace *inplace, struct store *store)
{
	AUTO(layer_draft) struct layer_draft draft = { .tree_fd = -1 };
	bool is_moved = false;

	TRY(layer_begin(store, &draft));
	TRY(inplace_move(&inplace->kept, draft.tree_fd, &is_moved));
	TRY(inplace_clear(&inplace->kept, ""));
	/* An image says of its "/" what is not usual. */
	if (chown("/", 0, 0) < 0 || chmod("/", 0755) < 0)
		return error_sys("set owner and mode of '/'");
	return NULL;
}

FALLIBLE inplace_hold(struct inplace *inplace, struct store *store, struct flat *flat)
{
	inplace->holder = flat;
	TRY_WRAP(empty(inplace, store), "make room in '/' for a stage");
	return NULL;
}

FALLIBLE inplace_check(const struct inplace *inplace)
{
	struct store *store = inplace->set->options->store;
	struct stat ours, there;
	bool is_gone = fstat(store_dir_fd(store), &ours) < 0 ||
		       stat(store_root(store), &there) < 0 || ours.st_ino != there.st_ino ||
		       ours.st_dev != there.st_dev || access(inplace->home, F_OK) != 0;

	if (!is_gone)
		return NULL;
	return error_hint(error_new(ERR_DENIED,
					  "the step has removed what kiln lives in ('%s', '%s')",
					  inplace->home, store_root(store)),
			"in place a step shares '/' with kiln: leave these directories alone, or "
			"use "
			"'--isolation chroot'");
}

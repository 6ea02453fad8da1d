#include "build/git.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "build/judge.h"
#include "layer/tree.h"
#include "sys/rootfs.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { GIT_SHA1_DIGITS = 40 };

void git_done(struct git *git)
{
	scratch_done(&git->scratch);
	scratch_done(&git->trust);
	list_done(&git->environment);
	free(TAKE(git->commit));
	free(TAKE(git->tag));
	free(TAKE(git->ref));
	if (git->judged)
		git_url_done(git->judged);
	free(TAKE(git->judged));
}

/* --- which commit --- */

/* What ls-remote printed for one name, or NULL. New. */
static char *commit_of(struct str lines, const char *name)
{
	struct str line, commit, ref;

	while (lines.n) {
		(void)str_cut(lines, '\n', &line, &lines);
		if (str_cut(line, '\t', &commit, &ref) && str_is(str_trim(ref), name))
			return str_dup(commit);
	}
	return NULL;
}

/* Branches before tags, as git checkout has it; a tag object stands for its commit. */
static void choose(struct git *git, struct str lines)
{
	static const struct {
		const char *before, *after;
	} forms[] = { { "refs/heads/", "" }, { "refs/tags/", "^{}" }, { "refs/tags/", "" },
		{ "refs/", "" }, { "", "^{}" }, { "", "" } };
	const char *wanted = git->url->ref ? git->url->ref : "HEAD";

	for (size_t i = 0; i < COUNT(forms) && !git->commit; i++) {
		AUTO_FREE char *ref = xasprintf("%s%s", forms[i].before, wanted);
		AUTO_FREE char *name = xasprintf("%s%s", ref, forms[i].after);

		git->commit = commit_of(lines, name);
		if (!git->commit)
			continue;
		if (forms[i].after[0])
			git->tag = commit_of(lines, ref);
		git->ref = TAKE(ref);
	}
}

static FALLIBLE ask(struct git *git)
{
	AUTO(strbuf) struct strbuf out = { 0 };
	const char *ref = git->url->ref ? git->url->ref : "HEAD";
	AUTO_FREE char *peeled = xasprintf("%s^{}", ref);

	TRY(git_call(git, &out, "ls-remote", "--quiet", "--", "origin", ref, peeled));
	choose(git, strbuf_str(&out));
	if (git->commit && git_is_whole_commit(git->commit))
		return NULL;
	free(TAKE(git->commit));
	if (!git->url->ref)
		return error_new(ERR_NOT_FOUND, "the repository '%s' has no default branch",
				git->url->remote);
	struct error *error = error_new(ERR_NOT_FOUND, "repository does not contain ref %s: '%s'",
			ref, git->url->remote);
	return git_is_commit(ref) ? error_hint(error, "a commit is named by all of its 40 (or 64) "
						      "digits")
				  : error;
}

/* The commit, or the tag object that stands for it, as git rev-parse says of an annotated tag. */
static FALLIBLE check(const struct git *git, const char *checksum)
{
	size_t n = checksum ? strlen(checksum) : 0;

	if (!n || strncasecmp(git->commit, checksum, n) == 0 ||
			(git->tag && strncasecmp(git->tag, checksum, n) == 0))
		return NULL;
	return error_hint(
			error_new(ERR_DIGEST,
					"'%s' of '%s' is commit %s: expected checksum to match %s",
					git->url->ref ? git->url->ref : "the default branch",
					git->url->remote, git->commit, checksum),
			"it moved, or is not what was meant: look before writing the new one down");
}

/* An empty repository that knows where it comes from. */
static FALLIBLE make_repository(struct git *git)
{
	if (git->scratch.path)
		return NULL;
	TRY(scratch_make(git->sources->store, &git->scratch));
	TRY(git_environment(git));
	TRY(git_call(git, NULL, "init", "--quiet", "."));
	return git_call(git, NULL, "config", "remote.origin.url", git->url->remote);
}

static FALLIBLE find(struct git *git, const char *checksum)
{
	if (git->url->ref && git_is_whole_commit(git->url->ref)) {
		git->commit = xstrdup(git->url->ref);
	} else {
		TRY(make_repository(git));
		TRY(ask(git));
	}
	TRY(check(git, git->url->checksum));
	return check(git, checksum);
}

FALLIBLE git_find(const struct sources *sources, const struct git_url *url, const char *checksum,
		struct git *ret)
{
	AUTO(git) struct git git = { .sources = sources, .url = url };

	if (!sources->store)
		return error_new(ERR_UNSUPPORTED, "there is nowhere to fetch '%s' to", url->remote);
	TRY(judge_git(sources->policy, url, &git.judged));
	if (git.judged)
		git.url = git.judged;
	TRY(find(&git, checksum));
	*ret = git;
	git = (struct git){ 0 };
	return NULL;
}

/* --- its files --- */

static bool has_commit(struct git *git)
{
	AUTO_FREE char *name = xasprintf("%s^{commit}", git->commit);
	struct error *error = git_call(git, NULL, "cat-file", "-e", name);

	error_free(error);
	return !error;
}

static bool is_final(const struct error *error)
{
	return error_is(error, ERR_DENIED) || error_is(error, ERR_CANCELED) ||
	       error_is(error, ERR_LIMIT);
}

/*
 * The commit alone, by its name; else the end of its ref, for servers that give out named commits
 * only; else everything, for those that cannot give a part, or when the ref has moved on.
 */
static FALLIBLE fetch(struct git *git)
{
	struct error *error = git_call(git, NULL, "fetch", "--quiet", "--depth=1", "--no-tags",
			"--no-write-fetch-head", "--", "origin", git->commit);

	if (!error || is_final(error))
		return error;
	error_ignore(error, "the server gives no commits by name, maybe");
	if (git->ref) {
		AUTO_FREE char *refs = xasprintf("+%s:refs/kiln/wanted", git->ref);

		error = git_call(git, NULL, "fetch", "--quiet", "--depth=1", "--no-tags",
				"--no-write-fetch-head", "--", "origin", refs);
		if (is_final(error))
			return error;
		error_ignore(error, "the server gives no parts, maybe");
		if (has_commit(git))
			return NULL;
	}
	bool is_shallow = faccessat(git->scratch.fd, ".git/shallow", F_OK, 0) == 0;
	TRY(git_call(git, NULL, "fetch", "--quiet", "--tags",
			is_shallow ? "--unshallow" : "--no-write-fetch-head", "--", "origin",
			"+refs/heads/*:refs/remotes/origin/*"));
	if (has_commit(git))
		return NULL;
	return error_new(ERR_NOT_FOUND, "commit %s is in no branch or tag of '%s'", git->commit,
			git->url->remote);
}

static FALLIBLE fetch_submodules(struct git *git)
{
	struct stat st;

	if (git->url->submodules == TRISTATE_NO ||
			fstatat(git->scratch.fd, ".gitmodules", &st, AT_SYMLINK_NOFOLLOW) != 0)
		return NULL;
	struct error *error = git_call(git, NULL, "submodule", "--quiet", "update", "--init",
			"--recursive", "--depth=1");
	if (!error || is_final(error))
		return error;
	error_ignore(error, "a server that gives no parts, maybe");
	TRY_WRAP(git_call(git, NULL, "submodule", "--quiet", "update", "--init", "--recursive",
				 "--force"),
			"fetch the submodules");
	return NULL;
}

/* What git leaves to umask and clock. */
struct settle {
	int64_t time;
	bool keeps_times;
	struct list git_dirs; /* ".git" of the repository and its submodules */
};

static FALLIBLE set_time(const struct settle *settle, const struct tree_item *at)
{
	struct timespec times[2] = { { .tv_sec = settle->time }, { .tv_sec = settle->time } };

	if (settle->keeps_times)
		return NULL;
	if (utimensat(at->dir_fd, at->name, times, AT_SYMLINK_NOFOLLOW) != 0)
		return error_sys("set the time of '%s'", at->path);
	return NULL;
}

static struct error *settle_visit(void *state, const struct tree_item *at, enum tree_step *step)
{
	struct settle *settle = state;
	mode_t mode = S_ISDIR(at->st->st_mode) || (at->st->st_mode & 0100) ? 0755 : 0644;

	if (strcmp(at->name, ".git") == 0) {
		list_add(&settle->git_dirs, at->path);
		*step = TREE_SKIP;
		return NULL;
	}
	if (S_ISLNK(at->st->st_mode))
		return set_time(settle, at);
	if (fchmodat(at->dir_fd, at->name, mode, 0) != 0)
		return error_sys("set the mode of '%s'", at->path);
	return S_ISDIR(at->st->st_mode) ? NULL : set_time(settle, at);
}

static struct error *settle_leave(void *state, const struct tree_item *at)
{
	return set_time(state, at);
}

static FALLIBLE commit_time(struct git *git, int64_t *ret)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	TRY(git_call(git, &out, "log", "-1", "--format=%ct", git->commit));
	return parse_i64(str_trim(strbuf_str(&out)), 0, INT64_MAX, ret);
}

static FALLIBLE settle(struct git *git, bool keep_git_dir)
{
	struct settle settle = { .keeps_times = git->url->keeps_checkout_times };
	struct tree_visitor visitor = {
		.visit = settle_visit, .leave = settle_leave, .state = &settle
	};
	struct error *error = commit_time(git, &settle.time);

	git->time = settle.time;
	if (!error && !keep_git_dir) {
		/* Before the times: removing changes those of the directories around. */
		struct settle look = { .keeps_times = true };
		struct tree_visitor looking = {
			.visit = settle_visit, .leave = settle_leave, .state = &look
		};

		error = tree_walk(git->scratch.fd, &looking);
		for (size_t i = 0; i < look.git_dirs.n && !error; i++)
			error = rootfs_remove_tree(git->scratch.fd, look.git_dirs.p[i]);
		list_done(&look.git_dirs);
	}
	if (!error)
		error = tree_walk(git->scratch.fd, &visitor);
	list_done(&settle.git_dirs);
	return error;
}

static FALLIBLE open_top(const struct git *git, int *ret_fd)
{
	const char *subdir = git->url->subdir;
	struct error *error = rootfs_open(
			git->scratch.fd, subdir ? subdir : "/", O_RDONLY | O_DIRECTORY, 0, ret_fd);

	if (error_is_errno(error, ENOENT) || error_is_errno(error, ENOTDIR)) {
		error_free(error);
		return error_new(ERR_NOT_FOUND, "'%s' has no directory '%s' in commit %s",
				git->url->remote, subdir, git->commit);
	}
	return error;
}

/* A repository of SHA-256 names does not go into one of SHA-1: an empty one is told what it holds.
 */
static FALLIBLE match_format(struct git *git)
{
	if (strlen(git->commit) == GIT_SHA1_DIGITS)
		return NULL;
	TRY(git_call(git, NULL, "config", "core.repositoryFormatVersion", "1"));
	return git_call(git, NULL, "config", "extensions.objectFormat", "sha256");
}

FALLIBLE git_check_out(struct git *git, bool keep_git_dir, int *ret_fd)
{
	TRY(make_repository(git));
	TRY(match_format(git));
	TRY(fetch(git));
	TRY(git_call(git, NULL, "checkout", "--quiet", "--force", "--detach", git->commit));
	TRY(fetch_submodules(git));
	TRY(settle(git, keep_git_dir));
	return open_top(git, ret_fd);
}

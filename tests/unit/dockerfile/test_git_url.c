#include "dockerfile/git_url.h"
#include "unit.h"

#include <string.h>

static void matches(void **state)
{
	static const struct {
		const char *text;
		bool add, context;
	} cases[] = {
		{ "https://host/a/b.git", true, true },
		{ "HTTPS://host/a/b.git#main", true, true },
		{ "http://host/b.git?ref=x", true, true },
		{ "https://host/a/b", false, false },
		{ "https://host/b.git/x.tar", false, false },
		{ "https://host/x?y=.git", false, false },
		{ "https://host/x#y.git", false, false },
		{ "git://host/b", true, true },
		{ "ssh://git@host:22/b", true, true },
		{ "git@host:b.git", true, true },
		{ "some-user@host.example:b", true, true },
		{ "git@host/b.git", false, false },
		{ "github.com/a/b", false, true },
		{ "./github.com/a/b", false, false },
		{ "file:///a/b.git", false, false },
		{ "ext::sh -c id", false, false },
		{ "dir/b.git", false, false },
		{ "https://h/b.git/", false, false },
		{ "https://h/b.git.bar", false, false },
		{ "http://h/b.git:#branch", false, false },
		{ "https://github.com/a/b", false, false },
		{ "host.example/a/b.git", false, false },
		{ ".git", false, false },
		{ "./.git", false, false },
		{ "", false, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		note("%s", cases[i].text);
		assert_int_equal(git_url_matches(cases[i].text, false), cases[i].add);
		assert_int_equal(git_url_matches(cases[i].text, true), cases[i].context);
	}
}

static void same(const char *got, const char *wanted)
{
	if (!text_equal(got, wanted))
		fail_msg("'%s' instead of '%s'", got ? got : "(none)", wanted ? wanted : "(none)");
}

static void parses(void **state)
{
	static const char hash[] = "0123456789abcdef0123456789abcdef01234567";
	static const struct {
		const char *text, *remote, *ref, *subdir, *checksum, *user;
		enum tristate keep, submodules;
	} cases[] = {
		{ "https://h/a.git", "https://h/a.git" },
		{ "https://h/a.git#", "https://h/a.git" },
		{ "https://h/a.git#main", "https://h/a.git", "main" },
		{ "https://h/a.git#main:sub/dir", "https://h/a.git", "main", "sub/dir" },
		{ "https://h/a.git#:sub", "https://h/a.git", NULL, "sub" },
		{ "https://h/a.git#v1.0:/./sub//x/", "https://h/a.git", "v1.0", "sub/x" },
		{ "https://h/a.git#release/1.2:q/r", "https://h/a.git", "release/1.2", "q/r" },
		{ "https://h/a.git?ref=v1&subdir=/sub", "https://h/a.git", "v1", "sub" },
		{ "https://h/a.git#refs/pull/7/head", "https://h/a.git", "refs/pull/7/head" },
		{ "https://h/a.git?branch=b%2Fc&subdir=d", "https://h/a.git", "refs/heads/b/c",
				"d" },
		{ "https://h/a.git?tag=refs/tags/v1", "https://h/a.git", "refs/tags/v1" },
		{ "https://h/a.git?ref=x#x:y", "https://h/a.git", "x", "y" },
		{ "https://h/a.git?commit=ABCDEF01&ref=main", "https://h/a.git", "main", NULL,
				"abcdef01" },
		{ "https://h/a.git?checksum=0123456789abcdef0123456789abcdef01234567",
				"https://h/a.git", hash, NULL, hash },
		{ "https://h/a.git?checksum=0123", "https://h/a.git", NULL, NULL, "0123" },
		{ "https://h/a.git?keep-git-dir&submodules=false", "https://h/a.git", NULL, NULL,
				NULL, NULL, TRISTATE_YES, TRISTATE_NO },
		{ "https://h/a.git?keep-git-dir=0&submodules=1&mtime=commit&fetch-by-commit=true",
				"https://h/a.git", NULL, NULL, NULL, NULL, TRISTATE_NO,
				TRISTATE_YES },
		{ "https://me:p%40ss@h:8443/a.git#m", "https://h:8443/a.git", "m", NULL, NULL,
				"me:p@ss" },
		{ "https://token@h/a.git", "https://h/a.git", NULL, NULL, NULL, "token" },
		{ "ssh://git@h:22/a#m:s", "ssh://git@h:22/a", "m", "s" },
		{ "git@h:a/b.git?ref=m", "git@h:a/b.git", "m" },
		{ "git@h:a/b.git#m:s", "git@h:a/b.git", "m", "s" },
		{ "git://h/a#m", "git://h/a", "m" },
		{ "github.com/a/b#m", "https://github.com/a/b", "m" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(git_url) struct git_url url = { 0 };

		note("%s", cases[i].text);
		assert_ok(git_url_parse(cases[i].text, &url));
		same(url.remote, cases[i].remote);
		same(url.ref, cases[i].ref);
		same(url.subdir, cases[i].subdir);
		same(url.checksum, cases[i].checksum);
		same(url.user, cases[i].user);
		assert_int_equal(url.keep_git_dir, cases[i].keep);
		assert_int_equal(url.submodules, cases[i].submodules);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{ "https://h/a.git#--upload-pack=x", "no branch, tag or commit" },
		{ "https://h/a.git#a..b", "no branch, tag or commit" },
		{ "https://h/a.git#a b", "no branch, tag or commit" },
		{ "https://h/a.git#a%0ab", "no branch, tag or commit" },
		{ "https://h/a.git#x%00", "NUL" },
		{ "https://h/a.git#%zz", "two hex digits" },
		{ "https://h/a.git#%4", "two hex digits" },
		{ "https://h/a.git#@{-1}", "no branch, tag or commit" },
		{ "https://h/a.git#x.lock", "no branch, tag or commit" },
		{ "https://h/a.git?tag=--x/../y", "no branch, tag or commit" },
		{ "https://h/a.git#main:../x", "not inside the repository" },
		{ "https://h/a.git?subdir=a/../../x", "not inside the repository" },
		{ "https://h/a.git?reff=x", "did you mean 'ref'?" },
		{ "https://h/a.git?ref=a&ref=a", "given twice" },
		{ "https://h/a.git?ref=a#b", "ref conflicts: '" },
		{ "https://h/a.git?tag=a&branch=b", "ref conflicts: '" },
		{ "https://h/a.git?subdir=a#:b", "subdir conflicts: '" },
		{ "https://h/a.git?ref=", "ref has no value" },
		{ "https://h/a.git?commit=xyz", "no commit" },
		{ "https://h/a.git?commit=012", "no commit" },
		{ "https://h/a.git?keep-git-dir=maybe", "true or false" },
		{ "https://h/a.git?mtime=now", "commit or checkout" },
		{ "https://-oProxyCommand=id/a.git", "no host" },
		{ "ssh://-oProxyCommand=id/a", "no host" },
		{ "ssh://-l@h/a", "no host" },
		{ "ssh:///a", "no host" },
		{ "ssh://h", "no path" },
		{ "git@h:-x", "no path" },
		{ "git@-h:x", "no host" },
		{ "git@h:", "no path" },
		{ "ssh://git:secret@h/a", "password" },
		{ "https://h /a.git", "blank or control" },
		{ "https://h/\n.git", "blank or control" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO(git_url) struct git_url url = { 0 };
		AUTO(strbuf) struct strbuf text = { 0 };

		note("%s", cases[i].text);
		assert_true(git_url_matches(cases[i].text, false));
		struct error *error = git_url_parse(cases[i].text, &url);
		assert_non_null(error);
		error_text(error, &text);
		strbuf_addf(&text, " %s", error_find_hint(error) ? error_find_hint(error) : "");
		if (!strstr(strbuf_text(&text), cases[i].part))
			fail_msg("%s", strbuf_text(&text));
		assert_null(strstr(strbuf_text(&text), "secret"));
		error_free(error);
	}
}

UNIT_TESTS(matches, parses, refuses)

#include "dockerfile/git_url.h"
#include "base/limits.h"
#include "base/nearest.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "sys/path.h"

#include <string.h>
#include <strings.h>

static const char github[] = "github.com/";

void git_url_done(struct git_url *url)
{
	free(url->remote);
	free(url->user);
	free(url->ref);
	free(url->subdir);
	free(url->checksum);
	*url = (struct git_url){ 0 };
}

static size_t scheme_of(const char *text, const char *const *schemes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strncasecmp(text, schemes[i], strlen(schemes[i])) == 0)
			return strlen(schemes[i]);
	return 0;
}

static size_t git_scheme(const char *text)
{
	static const char *const schemes[] = { "git://", "ssh://" };

	return scheme_of(text, schemes, COUNT(schemes));
}

static size_t http_scheme(const char *text)
{
	static const char *const schemes[] = { "https://", "http://" };

	return scheme_of(text, schemes, COUNT(schemes));
}

/* "user@host:path", as scp has it. */
static bool is_scp(const char *text)
{
	static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789-_.";
	size_t user = strspn(text, word);

	if (!user || text[user] != '@' || memchr(text, '.', user))
		return false;
	size_t host = strspn(text + user + 1, word);
	return host && text[user + 1 + host] == ':' && !memchr(text + user + 1, '_', host);
}

bool git_url_matches(const char *text, bool is_context)
{
	size_t n = http_scheme(text);

	if (n)
		return str_ends(str_slice(str_of(text), n, n + strcspn(text + n, "?#")), ".git");
	return git_scheme(text) || is_scp(text) || (is_context && text_starts(text, github));
}

char *git_url_shown(const char *text)
{
	const char *start = strstr(text, "://");
	size_t authority = start ? strcspn(start + 3, "/?#") : 0;

	if (start)
		for (size_t i = authority; i-- > 0;)
			if (start[3 + i] == '@')
				return xasprintf("%.*s%s", (int)(start + 3 - text), text,
						start + 4 + i);
	return xstrdup(text);
}

static bool is_hex(const char *text)
{
	return text[strspn(text, "0123456789abcdefABCDEF")] == '\0';
}

bool git_is_commit(const char *text)
{
	size_t n = strlen(text);

	return n >= 4 && n <= 64 && is_hex(text);
}

bool git_is_whole_commit(const char *text)
{
	size_t n = strlen(text);

	return (n == 40 || n == 64) && is_hex(text);
}

/* git-check-ref-format(1), and nothing that looks like an option. */
static bool is_ref(const char *ref)
{
	if (!ref[0] || ref[0] == '-' || ref[0] == '/' || strlen(ref) > LIMIT_PATH_BYTES)
		return false;
	for (const unsigned char *c = (const unsigned char *)ref; *c; c++)
		if (*c <= ' ' || *c == 0x7f || strchr("~^:?*[\\", *c))
			return false;
	return !strstr(ref, "..") && !strstr(ref, "@{") && !strstr(ref, "//") &&
	       !strstr(ref, "/.") && ref[0] != '.' && strcmp(ref, "@") != 0 &&
	       !text_ends(ref, "/") && !text_ends(ref, ".") && !text_ends(ref, ".lock") &&
	       !strstr(ref, ".lock/");
}

static struct error *wrong(const char *what, const char *value)
{
	return error_new(ERR_INVALID, "%s '%s'", what, value);
}

static int hex_of(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | (c >= 'A' && c <= 'F' ? 0x20 : 0)) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* %XX, and "+" for a blank where form says so. A NUL is refused. */
static FALLIBLE decode(struct str text, bool form, char **ret)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '%') {
			int high = i + 2 < text.n ? hex_of(text.p[i + 1]) : -1;
			int low = i + 2 < text.n ? hex_of(text.p[i + 2]) : -1;

			if (high < 0 || low < 0)
				return error_new(ERR_INVALID,
						"'%%' is not followed by two hex digits");
			c = (char)(high << 4 | low);
			i += 2;
			if (c == '\0')
				return error_new(ERR_INVALID, "there is a NUL in it");
		} else if (c == '+' && form) {
			c = ' ';
		}
		strbuf_add_char(&out, c);
	}
	*ret = strbuf_take(&out);
	return NULL;
}

/* Set once; the same again is fine. */
static FALLIBLE set(char **slot, const char *name, const char *value)
{
	if (*slot && strcmp(*slot, value) != 0)
		return error_new(ERR_INVALID, "%s conflicts: '%s' and '%s'", name, *slot, value);
	free(*slot);
	*slot = xstrdup(value);
	return NULL;
}

static FALLIBLE set_truth(enum tristate *slot, const char *name, const char *value)
{
	static const char *const yes[] = { "", "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

	for (size_t i = 0; i < COUNT(yes); i++)
		if (strcmp(value, yes[i]) == 0) {
			*slot = TRISTATE_YES;
			return NULL;
		}
	for (size_t i = 0; i < COUNT(no); i++)
		if (strcmp(value, no[i]) == 0) {
			*slot = TRISTATE_NO;
			return NULL;
		}
	return error_new(ERR_INVALID, "%s is '%s' and should be true or false", name, value);
}

static FALLIBLE set_times(struct git_url *url, const char *value)
{
	url->keeps_checkout_times = strcmp(value, "checkout") == 0;
	if (url->keeps_checkout_times || strcmp(value, "commit") == 0)
		return NULL;
	return error_new(ERR_INVALID, "mtime is '%s' and should be commit or checkout", value);
}

static FALLIBLE set_ref_below(struct git_url *url, const char *kind, const char *value)
{
	AUTO_FREE char *prefix = xasprintf("refs/%s/", kind);
	AUTO_FREE char *ref = text_starts(value, prefix) ? xstrdup(value)
							 : xasprintf("%s%s", prefix, value);

	return set(&url->ref, "ref", ref);
}

static FALLIBLE set_option(struct git_url *url, const char *name, const char *value)
{
	static const char *const names[] = { "ref", "tag", "branch", "commit", "checksum", "subdir",
		"keep-git-dir", "submodules", "mtime", "fetch-by-commit" };
	enum tristate ignored = TRISTATE_UNSET;

	if (strcmp(name, "keep-git-dir") == 0)
		return set_truth(&url->keep_git_dir, name, value);
	if (strcmp(name, "submodules") == 0)
		return set_truth(&url->submodules, name, value);
	/* How it is fetched is ours to know: by commit wherever a server allows that. */
	if (strcmp(name, "fetch-by-commit") == 0)
		return set_truth(&ignored, name, value);
	for (size_t i = 0; i < COUNT(names) && !value[0]; i++)
		if (strcmp(name, names[i]) == 0)
			return error_new(ERR_INVALID, "%s has no value", name);
	if (strcmp(name, "ref") == 0)
		return set(&url->ref, name, value);
	if (strcmp(name, "tag") == 0)
		return set_ref_below(url, "tags", value);
	if (strcmp(name, "branch") == 0)
		return set_ref_below(url, "heads", value);
	if (strcmp(name, "commit") == 0 || strcmp(name, "checksum") == 0)
		return set(&url->checksum, name, value);
	if (strcmp(name, "subdir") == 0)
		return set(&url->subdir, name, value);
	if (strcmp(name, "mtime") == 0)
		return set_times(url, value);
	struct error *error = wrong("unknown option", name);
	const char *near = text_nearest(name, names, COUNT(names));
	return near ? error_hint(error, "did you mean '%s'?", near) : error;
}

static FALLIBLE read_query(struct str query, struct git_url *ret)
{
	AUTO(list) struct list seen = { 0 };
	struct str rest = query, pair, name_text, value_text;

	while (rest.n) {
		AUTO_FREE char *name = NULL, *value = NULL;

		(void)str_cut(rest, '&', &pair, &rest);
		if (!pair.n)
			continue;
		(void)str_cut(pair, '=', &name_text, &value_text);
		TRY(decode(name_text, true, &name));
		TRY(decode(value_text, true, &value));
		if (list_has(&seen, name))
			return error_new(ERR_INVALID, "%s is given twice", name);
		list_add(&seen, name);
		TRY(set_option(ret, name, value));
	}
	return NULL;
}

static FALLIBLE read_fragment(struct str fragment, struct git_url *ret)
{
	AUTO_FREE char *ref = NULL, *subdir = NULL;
	struct str ref_text, subdir_text;

	(void)str_cut(fragment, ':', &ref_text, &subdir_text);
	TRY(decode(ref_text, false, &ref));
	TRY(decode(subdir_text, false, &subdir));
	if (ref[0])
		TRY(set(&ret->ref, "ref", ref));
	if (subdir[0])
		TRY(set(&ret->subdir, "subdir", subdir));
	return NULL;
}

/* Name and password out of "scheme://name:password@host/path"; those of ssh stay, without one. */
static FALLIBLE read_address(struct str base, size_t scheme, bool is_http, struct git_url *ret)
{
	struct str rest = str_slice(base, scheme, base.n);
	struct str authority = str_slice(rest, 0, str_find(rest, '/'));
	struct str path = str_slice(rest, authority.n, rest.n);
	size_t at = str_find_last(authority, '@');
	bool has_user = at < authority.n;
	struct str user = str_slice(authority, 0, has_user ? at : 0);
	struct str host = str_slice(authority, has_user ? at + 1 : 0, authority.n);

	if (!host.n || host.p[0] == '-' || (user.n && user.p[0] == '-') || host.p[0] == ':')
		return error_new(ERR_INVALID, "the address has no host");
	if (path.n < 2)
		return error_new(ERR_INVALID, "the address has no path");
	if (!is_http && str_find(user, ':') < user.n)
		return error_hint(error_new(ERR_INVALID, "the address holds a password"),
				"ssh takes keys: from the agent ($SSH_AUTH_SOCK) or ~/.ssh");
	if (is_http && user.n)
		TRY(decode(user, false, &ret->user));
	ret->remote = is_http ? xasprintf("%.*s%.*s%.*s", (int)scheme, base.p, STR_ARG(host),
						STR_ARG(path))
			      : str_dup(base);
	return NULL;
}

static FALLIBLE read_remote(struct str base, struct git_url *ret)
{
	AUTO_FREE char *text = str_dup(base);
	size_t http = http_scheme(text), git = git_scheme(text);

	for (size_t i = 0; i < base.n; i++)
		if ((unsigned char)base.p[i] <= ' ' || base.p[i] == 0x7f)
			return error_new(ERR_INVALID,
					"the address holds a blank or control character");
	if (http || git)
		return read_address(base, http ? http : git, http != 0, ret);
	if (text_starts(text, github)) {
		ret->remote = xasprintf("https://%s", text);
		return NULL;
	}
	/* user@host:path */
	const char *host = strchr(text, '@') + 1;
	const char *path = strchr(host, ':') + 1;
	if (text[0] == '-' || host[0] == '-')
		return error_new(ERR_INVALID, "the address has no host");
	if (!path[0] || path[0] == '-')
		return error_new(ERR_INVALID, "the address has no path");
	ret->remote = TAKE(text);
	return NULL;
}

static FALLIBLE check(struct git_url *url)
{
	if (url->checksum) {
		if (!git_is_commit(url->checksum))
			return error_hint(wrong("this is no commit:", url->checksum),
					"4 to 64 hexadecimal digits");
		for (char *c = url->checksum; *c; c++)
			*c = (char)(*c >= 'A' && *c <= 'F' ? *c | 0x20 : *c);
	}
	if (url->ref && !is_ref(url->ref))
		return wrong("this is no branch, tag or commit:", url->ref);
	if (!url->subdir)
		return NULL;
	if (path_climbs(str_of(url->subdir)) || strlen(url->subdir) > LIMIT_PATH_BYTES)
		return wrong("the directory is not inside the repository:", url->subdir);
	AUTO_FREE char *clean = path_clean(str_of(url->subdir));
	free(url->subdir);
	url->subdir = clean[0] ? TAKE(clean) : NULL;
	return NULL;
}

static FALLIBLE parse(const char *text, struct git_url *ret)
{
	struct str address, fragment, base, query;

	(void)str_cut(str_of(text), '#', &address, &fragment);
	(void)str_cut(address, '?', &base, &query);
	TRY(read_remote(base, ret));
	TRY(read_fragment(fragment, ret));
	TRY(read_query(query, ret));
	/* A commit alone is what is wanted; it is fetched by its name. */
	if (ret->checksum && !ret->ref && git_is_whole_commit(ret->checksum))
		ret->ref = xstrdup(ret->checksum);
	return check(ret);
}

FALLIBLE git_url_parse(const char *text, struct git_url *ret)
{
	AUTO(git_url) struct git_url url = { 0 };
	AUTO_FREE char *shown = git_url_shown(text);

	TRY_WRAP(parse(text, &url), "git repository '%s'", shown);
	*ret = TAKE_VALUE(url);
	return NULL;
}

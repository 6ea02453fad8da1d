#include "registry/url.h"

#include "base/xalloc.h"

#include <ctype.h>
#include <string.h>

enum { URL_BYTES = 32 * 1024 };

void url_done(struct url *url)
{
	free(url->host);
	free(url->path);
	*url = (struct url){ 0 };
}

void url_copy(const struct url *from, struct url *ret)
{
	*ret = (struct url){
		.is_https = from->is_https, .host = xstrdup(from->host), .path = xstrdup(from->path)
	};
}

struct url url_make(bool is_https, const char *host, const char *path)
{
	return (struct url){ .is_https = is_https, .host = xstrdup(host), .path = xstrdup(path) };
}

static FALLIBLE refuse(struct str text, const char *why)
{
	struct str shown = str_slice(text, 0, str_find(text, '?'));
	AUTO(strbuf) struct strbuf safe = { 0 };

	/* Credentials before an '@' are not repeated either. */
	size_t at = str_find_last(shown, '@');
	if (at < shown.n)
		shown = str_slice(shown, at + 1, shown.n);
	for (size_t i = 0; i < shown.n && i < 200; i++)
		strbuf_add_char(&safe, isprint((unsigned char)shown.p[i]) ? shown.p[i] : '?');
	return error_new(ERR_INVALID, "address '%s' %s", strbuf_text(&safe), why);
}

static bool host_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr(".-_[]:", c));
}

static FALLIBLE check_characters(struct str text)
{
	if (text.n > URL_BYTES)
		return refuse(text, "is too long");
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] <= ' ' || text.p[i] == 0x7f)
			return refuse(text, "has a space or control character");
	return NULL;
}

/* host[:port] in lower case, the scheme's own port left out. */
static FALLIBLE parse_host(struct str text, struct str authority, bool is_https, char **ret)
{
	if (str_find(authority, '@') < authority.n)
		return refuse(text, "has a user name or password in it");
	if (!authority.n || authority.p[0] == ':')
		return refuse(text, "has no host");
	for (size_t i = 0; i < authority.n; i++)
		if (!host_char(authority.p[i]))
			return refuse(text, "has a bad host");
	size_t colon = str_find_last(authority, ':');
	bool has_port = colon < authority.n && authority.p[authority.n - 1] != ']';
	if (has_port) {
		struct str port = str_slice(authority, colon + 1, authority.n);
		uint64_t number = 0;

		TRY_WRAP(parse_u64(port, 65535, &number), "port of an address");
		if (number == (is_https ? 443 : 80))
			authority = str_slice(authority, 0, colon);
	}
	char *host = str_dup(authority);
	for (char *p = host; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	*ret = host;
	return NULL;
}

FALLIBLE url_parse(struct str text, struct url *ret)
{
	AUTO(url) struct url url = { 0 };

	TRY(check_characters(text));
	struct str rest;
	if (text.n > 8 && str_is_nocase(str_slice(text, 0, 8), "https://")) {
		url.is_https = true;
		rest = str_slice(text, 8, text.n);
	} else if (text.n > 7 && str_is_nocase(str_slice(text, 0, 7), "http://")) {
		rest = str_slice(text, 7, text.n);
	} else {
		return refuse(text, "is neither http nor https");
	}
	rest = str_slice(rest, 0, str_find(rest, '#'));
	size_t end = str_find(rest, '/'), question = str_find(rest, '?');
	if (question < end)
		end = question;
	TRY(parse_host(text, str_slice(rest, 0, end), url.is_https, &url.host));
	struct str path = str_slice(rest, end, rest.n);
	url.path = xasprintf("%s%.*s", path.n && path.p[0] == '/' ? "" : "/", STR_ARG(path));
	*ret = TAKE_VALUE(url);
	return NULL;
}

static bool has_scheme(struct str location)
{
	struct str scheme, rest;

	if (!str_cut(location, ':', &scheme, &rest) || !scheme.n)
		return false;
	for (size_t i = 0; i < scheme.n; i++)
		if (!isalnum((unsigned char)scheme.p[i]) && !strchr("+.-", scheme.p[i]))
			return false;
	return true;
}

/* The text of a relative location, made absolute. */
static char *absolute(const struct url *base, struct str location)
{
	const char *scheme = base->is_https ? "https" : "http";
	size_t path_end = strcspn(base->path, "?");

	if (has_scheme(location))
		return str_dup(location);
	if (str_starts(location, "//"))
		return xasprintf("%s:%.*s", scheme, STR_ARG(location));
	if (str_starts(location, "/"))
		return xasprintf("%s://%s%.*s", scheme, base->host, STR_ARG(location));
	if (!str_starts(location, "?"))
		while (path_end && base->path[path_end - 1] != '/')
			path_end--;
	return xasprintf("%s://%s%.*s%.*s", scheme, base->host, (int)path_end, base->path,
			STR_ARG(location));
}

FALLIBLE url_resolve(const struct url *base, struct str location, struct url *ret)
{
	AUTO(url) struct url url = { 0 };
	AUTO_FREE char *text = NULL;

	TRY(check_characters(location));
	text = absolute(base, location);
	TRY(url_parse(str_of(text), &url));
	if (base->is_https && !url.is_https) {
		if (!text_equal(base->host, url.host))
			return error_new(ERR_DENIED,
					"'%s' sends us from https on to http at '%s', which is "
					"refused",
					base->host, url.host);
		url.is_https = true;
	}
	*ret = TAKE_VALUE(url);
	return NULL;
}

bool url_is_http(const char *text)
{
	return text_starts(text, "http://") || text_starts(text, "https://");
}

bool url_same_origin(const struct url *a, const struct url *b)
{
	return a->is_https == b->is_https && text_equal(a->host, b->host);
}

char *url_text(const struct url *url)
{
	return xasprintf("%s://%s%s", url->is_https ? "https" : "http", url->host, url->path);
}

char *url_shown(const struct url *url)
{
	return xasprintf("%s://%s%.*s", url->is_https ? "https" : "http", url->host,
			(int)strcspn(url->path, "?"), url->path);
}

void url_escape(struct strbuf *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (isalnum((unsigned char)*p) || strchr("-._~", *p))
			strbuf_add_char(out, *p);
		else
			strbuf_addf(out, "%%%02X", (unsigned char)*p);
	}
}

void url_add_query(struct url *url, const char *key, const char *value)
{
	struct strbuf path = { 0 };

	strbuf_addf(&path, "%s%c%s=", url->path, strchr(url->path, '?') ? '&' : '?', key);
	url_escape(&path, value);
	free(url->path);
	url->path = strbuf_take(&path);
}

size_t host_name_length(const char *host)
{
	size_t to_bracket = strcspn(host, "]");

	return host[0] == '[' && host[to_bracket] ? to_bracket + 1 : strcspn(host, ":");
}

bool host_is_same(const char *a, const char *b)
{
	size_t n = host_name_length(a);

	return n == host_name_length(b) && strncmp(a, b, n) == 0;
}

bool host_is_loopback(const char *host)
{
	struct str name = str_slice(str_of(host), 0, host_name_length(host));

	if (str_is_nocase(name, "localhost") || str_is(name, "[::1]"))
		return true;
	if (!str_starts(name, "127."))
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!isdigit((unsigned char)name.p[i]) && name.p[i] != '.')
			return false;
	return true;
}

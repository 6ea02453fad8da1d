#include "oci/reference.h"

#include "base/strbuf.h"
#include "base/xalloc.h"

#include <ctype.h>
#include <string.h>

enum {
	REPOSITORY_BYTES = 255,
	TAG_BYTES = 128,
	HOST_BYTES = 253 + 6, /* a DNS name and ":65535" */
};

static const char default_host[] = "docker.io";
static const char official[] = "library/";

void reference_done(struct reference *reference)
{
	free(reference->host);
	free(reference->repository);
	free(reference->tag);
	*reference = (struct reference){ 0 };
}

void reference_copy(const struct reference *from, struct reference *ret)
{
	*ret = (struct reference){ .host = xstrdup(from->host),
		.repository = xstrdup(from->repository),
		.tag = xstrdup(from->tag),
		.digest = from->digest };
}

static FALLIBLE refuse(struct str text, const char *why)
{
	return error_new(ERR_INVALID, "image name '%.*s' %s: invalid reference format",
			(int)(text.n < 300 ? text.n : 300), text.p ? text.p : "", why);
}

/* C's isalnum without the locale. */
static bool alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool lower_alnum(char c)
{
	return alnum(c) && !(c >= 'A' && c <= 'Z');
}

static bool has_upper(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'Z')
			return true;
	return false;
}

static bool port_is_good(struct str port)
{
	uint64_t number;
	struct error *error = parse_u64(port, 65535, &number);
	bool is_good = !error;

	error_free(error);
	return is_good;
}

static bool ipv6_is_good(struct str host)
{
	size_t end = str_find(host, ']');

	if (end == host.n || end < 3)
		return false;
	for (size_t i = 1; i < end; i++)
		if (!isxdigit((unsigned char)host.p[i]) && host.p[i] != ':' && host.p[i] != '.')
			return false;
	struct str port = str_slice(host, end + 1, host.n);
	return !port.n || (port.p[0] == ':' && port_is_good(str_slice(port, 1, port.n)));
}

/* Dot-separated labels of letters, digits and inner hyphens, and an optional port. */
static bool host_is_good(struct str host)
{
	struct str name, port;

	if (host.n > HOST_BYTES)
		return false;
	if (host.n && host.p[0] == '[')
		return ipv6_is_good(host);
	if (str_cut(host, ':', &name, &port) && !port_is_good(port))
		return false;
	for (bool more = true; more;) {
		struct str label, rest;

		more = str_cut(name, '.', &label, &rest);
		if (!label.n || !alnum(label.p[0]) || !alnum(label.p[label.n - 1]))
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!alnum(label.p[i]) && label.p[i] != '-')
				return false;
		name = rest;
	}
	return true;
}

/* Runs of lower-case letters and digits, joined by one of . _ __ or any number of -. */
static bool component_is_good(struct str c)
{
	size_t i = 0;

	while (i < c.n && lower_alnum(c.p[i])) {
		while (i < c.n && lower_alnum(c.p[i]))
			i++;
		if (i == c.n)
			return true;
		if (c.p[i] == '-') {
			while (i < c.n && c.p[i] == '-')
				i++;
		} else if (c.p[i] == '_') {
			i += i + 1 < c.n && c.p[i + 1] == '_' ? 2 : 1;
		} else if (c.p[i] == '.') {
			i++;
		} else {
			return false;
		}
	}
	return false;
}

static FALLIBLE check_repository(struct str text, struct str repository)
{
	if (!repository.n)
		return refuse(text, "has no repository");
	if (has_upper(repository))
		return error_hint(refuse(text, "has an upper-case letter in its repository"),
				"a repository name must be lowercase");
	for (bool more = true; more;) {
		struct str component, rest;

		more = str_cut(repository, '/', &component, &rest);
		if (!component_is_good(component))
			return refuse(text,
					component.n ? "has a repository that is not made of "
						      "lower-case letters, digits and single . _ -"
						    : "has an empty part in its repository");
		repository = rest;
	}
	return NULL;
}

static FALLIBLE check_tag(struct str text, struct str tag)
{
	if (!tag.n)
		return refuse(text, "has an empty tag");
	if (tag.n > TAG_BYTES)
		return refuse(text, "has a tag of more than 128 characters");
	for (size_t i = 0; i < tag.n; i++) {
		char c = tag.p[i];

		if (!alnum(c) && c != '_' && (!i || (c != '.' && c != '-')))
			return refuse(text, "has a tag with a character that tags cannot have");
	}
	return NULL;
}

static bool is_hex_id(struct str name)
{
	size_t i = 0;

	while (i < name.n && ((name.p[i] >= '0' && name.p[i] <= '9') ||
					     (name.p[i] >= 'a' && name.p[i] <= 'f')))
		i++;
	return name.n == 2 * DIGEST_BYTES && i == name.n;
}

/* What is before the first '/' is a host when it looks like one, as docker decides it. */
static bool names_host(struct str first)
{
	return str_find(first, '.') < first.n || str_find(first, ':') < first.n ||
	       str_is(first, "localhost") || has_upper(first);
}

bool reference_has_host(struct str name)
{
	struct str first, rest;

	return str_cut(name, '/', &first, &rest) && names_host(first);
}

static FALLIBLE check_host(struct str text, struct str host)
{
	return host_is_good(host) ? NULL : refuse(text, "has a bad registry host");
}

FALLIBLE reference_parse(struct str text, struct reference *ret)
{
	AUTO(reference) struct reference reference = { 0 };
	struct str name, digest = { 0 }, tag = { 0 }, host, repository;

	if (!text.n)
		return error_new(ERR_INVALID, "image name is empty");
	if (memchr(text.p, '\0', text.n))
		return refuse(text, "has a NUL character");
	bool has_digest = str_cut(text, '@', &name, &digest);
	if (has_digest)
		TRY_WRAP(digest_parse(digest, &reference.digest), "image name '%.*s'",
				(int)(text.n < 300 ? text.n : 300), text.p);
	size_t colon = str_find_last(name, ':'), slash = str_find_last(name, '/');
	bool has_tag = colon < name.n && (slash == name.n || colon > slash);
	if (has_tag) {
		tag = str_slice(name, colon + 1, name.n);
		name = str_slice(name, 0, colon);
		TRY(check_tag(text, tag));
	}
	if (is_hex_id(name))
		return refuse(text, "is 64 hexadecimal digits, which is an image id and no name");
	bool has_host = str_cut(name, '/', &host, &repository) && names_host(host);
	if (!has_host) {
		host = str_of(default_host);
		repository = name;
	}
	TRY(check_host(text, host));
	if (str_is(host, "index.docker.io"))
		host = str_of(default_host);
	TRY(check_repository(text, repository));
	bool is_official = str_is(host, default_host) && str_find(repository, '/') == repository.n;
	reference.repository =
			xasprintf("%s%.*s", is_official ? official : "", STR_ARG(repository));
	if (strlen(reference.repository) > REPOSITORY_BYTES)
		return refuse(text, "has a repository of more than 255 characters");
	reference.host = str_dup(host);
	if (has_tag)
		reference.tag = str_dup(tag);
	else if (!has_digest)
		reference.tag = xstrdup("latest");
	*ret = TAKE_VALUE(reference);
	return NULL;
}

static char *with_suffix(const struct reference *reference, const char *host, const char *name)
{
	struct strbuf text = { 0 };
	char digest[DIGEST_TEXT];

	if (host)
		strbuf_addf(&text, "%s/", host);
	strbuf_add(&text, name);
	if (reference->tag)
		strbuf_addf(&text, ":%s", reference->tag);
	if (digest_known(&reference->digest))
		strbuf_addf(&text, "@%s", digest_text(&reference->digest, digest));
	return strbuf_take(&text);
}

char *reference_text(const struct reference *reference)
{
	return with_suffix(reference, reference->host, reference->repository);
}

char *reference_familiar(const struct reference *reference)
{
	const char *name = reference->repository;
	struct str first, rest;

	if (!text_equal(reference->host, default_host))
		return with_suffix(reference, reference->host, name);
	/* docker.io/localhost/x must not become localhost/x. */
	if (str_cut(str_of(name), '/', &first, &rest) && names_host(first))
		return with_suffix(reference, reference->host, name);
	/* Without library/, 64 hexadecimal digits would be an image id. */
	bool is_official = text_starts(name, official) && !strchr(name + strlen(official), '/');
	if (is_official && !is_hex_id(str_of(name + strlen(official))))
		name += strlen(official);
	return with_suffix(reference, NULL, name);
}

char *reference_name(const struct reference *reference)
{
	return xasprintf("%s/%s", reference->host, reference->repository);
}

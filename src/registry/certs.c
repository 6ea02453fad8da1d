#include "registry/certs.h"

#include "base/limits.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "sys/dir.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void certs_done(struct certs *certs)
{
	free(certs->authorities);
	free(certs->client_cert);
	free(certs->client_key);
	*certs = (struct certs){ 0 };
}

/* The names in a folder, sorted; false when there is none. */
static bool list_folder(const char *path, struct list *ret)
{
	struct error *error = dir_names(AT_FDCWD, path, ret);
	bool is_there = !error;

	error_ignore(error, "there are no certificates");
	return is_there;
}

/* "client.cert" -> "client.key". */
static char *partner_of(const char *name, const char *suffix, const char *other)
{
	return xasprintf("%.*s%s", (int)(strlen(name) - strlen(suffix)), name, other);
}

static FALLIBLE require_partner(const struct list *names, const char *folder, const char *name,
		const char *suffix, const char *other)
{
	AUTO_FREE char *partner = partner_of(name, suffix, other);

	if (list_has(names, partner))
		return NULL;
	return error_new(ERR_INVALID, "'%s/%s' has no '%s' beside it", folder, name, partner);
}

static FALLIBLE read_folder(const struct list *names, const char *folder, struct certs *ret)
{
	AUTO(strbuf) struct strbuf authorities = { 0 };

	for (size_t i = 0; i < names->n; i++) {
		const char *name = names->p[i];
		AUTO_FREE char *path = xasprintf("%s/%s", folder, name), *text = NULL;

		if (text_ends(name, ".crt")) {
			TRY(file_read(AT_FDCWD, path, LIMIT_SETTINGS_BYTES, &text, NULL));
			strbuf_addf(&authorities, "%s\n", text);
		} else if (text_ends(name, ".key")) {
			TRY(require_partner(names, folder, name, ".key", ".cert"));
		} else if (text_ends(name, ".cert")) {
			TRY(require_partner(names, folder, name, ".cert", ".key"));
			if (ret->client_cert)
				continue;
			AUTO_FREE char *key = partner_of(path, ".cert", ".key");
			ret->client_cert = TAKE(path);
			ret->client_key = TAKE(key);
		}
	}
	if (authorities.n)
		ret->authorities = strbuf_take(&authorities);
	return NULL;
}

FALLIBLE certs_read(const char *folder, struct certs *ret)
{
	AUTO(certs) struct certs certs = { 0 };
	AUTO(list) struct list names = { 0 };

	if (!list_folder(folder, &names))
		return error_sys("open '%s'", folder);
	TRY(read_folder(&names, folder, &certs));
	*ret = TAKE_VALUE(certs);
	return NULL;
}

FALLIBLE certs_find(const struct list *directories, const char *host, struct certs *ret)
{
	AUTO(certs) struct certs certs = { 0 };

	for (size_t i = 0; i < directories->n; i++) {
		AUTO_FREE char *folder = xasprintf("%s/%s", directories->p[i], host);
		AUTO(list) struct list names = { 0 };

		if (!list_folder(folder, &names))
			continue;
		TRY(read_folder(&names, folder, &certs));
		break;
	}
	*ret = TAKE_VALUE(certs);
	return NULL;
}

/* What follows "HOST=" in the entry, or NULL when it is about another host. */
static const char *value_for(const char *entry, const char *host)
{
	size_t n = strlen(host);

	return strncmp(entry, host, n) == 0 && entry[n] == '=' ? entry + n + 1 : NULL;
}

static FALLIBLE add_authority(const char *path, struct certs *certs)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	TRY(file_read(AT_FDCWD, path, LIMIT_SETTINGS_BYTES, &text, &n));
	if (!memmem(text, n, "-----BEGIN CERTIFICATE-----", 27))
		return error_new(ERR_INVALID, "'%s' holds no certificate in PEM form", path);

	char *both = xasprintf("%s%s\n", certs->authorities ? certs->authorities : "", text);

	free(certs->authorities);
	certs->authorities = both;
	return NULL;
}

/* The bundle of the system, which is trusted anyway, may lie there too. */
static bool is_authority(const char *name)
{
	return (text_ends(name, ".crt") || text_ends(name, ".pem")) &&
	       strcmp(name, "ca-certificates.crt") != 0;
}

void certs_add_paths(const char *file, const char *dirs, struct list *ret)
{
	struct str rest = str_of(dirs), one;

	if (file)
		list_add(ret, file);
	while (rest.n) {
		str_cut(rest, ':', &one, &rest);
		if (one.n && !str_is(one, "/etc/ssl/certs"))
			list_addf(ret, "%.*s", STR_ARG(one));
	}
}

void certs_add_authorities(const struct list *paths, struct certs *certs)
{
	for (size_t i = 0; i < paths->n; i++) {
		AUTO(list) struct list names = { 0 };

		if (!list_folder(paths->p[i], &names))
			error_ignore(add_authority(paths->p[i], certs), "SSL_CERT_FILE");
		for (size_t k = 0; k < names.n; k++) {
			AUTO_FREE char *path = xasprintf("%s/%s", paths->p[i], names.p[k]);

			if (is_authority(names.p[k]))
				error_ignore(add_authority(path, certs), "SSL_CERT_DIR");
		}
	}
}

static FALLIBLE set_client_cert(const char *value, struct certs *certs)
{
	struct str cert, key;

	if (!str_cut(str_of(value), ':', &cert, &key) || !cert.n || !key.n)
		return error_new(ERR_INVALID, "'%s' is not CERT:KEY", value);
	free(certs->client_cert);
	free(certs->client_key);
	certs->client_cert = str_dup(cert);
	certs->client_key = str_dup(key);
	if (access(certs->client_cert, R_OK) != 0)
		return error_sys("read '%s'", certs->client_cert);
	if (access(certs->client_key, R_OK) != 0)
		return error_sys("read '%s'", certs->client_key);
	return NULL;
}

FALLIBLE certs_add(const struct list *authorities, const struct list *client_certs,
		const char *host, struct certs *certs)
{
	for (size_t i = 0; i < authorities->n; i++) {
		const char *path = value_for(authorities->p[i], host);

		if (path)
			TRY(add_authority(path, certs));
	}
	for (size_t i = 0; i < client_certs->n; i++) {
		const char *value = value_for(client_certs->p[i], host);

		if (value)
			TRY(set_client_cert(value, certs));
	}
	return NULL;
}

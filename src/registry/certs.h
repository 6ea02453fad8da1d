/*
 * certs: certificates of one registry, from certs.d/HOST[:PORT]: *.crt are authorities to trust
 * besides the system's, NAME.cert with NAME.key is what we show.
 *
 * Floor: registry.
 * Spec: containers-certs.d(5), docker's /etc/docker/certs.d.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/vec.h"

struct certs {
	char *authorities;              /* PEM texts one behind the other, or NULL */
	char *client_cert, *client_key; /* paths, or NULL */
};

/*
 * The first of the directories that has a folder for the host counts. A .cert without its .key (or
 * the other way round) is ERR_INVALID, as in docker.
 */
FALLIBLE certs_find(const struct list *directories, const char *host, struct certs *ret);
/* What one folder holds. It must be there: ERR_SYS. */
FALLIBLE certs_read(const char *folder, struct certs *ret);
/*
 * What SSL_CERT_FILE (a file) and SSL_CERT_DIR (folders with colons between) name, as OpenSSL and
 * Go read them; the system's own folder is known. Either may be NULL.
 */
void certs_add_paths(const char *file, const char *dirs, struct list *ret);
/*
 * Add authorities from files, and from folders their *.crt and *.pem. What cannot be read or holds
 * none is told at debug level: these come from variables that are for every program.
 */
void certs_add_authorities(const struct list *paths, struct certs *certs);
/*
 * Add what flags say of the host: authorities ("HOST=PATH") besides those of the folder, a client's
 * certificate ("HOST=CERT:KEY") in place of the folder's.
 */
FALLIBLE certs_add(const struct list *authorities, const struct list *client_certs,
		const char *host, struct certs *certs);
void certs_done(struct certs *certs);

DEFINE_AUTO_VALUE(certs)

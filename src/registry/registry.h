/*
 * registry: the distribution spec, as the image floor uses it: manifests, blobs, uploads. What is
 * behind it: http (connections), auth (tokens), creds, mirror (which hosts serve a name), retry.
 *
 * A client is one object per process with a pool of connections. It is thread-safe: several
 * transfers at the same time are the normal case; each call blocks its own thread. Nothing is
 * loaded, read or connected before the first call that needs it.
 *
 * Names are rewritten by mirrors and registries.conf when reading (mirrors in order, then the
 * registry itself) and by registries.conf's location when writing. Temporary failures (429, 5xx,
 * broken connections) are tried again inside. Credentials go to the registry that they belong to
 * and to its token service, never to a host that a redirect or Location names.
 *
 * Errors that callers may branch on: ERR_NOT_FOUND (404), ERR_DENIED (401, 403, blocked by
 * configuration), ERR_HTTP (another status; code), ERR_NETWORK (no answer), ERR_DIGEST (wrong
 * bytes), ERR_LIMIT, ERR_CANCELED.
 *
 * Floor: registry.
 * Spec: OCI distribution-spec v1.1; Docker registry v2 token authentication.
 */
#pragma once
#include "base/auto.h"
#include "base/vec.h"
#include "oci/descriptor.h"
#include "oci/reference.h"
#include "registry/creds.h"
#include "stream/reader.h"
#include "stream/writer.h"
#include "sys/cancel.h"

struct http_client;
struct registry_client;
struct registry_upload;

/*
 * How to reach registries. Everything may be zero or NULL. Borrowed by registry_client_new(), which
 * copies. registry_settings_from_env() fills what comes from the environment; flags are added to
 * it.
 */
struct registry_settings {
	struct creds_settings creds;
	/* --insecure-registry: host[:port] whose TLS is not verified, and that may speak HTTP. */
	struct list insecure_hosts;
	/* BUILD_REGISTRY_SOURCES: hosts that are not asked; and, unless empty, all that are. */
	struct list denied_hosts, allowed_hosts;
	bool tls_verify_off;               /* --tls-verify=false: all hosts are such */
	bool insecure_push, insecure_pull; /* the same for one direction */
	/* More authorities, for all hosts: PEM files and folders of them (SSL_CERT_FILE, _DIR). */
	struct list authorities;
	struct list certificates; /* "HOST[:PORT]=PATH": authorities to trust there, PEM */
	struct list client_certs; /* "HOST[:PORT]=CERT:KEY": what is shown there */
	/* --registry-mirror: "docker.io=HOST[:PORT][/PATH]", tried in order before the registry. */
	struct list mirrors;
	bool mirrors_only;      /* never fall back from those to the registry itself */
	struct list certs_dirs; /* each holds HOST[:PORT]/{*.crt,*.cert,*.key} */
	char *cert_dir;         /* --cert-dir: holds these itself, for every host; or NULL */
	/*
	 * registries.conf files in order of increasing weight; a directory's *.conf in order. The
	 * first is what --registries-conf stands for.
	 */
	struct list registries_confs;
	char *http_proxy, *https_proxy, *no_proxy;
	/*
	 * Soon "/" will be somebody else's (isolation inplace): the system's authorities and
	 * registries.conf as they are now are used to the end, libcurl and OpenSSL are loaded
	 * now, and of certs_dirs those that are there now are read.
	 */
	bool reads_ahead;
	const char *user_agent;      /* NULL: "kiln/VERSION" */
	unsigned connect_timeout_ms; /* 0: 20 s */
	unsigned stall_timeout_ms;   /* 0: 60 s without a byte */
	unsigned retries;            /* tries after the first; 0: 5; REGISTRY_NO_RETRIES: none */
	unsigned retry_base_ms;      /* 0: 500 ms before the second try, doubling, with jitter */
	unsigned retry_delay_ms;     /* before each try, instead of these; 0: none is fixed */
	unsigned retry_after_ms; /* a longer Retry-After is no wait but an end; 0: a minute or so */
	bool silence_ends;       /* who said nothing for stall_timeout_ms is not asked once more */
};

enum { REGISTRY_NO_RETRIES = 0xffff };

/*
 * What the environment says, asked by get (getenv in ui/config; a table in tests): auth files,
 * certs.d and registries.conf of the system and of the user, proxies. *ret's creds borrow what get
 * returned.
 */
void registry_settings_from_env(
		const char *(*get)(const char *name), struct registry_settings *ret);
/*
 * Add what BUILD_REGISTRY_SOURCES says, Buildah's variable: {"insecureRegistries": [HOST, …],
 * "blockedRegistries": …, "allowedRegistries": …}. NULL and "" are nothing.
 */
FALLIBLE registry_settings_use_sources(struct registry_settings *settings, const char *text);
void registry_settings_done(struct registry_settings *settings);
/*
 * --registries-conf, --registries-conf-dir and --short-name-alias-conf (any may be NULL) in the
 * place of the files and folders found. ERR_SYS when one of the first two is not there.
 */
FALLIBLE registry_settings_use_conf(struct registry_settings *settings, const char *file,
		const char *dir, const char *aliases);

/* Cheap; settings are copied; cancel (may be NULL) is borrowed and stops every call. */
struct registry_client *registry_client_new(
		const struct registry_settings *settings, struct cancel *cancel);
void registry_client_free(struct registry_client *client); /* no call may be under way */

/* A manifest or index as it came, its digest checked against the bytes. */
struct registry_manifest {
	char *json; /* NUL-terminated too */
	size_t n;
	char *media_type; /* as the server said or the document states; may be NULL */
	struct digest digest;
};

void registry_manifest_done(struct registry_manifest *manifest);

/*
 * What a name stands for now: media type, digest, size, nothing read (HEAD; GET where a registry
 * does not say the digest). The digest of reference is used when it is known, else its tag.
 */
FALLIBLE registry_resolve(struct registry_client *client, const struct reference *reference,
		struct descriptor *ret);
/*
 * The document itself, at most LIMIT_MANIFEST_BYTES. digest: this one instead of the reference's
 * own (an entry of an index), or NULL. A known digest is always checked (ERR_DIGEST).
 */
FALLIBLE registry_get_manifest(struct registry_client *client, const struct reference *reference,
		const struct digest *digest, struct registry_manifest *ret);

/* The same from the registry that would be written to, never a mirror: to add to what is there. */
FALLIBLE registry_get_own_manifest(struct registry_client *client, const struct reference *to,
		struct registry_manifest *ret);

/*
 * The bytes of a blob of the reference's repository, verified against digest and size while they
 * are read (ERR_DIGEST at the end, ERR_DIGEST at once when there are too many), with ranged resume
 * after a broken connection. The first bytes are awaited here, so that ERR_NOT_FOUND and
 * ERR_DENIED come from this call. blob->urls are not followed.
 */
FALLIBLE registry_open_blob(struct registry_client *client, const struct reference *reference,
		const struct descriptor *blob, struct reader **ret);

/* Whether the repository to push to has it (HEAD). */
FALLIBLE registry_has_blob(struct registry_client *client, const struct reference *to,
		const struct digest *digest, bool *ret);

/*
 * ERR_DIGEST where the registry itself, no mirror, says by HEAD that a blob of "host/repository"
 * has another size. One that does not have it or does not say is no error. Asked once, without
 * patience.
 */
FALLIBLE registry_check_blob_size(struct registry_client *client, const char *repository,
		const struct digest *digest, uint64_t wanted);

/* A blob that can be sent, again if need be. */
struct registry_blob {
	struct digest digest;
	uint64_t size;
	/*
	 * Open the bytes from offset to the end (*ret is taken). Called again after a broken
	 * connection; may refuse an offset > 0 with ERR_UNSUPPORTED, then nothing is resumed.
	 */
	struct error *(*open)(void *user, uint64_t offset, struct reader **ret);
	void *user;
	/* Repositories ("host/repository", any) that may hold it: mounted when on the same host. */
	const char *const *mount_from; /* NULL-terminated, or NULL */
	/* The first of them is known to hold it: mounting is tried before anything is asked. */
	bool is_mountable;
	/* It is hardly there: sent without asking, which costs a repeated one its few bytes. */
	bool is_new;
};

enum registry_put { PUT_EXISTED = 1, PUT_MOUNTED, PUT_UPLOADED };

/*
 * Have the blob in the repository: HEAD, else mount (first, where it is_mountable), else one
 * streamed upload, resumed where it broke. *ret (may be NULL) says what was needed. ERR_DIGEST: it
 * is there, and has another size.
 */
FALLIBLE registry_put_blob(struct registry_client *client, const struct reference *to,
		const struct registry_blob *blob, enum registry_put *ret);
/*
 * Only mount: false when the registry would not. from: "host/repository"; another host gives false
 * without asking.
 */
FALLIBLE registry_mount_blob(struct registry_client *client, const struct reference *to,
		const struct digest *digest, const char *from, bool *ret);

/*
 * Upload bytes while they are made, digest not known yet: everything that source gives (borrowed;
 * read by the thread of the transfer until this returns), which may wait for more. When it breaks
 * (ERR_NETWORK, ERR_HTTP …) bytes that are gone cannot be sent again, so the caller falls back to
 * registry_put_blob() from its own copy. *ret then waits for its name.
 */
FALLIBLE registry_upload_from(struct registry_client *client, const struct reference *to,
		struct reader *source, struct registry_upload **ret);
/* Name the blob (takes upload, also when it fails). */
FALLIBLE registry_upload_finish(struct registry_upload *upload, const struct digest *digest);
/* Abandon: the registry is told to drop it. */
void registry_upload_free(struct registry_upload *upload);

enum registry_name {
	NAME_UNKNOWN = 1, /* it stands for something else, or the registry does not say */
	NAME_FREE,
	NAME_SAME,
};

/*
 * Whether the name to push to stands for exactly these bytes already: one request, asked before any
 * blob is looked at. Unlike registry_resolve() it asks the registry that would be written to, never
 * a mirror, and with the rights that pushing needs, so that one token serves for all.
 */
FALLIBLE registry_has_manifest(struct registry_client *client, const struct reference *to,
		const struct digest *digest, enum registry_name *ret);
/*
 * Put a manifest or index under the reference's tag (or by digest when it has none). With
 * ret_existed, asks first and sends nothing when it is there.
 */
FALLIBLE registry_put_manifest(struct registry_client *client, const struct reference *to,
		const char *media_type, struct str json, bool *ret_existed);

/* Delete by tag or digest as the reference has it; 405 is ERR_UNSUPPORTED. */
FALLIBLE registry_delete_manifest(
		struct registry_client *client, const struct reference *reference);
FALLIBLE registry_delete_blob(struct registry_client *client, const struct reference *reference,
		const struct digest *digest);
/* Added to *ret in the registry's order, pages followed, at most LIMIT_LIST_ENTRIES pages' worth.
 */
FALLIBLE registry_list_tags(struct registry_client *client, const struct reference *reference,
		struct list *ret);
FALLIBLE registry_list_repositories(
		struct registry_client *client, const char *host, struct list *ret);
/*
 * The index of what refers to a manifest (referrers API; the tag sha256-<hex> where a registry has
 * none; an empty index when there is nothing). artifact_type filters, or NULL. Parse it with
 * image_index_parse().
 */
FALLIBLE registry_get_referrers(struct registry_client *client, const struct reference *reference,
		const struct digest *subject, const char *artifact_type,
		struct registry_manifest *ret);

/*
 * Log in: prove the credential to the host (GET /v2/ and its token service), storing nothing.
 * ERR_DENIED when it is refused. creds_store() keeps it.
 */
FALLIBLE registry_check_login(struct registry_client *client, const char *host,
		const struct credential *credential);
/*
 * Whether we may push there, found out before a build: an upload is opened and dropped.
 */
FALLIBLE registry_check_push(struct registry_client *client, const struct reference *to);

/*
 * Candidates for a name without a registry, by registries.conf: the alias alone, else each
 * unqualified-search-registries, else docker.io. Full references as text, in order. ERR_DENIED
 * where short-name-mode is enforcing and there are several.
 */
FALLIBLE registry_short_names(struct registry_client *client, const char *name, struct list *ret);

/* The HTTP client below, for services that are no registry: same proxies, patience and cancel. */
struct http_client *registry_client_http(struct registry_client *client);
/* settings.retry_after_ms, for their retries. */
unsigned registry_client_retry_after_ms(const struct registry_client *client);

/* HTTP requests sent so far (redirects and token requests count), for tests and --debug. */
unsigned long registry_client_requests(const struct registry_client *client);

DEFINE_AUTO_VALUE(registry_settings)
DEFINE_AUTO_VALUE(registry_manifest)
DEFINE_AUTO_PTR(registry_client, registry_client_free)
DEFINE_AUTO_PTR(registry_upload, registry_upload_free)

/*
 * session: what commands work with, opened in the order that it has to be: the user namespace and
 * the sandbox helper before any thread, signals before other threads, then the store and the
 * registry client.
 *
 *	AUTO(session) struct session session = { 0 };
 *	TRY(session_open(call->config, SESSION_STORE, &session));
 *
 * Floor: ui. One for a process.
 */
#pragma once
#include "base/auto.h"
#include "podman/place.h"
#include "sys/cancel.h"
#include "sys/userns.h"
#include "ui/config.h"
#include "ui/interrupt.h"

struct build_options;
struct registry_client;
struct sandbox;
struct sandbox_namespaces;
struct seal_keys;
struct signer;
struct store;
struct trust;

/* What is needed; each brings what it needs itself. */
enum {
	SESSION_STORE = 1 << 0,    /* blobs and rows; trees of layers are out of reach */
	SESSION_REGISTRY = 1 << 1, /* and a token that Ctrl-C sets */
	SESSION_TREES = 1 << 2,    /* the user namespace, so that trees can be read and removed */
	SESSION_SANDBOX = 1 << 3,  /* steps can run */
	SESSION_ONE_STEP = 1 << 4, /* of the sandbox: one step is expected */
	SESSION_FORCE = 1 << 5,    /* in place even in what does not look like a container */
	SESSION_WORKING = 1 << 7,  /* of the sandbox: for a working container, which needs mounts */
	SESSION_NEW_AUTH = 1 << 6, /* of the registry: --authfile need not be there yet */
	SESSION_MAY_MOVE = 1 << 8, /* of the sandbox: session_use_ids() may come */
};

/* Whose ids files and steps have: userns_map(), or userns_join(). All borrowed. */
struct session_ids {
	struct id_maps maps; /* of files; empty: those of join */
	const char *join;    /* the file of a namespace; or NULL */
};

struct session {
	const struct config *config;
	/* Before it is opened: the ids of files and steps; NULL: the usual. */
	const struct session_ids *ids;
	const struct sandbox_namespaces *namespaces; /* and what steps share; NULL: nothing */
	struct cancel *cancel;
	struct interrupt *interrupt;
	struct userns userns; /* with SESSION_TREES */
	struct userns usual;  /* the same without any ids that were asked for */
	struct sandbox *sandbox;
	struct registry_client *registry;
	struct store *store;
	struct trust *trust;           /* with SESSION_STORE or SESSION_REGISTRY */
	struct seal_keys *decryption;  /* as trust; what opens layers, none without both */
	struct signer *signer;         /* with SESSION_REGISTRY; NULL: nothing is to be signed */
	struct podman_settings podman; /* where Podman's store is; texts are the config's */
};

FALLIBLE session_open(const struct config *config, unsigned needs, struct session *ret);
/*
 * With SESSION_TREES: files and steps have these ids, as a working container that was looked up
 * since wants them; NULL: the usual. And steps share these namespaces; NULL: none. With a sandbox
 * once, and not where ids were given before.
 */
FALLIBLE session_use_ids(struct session *session, const struct session_ids *ids,
		const struct sandbox_namespaces *namespaces);
/*
 * What a command needs besides when a name that it was given leads to Podman's store, or may, whose
 * files belong to ids of our user namespace: SESSION_TREES, or 0.
 */
unsigned session_needs_of(const struct config *config, const struct list *names);
/* How long a host is waited for that something can be done without. */
struct patience {
	unsigned connect_ms, answer_ms; /* for a connection; for a sign of life, once */
	unsigned retry_after_ms;        /* the longest wait that it may ask for */
	unsigned retries;               /* 0: as the settings say */
};

/*
 * A registry client of its own, as session->registry. patience may be NULL: as patient as that one.
 * Freed by the caller, before the session.
 */
FALLIBLE session_new_registry(const struct session *session, const struct patience *patience,
		struct registry_client **ret);
/*
 * error_usage when the command line says how to sign and nothing goes to a registry: signatures are
 * nowhere else. Settings of files and the environment are for what does.
 */
FALLIBLE session_check_signing(const struct session *session, bool to_registry);
/* The same for a build. */
FALLIBLE session_check_build_signing(
		const struct session *session, const struct build_options *options);
void session_done(struct session *session);

DEFINE_AUTO_VALUE(session)

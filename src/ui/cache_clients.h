/*
 * cache_clients: the registry clients that a build's caches are read and written by.
 *
 *	AUTO(cache_clients) struct cache_clients clients = { 0 };
 *	TRY(cache_clients_open(&session, patience_ms, &clients, &options));
 *
 * A build can do without a cache, so these wait less than the session's own.
 *
 * Floor: ui.
 */
#pragma once
#include "build/build.h"
#include "ui/session.h"

enum { CACHE_PATIENCE_MS = 10 * 1000 }; /* where nobody says how long */

struct cache_clients {
	struct registry_client *reader, *writer;
};

/*
 * None where options name no cache. A home has patience_ms to answer when it is read, six times as
 * long when it is written, where a server may have a layer to look through before it answers.
 */
FALLIBLE cache_clients_open(const struct session *session, unsigned patience_ms,
		struct cache_clients *ret, struct build_options *options);
void cache_clients_done(struct cache_clients *clients);

DEFINE_AUTO_VALUE(cache_clients)

#include "ui/cache_clients.h"

#include "cache/spec.h"
#include "registry/registry.h"

enum { WRITER_TIMES = 6, WRITER_LEAST_MS = 10 * 1000 };

static bool has_some(const struct cache_specs *specs)
{
	return specs && specs->n;
}

FALLIBLE cache_clients_open(const struct session *session, unsigned patience_ms,
		struct cache_clients *ret, struct build_options *options)
{
	const unsigned writer_ms = patience_ms * WRITER_TIMES > WRITER_LEAST_MS
						   ? patience_ms * WRITER_TIMES
						   : WRITER_LEAST_MS;
	const struct patience reader = { patience_ms, patience_ms, patience_ms, 1 };
	const struct patience writer = { patience_ms, writer_ms, writer_ms, 0 };

	if (has_some(options->cache_from) || has_some(options->cache_to))
		TRY(session_new_registry(session, &reader, &ret->reader));
	if (has_some(options->cache_to))
		TRY(session_new_registry(session, &writer, &ret->writer));
	options->cache_reader = ret->reader;
	options->cache_writer = ret->writer;
	return NULL;
}

void cache_clients_done(struct cache_clients *clients)
{
	registry_client_free(clients->reader);
	registry_client_free(clients->writer);
}

/*
 * mirror: which hosts are asked for a name, in which order: the mirrors of --registry-mirror, those
 * of registries.conf, then the registry itself (as registries.conf rewrites it).
 *
 * Floor: registry (pure).
 */
#pragma once
#include "oci/reference.h"
#include "registry/registries_conf.h"

/* One place to ask. */
struct endpoint {
	char *host;       /* to connect to: "registry-1.docker.io" */
	char *repository; /* there */
	char *creds_host; /* whose credentials are used: "docker.io" */
	bool is_insecure; /* TLS need not be verified, and HTTP is fine */
	bool is_mirror;
};

struct endpoints {
	struct endpoint *p;
	size_t n, capacity;
};

struct mirror_rules {
	const struct registries_conf *conf;
	const struct list *mirrors; /* "PREFIX=[http://]HOST[/PATH]" */
	bool mirrors_only;
	const struct list *insecure_hosts;
	const struct list *denied_hosts, *allowed_hosts; /* by the name's host; or NULL */
	bool all_insecure;
};

/* ERR_DENIED when the name is blocked; ERR_INVALID when a rule makes no name. */
FALLIBLE mirror_endpoints(const struct mirror_rules *rules, const struct reference *reference,
		bool for_writing, struct endpoints *ret);
void endpoint_done(struct endpoint *endpoint);
void endpoint_copy(const struct endpoint *from, struct endpoint *ret);
void endpoints_done(struct endpoints *endpoints);
/* A host alone (login, catalog). */
FALLIBLE mirror_host(const struct mirror_rules *rules, const char *host, struct endpoint *ret);
bool host_is_listed(const struct list *hosts, const char *host);

DEFINE_AUTO_VALUE(endpoint)
DEFINE_AUTO_VALUE(endpoints)

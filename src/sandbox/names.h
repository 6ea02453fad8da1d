/*
 * names: what a step's /etc/resolv.conf and /etc/hosts say.
 *
 * Floor: sandbox (pure).
 */
#pragma once
#include "base/strbuf.h"
#include "sandbox/sandbox.h"

/*
 * host is the host's resolv.conf ("" when it has none). In a private network, nameservers of the
 * loopback range cannot be reached and are left out; where none is left, fallback (an address, or
 * NULL) is named, as Docker does. Explicit step->dns replaces the nameservers, dns_search and
 * dns_options their lines.
 */
void names_resolv(const char *host, const struct sandbox_step *step, const char *fallback,
		struct strbuf *out);
/*
 * localhost, the step's own name, and step->hosts. A step with own_name has a line for both of its
 * names, so that the host's is its full name, too.
 */
void names_hosts(const struct sandbox_step *step, const char *hostname, struct strbuf *out);

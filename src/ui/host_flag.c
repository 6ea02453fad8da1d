#include "ui/host_flag.h"
#include "base/auto.h"
#include "base/xalloc.h"
#include "ui/options.h"

#include <arpa/inet.h>
#include <string.h>

static bool is_address(struct str text)
{
	AUTO_FREE char *copy = str_dup(text);
	struct in6_addr address;

	return inet_pton(AF_INET, copy, &address) == 1 || inet_pton(AF_INET6, copy, &address) == 1;
}

FALLIBLE host_flag_parse(const char *text, struct str *ret_name, struct str *ret_address)
{
	size_t at = strcspn(text, "=:");
	struct str address = str_of(text[at] ? text + at + 1 : "");

	if (str_starts(address, "[") && str_ends(address, "]"))
		address = str_slice(address, 1, address.n - 1);
	if (str_is(address, "host-gateway"))
		address = STR("127.0.0.1");
	if (!at || !address.n)
		return error_usage("option '--add-host': '%s' is not NAME:ADDRESS", text);
	if (!is_address(address))
		return error_usage("option '--add-host': '%.*s' is no IP address", (int)address.n,
				address.p);
	*ret_name = (struct str){ text, at };
	*ret_address = address;
	return NULL;
}

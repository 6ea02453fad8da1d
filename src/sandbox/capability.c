#include "sandbox/capability.h"
#include "base/auto.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "sandbox/defaults.h"

#include <cap-ng.h>
#include <ctype.h>

FALLIBLE capability_parse(const char *name, uint64_t *ret)
{
	AUTO_FREE char *lower = xstrdup(name);

	for (char *p = lower; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	if (text_equal(lower, "all")) {
		*ret = UINT64_MAX;
		return NULL;
	}
	int number = capng_name_to_capability(text_starts(lower, "cap_") ? lower + 4 : lower);
	if (number < 0 || number > 63)
		return error_hint(error_new(ERR_INVALID, "unknown capability '%s'", name),
				"capabilities(7) lists them: CAP_NET_ADMIN, CAP_SYS_PTRACE …");
	*ret = UINT64_C(1) << number;
	return NULL;
}

void capability_names(uint64_t bits, struct list *out)
{
	if (bits == UINT64_MAX) {
		list_add(out, "all");
		return;
	}
	for (unsigned number = 0; number < 64; number++) {
		const char *name = bits >> number & 1 ? capng_capability_to_name(number) : NULL;

		if (name)
			list_add(out, name);
	}
}

const char *capability_default_name(unsigned i)
{
	static _Thread_local char name[64];
	uint64_t bits = default_capabilities();

	for (unsigned number = 0; number < 64; number++) {
		if (!(bits >> number & 1) || i-- != 0)
			continue;
		const char *plain = capng_capability_to_name(number);

		(void)snprintf(name, sizeof(name), "CAP_%s", plain ? plain : "?");
		for (char *p = name; *p; p++)
			*p = (char)toupper((unsigned char)*p);
		return name;
	}
	return NULL;
}

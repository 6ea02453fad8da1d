#include "sys/private.h"

#include <sys/prctl.h>
#include <sys/resource.h>

void private_begin(void)
{
	const struct rlimit none = { 0, 0 };

	/* Neither can fail for a process that only gives something up. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
}

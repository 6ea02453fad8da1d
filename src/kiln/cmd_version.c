#include "kiln/commands.h"

#include <stdio.h>

static struct error *run(const struct invocation *call)
{
	(void)printf("%s %s\n", call->program, KILN_VERSION);
	return NULL;
}

const struct command cmd_version = {
	.name = "version",
	.summary = "Print kiln's version",
	.run = run,
};

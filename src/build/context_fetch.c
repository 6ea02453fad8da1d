#include "build/context_fetch.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "build/fetch_file.h"

FALLIBLE context_fetch_http(const struct context_input *input, struct context *context)
{
	AUTO(fetched_file) struct fetched_file file = { .fd = -1 };

	TRY_WRAP(fetch_file(input->sources, input->path, &file), "fetch %s", context->name);
	TRY_WRAP(context_unpack(context, input->sources, reader_from_fd(TAKE_FD(file.fd))),
			"open %s '%s'", context->name, context->path);
	if (context->dockerfile)
		context->dockerfile_name = xstrdup(context->path);
	return NULL;
}

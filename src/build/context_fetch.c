#include "build/context_fetch.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "build/fetch_file.h"
#include "build/git.h"

static FALLIBLE fetch_git(const struct context_input *input, struct context *context)
{
	AUTO(git_url) struct git_url url = { 0 };
	AUTO(git) struct git git = { 0 };

	TRY(git_url_parse(input->path, &url));
	TRY(git_find(input->sources, &url, NULL, &git));
	TRY(git_check_out(&git, input->keep_git_dir || url.keep_git_dir == TRISTATE_YES,
			&context->dir_fd));
	context->fd = context->dir_fd;
	context->is_inside = true;
	context->scratch = TAKE_VALUE(git.scratch);
	context->vcs_source = xstrdup(url.remote);
	context->vcs_revision = TAKE(git.commit);
	context->vcs_ref = git.ref ? TAKE(git.ref) : xstrdup(url.ref);
	context->time = git.time;
	return NULL;
}

FALLIBLE context_fetch_git(const struct context_input *input, struct context *context)
{
	TRY_WRAP(fetch_git(input, context), "fetch %s", context->name);
	return NULL;
}

FALLIBLE context_fetch_dockerfile(const struct context_input *input, struct context *context)
{
	TRY_WRAP(fetch_text(input->sources, input->dockerfile, LIMIT_DOCKERFILE_BYTES,
				 &context->dockerfile, &context->dockerfile_bytes),
			"fetch the Dockerfile '%s'", context->dockerfile_name);
	return NULL;
}

FALLIBLE context_fetch_http(const struct context_input *input, struct context *context)
{
	AUTO(fetched_file) struct fetched_file file = { .fd = -1 };

	TRY_WRAP(fetch_file(input->sources, input->path, &file), "fetch %s", context->name);
	context->digest = file.download.digest;
	TRY_WRAP(context_unpack(context, input->sources, reader_from_fd(TAKE_FD(file.fd))),
			"open %s '%s'", context->name, context->path);
	if (fetch_time(&file.download) > 0)
		context->time = fetch_time(&file.download);
	if (context->dockerfile)
		context->dockerfile_name = xstrdup(context->path);
	return NULL;
}

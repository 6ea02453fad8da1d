#include "verbs/verbs.h"
#include "verbs/work.h"

#include "base/str.h"
#include "base/xalloc.h"

#include <stdio.h>

struct rm_opts {
	bool all;
};

#define OPTS rm_opts
static const struct option rm_options[] = {
	OPT_FLAG('a', "all", all, "every container"),
	OPT_END,
};
#undef OPTS

/* What is mounted of it goes first; a directory that we made for that with it. */
static FALLIBLE remove_one(struct work *work, const char *name)
{
	AUTO(container) struct container *container = NULL;

	TRY(container_open(work->session.store, name, work->session.cancel, &container));
	if (container->mount_point && working_is_mounted(work->host_fd, container->mount_point))
		TRY(working_unmount(work->host_fd, container->mount_point, true));
	TRY(container_remove(container));
	(void)printf("%s\n", container->id);
	return NULL;
}

static FALLIBLE remove_named(struct work *work, const char *name)
{
	TRY_WRAP(remove_one(work, name), "removing container \"%s\"", name);
	return NULL;
}

static struct error *run_rm(const struct invocation *call)
{
	const struct rm_opts *opts = call->opts;
	AUTO(work) struct work work = WORK_INIT;
	AUTO(container_set) struct container_set set = { 0 };
	struct error *last = NULL;

	if (opts->all && call->args->n)
		return error_usage("when using the --all switch, you may not pass any containers "
				   "names or IDs");
	if (!opts->all && !call->args->n)
		return error_usage("container ID must be specified");
	TRY(work_open(call, WORK_FILES, &work));
	if (opts->all)
		TRY(container_all(work.session.store, &set));
	for (size_t i = 0; i < set.n; i++)
		work_go_on(&last, remove_named(&work, set.p[i]->id));
	/* One that is not there does not keep the others. */
	for (size_t i = 0; i < call->args->n; i++)
		work_go_on(&last, remove_named(&work, call->args->p[i]));
	return last;
}

const struct command cmd_rm = {
	.name = "rm",
	.alias = "delete",
	.args = "CONTAINER...",
	.summary = "Remove working containers",
	.options = rm_options,
	.opts_size = sizeof(struct rm_opts),
	.max_args = ARGS_ANY,
	.run = run_rm,
};

static struct error *run_rename(const struct invocation *call)
{
	AUTO(work) struct work work = WORK_INIT;
	AUTO(container) struct container *container = NULL;
	const char *name = call->args->p[0], *wanted = call->args->p[1];

	TRY(container_check_name(wanted));
	TRY(work_open(call, WORK_ROWS, &work));
	TRY_WRAP(container_open(work.session.store, name, work.session.cancel, &container),
			"reading build container \"%s\"", name);
	if (text_equal(container->name, wanted))
		return error_new(ERR_INVALID, "renaming a container with the same name as its "
					      "current name");
	free(container->name);
	container->name = xstrdup(wanted);
	return container_save(container);
}

const struct command cmd_rename = {
	.name = "rename",
	.args = "CONTAINER NAME",
	.summary = "Give a working container another name",
	.min_args = 2,
	.max_args = 2,
	.run = run_rename,
};

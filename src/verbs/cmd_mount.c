#include "verbs/verbs.h"
#include "verbs/work.h"

#include "base/str.h"
#include "base/xalloc.h"
#include "oci/json.h"
#include "sys/fd.h"
#include "ui/plain_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct mount_opts {
	bool json, no_truncate;
};

#define OPTS mount_opts
static const struct option mount_options[] = {
	OPT_FLAG(0, "json", json, "as JSON"),
	OPT_FLAG(0, "notruncate", no_truncate, "taken: nothing is cut", .is_hidden = true),
	OPT_END,
};
#undef OPTS

struct umount_opts {
	bool all;
};

#define OPTS umount_opts
static const struct option umount_options[] = {
	OPT_FLAG('a', "all", all, "every container that is mounted"),
	OPT_END,
};
#undef OPTS

/* A row of what is printed. */
struct lines {
	bool has_names;
	json_t *array;
	struct strbuf text;
};

static void add_line(struct lines *lines, const struct container *container, const char *name)
{
	json_array_append_new(lines->array, json_pack("{s:s, s:s}", "container", name, "mountPoint",
							    container->mount_point));
	if (lines->has_names)
		strbuf_addf(&lines->text, "%s ", name);
	strbuf_addf(&lines->text, "%s\n", container->mount_point);
}

static void print_lines(const struct lines *lines, bool as_json)
{
	AUTO_FREE char *json = plain_text_of_json(lines->array, 4);

	(void)fputs(as_json ? json : strbuf_text(&lines->text), stdout);
	if (as_json)
		(void)fputs("\n", stdout);
}

/*
 * Ours to mount on: of root's own namespace, or of one that 'unshare' made. Anybody else's mount
 * would be gone, unseen, when we end.
 */
static FALLIBLE check_rights(const struct work *work)
{
	if (work->session.userns.mode == USERNS_ROOT && work->session.userns.outer_uid == 0)
		return NULL;
	return error_hint(error_new(ERR_UNSUPPORTED, "cannot mount using driver overlay in "
						     "rootless mode"),
			"run it in a '%s unshare' session", work->call->program);
}

/* "containers/<id>/merged" below the store: nobody but its owner passes the store's root. */
static FALLIBLE make_point(const struct work *work, char **ret)
{
	const struct container *container = work->container;
	AUTO_FREE char *path = xasprintf(
			"%s/containers/%s/merged", store_root(work->session.store), container->id);

	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		return error_sys("make '%s'", path);
	*ret = TAKE(path);
	return NULL;
}

static FALLIBLE mount_one(struct work *work, const char *name, struct lines *lines)
{
	AUTO_FREE char *path = NULL;

	TRY(work_take(work, name, false));
	const char *point = work->container->mount_point;
	if (!point || !working_is_mounted(work->host_fd, point)) {
		TRY(make_point(work, &path));
		TRY(working_mount(work->working, work->host_fd, path));
	}
	add_line(lines, work->container, name);
	return work_release(work);
}

static FALLIBLE mount_named(struct work *work, const char *name, struct lines *lines)
{
	struct error *error = mount_one(work, name, lines);

	if (error)
		error = error_first(error, work_release(work));
	TRY_WRAP(error, "mounting container \"%s\"", name);
	return NULL;
}

static FALLIBLE list_mounted(struct work *work, struct lines *lines)
{
	AUTO(container_set) struct container_set set = { 0 };

	TRY(container_all(work->session.store, &set));
	for (size_t i = 0; i < set.n; i++) {
		const struct container *one = set.p[i];

		if (one->mount_point && working_is_mounted(work->host_fd, one->mount_point))
			add_line(lines, one, one->name);
	}
	return NULL;
}

static struct error *run_mount(const struct invocation *call)
{
	const struct mount_opts *opts = call->opts;
	AUTO(work) struct work work = WORK_INIT;
	struct lines lines = { .has_names = call->args->n != 1, .array = json_array() };
	struct error *error = work_open(call, call->args->n ? WORK_FILES : WORK_ROWS, &work);

	if (!error && call->args->n == 0)
		error = list_mounted(&work, &lines);
	else if (!error)
		error = check_rights(&work);
	bool is_able = !error;
	for (size_t i = 0; is_able && i < call->args->n; i++)
		work_go_on(&error, mount_named(&work, call->args->p[i], &lines));
	print_lines(&lines, opts->json && !error);
	json_decref(lines.array);
	strbuf_done(&lines.text);
	return error;
}

const struct command cmd_mount = {
	.name = "mount",
	.args = "[CONTAINER...]",
	.summary = "Mount working containers, and print where",
	.description = "Without a container, lists those that are mounted. Ordinary users mount in "
		       "a "
		       "session that 'unshare' begins.",
	.options = mount_options,
	.opts_size = sizeof(struct mount_opts),
	.max_args = ARGS_ANY,
	.run = run_mount,
};

static FALLIBLE umount_one(struct work *work, const char *name, bool needs_mount)
{
	AUTO(container) struct container *container = NULL;

	TRY(container_open(work->session.store, name, work->session.cancel, &container));
	const char *point = container->mount_point;
	bool is_mounted = point && working_is_mounted(work->host_fd, point);
	if (!is_mounted && needs_mount)
		return error_new(ERR_INVALID, "container is not mounted");
	if (is_mounted) {
		TRY(working_unmount(work->host_fd, point, true));
		(void)printf("%s\n", container->id);
	}
	free(TAKE(container->mount_point));
	return container_save(container);
}

static FALLIBLE umount_named(struct work *work, const char *name, bool needs_mount)
{
	TRY_WRAP(umount_one(work, name, needs_mount), "unmounting container %s", name);
	return NULL;
}

static struct error *run_umount(const struct invocation *call)
{
	const struct umount_opts *opts = call->opts;
	AUTO(work) struct work work = WORK_INIT;
	AUTO(container_set) struct container_set set = { 0 };
	struct error *last = NULL;

	if (opts->all && call->args->n)
		return error_usage(
				"when using the --all switch, you may not pass any container IDs");
	if (!opts->all && !call->args->n)
		return error_usage("at least one container ID must be specified");
	TRY(work_open(call, WORK_FILES, &work));
	if (opts->all)
		TRY(container_all(work.session.store, &set));
	for (size_t i = 0; i < set.n; i++)
		if (set.p[i]->mount_point)
			work_go_on(&last, umount_named(&work, set.p[i]->id, false));
	/* Buildah passes over what is not mounted. */
	bool needs_mount = !text_equal(call->program, "buildah");
	for (size_t i = 0; i < call->args->n; i++)
		work_go_on(&last, umount_named(&work, call->args->p[i], needs_mount));
	return last;
}

const struct command cmd_umount = {
	.name = "umount",
	.alias = "unmount",
	.args = "CONTAINER...",
	.summary = "Unmount working containers",
	.options = umount_options,
	.opts_size = sizeof(struct umount_opts),
	.max_args = ARGS_ANY,
	.run = run_umount,
};

#include "build/enter.h"
#include "base/limits.h"
#include "build/enter_inner.h"
#include "build/enter_options.h"
#include "graph/plan.h"
#include "sandbox/sandbox.h"
#include "store/layers.h"
#include "stream/pool.h"
#include "sys/fd.h"
#include "sys/path.h"
#include "sys/rootfs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const json_t *source_of(const struct entrance *entrance)
{
	return entrance->step == SIZE_MAX ? NULL : entrance->past.sources.p[entrance->step];
}

static void add_texts(const json_t *array, struct list *ret)
{
	json_t *item = NULL;
	size_t i = 0;

	json_array_foreach(array, i, item)
	{
		const char *text = json_string_value(item);

		if (text && strchr(text, '='))
			list_add(ret, text);
	}
}

/* A RUN's own environment; around other steps, what the stage's image says. */
static void fill_environment(struct entrance *entrance)
{
	const json_t *record = json_object_get(source_of(entrance), "record");
	const json_t *stages = json_object_get(entrance->past.document, "stages");
	const json_t *env = json_object_get(record, "env");

	if (!json_array_size(env))
		env = json_object_get(source_of(entrance), "env");
	if (!json_array_size(env))
		env = json_object_get(json_array_get(stages, entrance->stage), "env");
	add_texts(env, &entrance->env);
	if (!list_env_get(&entrance->env, "PATH"))
		list_env_set(&entrance->env, "PATH", PLAN_DEFAULT_PATH);
	if (!list_env_get(&entrance->env, "HOME"))
		list_env_set(&entrance->env, "HOME",
				entrance->user.home ? entrance->user.home : "/");
}

static FALLIBLE fill_user(struct entrance *entrance)
{
	const json_t *source = source_of(entrance);
	const char *user = past_text(source, "user"), *workdir = past_text(source, "workdir");
	struct stat st;

	TRY_WRAP(user_lookup(entrance->view_fd, user ? user : "", &entrance->user), "USER %s",
			user ? user : "");
	entrance->workdir = xstrdup(workdir ? workdir : "/");
	struct error *error = rootfs_stat(entrance->view_fd, entrance->workdir, &st);
	/* The step itself would have made it. */
	if (error || !S_ISDIR(st.st_mode)) {
		error_ignore(error, "no working directory yet");
		free(entrance->workdir);
		entrance->workdir = xstrdup("/");
	}
	return NULL;
}

static void tell_place(struct entrance *entrance)
{
	const struct explained *told = &entrance->past.told;
	const struct explained_stage *stage = &told->stages.p[entrance->stage];

	strbuf_addf(&entrance->text, "build %s", told->id);
	if (entrance->step == SIZE_MAX) {
		strbuf_addf(&entrance->text, ", stage %s", stage->name);
		return;
	}
	const struct explained_step *step = &told->steps.p[entrance->step];
	strbuf_addf(&entrance->text, ", %s [%s %zu/%zu] %s",
			entrance->is_where_failed ? "where it failed:"
			: entrance->is_after      ? "after"
						  : "before",
			stage->name, step->number, stage->count, step->name);
}

FALLIBLE enter_open(const struct build_options *options, const struct enter_wish *wish,
		struct entrance **ret)
{
	AUTO(entrance) struct entrance *entrance = xcalloc(1, sizeof(*entrance));

	entrance->options = options;
	entrance->view_fd = entrance->layers.layers_fd = -1;
	if (userns_is_bare(options->userns->mode))
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "steps cannot be entered with this isolation: "
						  "nothing can be mounted"),
				"'kiln doctor' says what is missing for a better one");
	entrance->pool = pool_new(0);
	layer_set_init(&entrance->layers, options, entrance->pool);
	TRY(layer_set_open(&entrance->layers));
	TRY(enter_find(entrance, wish));
	tell_place(entrance);
	enter_options_tell(json_object_get(source_of(entrance), "record"), &entrance->text);
	TRY(platform_parse(str_of(entrance->past.told.platform), &entrance->platform));
	TRY(enter_stack(entrance));
	if (!entrance->stack.n)
		return error_hint(error_new(ERR_INVALID, "%s: there are no files yet",
						  strbuf_text(&entrance->text)),
				"enter a later step: '--step N', or '--after'");
	TRY(stack_need_dirs(&entrance->layers, &entrance->stack, 0));
	TRY(stack_view(&entrance->layers, &entrance->stack, &entrance->view_fd));
	TRY(fill_user(entrance));
	TRY(enter_mounts(entrance));
	fill_environment(entrance);
	*ret = TAKE(entrance);
	return NULL;
}

const char *entrance_text(const struct entrance *entrance)
{
	return strbuf_text(&entrance->text);
}

/* bash where there is one: it is for people. */
static FALLIBLE find_shell(const struct entrance *entrance, const char **ret)
{
	static const char *const shells[] = { "/bin/bash", "/usr/bin/bash", "/bin/sh",
		"/usr/bin/sh", "/bin/ash", "/busybox/sh" };

	for (size_t i = 0; i < COUNT(shells); i++) {
		struct stat st;
		struct error *error = rootfs_stat(entrance->view_fd, shells[i], &st);

		if (!error && (st.st_mode & 0111)) {
			*ret = shells[i];
			return NULL;
		}
		error_ignore(error, "another shell then");
	}
	return error_hint(error_new(ERR_NOT_FOUND, "there is no shell in these files"),
			"give a program that is there: '-- PROGRAM ARGUMENT'");
}

/* NULL-terminated; its texts are borrowed. What mounts bring (secrets, an agent) wins. New. */
static const char **environment(const struct entrance *entrance)
{
	static const struct list none = { 0 };
	const struct step_mounts *mounts = entrance->run.mounts;
	const struct list *quiet = mounts ? &mounts->env : &none;
	const char **env = xcalloc(entrance->env.n + quiet->n + 1, sizeof(*env));
	size_t n = 0;

	for (size_t i = 0; i < entrance->env.n; i++) {
		const char *text = entrance->env.p[i];
		AUTO_FREE char *name = xstrndup(text, strcspn(text, "="));

		if (!list_env_get(quiet, name))
			env[n++] = text;
	}
	for (size_t i = 0; i < quiet->n; i++)
		env[n++] = quiet->p[i];
	return env;
}

static FALLIBLE run_in(struct entrance *entrance, const struct layer_draft *draft,
		const char *const *argv, const int fds[3], bool has_terminal, int *ret_status)
{
	const struct build_options *options = entrance->options;
	const json_t *record = json_object_get(source_of(entrance), "record");
	const char *network = past_text(record, "network");
	AUTO(enter_options) struct enter_options told = { 0 };
	AUTO_FREE struct mount_dir *layers = NULL;
	AUTO_FREE const char **env = environment(entrance);
	AUTO_FD int draft_fd = -1, work_fd = -1;
	struct sandbox_result result = { 0 };
	struct owner root;
	size_t n_layers = 0;

	TRY(file_open(store_dir_fd(options->store), draft->dir, O_PATH | O_DIRECTORY, 0,
			&draft_fd));
	TRY(file_open(draft_fd, path_name(draft->work), O_RDONLY | O_DIRECTORY, 0, &work_fd));
	TRY(stack_root_owner(&entrance->layers, &entrance->stack, &root));
	TRY(owner_set_fd(&options->userns->owner, draft->tree_fd, &root));
	TRY(owner_set_fd(&options->userns->owner, work_fd, &root));
	layers = stack_mount_dirs(&entrance->layers, &entrance->stack, &n_layers);
	struct sandbox_step step = {
		.layers = layers,
		.n_layers = n_layers,
		.upper = { draft_fd, path_name(draft->tree) },
		.work = { draft_fd, path_name(draft->work) },
		.is_volatile = true,
		.argv = argv,
		.env = env,
		.cwd = entrance->workdir,
		.uid = entrance->user.uid,
		.gid = entrance->user.gid,
		.groups = entrance->user.groups,
		.n_groups = entrance->user.n_groups,
		.network = text_equal(network, "none")      ? SANDBOX_NET_NONE
			   : text_equal(network, "private") ? SANDBOX_NET_PRIVATE
							    : SANDBOX_NET_HOST,
		.mounts = entrance->ready.p,
		.n_mounts = entrance->ready.n,
		.has_terminal = has_terminal,
		.stdin_fd = fds[0],
		.stdout_fd = fds[1],
		.stderr_fd = fds[2],
	};
	TRY_WRAP(enter_options_apply(record, &told, &step), "the record of the step");
	TRY(sandbox_run(options->sandbox, &step, options->cancel, &result));
	*ret_status = result.status;
	return NULL;
}

FALLIBLE enter_run(struct entrance *entrance, const char *const *argv, const int fds[3],
		bool has_terminal, int *ret_status)
{
	AUTO(layer_draft) struct layer_draft draft = { 0 };
	const char *shell[2] = { NULL, NULL };

	if (!argv)
		TRY(find_shell(entrance, &shell[0]));
	TRY(layer_begin(entrance->options->store, &draft));
	return run_in(entrance, &draft, argv ? argv : shell, fds, has_terminal, ret_status);
}

void entrance_free(struct entrance *entrance)
{
	if (!entrance)
		return;
	enter_mounts_done(entrance);
	if (entrance->view_fd >= 0)
		(void)close(entrance->view_fd);
	user_done(&entrance->user);
	list_done(&entrance->env);
	free(entrance->workdir);
	strbuf_done(&entrance->text);
	stack_done(&entrance->stack);
	layer_set_done(&entrance->layers);
	for (size_t i = 0; i < entrance->images.n; i++)
		image_free(entrance->images.p[i]);
	vec_done(&entrance->images);
	pool_free(entrance->pool);
	past_done(&entrance->past);
	free(entrance);
}

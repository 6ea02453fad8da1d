/*
 * The mounts of a RUN that is entered.
 *
 * - tmpfs, secret, ssh: as the step has them (mounts_prepare). A secret or an agent that was not
 *   given to the shell itself is left out.
 * - cache: what it holds now, under a directory for writes: a shell is for looking, and later
 *   builds do not find what was tried there.
 * - bind of stages and images: their layers; of a context: its folder as it is now.
 *
 * What cannot be had is told and left out: the rest may be all that is needed.
 */
#include "base/limits.h"
#include "build/enter_inner.h"
#include "build/key_agent.h"
#include "store/cache_mount.h"
#include "sys/fd.h"
#include "sys/idmount.h"
#include "sys/rootfs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static struct shown_mount *show(struct entrance *entrance)
{
	struct shown_mount *shown = vec_add(&entrance->shown);

	*shown = (struct shown_mount){
		.source_fd = -1, .draft = { .tree_fd = -1 }, .draft_fd = -1
	};
	return shown;
}

static bool is_set(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

/* The history is ours, and a file all the same. */
static FALLIBLE read_type(const json_t *mount, enum mount_type *ret)
{
	static const enum mount_type types[] = { MOUNT_BIND, MOUNT_TMPFS, MOUNT_CACHE, MOUNT_SECRET,
		MOUNT_SSH };
	const char *name = past_text(mount, "type");

	for (size_t i = 0; i < COUNT(types); i++) {
		if (!text_equal(name, mount_type_name(types[i])))
			continue;
		*ret = types[i];
		bool has_target = past_text(mount, "target") != NULL;
		bool may_lack = *ret == MOUNT_SECRET || *ret == MOUNT_SSH;
		if ((has_target || may_lack) && past_text(mount, "source"))
			return NULL;
	}
	return error_new(ERR_INVALID, "the history does not say what it was");
}

/* --- as the step has it --- */

static bool is_given(const struct build_options *options, enum mount_type type, const char *id)
{
	if (type == MOUNT_SSH) {
		for (size_t i = 0; i < options->agent_count; i++)
			if (text_equal(options->agents[i].id, id))
				return true;
		return false;
	}
	for (size_t i = 0; i < options->secret_count; i++)
		if (text_equal(options->secrets[i].id, id) && options->secrets[i].content)
			return true;
	return false;
}

static void plan(struct entrance *entrance, const json_t *mount, enum mount_type type)
{
	const char *id = past_text(mount, "id");
	const struct run_mount as = { .type = type,
		.id = id ? id : "",
		.env = past_text(mount, "env"),
		.is_read_only = is_set(mount, "read_only"),
		.no_exec = is_set(mount, "no_exec"),
		.takes_over = is_set(mount, "takes_over"),
		.has_uid = is_set(mount, "has_uid"),
		.has_gid = is_set(mount, "has_gid"),
		.has_tmpfs_mode = is_set(mount, "has_tmpfs_mode"),
		.mode = (uint32_t)past_number(mount, "mode"),
		.uid = (uint32_t)past_number(mount, "uid"),
		.gid = (uint32_t)past_number(mount, "gid"),
		.size = past_number(mount, "size") };
	const struct plan_mount planned = { .as = as,
		.target = past_text(mount, "target"),
		.source = "",
		.origin = { .kind = ORIGIN_NONE } };

	if (type == MOUNT_TMPFS || is_given(entrance->options, type, as.id))
		vec_push(&entrance->planned, planned);
	else
		strbuf_addf(&entrance->text, "; without its %s '%s', which --%s gives",
				type == MOUNT_SSH ? "agent" : "secret", as.id,
				mount_type_name(type));
}

/* --- directories under one for writes --- */

/*
 * A directory, or a file alone, which nothing can be written beside: that is read-only. root: the
 * directory's owner and mode.
 */
static FALLIBLE show_fd(struct entrance *entrance, struct shown_mount *shown, const json_t *mount,
		const struct owner *root)
{
	struct sandbox_mount out = { .kind = SANDBOX_BIND,
		.target = past_text(mount, "target"),
		.read_only = true,
		.source = { shown->source_fd, NULL } };

	if (S_ISDIR(root->mode) && !is_set(mount, "read_only")) {
		shown->layers = xcalloc(1, sizeof(*shown->layers));
		shown->layers[0] = out.source;
		out.kind = SANDBOX_LAYERS;
		out.read_only = false;
		out.layers = shown->layers;
		out.n_layers = 1;
		TRY(mount_scratch(entrance->options, root, &shown->draft, &shown->draft_fd, &out));
	}
	mounts_add_ready(&entrance->ready, &out);
	return NULL;
}

static void show_nothing(struct entrance *entrance, const json_t *mount)
{
	uint32_t mode = (uint32_t)past_number(mount, "mode");
	const struct sandbox_mount out = { .kind = SANDBOX_TMPFS,
		.target = past_text(mount, "target"),
		.mode = mode ? mode : 0755 };

	mounts_add_ready(&entrance->ready, &out);
}

/*
 * It is locked only while it is looked for: a build that wants it for itself need not wait for
 * people.
 */
static FALLIBLE show_cache(struct entrance *entrance, const json_t *mount)
{
	const char *path = past_text(mount, "cache"), *source = past_text(mount, "source");
	AUTO(cache_mount) struct cache_mount held = { .tree_fd = -1 };
	struct owner root = { 0 };
	struct stat st;
	bool is_part = source[0] &&
		       text_equal(past_text(json_object_get(mount, "origin"), "kind"), "none");

	if (!path || !text_starts(path, "mounts/") || strchr(path + strlen("mounts/"), '/'))
		return error_new(ERR_INVALID, "the history does not say which it was");
	struct error *error = cache_mount_take(entrance->options->store, path,
			past_text(mount, "id"), false, false, NULL, &held);
	if (error_is(error, ERR_BUSY)) {
		error_free(error);
		return error_new(ERR_BUSY, "a step has it for itself");
	}
	TRY(error);
	if (held.tree_fd < 0) {
		strbuf_addf(&entrance->text,
				"; its cache mount at '%s' is not there any more: empty",
				past_text(mount, "target"));
		show_nothing(entrance, mount);
		return NULL;
	}
	struct shown_mount *shown = show(entrance);
	TRY(rootfs_open(held.tree_fd, is_part ? source : ".", O_RDONLY | O_DIRECTORY, 0,
			&shown->source_fd));
	if (fstat(shown->source_fd, &st) != 0)
		return error_sys("look at a cache mount");
	TRY(owner_get_fd(&entrance->options->userns->owner, shown->source_fd, &st, &root));
	return show_fd(entrance, shown, mount, &root);
}

static FALLIBLE show_folder(struct entrance *entrance, const json_t *mount, const char *folder)
{
	const struct userns *userns = entrance->options->userns;
	const char *source = past_text(mount, "source");
	struct shown_mount *shown = NULL;
	AUTO_FD int folder_fd = -1, fd = -1;
	struct stat st;

	if (!folder)
		return error_new(ERR_NOT_FOUND, "its context was not a folder of this machine");
	TRY(file_open(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0, &folder_fd));
	TRY(rootfs_open(folder_fd, source[0] ? source : ".", O_PATH, 0, &fd));
	shown = show(entrance);
	if (userns->owner.kind == OWNER_SHIFTED)
		TRY(idmount_clone(fd, NULL, &(struct id_maps){ userns->uids, userns->gids },
				IDMOUNT_OUT, &shown->source_fd));
	else
		shown->source_fd = TAKE_FD(fd);
	if (fstat(shown->source_fd, &st) != 0)
		return error_sys("look at the context");
	strbuf_addf(&entrance->text, "; '%s' is the context as it is now",
			past_text(mount, "target"));
	/* What a context brings is root's. */
	return show_fd(entrance, shown, mount, &(struct owner){ .mode = st.st_mode });
}

static FALLIBLE fill_stack(struct entrance *entrance, const json_t *origin, struct stack *to)
{
	const struct explained *told = &entrance->past.told;
	const char *name = past_text(origin, "name");

	if (!text_equal(past_text(origin, "kind"), "stage"))
		return enter_push_image(entrance, name, past_text(origin, "digest"), to);
	for (size_t i = 0; i < told->stages.n; i++)
		if (text_equal(told->stages.p[i].name, name))
			return enter_push_stage(entrance, i, to);
	return error_new(ERR_INVALID, "the history has no stage '%s'", name);
}

static FALLIBLE show_stack(struct entrance *entrance, const json_t *mount, const json_t *origin)
{
	struct shown_mount *shown = show(entrance);
	const char *source = past_text(mount, "source");
	struct sandbox_mount out = { .kind = SANDBOX_LAYERS,
		.target = past_text(mount, "target"),
		.read_only = is_set(mount, "read_only"),
		.subpath = source[0] ? source : NULL };
	struct owner root;

	TRY(fill_stack(entrance, origin, &shown->stack));
	if (!shown->stack.n) {
		show_nothing(entrance, mount);
		return NULL;
	}
	TRY(stack_need_dirs(&entrance->layers, &shown->stack, 0));
	out.layers = shown->layers =
			stack_mount_dirs(&entrance->layers, &shown->stack, &out.n_layers);
	if (!out.read_only) {
		TRY(stack_root_owner(&entrance->layers, &shown->stack, &root));
		TRY(mount_scratch(entrance->options, &root, &shown->draft, &shown->draft_fd, &out));
	}
	mounts_add_ready(&entrance->ready, &out);
	return NULL;
}

static FALLIBLE show_bind(struct entrance *entrance, const json_t *mount)
{
	const json_t *origin = json_object_get(mount, "origin");
	const char *kind = past_text(origin, "kind"), *name = past_text(origin, "name");

	if (text_equal(kind, "context"))
		return show_folder(entrance, mount, name);
	if (text_equal(kind, "none")) {
		show_nothing(entrance, mount);
		return NULL;
	}
	return name ? show_stack(entrance, mount, origin)
		    : error_new(ERR_INVALID, "the history does not say what it showed");
}

static FALLIBLE enter_mount(struct entrance *entrance, const json_t *mount)
{
	enum mount_type type = 0;

	TRY(read_type(mount, &type));
	switch (type) {
	case MOUNT_BIND:
		return show_bind(entrance, mount);
	case MOUNT_CACHE:
		return show_cache(entrance, mount);
	case MOUNT_TMPFS:
	case MOUNT_SECRET:
	case MOUNT_SSH:
		break;
	}
	plan(entrance, mount, type);
	return NULL;
}

/* Takes why. Builds of an earlier kiln wrote down the target alone. */
static void tell_missing(struct entrance *entrance, const json_t *mount, struct error *why)
{
	AUTO(strbuf) struct strbuf text = { 0 };
	const char *target = json_is_string(mount) ? json_string_value(mount)
						   : past_text(mount, "target");

	error_text(why, &text);
	strbuf_addf(&entrance->text, "; without its mount at '%s': %s", target ? target : "?",
			strbuf_text(&text));
	error_free(why);
}

static FALLIBLE prepare(struct entrance *entrance)
{
	entrance->plan = (struct plan_step){ .kind = STEP_RUN,
		.run = { .mounts = entrance->planned.p, .mount_count = entrance->planned.n } };
	entrance->run.step = &entrance->plan;
	entrance->build.options = entrance->options;
	TRY(key_agents_start(entrance->options, &entrance->build.key_agents));
	TRY(mounts_prepare(&entrance->build, &entrance->run, &entrance->user));
	const struct step_mounts *mounts = entrance->run.mounts;
	for (size_t i = 0; mounts && i < mounts->ready.n; i++)
		mounts_add_ready(&entrance->ready, &mounts->ready.p[i]);
	return NULL;
}

FALLIBLE enter_mounts(struct entrance *entrance)
{
	const json_t *source = entrance->step == SIZE_MAX
					       ? NULL
					       : entrance->past.sources.p[entrance->step];
	json_t *mount = NULL;
	size_t i = 0;

	json_array_foreach(json_object_get(source, "mounts"), i, mount)
	{
		if (i >= LIMIT_STEP_MOUNTS)
			break;
		struct error *error = enter_mount(entrance, mount);

		if (error_is(error, ERR_CANCELED))
			return error;
		if (error)
			tell_missing(entrance, mount, error);
	}
	return prepare(entrance);
}

void enter_mounts_done(struct entrance *entrance)
{
	if (entrance->run.mounts)
		mounts_release(&entrance->run);
	step_mounts_free(entrance->run.mounts);
	key_agents_stop(entrance->build.key_agents, entrance->options->agent_count);
	for (size_t i = 0; i < entrance->shown.n; i++) {
		struct shown_mount *shown = &entrance->shown.p[i];

		stack_done(&shown->stack);
		free(shown->layers);
		layer_draft_done(&shown->draft);
		if (shown->source_fd >= 0)
			(void)close(shown->source_fd);
		if (shown->draft_fd >= 0)
			(void)close(shown->draft_fd);
	}
	vec_done(&entrance->shown);
	vec_done(&entrance->ready);
	vec_done(&entrance->planned);
}

/*
 * Opening a working container for work. A struct build is made around it, so that what the steps of
 * a Dockerfile use (stack, selection, placing) serves here as it is.
 */
#include "build/working.h"
#include "build/key_agent.h"
#include "build/mount_travel.h"
#include "build/working_inner.h"
#include "container/maps.h"
#include "stream/codec.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static FALLIBLE open_base(struct working *working)
{
	const struct container *container = working->container;
	const struct platform *platform = &container->config.platform;
	const struct image_homes homes = { working->with.store, working->with.registry, platform,
		working->with.cancel };
	char text[DIGEST_TEXT];

	if (!digest_known(&container->manifest))
		return NULL;
	AUTO_FREE char *name = xasprintf("store:%s",
			digest_text(digest_known(&container->image) ? &container->image
								    : &container->manifest,
					text));
	TRY_WRAP(image_open(&homes, name, PULL_NEVER, &working->base), "image of container \"%s\"",
			container->name);
	stack_of_image(&working->build.layers, working->base, &working->stack);
	return NULL;
}

static FALLIBLE add_sealed(struct working *working)
{
	const struct list *layers = &working->container->layers;

	for (size_t i = 0; i < layers->n; i++) {
		AUTO(layer_record) struct layer_record record = { 0 };

		TRY_WRAP(layer_get(working->with.store, layers->p[i], NULL, &record),
				"a layer of container \"%s\"", working->container->name);
		stack_push(&working->stack,
				layer_from_record(&working->build.layers, &record, false));
	}
	return NULL;
}

/* Two containers of one command have the same ids: those that the command has taken on. */
static FALLIBLE check_maps(const struct working *working)
{
	const struct userns *userns = working->with.userns;
	const struct container *container = working->container;
	bool is_mapped = userns->owner.kind == OWNER_MAPPED;
	struct id_maps maps;

	TRY(container_maps(container, &maps));
	if (is_mapped ? idmap_equal(&maps.uids, &userns->owner.maps.uids) &&
							idmap_equal(&maps.gids,
									&userns->owner.maps.gids)
		      : !maps.uids.n)
		return NULL;
	return error_hint(error_new(ERR_UNSUPPORTED,
					  "container \"%s\" has other ids (--userns-uid-map)",
					  container->name),
			"use 'copy --from', or commit it and show the image");
}

static FALLIBLE open_all(struct working *working)
{
	const struct container *container = working->container;

	if (container->is_foreign)
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "container \"%s\" was made by another kind of "
						  "user",
						  container->name),
				"use it as the user, with the --isolation and the first ids in "
				"/etc/subuid and /etc/subgid, that made it; or remove it");
	if (userns_is_bare(working->with.userns->mode))
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "working containers need mounts, which are not "
						  "allowed here"),
				"'kiln build' works here; 'kiln doctor' tells what is missing");
	TRY(check_maps(working));
	working->build.pool = pool_new(0);
	TRY(layer_set_open(&working->build.layers));
	working->build.layers.pool = working->build.pool;
	TRY(container_open_dir(working->with.store, container->id, &working->dir_fd));
	TRY(file_open(working->dir_fd, "upper", O_RDONLY | O_DIRECTORY, 0, &working->upper_fd));
	TRY(open_base(working));
	return add_sealed(working);
}

FALLIBLE working_open(
		const struct working_with *with, struct container *container, struct working **ret)
{
	AUTO(working) struct working *working = xcalloc(1, sizeof(*working));

	working->with = *with;
	working->container = container;
	working->dir_fd = working->upper_fd = working->build.empty_fd = -1;
	working->own_dir_fd = working->own_upper_fd = -1;
	working->draft.tree_fd = -1;
	working->options = (struct build_options){
		.format = container->format,
		.compression = COMPRESSION_NONE,
		.compression_level = CODEC_LEVEL_DEFAULT,
		.store = with->store,
		.registry = with->registry,
		.trust = with->trust,
		.decryption = with->decryption,
		.sandbox = with->sandbox,
		.userns = with->userns,
		.progress = with->progress,
		.cancel = with->cancel,
	};
	working->build.options = &working->options;
	working->build.sources = (struct sources){ with->store, with->registry,
		with->source_environment, with->cancel, NULL, 0 };
	working->build.platform = container->config.platform;
	(void)pthread_mutex_init(&working->build.travel.lock, NULL);
	layer_set_init(&working->build.layers, &working->options, NULL);
	TRY(open_all(working));
	*ret = TAKE(working);
	return NULL;
}

void working_free(struct working *working)
{
	if (!working)
		return;
	working_layer_end(working);
	stack_done(&working->stack);
	layer_set_done(&working->build.layers);
	image_free(working->base);
	pool_free(working->build.pool);
	key_agents_stop(working->build.key_agents, working->options.agent_count);
	mount_travel_done(&working->build.travel);
	if (working->upper_fd >= 0)
		(void)close(working->upper_fd);
	if (working->dir_fd >= 0)
		(void)close(working->dir_fd);
	free(working);
}

/* An overlay shows the root of its upper. */
FALLIBLE working_begin(struct working *working)
{
	struct container *container = working->container;
	struct owner root;

	if (container->is_begun || working->own_dir_fd >= 0)
		return NULL;
	TRY(stack_root_owner(&working->build.layers, &working->stack, &root));
	TRY(owner_set_fd(&working->with.userns->owner, working->upper_fd, &root));
	container->is_begun = true;
	return container_save(container);
}

FALLIBLE working_prepare(struct working *working)
{
	TRY(stack_need_dirs(&working->build.layers, &working->stack, 0));
	return working_begin(working);
}

static FALLIBLE set_aside(struct working *working, const char *name)
{
	AUTO_FREE char *old = xasprintf("%s.old", name);

	if (renameat(working->dir_fd, name, working->dir_fd, old) == 0 || errno == ENOENT)
		return NULL;
	/* Somebody was killed before it was dropped, or another file system's rules. */
	TRY(file_remove_tree(working->dir_fd, old));
	return file_remove_tree(working->dir_fd, name);
}

void working_drop_old(struct working *working, const char *name)
{
	AUTO_FREE char *old = xasprintf("%s.old", name);

	error_ignore(file_remove_tree(working->dir_fd, old), "the next one tries again");
}

FALLIBLE working_fresh_work(struct working *working, const char *name, int *ret_fd)
{
	struct owner root;

	TRY(stack_root_owner(&working->build.layers, &working->stack, &root));
	TRY(set_aside(working, name));
	if (mkdirat(working->dir_fd, name, 0755) != 0)
		return error_sys("make the work directory of a container");
	TRY(file_open(working->dir_fd, name, O_RDONLY | O_DIRECTORY, 0, ret_fd));
	return owner_set_fd(&working->with.userns->owner, *ret_fd, &root);
}

struct mount_dir *working_dirs(const struct working *working, bool with_upper, size_t *ret_n)
{
	AUTO_FREE struct mount_dir *below =
			stack_mount_dirs(&working->build.layers, &working->stack, ret_n);
	struct mount_dir *dirs = xcalloc(*ret_n + 1, sizeof(*dirs));

	if (with_upper)
		dirs[0] = (struct mount_dir){ working->dir_fd, "upper" };
	if (*ret_n)
		memcpy(dirs + with_upper, below, *ret_n * sizeof(*dirs));
	*ret_n += with_upper;
	return dirs;
}

FALLIBLE working_view(struct working *working, int *ret_fd)
{
	size_t n = 0;

	TRY(working_prepare(working));
	AUTO_FREE struct mount_dir *dirs = working_dirs(working, true, &n);
	return mount_overlay_ro(dirs, n, ret_fd);
}

FALLIBLE working_merge(struct working *working, int *ret_fd)
{
	AUTO_FD int work_fd = -1;
	size_t n = 0;

	TRY(working_prepare(working));
	if (!working->stack.n)
		return file_open(working->dir_fd, "upper", O_RDONLY | O_DIRECTORY, 0, ret_fd);
	TRY(working_fresh_work(working, "work", &work_fd));
	working_drop_old(working, "work");
	AUTO_FREE struct mount_dir *dirs = working_dirs(working, false, &n);
	struct mount_overlay overlay = {
		.lower = dirs,
		.n = n,
		.upper_fd = working->upper_fd,
		.work_fd = work_fd,
		.is_volatile = true,
	};
	return mount_overlay(&overlay, ret_fd);
}

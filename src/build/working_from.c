#include "build/working_from.h"
#include "build/working_inner.h"

struct working_from {
	struct working *other; /* of the container */
	struct image *image;
	struct stack stack;
	struct mount_dir *dirs;
	size_t n;
};

void working_from_free(struct working_from *from)
{
	if (!from)
		return;
	free(from->dirs);
	stack_done(&from->stack);
	image_free(from->image);
	working_free(from->other);
	free(from);
}

static FALLIBLE open_image(struct working *working, const char *name, struct working_from *from)
{
	const struct image_homes homes = { working->with.store, working->with.registry,
		&working->container->config.platform, working->with.cancel, NULL,
		working->with.trust, working->with.short_names, .podman = working->with.podman,
		.decryption = working->with.decryption };
	struct layer_set *layers = &working->build.layers;

	TRY_WRAP(image_open(&homes, name, PULL_MISSING, &from->image), "image '%s'", name);
	stack_of_image(layers, from->image, &from->stack);
	TRY(stack_need_dirs(layers, &from->stack, 0));
	from->dirs = stack_mount_dirs(layers, &from->stack, &from->n);
	return NULL;
}

FALLIBLE working_from_open(struct working *working, struct container *container, const char *image,
		struct working_from **ret)
{
	AUTO(working_from) struct working_from *from = xcalloc(1, sizeof(*from));

	if (container) {
		TRY(working_open(&working->with, container, &from->other));
		TRY(working_prepare(from->other));
		from->dirs = working_dirs(from->other, true, &from->n);
	} else {
		TRY(open_image(working, image, from));
	}
	*ret = TAKE(from);
	return NULL;
}

const struct mount_dir *working_from_layers(const struct working_from *from, size_t *ret_n)
{
	*ret_n = from->n;
	return from->dirs;
}

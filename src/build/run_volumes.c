#include "build/run_volumes.h"
#include "base/xalloc.h"
#include "build/mounts.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void run_volumes_done(struct run_volumes *volumes)
{
	for (size_t i = 0; i < volumes->n; i++) {
		layer_draft_done(&volumes->p[i].draft);
		if (volumes->p[i].fd >= 0)
			(void)close(volumes->p[i].fd);
	}
	free(volumes->p);
	*volumes = (struct run_volumes){ 0 };
}

FALLIBLE run_volumes_open(struct build *build, const struct stack *stack,
		const struct mount_dir *layers, size_t n_layers, const struct texts *paths,
		struct sandbox_mount *mounts, struct run_volumes *ret)
{
	struct owner root = { 0 };

	if (!paths->n)
		return NULL;
	if (userns_is_bare(build->options->userns->mode))
		return error_hint(error_new(ERR_UNSUPPORTED,
						  "volumes cannot be kept from a step with this "
						  "isolation: nothing can be mounted"),
				"leave --compat-volumes away, or see 'kiln doctor' for what is "
				"missing");
	ret->p = xcalloc(paths->n, sizeof(*ret->p));
	for (; ret->n < paths->n; ret->n++)
		ret->p[ret->n] = (struct run_volume){ { .tree_fd = -1 }, -1 };
	if (n_layers)
		TRY(stack_root_owner(&build->layers, stack, &root));
	for (size_t i = 0; i < paths->n; i++) {
		mounts[i] = (struct sandbox_mount){
			.kind = n_layers ? SANDBOX_LAYERS : SANDBOX_TMPFS,
			.target = paths->p[i],
			.has_set_id = true,
			.layers = layers,
			.n_layers = n_layers,
			.subpath = paths->p[i],
			.may_lack = true,
			.mode = 0755,
		};
		if (n_layers)
			TRY(mount_scratch(build->options, &root, &ret->p[i].draft, &ret->p[i].fd,
					&mounts[i]));
	}
	return NULL;
}

/*
 * What 'kiln shell' has to know of a RUN's mounts to show them again: what the flags said,
 * expanded, and where that was. No content of a secret, and no way to one.
 */
#include "build/history_inner.h"
#include "build/mounts.h"

#include <stdlib.h>

/* A directory of the user's, which may still be there; not what was unpacked for the build. */
static char *folder_of(const struct build *build, const struct plan_origin *origin)
{
	const struct context *context = origin_context(build, origin);

	return context && context->digests ? realpath(context->path, NULL) : NULL;
}

/* Stage, image or folder; nothing for what is in the store under a name of its own. */
static json_t *origin_json(struct build *build, const struct plan_origin *origin)
{
	AUTO_FREE char *folder = NULL;
	char digest[DIGEST_TEXT];

	switch (origin->kind) {
	case ORIGIN_CONTEXT:
		folder = folder_of(build, origin);
		return json_pack("{s:s, s:s?}", "kind", "context", "name", folder);
	case ORIGIN_STAGE:
		return json_pack("{s:s, s:s}", "kind", "stage", "name", origin->stage->name);
	case ORIGIN_IMAGE:
		return json_pack("{s:s, s:s, s:s}", "kind", "image", "name", origin->image->name,
				"digest", digest_text(&origin->image->image->digest, digest));
	case ORIGIN_NONE:
		break;
	}
	return json_pack("{s:s}", "kind", "none");
}

static json_t *mount_json(struct build *build, const struct plan_mount *mount)
{
	const struct run_mount *as = &mount->as;
	AUTO_FREE char *cache = as->type == MOUNT_CACHE ? mount_cache_path(build, mount) : NULL;

	return json_pack("{s:s, s:s?, s:s, s:o, s:s?, s:s?, s:s?, s:b, s:b, s:b, s:b, s:b, s:b, "
			 "s:b, "
			 "s:I, s:I, s:I, s:I}",
			"type", mount_type_name(as->type), "target", mount->target, "source",
			mount->source, "origin", origin_json(build, &mount->origin), "id", as->id,
			"env", as->env, "cache", cache, "read_only", as->is_read_only, "required",
			as->is_required, "no_exec", as->no_exec, "takes_over", as->takes_over,
			"has_uid", as->has_uid, "has_gid", as->has_gid, "has_tmpfs_mode",
			as->has_tmpfs_mode, "mode", (json_int_t)as->mode, "uid",
			(json_int_t)as->uid, "gid", (json_int_t)as->gid, "size",
			(json_int_t)as->size);
}

json_t *history_mounts(struct build *build, const struct plan_step *step)
{
	json_t *array = json_array();

	for (size_t i = 0; step->kind == STEP_RUN && i < step->run.mount_count; i++) {
		json_t *mount = mount_json(build, &step->run.mounts[i]);

		/* A name that is no text: nobody can be told of it. */
		if (mount)
			json_array_append_new(array, mount);
	}
	return array;
}

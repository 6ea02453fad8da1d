/*
 * RUN --mount: values expanded, names looked up, paths made absolute, so that whoever runs the step
 * needs no scope. A tmpfs, cache or secret reads nothing of the plan; a bind reads the context, a
 * stage or an image, and so may a cache.
 */
#include "graph/lower.h"
#include "sys/path.h"

#include <string.h>

static struct error *mount_error(const struct run_mount *mount, const char *what, const char *value)
{
	return error_at(error_new(ERR_INVALID, "--mount of type %s: %s '%s'",
					mount_type_name(mount->type), what, value),
			mount->at);
}

/* The lexical form: "..", which could only climb, ends at the root. */
static const char *below_root(struct lower *lower, const char *path)
{
	AUTO_FREE char *clean = path_clean(str_of(path));

	return arena_text(lower->arena, clean);
}

static FALLIBLE mount_origin(
		struct lower *lower, const struct run_mount *as, struct plan_origin *ret)
{
	if (!as->from) {
		ret->kind = as->type == MOUNT_BIND ? ORIGIN_CONTEXT : ORIGIN_NONE;
		return NULL;
	}
	if (strcmp(as->from, "scratch") == 0) {
		ret->kind = ORIGIN_NONE;
		return NULL;
	}
	return lower_origin(lower, as->from, as->at, ret);
}

static FALLIBLE lower_mount(struct lower *lower, struct lowered *stage, const struct flag *flag,
		struct plan_mount *ret)
{
	struct expansion expansion = { lower, &stage->scope, flag->at, NULL };
	struct words_env env = scope_env(&expansion, 0);
	struct run_mount *as = &ret->as;

	TRY(run_mount_parse(lower->arena, flag, &env, as));
	if (as->from)
		TRY(lower_name(lower, NULL, flag, true, &as->from));
	TRY(mount_origin(lower, as, &ret->origin));
	if (as->target) {
		ret->target = lower_path(lower->arena, stage->workdir, as->target);
		if (strcmp(ret->target, "/") == 0)
			return error_hint(mount_error(as, "it cannot be mounted on", as->target),
					"give a target below the root");
	}
	ret->source = below_root(lower, as->source ? as->source : "");
	if (as->type == MOUNT_SECRET && as->id[0] == '\0')
		return mount_error(as, "the id is empty in", flag->value);
	return NULL;
}

FALLIBLE lower_mounts(struct lower *lower, struct lowered *stage, const struct instruction *in,
		struct plan_run *run)
{
	const struct list *told = lower->input->run_mounts;
	size_t own = in->run.mount_count, more = told ? told->n : 0;
	struct plan_mount *mounts = arena_array(lower->arena, own + more, sizeof(*mounts));

	if (own + more > LIMIT_STEP_MOUNTS)
		return error_at(error_new(ERR_LIMIT,
						"a RUN with %zu mounts; at most %d are allowed",
						own + more, LIMIT_STEP_MOUNTS),
				in->at);
	for (size_t i = 0; i < own; i++)
		TRY(lower_mount(lower, stage, in->run.mounts[i], &mounts[i]));
	for (size_t i = 0; i < more; i++) {
		const struct flag flag = { "mount", told->p[i],
			arena_printf(lower->arena, "--mount=%s", told->p[i]), in->at };

		TRY(lower_mount(lower, stage, &flag, &mounts[own + i]));
	}
	run->mounts = mounts;
	run->mount_count = own + more;
	return NULL;
}

/*
 * Stages that wait for others without reading them: FROM --after=STAGE, and, where the caller wants
 * that, a base that is a file. Buildah's users let one stage write an archive (into a volume) and
 * stand another on it.
 */
#include "base/map.h"
#include "graph/lower.h"

#include <string.h>

static FALLIBLE find(struct lower *lower, const struct stage *reader, const char *name,
		const struct stage **ret)
{
	struct error *error = stage_find(lower->input->file, name, ret);

	if (error)
		return error;
	/* The last of a name that is above. */
	if (*ret && (*ret)->index >= reader->index) {
		const struct stage *above = stage_by_name(lower->input->file, name, reader->index);

		if (above)
			*ret = above;
	}
	if (!*ret) {
		const char *near = stage_suggest(lower->input->file, name);

		error = error_new(ERR_NOT_FOUND, "FROM --after: stage '%s' not found", name);
		return near ? error_hint(error, "did you mean '%s'?", near) : error;
	}
	if ((*ret)->index >= reader->index)
		return error_new(ERR_INVALID, "FROM --after: cannot depend on later stage '%s'",
				name);
	return NULL;
}

FALLIBLE lower_after(struct lower *lower, const struct stage *stage, const struct stage **ret)
{
	const struct flag *after = stage->from->from.after;
	const char *name = NULL;

	*ret = NULL;
	if (!after)
		return NULL;
	TRY(scope_word(lower, &lower->globals, after->value, after->at, &name));
	struct error *error = find(lower, stage, name, ret);
	if (error)
		return error_at(error, after->at);
	lower->stages[stage->index].after = *ret;
	return NULL;
}

static bool is_file(const char *name)
{
	static const char *const transports[] = {
		"oci:", "oci-archive:", "docker-archive:", "dir:", "rootfs:"
	};

	for (size_t i = 0; i < COUNT(transports); i++)
		if (text_starts(name, transports[i]))
			return true;
	return false;
}

struct plan_image *lower_base_image(struct lower *lower, const struct stage *stage,
		const char *name, const struct platform *platform)
{
	struct lowered *lowered = &lower->stages[stage->index];
	bool is_after_all = lower->input->files_are_late && stage->index && is_file(name);

	lowered->out->is_after_all = is_after_all;
	if (!lowered->after && !is_after_all)
		return lower_image(lower, name, platform, stage->from->from.image_at);
	return lower_late_image(
			lower, name, platform, stage->from->from.image_at, stage->index + 1);
}

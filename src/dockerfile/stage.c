#include "dockerfile/stage.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/nearest.h"
#include "base/vec.h"

#include <strings.h>

static FALLIBLE no_stage_error(const struct dockerfile *file)
{
	const struct source_range start = { file->name, 1, 1, 1, 1 };

	if (!file->instruction_count)
		return error_at(error_new(ERR_INVALID, "file with no instructions"), start);
	return error_hint(error_at(error_new(ERR_INVALID, "dockerfile contains no stages to build"),
					  file->instructions[file->instruction_count - 1].at),
			"start with FROM IMAGE, or FROM scratch");
}

/* Before the first FROM only ARG may stand. */
static FALLIBLE count_globals(struct dockerfile *file)
{
	size_t i = 0;

	for (; i < file->instruction_count; i++) {
		const struct instruction *instruction = &file->instructions[i];

		if (instruction->kind == INSTRUCTION_FROM)
			break;
		if (instruction->kind != INSTRUCTION_ARG)
			return error_hint(
					error_at(error_new(ERR_INVALID,
								 "no build stage in current "
								 "context: "
								 "%s stands before the first FROM",
								 instruction_name(
										 instruction->kind)),
							instruction->at),
					"only ARG may stand before FROM");
	}
	file->global_count = i;
	return i == file->instruction_count ? no_stage_error(file) : NULL;
}

/* The last stage so far of that name, in any case. */
static struct stage *look_up(const struct dockerfile *file, const char *name)
{
	AUTO_FREE char *folded = xstrdup(name);

	for (char *p = folded; *p; p++)
		*p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
	return map_get(file->stage_names, folded);
}

/* One walk with one map, so that ten thousand stages are quick. */
static void link_names(struct dockerfile *file, struct stage *stages, size_t count)
{
	file->stage_names = map_new(NULL);
	for (size_t i = 0; i < count; i++) {
		const struct from *from = &stages[i].from->from;

		stages[i].base = look_up(file, from->image);
		if (!from->name)
			continue;
		stages[i].hides = look_up(file, from->name);
		map_set(file->stage_names, from->name, &stages[i]);
	}
}

FALLIBLE stages_init(struct dockerfile *file)
{
	VEC(struct stage) stages = { 0 };

	TRY(count_globals(file));
	for (size_t i = file->global_count; i < file->instruction_count; i++) {
		const struct instruction *instruction = &file->instructions[i];

		if (instruction->kind != INSTRUCTION_FROM && stages.n) {
			stages.p[stages.n - 1].instruction_count++;
			continue;
		}
		if (stages.n == LIMIT_STAGES) {
			vec_done(&stages);
			return error_at(error_new(ERR_LIMIT, "more than %d stages", LIMIT_STAGES),
					instruction->at);
		}
		vec_push(&stages, ((struct stage){ .index = stages.n,
						  .from = instruction,
						  .instructions = instruction + 1 }));
	}
	link_names(file, stages.p, stages.n);
	file->stages = stages.p;
	file->stage_count = stages.n;
	return NULL;
}

const struct stage *stage_by_name(const struct dockerfile *file, const char *name, size_t before)
{
	const struct stage *stage = look_up(file, name);

	while (stage && stage->index >= before)
		stage = stage->hides;
	return stage;
}

FALLIBLE stage_find(const struct dockerfile *file, const char *name, const struct stage **ret)
{
	uint64_t number = 0;

	*ret = stage_by_name(file, name, file->stage_count);
	if (*ret || !*name || strspn(name, "0123456789") != strlen(name))
		return NULL;
	struct error *error = parse_u64(str_of(name), file->stage_count - 1, &number);
	if (error) {
		error_free(error);
		return error_new(ERR_NOT_FOUND, "no stage '%s': the last one is %zu", name,
				file->stage_count - 1);
	}
	*ret = &file->stages[number];
	return NULL;
}

const char *stage_suggest(const struct dockerfile *file, const char *name)
{
	VEC(const char *) names = { 0 };

	for (size_t i = 0; i < file->stage_count; i++)
		if (file->stages[i].from->from.name)
			vec_push(&names, file->stages[i].from->from.name);
	const char *nearest = text_nearest(name, names.p, names.n);
	vec_done(&names);
	return nearest;
}

bool stage_name_is_reserved(const char *name)
{
	return strcasecmp(name, "scratch") == 0 || strcasecmp(name, "context") == 0;
}

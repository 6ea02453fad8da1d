#include "build/instructions.h"

#include "base/str.h"
#include "dockerfile/stage.h"

#include <ctype.h>
#include <string.h>

/* What a stage does, in its order: triggers of its base, then its own instructions. */
struct telling {
	struct build *build;
	struct stage_run *run;
	struct progress_place place;
	size_t next_step;
};

static void tell(struct telling *telling, const char *text, unsigned vertex)
{
	telling->place.number++;
	progress_instruction(telling->build->options->progress, &telling->place, text, vertex);
}

/* A step is needed only where its stage is run. */
static unsigned take_step(struct telling *telling)
{
	return telling->run->steps[telling->next_step++].vertex;
}

/* What a base hands on stands elsewhere: in no file, or above the stage. */
static bool is_trigger(const struct stage_run *run, const struct plan_step *step)
{
	const struct source_range *from = &run->stage->at;

	return !text_equal(step->at.file, from->file) || step->at.line < from->line;
}

/* "RUN make", the keyword in upper case whoever wrote it; of a heredoc its first line. */
static void add_text(const struct instruction *instruction, struct strbuf *out)
{
	size_t keyword = strlen(instruction->keyword);

	for (size_t i = 0; i < keyword; i++)
		strbuf_add_char(out, (char)toupper((unsigned char)instruction->keyword[i]));
	strbuf_add(out, instruction->original + keyword);
	for (size_t i = 0; i < instruction->heredoc_count; i++) {
		struct str body = str_trim(str_of(instruction->heredocs[i].content)), first, rest;

		(void)str_cut(body, '\n', &first, &rest);
		strbuf_addf(out, " (%.*s%s)", STR_ARG(first), rest.n ? "..." : "");
	}
}

/* What FROM names, with what its variables are; an image that stands in for it by its own name. */
static const char *base_name(const struct plan_stage *stage, const struct from *from)
{
	if (stage->base.kind == ORIGIN_IMAGE)
		return stage->base.image->name;
	return stage->base.kind == ORIGIN_STAGE && strchr(from->image, '$')
			       ? stage->base.stage->name
			       : from->image;
}

static void add_from(
		const struct plan_stage *stage, const struct instruction *from, struct strbuf *out)
{
	struct str rest = str_trim(str_of(from->original));

	for (bool is_first = true; rest.n; is_first = false) {
		size_t n = 0;

		while (n < rest.n && !isspace((unsigned char)rest.p[n]))
			n++;
		struct str word = str_slice(rest, 0, n);
		strbuf_add(out, is_first ? "" : " ");
		if (is_first || str_is_nocase(word, "as"))
			strbuf_add(out, is_first ? "FROM" : "AS");
		else if (str_is(word, from->from.image))
			strbuf_add(out, base_name(stage, &from->from));
		else
			strbuf_add_str(out, word);
		rest = str_trim(str_slice(rest, n, rest.n));
	}
}

static void tell_instruction(struct telling *telling, const struct instruction *instruction)
{
	const struct plan_stage *stage = telling->run->stage;
	AUTO(strbuf) struct strbuf text = { 0 };
	unsigned vertex = 0;

	add_text(instruction, &text);
	if (telling->next_step < stage->step_count) {
		const struct source_range *at = &stage->steps[telling->next_step].at;

		if (at->line == instruction->at.line && at->column == instruction->at.column)
			vertex = take_step(telling);
	}
	tell(telling, strbuf_text(&text), vertex);
}

static void tell_stage(struct build *build, struct stage_run *run, size_t stages)
{
	const struct stage *stage = &build->file->stages[run->stage->index];
	struct telling telling = { build, run, { 0 }, 0 };
	size_t triggers = 0;

	while (triggers < run->stage->step_count && is_trigger(run, &run->stage->steps[triggers]))
		triggers++;
	telling.place = (struct progress_place){ .stage = (unsigned)stage->index + 1,
		.stages = (unsigned)stages,
		.count = (unsigned)(1 + triggers + stage->instruction_count),
		.is_cached = !run->is_needed };
	if (build->is_one_of_many)
		(void)platform_text(&build->platform, telling.place.platform);

	AUTO(strbuf) struct strbuf from = { 0 };
	add_from(run->stage, stage->from, &from);
	tell(&telling, strbuf_text(&from), 0);
	while (telling.next_step < triggers) {
		const char *name = run->stage->steps[telling.next_step].name;

		tell(&telling, name, take_step(&telling));
	}
	for (size_t i = 0; i < stage->instruction_count; i++)
		tell_instruction(&telling, &stage->instructions[i]);
}

/* And of the Dockerfile. */
static bool is_news(const struct build *build, const struct stage_run *run)
{
	return !run->is_told && !run->is_blocked && run->stage != build->plan->scan;
}

void instructions_declare(struct build *build)
{
	size_t stages = 0;

	for (size_t i = 0; i < build->plan->stage_count; i++)
		if (build->plan->stages[i] != build->plan->scan &&
				build->plan->stages[i]->index >= stages)
			stages = build->plan->stages[i]->index + 1;
	for (size_t index = 0; index < stages; index++)
		for (size_t i = 0; i < build->plan->stage_count; i++)
			if (build->plan->stages[i]->index == index &&
					is_news(build, &build->stages[i]))
				tell_stage(build, &build->stages[i], stages);
}

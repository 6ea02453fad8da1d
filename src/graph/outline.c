#include "graph/outline.h"

#include "base/limits.h"
#include "dockerfile/run_mount.h"
#include "dockerfile/stage.h"
#include "dockerfile/words.h"
#include "oci/json.h"

#include <stdlib.h>
#include <string.h>

/* An ARG, or something that a RUN mounts. */
struct parameter {
	const char *name, *comment, *value;
	bool is_required;
	struct source_range at;
};

struct parameters {
	struct parameter *p;
	size_t n, capacity;
};

struct outline {
	const struct dockerfile *file;
	struct arena *arena;
	struct parameters args, secrets, agents, caches;
	struct map *seen;    /* "kind name" */
	struct map *globals; /* name -> struct plan_arg: the last of that name */
	const struct plan_args *all_globals;
	VEC(const char *) words; /* still to be looked through for global ARGs */
	size_t budget;           /* what expanding them may still produce */
};

static bool is_new(struct outline *outline, const char *kind, const char *name)
{
	const char *key = arena_printf(outline->arena, "%s %s", kind, name);

	if (map_has(outline->seen, key))
		return false;
	map_set(outline->seen, key, outline);
	return true;
}

static const struct plan_arg *global_arg(const struct outline *outline, const char *name)
{
	return map_get(outline->globals, name);
}

/* The place that says most: a comment may stand at the global ARG alone. */
static void add_arg(struct outline *outline, const struct plan_arg *arg)
{
	const struct pair *pair = arg->pair;
	const struct plan_arg *global = global_arg(outline, pair->name);

	if (!is_new(outline, "arg", pair->name))
		return;
	vec_push(&outline->args, ((struct parameter){ pair->name,
						 pair->comment || !global ? pair->comment
									  : global->pair->comment,
						 arg->value, false, pair->at }));
}

/* A name that is none of the file's is automatic: no parameter. */
static void use_global(void *user, const char *name, bool is_set, bool has_word)
{
	struct outline *outline = user;
	const struct plan_arg *global = global_arg(outline, name);

	(void)is_set;
	(void)has_word;
	if (!global || !is_new(outline, "global", name))
		return;
	add_arg(outline, global);
	/* One that is declared again may name itself, so what made it before counts as well. */
	for (size_t i = 0; !global->is_given && i < outline->all_globals->n; i++) {
		const struct pair *pair = outline->all_globals->p[i].pair;

		if (pair->value && text_equal(pair->name, name))
			vec_push(&outline->words, pair->value);
	}
}

static const char *value_of_global(void *user, const char *name)
{
	const struct plan_arg *global = global_arg(user, name);

	return global ? global->value : NULL;
}

/* All global ARGs that the word needs, and those that their values need. */
static void use_word(struct outline *outline, const char *word)
{
	struct words_env env = { .get = value_of_global,
		.used = use_global,
		.user = outline,
		.budget = &outline->budget,
		.escape = outline->file->directives.escape_char };

	if (word)
		vec_push(&outline->words, word);
	while (outline->words.n) {
		AUTO(strbuf) struct strbuf text = { 0 };
		struct str next = str_of(outline->words.p[--outline->words.n]);

		error_ignore(word_expand(next, &env, &text), "the plan took it");
	}
}

static void add_mount(struct outline *outline, const struct run_mount *mount)
{
	struct parameters *to = NULL;
	const char *id = mount->id ? mount->id : mount->target;

	if (mount->type == MOUNT_SECRET)
		to = &outline->secrets;
	else if (mount->type == MOUNT_SSH)
		to = &outline->agents;
	else if (mount->type == MOUNT_CACHE)
		to = &outline->caches;
	if (mount->type == MOUNT_SSH && !id)
		id = "default";
	if (to && id && is_new(outline, mount_type_name(mount->type), id))
		vec_push(to, ((struct parameter){ .name = id,
					     .is_required = mount->is_required,
					     .at = mount->at }));
}

/* From behind: what is nearer to the target counts, and in a stage the later. */
static void add_stage(struct outline *outline, const struct plan_stage *stage)
{
	const struct from *from = &outline->file->stages[stage->index].from->from;

	for (size_t i = stage->args.n; i-- > 0;) {
		const struct plan_arg *arg = &stage->args.p[i];

		if (arg->is_inherited)
			use_global(outline, arg->pair->name, true, false);
		else
			add_arg(outline, arg);
	}
	use_word(outline, from->image);
	use_word(outline, from->platform);
	for (size_t i = 0; i < stage->step_count; i++)
		for (size_t k = 0; stage->steps[i].kind == STEP_RUN &&
				   k < stage->steps[i].run.mount_count;
				k++)
			add_mount(outline, &stage->steps[i].run.mounts[k].as);
}

static int by_place(const void *left, const void *right)
{
	const struct source_range *a = &((const struct parameter *)left)->at;
	const struct source_range *b = &((const struct parameter *)right)->at;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->column < b->column ? -1 : a->column > b->column;
}

static void sort(struct parameters *parameters)
{
	if (parameters->n)
		qsort(parameters->p, parameters->n, sizeof(*parameters->p), by_place);
}

static void collect(struct outline *outline, const struct plan *plan)
{
	outline->all_globals = &plan->global_args;
	for (size_t i = 0; i < plan->global_args.n; i++) {
		struct plan_arg *global = arena_new_of(outline->arena, struct plan_arg);

		*global = plan->global_args.p[i];
		map_set(outline->globals, global->pair->name, global);
	}
	for (size_t i = plan->stage_count; i-- > 0;)
		add_stage(outline, plan->stages[i]);
	sort(&outline->args);
	sort(&outline->secrets);
	sort(&outline->agents);
	sort(&outline->caches);
}

static void print_location(struct json_out *json, const struct source_range *at)
{
	json_out_open(json, "location", '{');
	json_out_open(json, "ranges", '[');
	json_out_open(json, NULL, '{');
	json_out_open(json, "start", '{');
	json_out_u64(json, "line", at->line);
	json_out_close(json, '}');
	json_out_open(json, "end", '{');
	json_out_u64(json, "line", at->end_line ? at->end_line : at->line);
	json_out_close(json, '}');
	json_out_close(json, '}');
	json_out_close(json, ']');
	json_out_close(json, '}');
}

/* The Dockerfile itself, as everything that BuildKit answers has it. */
static void print_sources(struct json_out *json, const struct dockerfile *file)
{
	json_out_open(json, "sources", '[');
	json_out_base64(json, NULL, file->text);
	json_out_close(json, ']');
}

static void print_parameters(struct json_out *json, const char *key, const char *name_key,
		const struct parameters *parameters)
{
	if (!parameters->n)
		return;
	json_out_open(json, key, '[');
	for (size_t i = 0; i < parameters->n; i++) {
		const struct parameter *parameter = &parameters->p[i];

		json_out_open(json, NULL, '{');
		json_out_text(json, name_key, parameter->name);
		json_out_text(json, "description", parameter->comment);
		json_out_text(json, "value", parameter->value);
		if (parameter->is_required)
			json_out_bool(json, "required", true);
		print_location(json, &parameter->at);
		json_out_close(json, '}');
	}
	json_out_close(json, ']');
}

/* Columns of up to three, as wide as what is in them. */
static void print_rows(const char *const *cells, size_t rows, size_t columns, struct strbuf *out)
{
	size_t width[3] = { 0 };

	for (size_t i = 0; i < rows * columns; i++)
		if (strlen(cells[i]) > width[i % columns])
			width[i % columns] = strlen(cells[i]);
	for (size_t i = 0; i < rows; i++) {
		for (size_t k = 0; k < columns; k++) {
			bool is_last = k + 1 == columns;

			strbuf_addf(out, "%-*s", is_last ? 0 : (int)width[k] + 3,
					cells[i * columns + k]);
		}
		while (out->n && out->p[out->n - 1] == ' ')
			strbuf_truncate(out, out->n - 1);
		strbuf_add_char(out, '\n');
	}
	strbuf_add_char(out, '\n');
}

static void print_args(const struct parameters *args, struct strbuf *out)
{
	VEC(const char *) cells = { 0 };

	if (!args->n)
		return;
	vec_push(&cells, "BUILD ARG");
	vec_push(&cells, "VALUE");
	vec_push(&cells, "DESCRIPTION");
	for (size_t i = 0; i < args->n; i++) {
		vec_push(&cells, args->p[i].name);
		vec_push(&cells, args->p[i].value ? args->p[i].value : "");
		vec_push(&cells, args->p[i].comment ? args->p[i].comment : "");
	}
	print_rows(cells.p, args->n + 1, 3, out);
	vec_done(&cells);
}

static void print_mounts(const char *title, bool has_required, const struct parameters *mounts,
		struct strbuf *out)
{
	VEC(const char *) cells = { 0 };

	if (!mounts->n)
		return;
	vec_push(&cells, title);
	vec_push(&cells, has_required ? "REQUIRED" : "");
	for (size_t i = 0; i < mounts->n; i++) {
		vec_push(&cells, mounts->p[i].name);
		vec_push(&cells, mounts->p[i].is_required ? "true" : "");
	}
	print_rows(cells.p, mounts->n + 1, 2, out);
	vec_done(&cells);
}

static void print_text(const struct outline *outline, const struct from *from, struct strbuf *out)
{
	const char *heading[] = { "TARGET:", from->name ? from->name : "(default)",
		"DESCRIPTION:", from->comment };

	print_rows(heading, from->comment ? 2 : 1, 2, out);
	print_args(&outline->args, out);
	print_mounts("SECRET", true, &outline->secrets, out);
	print_mounts("SSH", true, &outline->agents, out);
	print_mounts("CACHE", false, &outline->caches, out);
}

static void print_json(const struct outline *outline, const struct from *from, struct strbuf *out)
{
	AUTO(json_out) struct json_out json = { 0 };

	json_out_open(&json, NULL, '{');
	json_out_text(&json, "name", from->name);
	json_out_text(&json, "description", from->comment);
	print_parameters(&json, "args", "name", &outline->args);
	print_parameters(&json, "secrets", "name", &outline->secrets);
	print_parameters(&json, "ssh", "name", &outline->agents);
	print_parameters(&json, "cache", "ID", &outline->caches);
	print_sources(&json, outline->file);
	json_out_close(&json, '}');
	json_out_indented(&json, out);
}

void outline_print(const struct dockerfile *file, const struct plan *plan, enum outline_form form,
		struct strbuf *out)
{
	AUTO(arena) struct arena *arena = arena_new();
	AUTO(map) struct map *seen = map_new(NULL);
	AUTO(map) struct map *globals = map_new(NULL);
	struct outline outline = { .file = file,
		.arena = arena,
		.seen = seen,
		.globals = globals,
		.budget = LIMIT_EXPANDED_BYTES };
	const struct from *from = &file->stages[plan->target->index].from->from;

	collect(&outline, plan);
	if (form == OUTLINE_JSON)
		print_json(&outline, from, out);
	else
		print_text(&outline, from, out);
	vec_done(&outline.args);
	vec_done(&outline.secrets);
	vec_done(&outline.agents);
	vec_done(&outline.caches);
	vec_done(&outline.words);
}

static void targets_json(const struct dockerfile *file, struct strbuf *out)
{
	AUTO(json_out) struct json_out json = { 0 };

	json_out_open(&json, NULL, '{');
	json_out_open(&json, "targets", '[');
	for (size_t i = 0; i < file->stage_count; i++) {
		const struct stage *stage = &file->stages[i];
		const struct from *from = &stage->from->from;

		json_out_open(&json, NULL, '{');
		json_out_text(&json, "name", from->name);
		if (i + 1 == file->stage_count)
			json_out_bool(&json, "default", true);
		json_out_text(&json, "description", from->comment);
		json_out_text(&json, "base", from->image);
		json_out_text(&json, "platform", from->platform);
		print_location(&json, &stage->from->at);
		json_out_close(&json, '}');
	}
	json_out_close(&json, ']');
	print_sources(&json, file);
	json_out_close(&json, '}');
	json_out_indented(&json, out);
}

void targets_print(const struct dockerfile *file, enum outline_form form, struct strbuf *out)
{
	AUTO(arena) struct arena *arena = arena_new();
	VEC(const char *) cells = { 0 };
	size_t rows = 1;

	if (form == OUTLINE_JSON) {
		targets_json(file, out);
		return;
	}
	vec_push(&cells, "TARGET");
	vec_push(&cells, "DESCRIPTION");
	for (size_t i = 0; i < file->stage_count; i++) {
		const struct from *from = &file->stages[i].from->from;
		bool is_default = i + 1 == file->stage_count;

		/* A stage without a name is no target, unless it is what is built anyway. */
		if (!from->name && !is_default)
			continue;
		vec_push(&cells, from->name ? arena_printf(arena, "%s%s", from->name,
							      is_default ? " (default)" : "")
					    : "(default)");
		vec_push(&cells, from->comment ? from->comment : "");
		rows++;
	}
	print_rows(cells.p, rows, 2, out);
	vec_done(&cells);
}

void subrequests_print(enum outline_form form, struct strbuf *out)
{
	static const char *const requests[] = { "NAME", "VERSION", "DESCRIPTION", "outline",
		"1.0.0", "List all parameters current build target supports", "targets", "1.0.0",
		"List all targets current build supports", "lint", "1.0.0", "Lint a Dockerfile",
		"subrequests.describe", "1.0.0", "List available subrequest types" };
	AUTO(json_out) struct json_out json = { 0 };

	if (form == OUTLINE_TEXT) {
		print_rows(requests, COUNT(requests) / 3, 3, out);
		return;
	}
	json_out_open(&json, NULL, '[');
	for (size_t i = 3; i < COUNT(requests); i += 3) {
		AUTO_FREE char *name = xasprintf("frontend.%s", requests[i]);

		json_out_open(&json, NULL, '{');
		json_out_text(&json, "name", name);
		json_out_text(&json, "version", requests[i + 1]);
		json_out_text(&json, "type", "rpc");
		json_out_text(&json, "description", requests[i + 2]);
		json_out_close(&json, '}');
	}
	json_out_close(&json, ']');
	json_out_indented(&json, out);
}

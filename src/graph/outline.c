#include "graph/outline.h"

#include "dockerfile/run_mount.h"
#include "dockerfile/stage.h"
#include "oci/json.h"

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
	const struct list *build_args;
	struct arena *arena;
	struct parameters args, secrets, agents, caches;
	struct map *seen; /* "kind name" */
};

static bool is_new(struct outline *outline, const char *kind, const char *name)
{
	const char *key = arena_printf(outline->arena, "%s %s", kind, name);

	if (map_has(outline->seen, key))
		return false;
	map_set(outline->seen, key, outline);
	return true;
}

static const struct pair *global_arg(const struct dockerfile *file, const char *name)
{
	for (size_t i = 0; i < file->global_count; i++)
		for (size_t j = 0; j < file->instructions[i].pairs.n; j++)
			if (strcmp(file->instructions[i].pairs.p[j].name, name) == 0)
				return &file->instructions[i].pairs.p[j];
	return NULL;
}

/* The place that says most: a value or a comment may stand at the global ARG alone. */
static void add_arg(struct outline *outline, const struct pair *pair)
{
	const struct pair *global = global_arg(outline->file, pair->name);
	const char *given =
			outline->build_args ? list_env_get(outline->build_args, pair->name) : NULL;
	const char *value = pair->value || !global ? pair->value : global->value;

	if (!is_new(outline, "arg", pair->name))
		return;
	vec_push(&outline->args,
			((struct parameter){ pair->name,
					pair->comment || !global ? pair->comment : global->comment,
					given ? given : value, false, pair->at }));
}

static void add_mount(struct outline *outline, const struct flag *flag)
{
	struct run_mount mount = { 0 };
	struct error *error = run_mount_parse(outline->arena, flag, NULL, &mount);
	struct parameters *to = NULL;
	const char *id = mount.id ? mount.id : mount.target;

	if (error) {
		error_ignore(error, "the parser took it: only variables are missing");
		return;
	}
	if (mount.type == MOUNT_SECRET)
		to = &outline->secrets;
	else if (mount.type == MOUNT_SSH)
		to = &outline->agents;
	else if (mount.type == MOUNT_CACHE)
		to = &outline->caches;
	if (mount.type == MOUNT_SSH && !id)
		id = "default";
	if (to && id && is_new(outline, mount_type_name(mount.type), id))
		vec_push(to, ((struct parameter){ .name = id,
					     .is_required = mount.is_required,
					     .at = flag->at }));
}

static void add_instructions(struct outline *outline, const struct stage *stage)
{
	for (size_t i = 0; i < stage->instruction_count; i++) {
		const struct instruction *in = &stage->instructions[i];

		for (size_t j = 0; in->kind == INSTRUCTION_ARG && j < in->pairs.n; j++)
			add_arg(outline, &in->pairs.p[j]);
		for (size_t j = 0; in->kind == INSTRUCTION_RUN && j < in->run.mount_count; j++)
			add_mount(outline, in->run.mounts[j]);
	}
}

static bool names_variable(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = text; at && (at = strstr(at, name)) != NULL; at += n) {
		bool starts = at > text && (at[-1] == '$' || at[-1] == '{');
		bool ends = !(at[n] == '_' || (at[n] >= '0' && at[n] <= '9') ||
				(at[n] >= 'A' && at[n] <= 'Z') || (at[n] >= 'a' && at[n] <= 'z'));

		if (starts && ends)
			return true;
	}
	return false;
}

/* Global ARGs count where a FROM names them. */
static void add_from_args(struct outline *outline, const struct stage *stage)
{
	const struct from *from = &stage->from->from;

	for (size_t i = 0; i < outline->file->global_count; i++)
		for (size_t j = 0; j < outline->file->instructions[i].pairs.n; j++) {
			const struct pair *pair = &outline->file->instructions[i].pairs.p[j];

			if (names_variable(from->image, pair->name) ||
					(from->platform &&
							names_variable(from->platform, pair->name)))
				add_arg(outline, pair);
		}
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

void outline_print(const struct dockerfile *file, const struct plan *plan,
		const struct list *build_args, enum outline_form form, struct strbuf *out)
{
	AUTO(arena) struct arena *arena = arena_new();
	AUTO(map) struct map *seen = map_new(NULL);
	struct outline outline = {
		.file = file, .build_args = build_args, .arena = arena, .seen = seen
	};
	const struct from *from = &file->stages[plan->target->index].from->from;

	for (size_t i = 0; i < plan->stage_count; i++)
		add_from_args(&outline, &file->stages[plan->stages[i]->index]);
	for (size_t i = 0; i < plan->stage_count; i++)
		add_instructions(&outline, &file->stages[plan->stages[i]->index]);
	if (form == OUTLINE_JSON)
		print_json(&outline, from, out);
	else
		print_text(&outline, from, out);
	vec_done(&outline.args);
	vec_done(&outline.secrets);
	vec_done(&outline.agents);
	vec_done(&outline.caches);
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

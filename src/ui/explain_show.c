#include "ui/explain_show.h"
#include "base/clock.h"
#include "base/str.h"
#include "oci/json.h"
#include "ui/human.h"
#include "ui/table.h"

#include <string.h>

static const char *state_word(enum explained_state state)
{
	switch (state) {
	case EXPLAINED_HIT:
		return "cached";
	case EXPLAINED_RAN:
		return "ran";
	case EXPLAINED_FAILED:
		return "failed";
	case EXPLAINED_SKIPPED:
		return "not reached";
	case EXPLAINED_NOT_NEEDED:
		return "not needed";
	}
	return "";
}

static bool did_run(const struct explained_step *step)
{
	return step->state == EXPLAINED_RAN || step->state == EXPLAINED_FAILED;
}

static char *seconds_text(uint64_t ms, char buf[static HUMAN_TEXT])
{
	return human_seconds(ms * 1000000, buf);
}

static void add_names(const struct explained *told, struct strbuf *out)
{
	for (size_t i = 0; i < told->names.n; i++)
		strbuf_addf(out, "%s%s", i ? ", " : "", told->names.p[i]);
	if (!told->names.n)
		strbuf_addf(out, "%s", told->context);
	if (told->whole)
		strbuf_addf(out, " for %s", told->platform);
}

/* "build 3f2a91c07b1e of app, 2 minutes ago: 3 steps cached, 2 ran (12.4s)" */
static void add_head(const struct explained *told, struct strbuf *out)
{
	char age[HUMAN_TEXT], time[HUMAN_TEXT];

	strbuf_addf(out, "build %s of ", told->id);
	add_names(told, out);
	strbuf_addf(out, ", %s: ", human_age(clock_now_seconds() - told->began, age));
	strbuf_addf(out, "%zu of %zu steps cached", told->hit, told->hit + told->ran);
	if (told->ran)
		strbuf_addf(out, ", %zu ran (%s)", told->ran, seconds_text(told->ran_ms, time));
	strbuf_add(out, told->error ? ", failed\n" : "\n");
}

static void add_state(const struct explained_step *step, struct strbuf *out)
{
	char time[HUMAN_TEXT];

	if (did_run(step))
		strbuf_addf(out, "  %s", seconds_text(step->ms, time));
	else if (step->state == EXPLAINED_HIT && step->home && strcmp(step->home, "local") != 0)
		strbuf_addf(out, "  from %s", step->home);
}

/* Nothing could have saved a first run, and a forced one was wanted. */
static uint64_t cost_of(const struct explained_step *step)
{
	return step->cause == CAUSE_FIRST || step->cause == CAUSE_FORCED ? 0 : step->cost_ms;
}

/* What to mend first: the steps with a cause of their own, by what ran because of them. */
static void add_costs(const struct explained *told, struct strbuf *out)
{
	char time[HUMAN_TEXT];
	size_t roots = 0;

	for (size_t i = 0; i < told->steps.n; i++)
		roots += cost_of(&told->steps.p[i]) > 0;
	if (!roots)
		return;
	strbuf_add(out, "\nwhat ran because of it:\n");
	for (uint64_t below = UINT64_MAX;;) {
		uint64_t best = 0;

		for (size_t i = 0; i < told->steps.n; i++)
			if (cost_of(&told->steps.p[i]) < below && cost_of(&told->steps.p[i]) > best)
				best = cost_of(&told->steps.p[i]);
		if (!best)
			return;
		for (size_t i = 0; i < told->steps.n; i++) {
			if (cost_of(&told->steps.p[i]) != best)
				continue;
			strbuf_addf(out, "  %8s  ", seconds_text(best, time));
			explain_show_name(told, i, out);
			strbuf_add_char(out, '\n');
		}
		below = best;
	}
}

static void show_text(const struct explained *told, size_t files, struct strbuf *out)
{
	add_head(told, out);
	for (size_t i = 0; i < told->steps.n; i++) {
		const struct explained_step *step = &told->steps.p[i];

		strbuf_addf(out, "  %-11s ", state_word(step->state));
		explain_show_name(told, i, out);
		add_state(step, out);
		strbuf_add_char(out, '\n');
		explain_show_reason(told, i, files, "                ", out);
	}
	add_costs(told, out);
}

/* --- the tree: a stage, what it stands on, its steps, and what they copy from --- */

struct tree {
	const struct explained *told;
	size_t files;
	bool *shown; /* stages */
	struct strbuf *out;
};

static size_t find_stage(const struct explained *told, const char *name, size_t before)
{
	for (size_t i = before; i-- > 0;)
		if (text_equal(told->stages.p[i].name, name))
			return i;
	return SIZE_MAX;
}

static void show_stage(struct tree *tree, size_t at, const char *prefix);

/* One line with what hangs below it. */
static void show_branch(struct tree *tree, size_t step, bool is_last, const char *prefix)
{
	const struct explained_step *one = &tree->told->steps.p[step];
	AUTO_FREE char *deeper = xasprintf("%s%s", prefix, is_last ? "   " : "│  ");
	AUTO_FREE char *reason = xasprintf("%s    ", deeper);

	strbuf_addf(tree->out, "%s%s %s ", prefix, is_last ? "└─" : "├─", state_word(one->state));
	explain_show_name(tree->told, step, tree->out);
	add_state(one, tree->out);
	strbuf_add_char(tree->out, '\n');
	explain_show_reason(tree->told, step, tree->files, reason, tree->out);
	if (one->is_from_stage) {
		size_t from = find_stage(tree->told, one->from, one->stage);

		if (from != SIZE_MAX)
			show_stage(tree, from, deeper);
	}
}

static void show_stage(struct tree *tree, size_t at, const char *prefix)
{
	const struct explained_stage *stage = &tree->told->stages.p[at];

	strbuf_addf(tree->out, "%s%s: FROM %s%s\n", prefix, stage->name, stage->base,
			tree->shown[at] ? " (shown above)" : "");
	if (tree->shown[at])
		return;
	tree->shown[at] = true;
	if (stage->base_is_stage) {
		size_t base = find_stage(tree->told, stage->base, at);
		AUTO_FREE char *deeper = xasprintf("%s│  ", prefix);

		if (base != SIZE_MAX)
			show_stage(tree, base, deeper);
	}
	for (size_t i = 0; i < stage->step_count; i++)
		show_branch(tree, stage->first + i, i + 1 == stage->step_count, prefix);
}

static void show_tree(const struct explained *told, size_t files, struct strbuf *out)
{
	AUTO_FREE bool *shown = xcalloc(told->stages.n, sizeof(*shown));
	struct tree tree = { told, files, shown, out };

	add_head(told, out);
	size_t goal = find_stage(told, told->goal, told->stages.n);
	if (goal != SIZE_MAX)
		show_stage(&tree, goal, "");
	add_costs(told, out);
}

/* --- JSON --- */

static const char *cause_word(enum explained_cause cause)
{
	static const char *const words[] = { NULL, "forced", "first", "changed", "base", "parent",
		"failed", "lost" };

	return words[cause];
}

static void json_change(struct json_out *out, const struct explained_change *change)
{
	static const char *const kinds[] = { NULL, "value", "added", "removed", "changed" };

	json_out_open(out, NULL, '{');
	json_out_text(out, "kind", kinds[change->kind]);
	json_out_text(out, change->is_file ? "file" : "what", change->what);
	json_out_text(out, "before", change->before);
	json_out_text(out, "after", change->after);
	if (change->is_file && change->kind != CHANGE_ADDED)
		json_out_u64(out, "bytesBefore", change->bytes_before);
	if (change->is_file && change->kind != CHANGE_REMOVED)
		json_out_u64(out, "bytesAfter", change->bytes_after);
	json_out_close(out, '}');
}

static void json_step(struct json_out *out, const struct explained *told, size_t at)
{
	const struct explained_step *step = &told->steps.p[at];
	AUTO(strbuf) struct strbuf reason = { 0 };

	json_out_open(out, NULL, '{');
	json_out_text(out, "stage", told->stages.p[step->stage].name);
	json_out_u64(out, "number", step->number);
	json_out_text(out, "name", step->name);
	json_out_text(out, "key", step->key);
	json_out_text(out, "state", state_word(step->state));
	json_out_text(out, "home", step->home);
	json_out_u64(out, "ms", step->ms);
	if (step->cause) {
		json_out_text(out, "cause", cause_word(step->cause));
		json_out_text(out, "comparedWith", step->compared_with);
		if (step->because != SIZE_MAX)
			json_out_u64(out, "because", step->because);
		json_out_u64(out, "costMs", step->cost_ms);
		explain_show_reason(told, at, 3, "", &reason);
		json_out_text(out, "reason", strbuf_text(&reason));
		json_out_open(out, "changes", '[');
		for (size_t i = 0; i < step->changes.n; i++)
			json_change(out, &step->changes.p[i]);
		json_out_close(out, ']');
		json_out_u64(out, "moreFiles", step->more_files);
	}
	json_out_close(out, '}');
}

static void json_head(struct json_out *out, const struct explained *told)
{
	char when[CLOCK_RFC3339_TEXT];

	json_out_text(out, "id", told->id);
	json_out_text(out, "whole", told->whole);
	json_out_text(out, "began", clock_rfc3339(told->began, 0, when));
	json_out_u64(out, "ms", told->ms);
	json_out_list(out, "names", &told->names);
	json_out_text(out, "context", told->context);
	json_out_text(out, "dockerfile", told->dockerfile);
	json_out_text(out, "target", told->target);
	json_out_text(out, "platform", told->platform);
	json_out_text(out, "image", told->image);
	json_out_text(out, "error", told->error);
	json_out_bool(out, "noCache", told->no_cache);
	json_out_u64(out, "cached", told->hit);
	json_out_u64(out, "ran", told->ran);
	json_out_u64(out, "ranMs", told->ran_ms);
}

static void show_json(const struct explained *told, struct strbuf *ret)
{
	AUTO(json_out) struct json_out out = { 0 };

	json_out_open(&out, NULL, '{');
	json_head(&out, told);
	json_out_open(&out, "stages", '[');
	for (size_t i = 0; i < told->stages.n; i++) {
		json_out_open(&out, NULL, '{');
		json_out_text(&out, "name", told->stages.p[i].name);
		json_out_text(&out, "base", told->stages.p[i].base);
		json_out_text(&out, "baseDigest", told->stages.p[i].base_digest);
		json_out_text(&out, "baseBefore", told->stages.p[i].base_before);
		json_out_close(&out, '}');
	}
	json_out_close(&out, ']');
	json_out_open(&out, "steps", '[');
	for (size_t i = 0; i < told->steps.n; i++)
		json_step(&out, told, i);
	json_out_close(&out, ']');
	json_out_close(&out, '}');
	AUTO_FREE char *text = json_out_take(&out);
	strbuf_addf(ret, "%s\n", text);
}

static void show_one(const struct explained *told, enum explain_form form, size_t files,
		struct strbuf *out)
{
	switch (form) {
	case EXPLAIN_TEXT:
		show_text(told, files, out);
		return;
	case EXPLAIN_TREE:
		show_tree(told, files, out);
		return;
	case EXPLAIN_JSON:
		show_json(told, out);
		return;
	}
}

void explain_show(const struct explained_list *list, enum explain_form form, size_t files,
		struct strbuf *out)
{
	for (size_t i = 0; i < list->n; i++) {
		if (i && form != EXPLAIN_JSON)
			strbuf_add_char(out, '\n');
		show_one(&list->p[i], form, files, out);
	}
}

static void list_json(const struct explained_list *list, struct strbuf *ret)
{
	AUTO(json_out) struct json_out out = { 0 };

	json_out_open(&out, NULL, '[');
	for (size_t i = 0; i < list->n; i++) {
		json_out_open(&out, NULL, '{');
		json_head(&out, &list->p[i]);
		json_out_close(&out, '}');
	}
	json_out_close(&out, ']');
	AUTO_FREE char *text = json_out_take(&out);
	strbuf_addf(ret, "%s\n", text);
}

static void list_row(struct table *table, const struct explained *told)
{
	AUTO(strbuf) struct strbuf names = { 0 };
	char age[HUMAN_TEXT], time[HUMAN_TEXT], steps[64];

	add_names(told, &names);
	(void)snprintf(steps, sizeof(steps), "%zu/%zu", told->hit, told->hit + told->ran);
	table_add(table, told->id);
	table_add(table, strbuf_text(&names));
	table_add(table, human_age(clock_now_seconds() - told->began, age));
	table_add(table, seconds_text(told->ms, time));
	table_add(table, steps);
	table_add(table, told->error ? "failed" : "done");
}

void explain_show_list(
		const struct explained_list *list, enum explain_form form, struct strbuf *out)
{
	static const char *const heads[] = { "BUILD", "OF", "BEGAN", "TOOK", "CACHED", "END" };
	AUTO(table) struct table table = { .columns = COUNT(heads) };

	if (form == EXPLAIN_JSON) {
		list_json(list, out);
		return;
	}
	for (size_t i = 0; i < COUNT(heads); i++)
		table_add(&table, heads[i]);
	for (size_t i = 0; i < list->n; i++)
		list_row(&table, &list->p[i]);
	table_print(&table, out);
}

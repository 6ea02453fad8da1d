/*
 * Why a step ran, in words.
 */
#include "base/str.h"
#include "ui/explain_show.h"
#include "ui/human.h"
#include "ui/plain_text.h"

#include <string.h>

/* A value longer than this is cut: a heredoc's text would fill the screen. */
enum { VALUE_BYTES = 200 };

/* On one line, and with nothing that a terminal obeys. */
static void plain_add(struct strbuf *out, struct str text)
{
	AUTO(strbuf) struct strbuf plain = { 0 };

	plain_text_escape(text, &plain);
	for (size_t i = 0; i < plain.n; i++) {
		if (plain.p[i] == '\n')
			strbuf_add(out, "\\n");
		else
			strbuf_add_char(out, plain.p[i] == '\t' ? ' ' : plain.p[i]);
	}
}

void explain_show_name(const struct explained *told, size_t at, struct strbuf *out)
{
	const struct explained_step *step = &told->steps.p[at];
	const struct explained_stage *stage = &told->stages.p[step->stage];

	strbuf_addf(out, "[%s %zu/%zu] ", stage->name, step->number, stage->count);
	plain_add(out, str_of(step->name));
}

static void add_value(const char *value, struct strbuf *out)
{
	struct str text = str_of(value);

	if (!value) {
		strbuf_add(out, "unset");
		return;
	}
	strbuf_add_char(out, '\'');
	plain_add(out, str_slice(text, 0, VALUE_BYTES));
	strbuf_add(out, text.n > VALUE_BYTES ? "...'" : "'");
}

static void add_sizes(const struct explained_change *change, struct strbuf *out)
{
	char before[HUMAN_TEXT], after[HUMAN_TEXT];

	if (!text_equal(change->before, change->after)) {
		strbuf_addf(out, " (%s -> %s)", change->before, change->after);
	} else if (!text_equal(change->before, "content")) {
		strbuf_addf(out, " (%s)", change->before);
	} else if (change->bytes_before == change->bytes_after) {
		strbuf_addf(out, " (%s, other content)", human_size(change->bytes_after, after));
	} else {
		(void)human_size(change->bytes_before, before);
		strbuf_addf(out, " (%s -> %s)", before, human_size(change->bytes_after, after));
	}
}

static void add_file(const struct explained_change *change, struct strbuf *out)
{
	bool is_added = change->kind == CHANGE_ADDED;
	const char *type = is_added ? change->after : change->before;
	char size[HUMAN_TEXT];

	strbuf_add(out, change->kind == CHANGE_FILE ? "changed  "
			: is_added                  ? "added    "
						    : "removed  ");
	plain_add(out, str_of(change->what));
	if (change->kind == CHANGE_FILE)
		add_sizes(change, out);
	else if (text_equal(type, "file"))
		strbuf_addf(out, " (%s)",
				human_size(is_added ? change->bytes_after : change->bytes_before,
						size));
	else
		strbuf_addf(out, " (%s)", type);
}

static void add_change(const struct explained_change *change, struct strbuf *out)
{
	if (change->is_file) {
		add_file(change, out);
		return;
	}
	plain_add(out, str_of(change->what));
	if (change->kind == CHANGE_VALUE) {
		strbuf_add(out, " went from ");
		add_value(change->before, out);
		strbuf_add(out, " to ");
		add_value(change->after, out);
		return;
	}
	strbuf_add_char(out, ' ');
	add_value(change->kind == CHANGE_ADDED ? change->after : change->before, out);
	strbuf_add(out, change->kind == CHANGE_ADDED ? " was added" : " was removed");
}

static void add_changes(const struct explained *told, const struct explained_step *step,
		size_t files, const char *prefix, struct strbuf *out)
{
	size_t shown = 0, more = step->more_files;

	for (size_t i = 0; i < step->changes.n; i++) {
		const struct explained_change *change = &step->changes.p[i];

		if (change->is_file && shown >= files) {
			more++;
			continue;
		}
		shown += change->is_file;
		strbuf_add(out, prefix);
		add_change(change, out);
		strbuf_add_char(out, '\n');
	}
	if (more)
		strbuf_addf(out, "%sand %zu more files\n", prefix, more);
	if (step->because == SIZE_MAX)
		return;
	strbuf_addf(out, "%sthese are there after ", prefix);
	explain_show_name(told, step->because, out);
	strbuf_add(out, ", which ran\n");
}

static void add_parent(
		const struct explained *told, const struct explained_step *step, struct strbuf *out)
{
	bool ran = false;

	if (step->because == SIZE_MAX) {
		strbuf_add(out, "the stage that it stands on is another one than before");
		return;
	}
	ran = told->steps.p[step->because].state != EXPLAINED_HIT;
	strbuf_add(out, ran ? "because " : "it stands on another result than before of ");
	explain_show_name(told, step->because, out);
	if (ran)
		strbuf_add(out, " ran");
}

static void add_base(const struct explained_stage *stage, struct strbuf *out)
{
	strbuf_addf(out, "the base image '%s' has other layers", stage->base);
	if (stage->base_before && stage->base_digest)
		strbuf_addf(out, ": it went from %.19s to %.19s", stage->base_before,
				stage->base_digest);
}

void explain_show_reason(const struct explained *told, size_t at, size_t files, const char *prefix,
		struct strbuf *out)
{
	const struct explained_step *step = &told->steps.p[at];

	if (step->cause == CAUSE_NONE)
		return;
	if (step->cause == CAUSE_CHANGED) {
		add_changes(told, step, files, prefix, out);
		return;
	}
	strbuf_add(out, prefix);
	switch (step->cause) {
	case CAUSE_FORCED:
		strbuf_add(out, "because --no-cache or --no-cache-filter was given");
		break;
	case CAUSE_FIRST:
		strbuf_add(out, "no earlier run of this step is known");
		break;
	case CAUSE_BASE:
		add_base(&told->stages.p[step->stage], out);
		break;
	case CAUSE_PARENT:
		add_parent(told, step, out);
		break;
	case CAUSE_FAILED:
		strbuf_addf(out, "the same step failed in build %s", step->compared_with);
		break;
	case CAUSE_LOST:
		strbuf_addf(out,
				"nothing changed since build %s, but its result is not in the "
				"store any more (pruned?)",
				step->compared_with);
		break;
	case CAUSE_NONE:
	case CAUSE_CHANGED:
		break;
	}
	strbuf_add_char(out, '\n');
}

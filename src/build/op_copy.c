#include "build/place.h"
#include "sys/path.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static FALLIBLE find_owner(struct build *build, struct stage_run *stage, struct step_run *run,
		struct place_rules *rules)
{
	const char *chown = run->step->copy.chown;

	if (!chown || !chown[0])
		return NULL;
	rules->has_owner = true;
	TRY_WRAP(stage_owner(build, stage, chown, &rules->uid, &rules->gid), "--chown=%s", chown);
	return NULL;
}

static FALLIBLE select_sources(struct build *build, struct step_run *run)
{
	struct select_origin origin;

	if (run->selection)
		return NULL;
	TRY(step_copy_origin(build, run, true, &origin));
	return select_make(&origin, &run->step->copy, build->options->cancel, &run->selection);
}

/*
 * Whether the sources bring their paths in the order of a directory's walk, each once: that is how
 * the layer is written from a directory, another time. Two that bring the same path, of which the
 * later replaces the earlier, do not; nor perhaps files that a pattern matched, if the destination
 * is no directory: who knows now whether it is.
 */
static bool is_in_order(const struct selection *selection, const struct plan_copy *copy)
{
	const char *last = NULL;

	if (selection->groups.n < 2)
		return true;
	if (!copy->dest_is_dir)
		return false;
	for (size_t g = 0; g < selection->groups.n; g++) {
		const struct select_group *group = &selection->groups.p[g];

		for (size_t i = group->is_dir; i < group->count; i++) {
			const char *path = group->is_dir ? selection->items.p[group->first + i].rel
							 : group->name;

			if (last && path_compare(last, path) >= 0)
				return false;
			last = path;
		}
	}
	return true;
}

/*
 * What is sent to a blob directly must name each path once, and in order. Where sources do not, or
 * an archive is unpacked (whose own names may repeat), the result is made as a directory first, in
 * which the later replaces the earlier, and becomes a blob from there: without the paths that no
 * layer gets.
 */
static FALLIBLE may_stream(const struct build *build, const struct step_run *run, bool *ret)
{
	const struct selection *selection = run->selection;
	const struct plan_copy *copy = &run->step->copy;

	*ret = !build_ignores(build) && is_in_order(selection, copy);
	for (size_t g = 0; g < selection->groups.n && *ret; g++) {
		const struct select_group *group = &selection->groups.p[g];
		const struct select_item *item = &selection->items.p[group->first];
		bool is_archive = false;

		if (group->is_dir || !group->count || !place_may_unpack(copy, item))
			continue;
		TRY(place_is_archive(selection, item, &is_archive));
		*ret = !is_archive;
	}
	return NULL;
}

/* What lies below; with --link nothing does, so that the layer is good on anything. */
static FALLIBLE look_below(struct build *build, struct stage_run *stage, struct step_run *run,
		struct view *view, struct owner *ret_root)
{
	AUTO(view_entry) struct view_entry root = { 0 };

	*view = (struct view){ .fd = -1, .policy = &build->options->userns->owner };
	if (!run->step->copy.link)
		TRY(stage_look(build, stage, run->vertex, view));
	struct error *error = view_lookup(view, "", &root);
	if (error)
		stage_look_done(view);
	*ret_root = root.owner;
	return error;
}

static FALLIBLE place_all(struct build *build, struct step_run *run, struct made *made,
		const struct view *view, struct view_names *names, const struct place_rules *rules)
{
	AUTO(place) struct place place = { 0 };

	place_init(&place, build, made, view);
	place.rules = *rules;
	place.names = names;
	place.digests = origin_digests(build, &run->step->copy.origin);
	TRY(place_selection(&place, run->selection, &run->step->copy));
	if (place.replaced)
		progress_warn(build->options->progress, run->vertex, run->step->at,
				"%zu files are copied to one name, '%s'; the last has it: end the "
				"destination with '/' to have all",
				place.replaced + 1, run->step->copy.dest);
	return NULL;
}

static uint64_t content_of(const struct selection *selection)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < selection->items.n; i++)
		bytes += selection->items.p[i].size;
	return bytes;
}

static FALLIBLE make_layer(struct build *build, struct stage_run *stage, struct step_run *run,
		const struct place_rules *rules, struct view_names **ret_names)
{
	AUTO(made) struct made made = { .content_bytes = content_of(run->selection) };
	struct view view;
	struct owner root;
	bool streams = false;

	TRY(may_stream(build, run, &streams));
	bool with_dir = stage_reads_after(stage, run->step) || !stage->is_exported || !streams;
	unsigned parts = (with_dir ? MADE_DIR : 0) | made_blob_parts(stage, streams);
	if (!with_dir)
		*ret_names = view_names_new(run->step->copy.link);
	TRY(look_below(build, stage, run, &view, &root));
	struct error *error = made_open(build, &root, parts, &made);
	if (!error)
		error = place_all(build, run, &made, &view, *ret_names, rules);
	if (!error)
		error = made_close(build, &made, &run->layer);
	stage_look_done(&view);
	return error;
}

/* Of files that changed since they were selected, and perhaps hashed for a key: as they are now. */
static void select_anew(struct step_run *run, struct error *changed)
{
	error_ignore(changed, "selected again");
	select_free(TAKE(run->selection));
	free(TAKE(run->record));
	run->is_keyed = false;
}

static FALLIBLE copy_once(struct build *build, struct stage_run *stage, struct step_run *run,
		const struct place_rules *rules)
{
	struct view_names *names = NULL;

	TRY(select_sources(build, run));
	struct error *error = make_layer(build, stage, run, rules, &names);
	if (!error && names && run->layer)
		stage_add_names(stage, TAKE(names));
	view_names_free(names);
	return error;
}

FALLIBLE op_copy(struct build *build, struct stage_run *stage, struct step_run *run)
{
	const struct plan_copy *copy = &run->step->copy;
	struct place_rules rules = { .chmod = copy->chmod && copy->chmod[0] ? copy->chmod : NULL,
		.replaces = build->options->as_buildah };

	if (build->options->has_epoch)
		rules.made_time = build->options->epoch;
	rules.fixes_times = build->options->has_epoch;
	if (rules.chmod)
		TRY(mode_check(rules.chmod));
	TRY(find_owner(build, stage, run, &rules));
	struct error *error = copy_once(build, stage, run, &rules);
	for (unsigned tries = 1; tries < SELECT_TRIES && select_is_changed(error); tries++) {
		select_anew(run, error);
		error = copy_once(build, stage, run, &rules);
	}
	return error;
}

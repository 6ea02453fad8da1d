#include "build/place.h"

static FALLIBLE make_layer(struct build *build, struct stage_run *stage, struct step_run *run,
		const struct view *view, const char *path, struct place_rules rules)
{
	AUTO(made) struct made made = { 0 };
	AUTO(place) struct place place = { 0 };
	AUTO(view_entry) struct view_entry root = { 0 };
	bool streams = stage->is_exported && !build_ignores(build);
	bool with_dir = stage_reads_after(stage, run->step) || !streams;
	struct view_names *names = with_dir ? NULL : view_names_new(false);
	struct error *error = view_lookup(view, "", &root);

	if (!error)
		error = made_open(build, &root.owner, with_dir, streams, &made);
	if (!error) {
		place_init(&place, build, &made, view);
		place.rules = rules;
		place.names = names;
		error = place_dirs(&place, path);
	}
	if (!error)
		error = made_close(build, &made, &run->layer);
	if (!error && names && run->layer)
		stage_add_names(stage, TAKE(names));
	view_names_free(names);
	return error;
}

/*
 * WORKDIR makes what is missing of its path, owned by the USER in effect. A directory that is
 * there, or a link to one, stays as it is and there is no layer.
 */
FALLIBLE op_workdir(struct build *build, struct stage_run *stage, struct step_run *run)
{
	AUTO(view_entry) struct view_entry there = { 0 };
	AUTO_FREE char *path = NULL;
	struct place_rules rules = { 0 };
	const struct user *user = NULL;
	struct view view;

	if (run->step->user[0]) {
		TRY_WRAP(stage_user(build, stage, run->step->user, &user), "USER %s",
				run->step->user);
		rules = (struct place_rules){
			.has_owner = true, .uid = user->uid, .gid = user->gid
		};
	}
	if (build->options->has_epoch)
		rules.made_time = build->options->epoch;
	TRY(stage_look(build, stage, run->vertex, &view));
	struct error *error = view_resolve(&view, run->step->workdir_step.path, &path);
	if (!error)
		error = view_lookup(&view, path, &there);
	if (!error && !(there.exists && S_ISDIR(there.owner.mode)))
		error = make_layer(build, stage, run, &view, path, rules);
	stage_look_done(&view);
	return error;
}

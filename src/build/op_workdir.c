#include "build/place.h"
#include "sys/path.h"

#include <stdlib.h>

static int by_walk(const void *a, const void *b)
{
	return path_compare(*(const char *const *)a, *(const char *const *)b);
}

/* In the order in which the layer would be written from its directory. */
static FALLIBLE make_layer(struct build *build, struct stage_run *stage, struct step_run *run,
		const struct view *view, struct list *paths, struct place_rules rules)
{
	AUTO(made) struct made made = { 0 };
	AUTO(place) struct place place = { 0 };
	AUTO(view_entry) struct view_entry root = { 0 };
	bool streams = !build_ignores(build);
	bool with_dir = stage_reads_after(stage, run->step) || !stage->is_exported || !streams;
	unsigned parts = (with_dir ? MADE_DIR : 0) | made_blob_parts(stage, streams);
	struct view_names *names = with_dir ? NULL : view_names_new(false);
	struct error *error = view_lookup(view, "", &root);

	qsort(paths->p, paths->n, sizeof(*paths->p), by_walk);
	if (!error)
		error = made_open(build, &root.owner, parts, &made);
	if (!error) {
		place_init(&place, build, &made, view);
		place.rules = rules;
		place.names = names;
		for (size_t i = 0; i < paths->n && !error; i++)
			error = place_dirs(&place, paths->p[i]);
	}
	if (!error)
		error = made_close(build, &made, &run->layer);
	if (!error && names && run->layer)
		stage_add_names(stage, TAKE(names));
	view_names_free(names);
	return error;
}

/* A USER that the image does not know is root here: a step that runs as it fails by itself. */
static FALLIBLE find_owner(struct build *build, struct stage_run *stage, struct step_run *run,
		struct place_rules *rules)
{
	const char *spec = run->step->user;

	if (!spec[0])
		return NULL;
	rules->has_owner = true;
	struct error *error = stage_owner(build, stage, spec, &rules->uid, &rules->gid);
	if (!error || !error_is(error, ERR_NOT_FOUND))
		return error ? error_wrap(error, "USER %s", spec) : NULL;
	error_free(error);
	return NULL;
}

/* A link to a directory is one. */
static FALLIBLE is_there(const struct view *view, const char *path, bool is_volume, bool *ret)
{
	AUTO(view_entry) struct view_entry there = { 0 };
	AUTO_FREE char *real = NULL;

	TRY(view_resolve(view, path, &real));
	TRY(view_lookup(view, real, &there));
	*ret = there.exists && (S_ISDIR(there.owner.mode) || is_volume);
	return NULL;
}

static FALLIBLE find_missing(struct build *build, struct stage_run *stage, struct step_run *run,
		struct list *ret)
{
	const struct plan_workdir *step = &run->step->workdir_step;
	struct error *error = NULL;
	struct view view;

	TRY(stage_look(build, stage, run->vertex, &view));
	for (size_t i = 0; i < step->count && !error; i++) {
		bool found = false;

		error = is_there(&view, step->paths[i], step->is_volume, &found);
		if (!error && !found)
			list_add(ret, step->paths[i]);
	}
	stage_look_done(&view);
	return error;
}

/*
 * WORKDIR makes what is missing of its path, owned by the USER in effect. A directory that is
 * there, or a link to one, stays as it is and there is no layer. So does VOLUME, where it does.
 */
FALLIBLE op_workdir(struct build *build, struct stage_run *stage, struct step_run *run)
{
	AUTO(list) struct list missing = { 0 }, paths = { 0 };
	struct place_rules rules = { 0 };
	struct error *error = NULL;
	struct view view;

	TRY(find_missing(build, stage, run, &missing));
	if (!missing.n)
		return NULL;
	TRY(find_owner(build, stage, run, &rules));
	if (build->options->has_epoch)
		rules.made_time = build->options->epoch;
	TRY(stage_look(build, stage, run->vertex, &view));
	for (size_t i = 0; i < missing.n && !error; i++) {
		AUTO_FREE char *path = NULL;

		error = view_resolve(&view, missing.p[i], &path);
		if (!error)
			list_add(&paths, path);
	}
	if (!error)
		error = make_layer(build, stage, run, &view, &paths, rules);
	stage_look_done(&view);
	return error;
}

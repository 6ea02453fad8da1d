#include "build/turns.h"
#include "store/store_lock.h"

FALLIBLE turn_take(struct build *build, struct stage_run *stage, struct step_run *run)
{
	AUTO(store_lock) struct store_lock *lock = NULL;
	struct store *store = build->options->store;
	char text[DIGEST_TEXT];

	if (run->step->kind != STEP_RUN || run->is_hit || !run->is_keyed ||
			step_ignores_cache(build, run->step))
		return NULL;
	AUTO_FREE char *name = xasprintf("step:%s", digest_text(&run->key, text));
	TRY(store_lock_try(store, name, &lock));
	bool waits = lock == NULL;
	if (waits) {
		progress_start(build->options->progress, run->vertex);
		progress_note(build->options->progress, run->vertex,
				"waiting for another build that runs this step");
		TRY(store_lock_take(store, name, build->options->cancel, &lock));
	}
	turn_leave(stage);
	stage->turn = TAKE(lock);
	/* On top of a RUN that this build ran, nothing that another made is good: see state.h. */
	return stage->is_fresh ? NULL : step_look_up(build, run);
}

void turn_leave(struct stage_run *stage)
{
	store_lock_free(TAKE(stage->turn));
}

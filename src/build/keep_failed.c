#include "build/keep_failed.h"
#include "store/history.h"
#include "store/layer_drop.h"

static FALLIBLE keep(struct store *store, struct layer_draft *draft, char ret[LAYER_ID_TEXT])
{
	AUTO_FREE char *before = NULL;
	struct layer_facts facts = { 0 };
	char id[LAYER_ID_TEXT];

	TRY(layer_commit(draft, &facts, id));
	memcpy(ret, id, sizeof(id));
	TRY(history_replace_failed(store, id, &before));
	return before ? layer_drop(store, before, false) : NULL;
}

void keep_failed(struct build *build, struct step_run *run, struct layer_draft *draft)
{
	/* Without mounts the step ran in a plain directory: there is no upper. */
	if (!build->options->keep_failed || run->is_trial ||
			userns_is_bare(build->options->userns->mode) ||
			store_is_read_only(build->options->store))
		return;
	error_ignore(keep(build->options->store, draft, run->kept), "it is only for looking at");
}

#include "store/scratch.h"
#include "store/inside.h"
#include "sys/fd.h"

#include <fcntl.h>

FALLIBLE scratch_make(struct store *store, struct scratch *ret)
{
	AUTO(scratch) struct scratch scratch = { .store = store, .fd = -1 };
	AUTO(visit) struct visit visit = { 0 };

	TRY(store_need_write(store));
	TRY(store_enter(store, VISIT, &visit));
	struct error *error = run_make_dir(store, &scratch.path);
	if (!error)
		error = file_open(store->fd, scratch.path, O_RDONLY | O_DIRECTORY, 0, &scratch.fd);
	if (error)
		return store_explain(store, error_wrap(error, "make a directory to work in"));
	*ret = scratch;
	scratch = (struct scratch){ 0 };
	return NULL;
}

void scratch_done(struct scratch *scratch)
{
	if (!scratch->path)
		return;
	if (scratch->fd >= 0)
		(void)close(scratch->fd);
	trash_add(scratch->store->trash, scratch->path);
	free(scratch->path);
	*scratch = (struct scratch){ 0 };
}

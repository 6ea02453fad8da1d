/*
 * From a draft to a layer. The row and the rename happen in one transaction, so that two processes
 * with the same diffID take turns; a kill between rename and commit leaves a directory without a
 * row, which prune removes.
 */
#include "base/clock.h"
#include "store/inside.h"
#include "store/layers.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <sys/stat.h>

void layer_draft_done(struct layer_draft *draft)
{
	if (draft->tree_fd >= 0 && draft->dir)
		(void)close(draft->tree_fd);
	draft->tree_fd = -1;
	if (draft->dir)
		trash_add(draft->store->trash, draft->dir); /* in our run's directory: hidden */
	free(TAKE(draft->dir));
	free(TAKE(draft->tree));
	free(TAKE(draft->work));
}

static FALLIBLE make_directories(struct store *store, struct layer_draft *draft)
{
	TRY(run_make_dir(store, &draft->dir));
	draft->tree = xasprintf("%s/upper", draft->dir);
	draft->work = xasprintf("%s/work", draft->dir);
	if (mkdirat(store->fd, draft->tree, 0755) < 0 || mkdirat(store->fd, draft->work, 0700) < 0)
		return error_sys("make a directory in '%s/%s'", store->root, draft->dir);
	TRY(file_open(store->fd, draft->tree, O_RDONLY | O_DIRECTORY, 0, &draft->tree_fd));
	/* It becomes the "/" of a rootfs: no umask takes part in that. */
	if (fchmod(draft->tree_fd, 0755) < 0)
		return error_sys("set the mode of '%s'", draft->tree);
	return NULL;
}

FALLIBLE layer_begin(struct store *store, struct layer_draft *ret)
{
	AUTO(layer_draft) struct layer_draft draft = { .store = store, .tree_fd = -1 };
	AUTO(visit) struct visit visit = { 0 };

	TRY(store_need_write(store));
	TRY(store_enter(store, VISIT, &visit));
	struct error *error = make_directories(store, &draft);
	if (error)
		return store_explain(store, error_wrap(error, "begin a layer"));
	*ret = draft;
	draft = (struct layer_draft){ .tree_fd = -1 };
	return NULL;
}

/* A new row, or *id again. */
static FALLIBLE put_row(struct store *store, const struct layer_facts *facts, char *id)
{
	int64_t now = clock_now_seconds();

	if (!id[0])
		random_name(id);
	return db_run(store->db,
			"INSERT INTO layer (id, diff_id, content, tar_bytes, created, used) "
			"VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (id) DO UPDATE SET "
			"diff_id = coalesce(?2, diff_id), content = coalesce(?3, content), "
			"tar_bytes = max(?4, tar_bytes), used = ?5",
			"tddii", id, &facts->diff_id, &facts->content, (int64_t)facts->tar_bytes,
			now);
}

static FALLIBLE put_tree(struct store *store, const struct layer_draft *draft,
		const struct layer_facts *facts, const char *id)
{
	char path[LAYER_PATH];

	TRY(db_run(store->db,
			"UPDATE layer SET owner = ?, chain = ?, tree_bytes = ?, boot = ?, "
			"synced = 0 WHERE id = ?",
			"tditt", store->tree_key, &facts->chain, (int64_t)facts->tree_bytes,
			store->boot_id, id));
	/* What has that name belongs to nobody: it was left by a kill at this very place. */
	TRY(run_discard(store, layer_path(id, path)));
	if (renameat(store->fd, draft->tree, store->fd, path) < 0)
		return error_sys("make '%s/%s'", store->root, path);
	return NULL;
}

/* Is there one of that diffID: with a tree for us, or without any tree? */
static FALLIBLE find_twin(struct store *store, const struct layer_facts *facts, char *ret_id,
		bool *ret_has_tree)
{
	AUTO(layer_record) struct layer_record twin = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	const struct digest *chain = digest_known(&facts->chain) ? &facts->chain : NULL;
	bool more = false;

	*ret_has_tree = false;
	if (!digest_known(&facts->diff_id))
		return NULL;
	TRY(layer_look_up(store, NULL, &facts->diff_id, chain, &twin));
	*ret_has_tree = twin.dir != NULL;
	if (twin.dir) {
		(void)snprintf(ret_id, LAYER_ID_TEXT, "%s", twin.id);
		return NULL;
	}
	TRY(db_query(store->db, &rows,
			"SELECT id FROM layer WHERE diff_id = ? AND owner IS NULL "
			"ORDER BY created, id LIMIT 1",
			"d", &facts->diff_id));
	TRY(rows_next(&rows, &more));
	if (more)
		(void)snprintf(ret_id, LAYER_ID_TEXT, "%s", rows_text(&rows, 0));
	return NULL;
}

static FALLIBLE commit(struct store *store, const struct layer_draft *draft,
		const struct layer_facts *facts, char ret_id[static LAYER_ID_TEXT])
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(transaction) struct transaction transaction = { 0 };
	char id[LAYER_ID_TEXT] = "", path[LAYER_PATH];
	bool has_tree = false;

	TRY(store_enter(store, VISIT, &visit));
	TRY(transaction_begin(&transaction, store->db));
	TRY(find_twin(store, facts, id, &has_tree));
	TRY(put_row(store, facts, id));
	TRY(lease_layer(store, id, NULL));
	if (draft && !has_tree)
		TRY(put_tree(store, draft, facts, id));
	struct error *error = transaction_commit(&transaction);
	if (error) {
		if (draft && !has_tree)
			error_ignore(run_discard(store, layer_path(id, path)), "left for prune");
		return error;
	}
	memcpy(ret_id, id, LAYER_ID_TEXT);
	return NULL;
}

FALLIBLE layer_commit(struct layer_draft *draft, const struct layer_facts *facts,
		char ret_id[static LAYER_ID_TEXT])
{
	AUTO(layer_draft) struct layer_draft ours = *draft;

	*draft = (struct layer_draft){ .tree_fd = -1 };
	if (!ours.store->uses_trees)
		return error_new(ERR_UNSUPPORTED, "a layer's tree without an owner policy");
	TRY_WRAP(store_explain(ours.store, commit(ours.store, &ours, facts, ret_id)),
			"keep a layer");
	return NULL;
}

FALLIBLE layer_add(struct store *store, const struct layer_facts *facts,
		char ret_id[static LAYER_ID_TEXT])
{
	TRY(store_need_write(store));
	if (!digest_known(&facts->diff_id))
		return error_new(ERR_INVALID, "a layer with neither tree nor diffID");
	TRY_WRAP(store_explain(store, commit(store, NULL, facts, ret_id)), "keep a layer");
	return NULL;
}

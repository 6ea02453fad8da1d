/*
 * One transaction decides, with locks/gc held alone: rows go, and the paths of what they stood for
 * are collected. After the commit the paths are renamed out of sight and removed in the background.
 * A dry run rolls the transaction back instead, so it counts exactly what would go. A kill between
 * commit and renames leaves files without rows, which the next prune takes as leftovers.
 *
 * Whoever needs a thing now has leased it; the leases of all living runs become two temporary
 * tables that the queries look into.
 */
#include "store/prune.h"
#include "base/clock.h"
#include "store/image_rows.h"
#include "store/inside.h"
#include "store/pruning.h"
#include "store/tree_size.h"

#include <sys/stat.h>

const char *prune_kind_name(enum prune_kind kind)
{
	static const char *const names[PRUNE_KINDS] = {
		[PRUNE_LEFTOVERS] = "leftovers",
		[PRUNE_DUPLICATES] = "duplicate layers",
		[PRUNE_TREES] = "unpacked layers",
		[PRUNE_REMOTE] = "blobs a registry has",
		[PRUNE_HINTS] = "file digests",
		[PRUNE_MOUNTS] = "cache mounts",
		[PRUNE_CACHE] = "build cache",
		[PRUNE_UNTAGGED] = "images without a name",
		[PRUNE_BLOBS] = "unused blobs",
		[PRUNE_TAGGED] = "images",
		[PRUNE_HISTORY] = "history of builds",
	};

	return names[kind];
}

/* What the files of prune share. */

bool pruning_wants_more(const struct pruning *pruning)
{
	const struct prune_options *options = pruning->options;

	if (!options->keep_bytes && !options->free_bytes)
		return true;
	return (options->keep_bytes && pruning->total > options->keep_bytes) ||
	       (options->free_bytes && pruning->free < options->free_bytes);
}

void pruning_count(struct pruning *pruning, enum prune_kind kind, uint64_t bytes)
{
	pruning->report.freed[kind].things++;
	pruning->report.freed[kind].bytes += bytes;
	pruning->report.bytes += bytes;
	pruning->total -= bytes < pruning->total ? bytes : pruning->total;
	pruning->free += bytes;
}

FALLIBLE pruning_candidates(struct pruning *pruning, const char *sql, struct candidates *ret)
{
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(db_query(pruning->store->db, &rows, sql, "ti", pruning->store->owner_key,
			pruning->used_before));
	for (;;) {
		TRY(rows_next(&rows, &more));
		if (!more)
			return NULL;
		struct candidate *one = vec_add(ret);
		one->digest = rows_digest(&rows, 0);
		one->id = xstrdup(rows_text(&rows, 1));
		one->bytes = (uint64_t)rows_int(&rows, 2);
	}
}

void candidates_done(struct candidates *candidates)
{
	for (size_t i = 0; i < candidates->n; i++)
		free(candidates->p[i].id);
	vec_done(candidates);
}

FALLIBLE pruning_drop_tree(
		struct pruning *pruning, enum prune_kind kind, const char *id, uint64_t bytes)
{
	char path[LAYER_PATH];

	TRY(db_run(pruning->store->db,
			"UPDATE layer SET owner = NULL, chain = NULL, tree_bytes = 0, synced = 0 "
			"WHERE id = ?",
			"t", id));
	list_add(&pruning->paths, layer_path(id, path));
	pruning_count(pruning, kind, bytes);
	return NULL;
}

FALLIBLE pruning_drop_blob(struct pruning *pruning, enum prune_kind kind,
		const struct digest *digest, uint64_t bytes)
{
	char path[BLOB_PATH];

	TRY(db_run(pruning->store->db, "DELETE FROM blob WHERE digest = ?", "d", digest));
	list_add(&pruning->paths, blob_path(digest, path));
	pruning_count(pruning, kind, bytes);
	return NULL;
}

/* The whole. */

static FALLIBLE fill_leases(struct pruning *pruning)
{
	AUTO(map) struct map *leases = map_new(NULL);
	struct db *db = pruning->store->db;
	const char *name = NULL;
	void *at = NULL, *value = NULL;

	TRY(runs_leases(pruning->store, leases));
	TRY(db_script(db, "CREATE TEMP TABLE IF NOT EXISTS leased_blob (digest BLOB PRIMARY KEY);"
			  "CREATE TEMP TABLE IF NOT EXISTS leased_layer (id TEXT PRIMARY KEY);"
			  "DELETE FROM leased_blob; DELETE FROM leased_layer"));
	while (map_next(leases, &at, &name, &value)) {
		AUTO_FREE char *text = xasprintf("sha256:%s", name + 1);
		struct digest digest = { 0 };

		if (name[0] == 'l') {
			TRY(db_run(db, "INSERT INTO leased_layer VALUES (?)", "t", name + 1));
			continue;
		}
		struct error *error = digest_parse(str_of(text), &digest);
		error_ignore(error, "a lease cut short");
		if (digest_known(&digest))
			TRY(db_run(db, "INSERT INTO leased_blob VALUES (?)", "d", &digest));
	}
	/* What working containers stand on may be mounted right now, by nobody's process. */
	return db_script(db,
			"INSERT OR IGNORE INTO leased_layer SELECT layer FROM container_layer;"
			"INSERT OR IGNORE INTO leased_layer SELECT id FROM layer WHERE diff_id IN "
			"(SELECT diff_id FROM image_layer JOIN container ON container.image = "
			"image_layer.manifest);"
			"INSERT OR IGNORE INTO leased_blob SELECT image FROM container WHERE image "
			"NOT NULL");
}

static FALLIBLE sum_up(struct pruning *pruning)
{
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(db_query(pruning->store->db, &rows,
			"SELECT (SELECT coalesce(sum(bytes), 0) FROM blob) + "
			"(SELECT coalesce(sum(tree_bytes), 0) FROM layer WHERE owner NOT NULL)",
			""));
	TRY(rows_next(&rows, &more));
	pruning->total = (uint64_t)rows_int(&rows, 0);
	for (size_t i = 0; i < pruning->mounts.n; i++)
		pruning->total += pruning->mounts.p[i].bytes;
	return store_free_bytes(pruning->store, &pruning->free, NULL);
}

static unsigned kinds_of(const struct prune_options *options)
{
	const unsigned all = ((1u << PRUNE_KINDS) - 1) & ~(1u << PRUNE_TAGGED);

	if (options->kinds)
		return options->kinds;
	if (options->older_than_seconds)
		return all;
	if (options->all || options->keep_bytes || options->free_bytes)
		return all & ~(1u << PRUNE_HISTORY);
	return 1u << PRUNE_LEFTOVERS | 1u << PRUNE_DUPLICATES | 1u << PRUNE_UNTAGGED |
	       1u << PRUNE_BLOBS;
}

static FALLIBLE prune_by_kind(struct pruning *pruning, unsigned kinds)
{
	static struct error *(*const steps[PRUNE_KINDS])(struct pruning *) = {
		[PRUNE_LEFTOVERS] = prune_leftovers,
		[PRUNE_DUPLICATES] = prune_duplicates,
		[PRUNE_TREES] = prune_trees,
		[PRUNE_REMOTE] = prune_remote,
		[PRUNE_HINTS] = prune_hints,
		[PRUNE_MOUNTS] = prune_mounts,
		[PRUNE_CACHE] = prune_cache,
		[PRUNE_UNTAGGED] = prune_untagged,
		[PRUNE_BLOBS] = prune_unused,
		[PRUNE_TAGGED] = prune_tagged,
		[PRUNE_HISTORY] = prune_history,
	};

	for (unsigned kind = 0; kind < PRUNE_KINDS; kind++)
		if (kinds & 1u << kind)
			TRY(steps[kind](pruning));
	/* What the named images held. */
	return kinds & 1u << PRUNE_TAGGED ? prune_unused(pruning) : NULL;
}

static FALLIBLE decide(struct pruning *pruning, const struct prune_options *options)
{
	AUTO(transaction) struct transaction transaction = { 0 };
	uint64_t images = 0;

	TRY(db_script(pruning->store->db, "PRAGMA temp_store = MEMORY"));
	TRY(transaction_begin(&transaction, pruning->store->db));
	TRY(fill_leases(pruning));
	TRY(sum_up(pruning));
	TRY(prune_by_kind(pruning, kinds_of(options)));
	pruning->report.kept_bytes = pruning->total;
	if (options->dry_run)
		return NULL;
	images = pruning->report.freed[PRUNE_UNTAGGED].things +
		 pruning->report.freed[PRUNE_TAGGED].things;
	if (images)
		TRY(index_write(pruning->store));
	return transaction_commit(&transaction);
}

static FALLIBLE discard_all(struct pruning *pruning)
{
	struct error *first = NULL;

	for (size_t i = 0; i < pruning->paths.n; i++)
		first = error_first(first, run_discard(pruning->store, pruning->paths.p[i]));
	return first;
}

static FALLIBLE prune(struct pruning *pruning)
{
	AUTO(visit) struct visit visit = { 0 };

	TRY(store_enter(pruning->store, VISIT_ALONE, &visit));
	TRY(decide(pruning, pruning->options));
	return pruning->options->dry_run ? NULL : discard_all(pruning);
}

FALLIBLE store_prune(
		struct store *store, const struct prune_options *options, struct prune_report *ret)
{
	AUTO(pruning) struct pruning pruning = { .store = store, .options = options };

	TRY(store_need_write(store));
	pruning.used_before = INT64_MAX;
	if (options->older_than_seconds)
		pruning.used_before = clock_now_seconds() - (int64_t)options->older_than_seconds;
	if (!options->dry_run)
		store_use_reserve(store);
	struct error *error = measure_new_trees(store);
	if (!error)
		error = cache_mounts_list(store, &pruning.mounts);
	if (!error)
		error = prune(&pruning);
	if (!options->dry_run) {
		trash_wait(store->trash); /* what is reported as free is free */
		store_keep_reserve(store);
	}
	if (error)
		return error_wrap(store_explain(store, error), "prune the store '%s'", store->root);
	*ret = pruning.report;
	return NULL;
}

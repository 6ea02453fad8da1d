#include "store/vouch.h"

#include "base/clock.h"
#include "store/inside.h"

FALLIBLE vouch_add_name(struct store *store, const struct digest *manifest, const char *name,
		const struct digest *index)
{
	AUTO(visit) struct visit visit = { 0 };
	char digest[DIGEST_TEXT];
	bool has_index = digest_known(index);
	AUTO_FREE char *text = xasprintf("%s%s%s", name, has_index ? " " : "",
			has_index ? digest_text(index, digest) : "");

	TRY(store_need_write(store));
	TRY(store_enter(store, VISIT, &visit));
	return store_explain(store,
			db_run(store->db,
					"INSERT OR REPLACE INTO fetched (manifest, name, made) "
					"VALUES (?, ?, ?)",
					"dti", manifest, text, clock_now_seconds()));
}

FALLIBLE vouch_names(struct store *store, const struct digest *manifest, struct list *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };
	bool more = false;

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows, "SELECT name FROM fetched WHERE manifest = ? ORDER BY name",
			"d", manifest));
	for (;;) {
		TRY(rows_next(&rows, &more));
		if (!more)
			return NULL;
		list_add(ret, rows_text(&rows, 0));
	}
}

FALLIBLE vouch_put(struct store *store, const struct digest *manifest, const struct digest *rule)
{
	AUTO(visit) struct visit visit = { 0 };

	TRY(store_need_write(store));
	TRY(store_enter(store, VISIT, &visit));
	return store_explain(store,
			db_run(store->db,
					"INSERT OR REPLACE INTO vouched (manifest, rule, made) "
					"VALUES (?, ?, ?)",
					"ddi", manifest, rule, clock_now_seconds()));
}

FALLIBLE vouch_get(struct store *store, const struct digest *manifest, const struct digest *rule,
		bool *ret)
{
	AUTO(visit) struct visit visit = { 0 };
	AUTO(rows) struct rows rows = { 0 };

	TRY(store_enter(store, VISIT, &visit));
	TRY(db_query(store->db, &rows, "SELECT 1 FROM vouched WHERE manifest = ? AND rule = ?",
			"dd", manifest, rule));
	return rows_next(&rows, ret);
}

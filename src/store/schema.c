/*
 * The tables. docs/store-format.md explains each column; a change here is a new STORE_VERSION.
 */
#include "store/inside.h"

static const char tables[] =
		/* One row: the boot that wrote index.json last, and its generation. */
		"CREATE TABLE store (boot TEXT NOT NULL, generation INTEGER NOT NULL);"
		"INSERT INTO store VALUES ('', 0);"

		"CREATE TABLE blob (digest BLOB PRIMARY KEY, bytes INTEGER NOT NULL,"
		" boot TEXT NOT NULL, synced INTEGER NOT NULL, created INTEGER NOT NULL,"
		" used INTEGER NOT NULL) WITHOUT ROWID;"
		"CREATE TABLE location (digest BLOB NOT NULL, repository TEXT NOT NULL,"
		" seen INTEGER NOT NULL, PRIMARY KEY (digest, repository)) WITHOUT ROWID;"

		/* owner: not NULL when layers/<id> is there. */
		"CREATE TABLE layer (id TEXT PRIMARY KEY, diff_id BLOB, toc BLOB, content BLOB,"
		" tar_bytes INTEGER NOT NULL, created INTEGER NOT NULL, used INTEGER NOT NULL,"
		" owner TEXT, chain BLOB, tree_bytes INTEGER NOT NULL DEFAULT 0,"
		" boot TEXT NOT NULL DEFAULT '', synced INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
		"CREATE INDEX layer_by_diff_id ON layer (diff_id);"
		"CREATE TABLE layer_blob (digest BLOB PRIMARY KEY, diff_id BLOB NOT NULL,"
		" bytes INTEGER NOT NULL, compression INTEGER NOT NULL, level INTEGER NOT NULL)"
		" WITHOUT ROWID;"
		"CREATE INDEX layer_blob_by_diff_id ON layer_blob (diff_id);"

		"CREATE TABLE cache (number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,"
		" kind INTEGER NOT NULL, layer TEXT, diff_id BLOB, content BLOB,"
		" created INTEGER NOT NULL, used INTEGER NOT NULL, slot TEXT, ingredients TEXT);"
		"CREATE INDEX cache_by_slot ON cache (slot) WHERE slot IS NOT NULL;"
		"CREATE TABLE definition (digest BLOB PRIMARY KEY, seen INTEGER NOT NULL)"
		" WITHOUT ROWID;"

		"CREATE TABLE image (manifest BLOB PRIMARY KEY, media_type TEXT NOT NULL,"
		" manifest_bytes INTEGER NOT NULL, config BLOB, bytes INTEGER NOT NULL,"
		" created INTEGER NOT NULL) WITHOUT ROWID;"
		"CREATE TABLE tag (name TEXT PRIMARY KEY, manifest BLOB NOT NULL,"
		" created INTEGER NOT NULL) WITHOUT ROWID;"
		"CREATE INDEX tag_by_manifest ON tag (manifest);"
		"CREATE TABLE image_blob (manifest BLOB NOT NULL, digest BLOB NOT NULL,"
		" PRIMARY KEY (manifest, digest)) WITHOUT ROWID;"
		"CREATE INDEX image_blob_by_digest ON image_blob (digest);"
		"CREATE TABLE image_layer (manifest BLOB NOT NULL, diff_id BLOB NOT NULL,"
		" PRIMARY KEY (manifest, diff_id)) WITHOUT ROWID;"
		"CREATE INDEX image_layer_by_diff_id ON image_layer (diff_id);";

/* What each version added to the one before: steps[i] leads from version i + 1 to i + 2. */
static const char *const steps[] = {
	/* 2: working containers. */
	"CREATE TABLE container (id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, image BLOB,"
	" state TEXT NOT NULL, created INTEGER NOT NULL, owner TEXT NOT NULL);"
	"CREATE INDEX container_by_image ON container (image) WHERE image IS NOT NULL;"
	"CREATE TABLE container_layer (container TEXT NOT NULL, layer TEXT NOT NULL,"
	" PRIMARY KEY (container, layer)) WITHOUT ROWID;",
	/* 3: where images came from, and which rules of a signature policy they met. */
	"CREATE TABLE fetched (manifest BLOB NOT NULL, name TEXT NOT NULL, made INTEGER NOT NULL,"
	" PRIMARY KEY (manifest, name)) WITHOUT ROWID;"
	"CREATE TABLE vouched (manifest BLOB NOT NULL, rule BLOB NOT NULL, made INTEGER NOT NULL,"
	" PRIMARY KEY (manifest, rule)) WITHOUT ROWID;",
};
_Static_assert(COUNT(steps) == STORE_VERSION - 1, "a step for each version");

FALLIBLE schema_raise(struct db *db, int from)
{
	AUTO_FREE char *version = xasprintf("PRAGMA user_version = %d", STORE_VERSION);

	for (size_t i = (size_t)from - 1; i < COUNT(steps); i++)
		TRY(db_script(db, steps[i]));
	return db_script(db, version);
}

FALLIBLE schema_make(struct db *db)
{
	TRY(db_script(db, tables));
	return schema_raise(db, 1);
}

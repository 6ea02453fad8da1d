/*
 * check: is the store what it says? Blobs hash to their names, rows point to files, index.json says
 * what the rows say, the database is sound. Reads every byte; changes nothing.
 *
 * Findings of dead processes (a blob that got its name and not yet its row, a draft) are not
 * damage: they are marked leftover, and prune or the next use clears them.
 *
 * Floor: store.
 */
#pragma once
#include "base/auto.h"
#include "store/store.h"

struct finding {
	bool leftover; /* harmless; false: damage */
	char *text;    /* "blob 'sha256:…': bytes do not hash to the name" */
};

struct findings {
	struct finding *p;
	size_t n, capacity;
};

FALLIBLE store_check(struct store *store, struct findings *ret);
size_t findings_damage(const struct findings *findings); /* how many are not leftovers */
void findings_done(struct findings *findings);

DEFINE_AUTO_VALUE(findings)

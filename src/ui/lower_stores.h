/*
 * lower_stores: the stores of the setting lower-store, opened for reading (build/lower_store.h).
 *
 *	AUTO(lower_stores) struct lower_stores lowers = { 0 };
 *	lower_stores_open(&session, &lowers, &options);
 *
 * One that cannot be read is a warning: the build goes on without it.
 *
 * Floor: ui.
 */
#pragma once
#include "build/build.h"
#include "ui/session.h"

struct lower_stores {
	struct store **p;
	size_t n, capacity;
};

/* Fills lowers of options, which borrow them. */
void lower_stores_open(const struct session *session, struct lower_stores *ret,
		struct build_options *options);
void lower_stores_done(struct lower_stores *lowers);

DEFINE_AUTO_VALUE(lower_stores)

/*
 * schedule: run what is ready. Nodes 0..n-1 with edges to what they need; each is run once, on one
 * of a few threads, when all it needs has succeeded. It knows no operation: the caller brings one
 * function.
 *
 * The first error stops the giving out of nodes and sets cancel, so that running ones stop too; it
 * is returned when all threads are idle.
 *
 * Floor: graph.
 */
#pragma once
#include "base/error.h"
#include "sys/cancel.h"
#include <stddef.h>

struct schedule {
	size_t count;
	/* The i-th node that node needs, or SIZE_MAX when there are no more. No cycles. */
	size_t (*need)(void *user, size_t node, size_t i);
	struct error *(*run)(void *user, size_t node);
	void *user;
	unsigned jobs; /* threads at most, at least 1 */
	struct cancel *cancel;
	/* After a node failed: true leaves cancel alone, so that running ones finish. Or NULL. */
	bool (*spares_others)(void *user);
};

FALLIBLE schedule_run(const struct schedule *schedule);

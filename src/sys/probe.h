/*
 * probe: what this machine allows, for `kiln doctor` and for messages. Everything is tried in
 * forked children, so nothing changes for the caller; call it before userns_enter() and before
 * threads.
 *
 * Floor: sys.
 */
#pragma once
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>

struct probe_finding {
	const char *name; /* constant: "user namespaces" */
	enum finding_state { FINDING_OK = 1, FINDING_MISSING, FINDING_OPTIONAL } state;
	char *detail; /* what was seen, one line */
	char *advice; /* what to do for better, or NULL */
};

struct probe_findings {
	struct probe_finding *p;
	size_t n, capacity;
};

/*
 * Find out. store_path is where layers would live (its nearest existing parent is tried). Never
 * fails: what cannot be tried is a finding.
 */
void probe_all(const char *store_path, struct probe_findings *ret);
void probe_findings_done(struct probe_findings *findings);

/*
 * enter_options: what a step was told besides its environment, read back from its key's record:
 * capabilities, DNS, hosts, limits. Private to build/.
 *
 * Floor: build.
 */
#pragma once
#include "base/strbuf.h"
#include "base/vec.h"
#include "sandbox/sandbox.h"

#include <jansson.h>

/* Everything that the sandbox's step borrows. */
struct enter_options {
	struct list dns, dns_search, dns_options, mask, unmask, hosts;
	VEC(struct sandbox_host) host_pairs;
	VEC(struct sandbox_limit) limits;
	VEC(uint32_t) groups; /* the user's own first */
};

/*
 * Fill step. record may be NULL: a step that was no RUN. What cannot be had again is said in text
 * ("; without ..."). step->groups are the user's own so far.
 */
FALLIBLE enter_options_apply(
		const json_t *record, struct enter_options *options, struct sandbox_step *step);
/* What of the record enter_options_apply() cannot give back. */
void enter_options_tell(const json_t *record, struct strbuf *text);
void enter_options_done(struct enter_options *options);

DEFINE_AUTO_VALUE(enter_options)

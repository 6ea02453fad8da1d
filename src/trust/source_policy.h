/*
 * source_policy: where a build may take images, files and repositories from, in BuildKit's JSON.
 *
 *	docker-image://docker.io/library/alpine:latest
 *	oci-layout://DIR[:TAG]
 *	https://host/path
 *	git://host/path[#ref[:subdir]]
 *
 * Of the rules ALLOW and DENY that match, the last one counts (BuildKit), or the first one that
 * matches at all (Buildah). CONVERT puts another source in the place, and all is judged again.
 * Regular expressions are POSIX's extended ones; what only Go's have is refused.
 *
 * Floor: trust (pure). Read-only once parsed: any thread may ask.
 */
#pragma once
#include "base/auto.h"
#include "base/error.h"
#include "base/str.h"
#include "base/vec.h"

struct source_policy;

/* name is for messages. ERR_INVALID says which rule is wrong; ERR_LIMIT: an expression too large.
 */
FALLIBLE source_policy_parse(
		struct str json, const char *name, bool first_wins, struct source_policy **ret);
/*
 * Judge *source (owned by the caller; replaced when a rule converts it) with its attributes
 * ("http.checksum=sha256:…"), which a rule may set. ERR_DENIED. NULL allows everything.
 */
FALLIBLE source_policy_judge(
		const struct source_policy *policy, char **source, struct list *attributes);
void source_policy_free(struct source_policy *policy);

DEFINE_AUTO_PTR(source_policy, source_policy_free)

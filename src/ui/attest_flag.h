/*
 * attest_flag: buildx's --provenance, --sbom and --attest, of which the first two are short for
 *
 *	--attest type=provenance[,mode=min|max][,builder-id=URL][,reproducible=BOOL]
 *	         [,inline-only=BOOL][,filename=NAME][,version=v1|v0.2][,disabled=BOOL]
 *	--attest type=sbom,disabled=BOOL
 *
 * SBOMs are not made: what asks for none is taken, all else is refused by name.
 *
 * Floor: ui (pure). Spec: docker buildx build, "--attest"; BuildKit, "SLSA provenance".
 */
#pragma once
#include "build/build.h"

/*
 * One --attest, or "--provenance VALUE" (option "--provenance", type "provenance") and its like,
 * where VALUE is a truth or fields. *ret is changed; its texts are added to texts, which must
 * outlive it. seen: the types that were given so far; one that comes twice is an error. Every
 * failure is error_usage.
 */
FALLIBLE attest_flag_add(const char *option, const char *type, const char *value,
		struct list *texts, struct list *seen, struct build_attest *ret);

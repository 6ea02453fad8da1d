/*
 * attest_flag: buildx's --provenance, --sbom and --attest, of which the first two are short for
 *
 *	--attest type=provenance[,mode=min|max][,builder-id=URL][,reproducible=BOOL]
 *	         [,inline-only=BOOL][,filename=NAME][,version=v1|v0.2][,disabled=BOOL]
 *	--attest type=sbom[,generator=IMAGE][,NAME=VALUE...][,disabled=BOOL]
 *
 * What else an SBOM's fields are is for its generator, as BUILDKIT_SCAN_NAME.
 *
 * Floor: ui (pure). Spec: docker buildx build, "--attest"; BuildKit, "SLSA provenance".
 */
#pragma once
#include "build/build.h"

/*
 * One --attest (type NULL), or "--provenance VALUE" (option "--provenance", type "provenance") and
 * its like, where VALUE is a truth or fields. attest points into the flags. A type that comes twice
 * is an error. Every failure is error_usage.
 */
struct attest_flags {
	struct list texts, seen, params;
	struct build_attest attest;
};

FALLIBLE attest_flags_add(struct attest_flags *flags, const char *option, const char *type,
		const char *value);
void attest_flags_done(struct attest_flags *flags);

DEFINE_AUTO_VALUE(attest_flags)

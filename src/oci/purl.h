/*
 * purl: the name of an image as a package URL, by which provenance and SBOMs speak of it.
 *
 *	docker.io/library/alpine:3.17 for linux/amd64
 *	    -> pkg:docker/alpine@3.17?platform=linux%2Famd64
 *	r.example/team/app@sha256:…
 *	    -> pkg:docker/r.example/team/app?digest=sha256:…
 *
 * Floor: oci (pure). Spec: package-url/purl-spec, "docker" type; names as BuildKit writes them.
 */
#pragma once
#include "oci/platform.h"
#include "oci/reference.h"

/* platform may be NULL. New; free(). */
char *purl_of(const struct reference *reference, const struct platform *platform);

/*
 * reference: the name of an image: registry host, repository, tag, digest.
 *
 *	busybox                     -> docker.io/library/busybox:latest
 *	localhost:5000/a/b:1        -> host localhost:5000, repository a/b, tag 1
 *	r.example/x@sha256:…        -> tag NULL, digest known
 *
 * Grammar of distribution/reference, its length limits included (repository 255, tag 128). An
 * upper-case repository is ERR_INVALID with that as the reason. index.docker.io becomes docker.io.
 *
 * Floor: oci (pure).
 * Spec: OCI distribution-spec v1.1, "Pulling manifests"; github.com/distribution/reference.
 */
#pragma once
#include "base/auto.h"
#include "oci/digest.h"

struct reference {
	char *host;           /* "docker.io", "localhost:5000" */
	char *repository;     /* "library/busybox" */
	char *tag;            /* or NULL */
	struct digest digest; /* known or not */
};

/* Familiar form in; without tag and digest the tag becomes "latest". */
FALLIBLE reference_parse(struct str text, struct reference *ret);
/* Whether a name says its registry: "r.example/a", "localhost/a", not "a", "team/a". */
bool reference_has_host(struct str name);
void reference_done(struct reference *reference);
void reference_copy(const struct reference *from, struct reference *ret);
/* "docker.io/library/busybox:latest@sha256:…": always complete. New; free(). */
char *reference_text(const struct reference *reference);
/* "busybox:latest": docker.io and library/ left out. New; free(). */
char *reference_familiar(const struct reference *reference);
/* "host/repository". New; free(). */
char *reference_name(const struct reference *reference);

DEFINE_AUTO_VALUE(reference)

/*
 * record: what a cache home keeps of a step, as a value and as the JSON document that travels
 * (docs/cache-format.md). A document holds one record (under its key) or all those of a build (the
 * index of a name).
 *
 * Everything in a document is hostile. Reading checks versions, digests, sizes, counts, nesting,
 * that no key comes twice, and the sum over all of it, so that one that was cut, damaged or edited
 * by half is ERR_INVALID or ERR_LIMIT as a whole. What a consistent lie can do is in
 * docs/security.md.
 *
 * Floor: cache (pure).
 */
#pragma once
#include "base/auto.h"
#include "base/vec.h"
#include "oci/digest.h"
#include "oci/mediatype.h"

/* The annotation of a manifest that carries a document. */
#define CACHE_ANNOTATION "dev.kiln.cache"
/* The artifactType of a manifest that is nothing but that. */
#define CACHE_ARTIFACT_TYPE "application/vnd.kiln.cache.v1+json"

/* Where bytes can be found: a blob of a home. */
struct cached_blob {
	struct digest digest; /* known or not */
	uint64_t bytes;
};

struct cached_step {
	struct digest key;
	struct digest definition; /* COPY: the key without its files; known or not */
	enum cached_kind {
		CACHED_LAYER = 1,
		CACHED_EMPTY, /* the step changed nothing */
		CACHED_TOC,   /* no step: the table of contents of a base image's layer */
	} kind;
	struct digest diff_id; /* CACHED_LAYER, CACHED_TOC */
	/* CACHED_LAYER */
	struct cached_blob blob;
	enum compression compression;
	int level;              /* as asked for when it was made */
	struct cached_blob toc; /* its table of contents (toc.h); known or not */

	struct digest content; /* COPY: of the files; known or not */
	int64_t created;       /* Unix seconds: when the step ran */
	char *slot;            /* "stage/number": which step of a build it was; or NULL */
	char *ingredients;     /* JSON: what the key was made of; or NULL */
};

struct cached_steps {
	struct cached_step *p;
	size_t n, capacity;
};

/* The key of a CACHED_TOC record. */
struct digest cached_toc_key(const struct digest *diff_id);
void cached_step_done(struct cached_step *step);
void cached_step_copy(const struct cached_step *from, struct cached_step *ret); /* deep */
void cached_steps_done(struct cached_steps *steps);

/* The document. New; free(). */
char *cached_steps_print(const struct cached_steps *steps);
/* Added to *ret, all or none. what names the document in messages. */
FALLIBLE cached_steps_parse(struct str json, const char *what, struct cached_steps *ret);

DEFINE_AUTO_VALUE(cached_step)
DEFINE_AUTO_VALUE(cached_steps)

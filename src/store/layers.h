/*
 * layers: what the store knows of a layer, each fact reached on demand: its diffID, its blobs (one
 * for each compression), its unpacked tree.
 *
 * A layer has a local id, made at random, because a RUN's tree exists before its diffID is known.
 * Layers whose diffID is known meet by it: layer_commit() and layer_add() with a diffID that is
 * here already give the id that is here. (layer_set_diff_id() may leave two ids with one diffID;
 * look-ups then give the one with a tree, prune removes the other.)
 *
 * A tree is made in a draft under tmp/ and renamed whole to layers/<id>. It is good for processes
 * with the same owner policy and id mapping only; others see the layer without a tree.
 * A tree that cannot stand alone is recorded with the chainID it was unpacked on, and is found by
 * askers with that chain only.
 *
 * Floor: store. Any thread; a draft belongs to one thread at a time.
 */
#pragma once
#include "base/auto.h"
#include "base/vec.h"
#include "oci/digest.h"
#include "oci/mediatype.h"
#include "store/store.h"

enum { LAYER_ID_TEXT = 16 + 1 };

struct layer_blob {
	struct digest digest;
	uint64_t bytes;
	enum compression compression;
	int level; /* as asked for; CODEC_LEVEL_DEFAULT when it came from elsewhere */
	bool here; /* false: known, its bytes are not in the store */
};

struct layer_record {
	char id[LAYER_ID_TEXT];
	struct digest diff_id; /* known or not */
	struct digest toc;     /* blob with its table of contents; known or not */
	struct digest content; /* what layer_facts said; known or not */
	uint64_t tar_bytes;    /* size of the uncompressed tar; 0 unknown */
	struct {
		struct layer_blob *p;
		size_t n, capacity;
	} blobs;
	char *dir;           /* "layers/<id>", relative to store_dir_fd(); NULL: not unpacked */
	uint64_t tree_bytes; /* on disk; 0 unknown */
	int64_t created, used;
};

/* What is known when a layer is made; all-zero members are not known. */
struct layer_facts {
	struct digest diff_id;
	struct digest chain;   /* known: the tree is only good on top of this chainID */
	struct digest content; /* for the caller: digest of what a step made, times left out */
	uint64_t tar_bytes, tree_bytes;
};

/* A tree in the making. Paths are relative to store_dir_fd(). */
struct layer_draft {
	struct store *store;
	char *dir;   /* "tmp/<run>/<n>": ours, for any other scratch of this draft */
	char *tree;  /* "tmp/<run>/<n>/upper": empty, mode 0755; an overlay's upperdir */
	char *work;  /* "tmp/<run>/<n>/work": empty; its workdir */
	int tree_fd; /* O_RDONLY|O_DIRECTORY on tree */
};

FALLIBLE layer_begin(struct store *store, struct layer_draft *ret);
/*
 * Rename the draft's tree to layers/<id> (empties draft, also when it fails; an overlay on it must
 * be unmounted before). When a usable tree of facts->diff_id is here already, ours is dropped.
 * *ret_id is the layer to go on with.
 */
FALLIBLE layer_commit(struct layer_draft *draft, const struct layer_facts *facts,
		char ret_id[static LAYER_ID_TEXT]);
/* Drop it; the removal goes on in the background. */
void layer_draft_done(struct layer_draft *draft);

/* A layer without a tree (a COPY that was streamed). facts->diff_id must be known. */
FALLIBLE layer_add(struct store *store, const struct layer_facts *facts,
		char ret_id[static LAYER_ID_TEXT]);

/*
 * Look up; found layers are leased. chain: the chainID of what lies below, for trees that need it;
 * NULL asks for trees that stand alone. ERR_NOT_FOUND.
 */
FALLIBLE layer_get(struct store *store, const char *id, const struct digest *chain,
		struct layer_record *ret);
FALLIBLE layer_find_by_diff_id(struct store *store, const struct digest *diff_id,
		const struct digest *chain, struct layer_record *ret);
/* The same, and none is no error: ret->id is "" then. */
FALLIBLE layer_seek_by_diff_id(struct store *store, const struct digest *diff_id,
		const struct digest *chain, struct layer_record *ret);
/* By a blob that layer_add_blob() was told of. */
FALLIBLE layer_find_by_blob(struct store *store, const struct digest *digest,
		const struct digest *chain, struct layer_record *ret);
void layer_record_done(struct layer_record *record);

FALLIBLE layer_set_diff_id(struct store *store, const char *id, const struct digest *diff_id,
		uint64_t tar_bytes);
FALLIBLE layer_set_toc(struct store *store, const char *id, const struct digest *toc);
FALLIBLE layer_set_content(struct store *store, const char *id, const struct digest *content);
/*
 * This blob, decompressed, is diff_id: only for callers who saw both digests of the same bytes,
 * never on the word of a manifest. The blob need not be in the store.
 */
FALLIBLE layer_add_blob(
		struct store *store, const struct digest *diff_id, const struct layer_blob *blob);

DEFINE_AUTO_VALUE(layer_record)
DEFINE_AUTO_VALUE(layer_draft)

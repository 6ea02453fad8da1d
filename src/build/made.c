#include "build/made.h"

#include <string.h>
#include <sys/stat.h>

static FALLIBLE open_dir(struct build *build, const struct owner *root, struct made *made,
		struct entry_sink **ret)
{
	const struct owner_policy *policy = &build->options->userns->owner;
	struct apply_options apply = { .mode = APPLY_LAYER, .policy = *policy };

	TRY(layer_begin(build->options->store, &made->draft));
	TRY(owner_set_fd(policy, made->draft.tree_fd, root));
	*ret = apply_sink(made->draft.tree_fd, &apply);
	return NULL;
}

static FALLIBLE open_blob(struct build *build, struct made *made, struct entry_sink **ret)
{
	struct layer_format format = stack_format(build->options);

	TRY(blob_writer_open(build->options->store, BLOB_HASHED_BY_CALLER, &made->blob));
	if (build->layers.push && (made->parts & MADE_AHEAD))
		made->ahead = ahead_start(build->options->registry, build->layers.push, made->blob,
				made->content_bytes);
	return layer_writer(
			blob_writer_stream(made->blob), &format, build->pool, &made->result, ret);
}

/*
 * A layer's own root is what an overlay shows of all roots. Where the one below is not the usual
 * one the layer says so, as it does for every directory that it has files in.
 */
static FALLIBLE add_root(const struct owner *root, struct made *made)
{
	struct entry entry = { .path = "", .owner = *root };

	if (root->mode == (S_IFDIR | 0755) && root->uid == 0 && root->gid == 0)
		return NULL;
	return entry_sink_add(made->sink, &entry, NULL);
}

unsigned made_blob_parts(const struct stage_run *stage, bool streams)
{
	if (!stage->is_packed || !streams)
		return 0;
	/* What only a cache has goes there at the end, and to no image's repository. */
	return stage->is_exported ? MADE_BLOB | MADE_AHEAD : MADE_BLOB;
}

FALLIBLE made_open(struct build *build, const struct owner *root, unsigned parts, struct made *ret)
{
	AUTO(entry_sink) struct entry_sink *dir = NULL;
	AUTO(entry_sink) struct entry_sink *blob = NULL;

	ret->parts = parts;
	if (parts & MADE_DIR)
		TRY(open_dir(build, root, ret, &dir));
	if (parts & MADE_BLOB)
		TRY(open_blob(build, ret, &blob));
	if (dir && blob)
		ret->sink = entry_sink_tee(TAKE(blob), TAKE(dir));
	else
		ret->sink = dir ? TAKE(dir) : TAKE(blob);
	return add_root(root, ret);
}

FALLIBLE made_add(struct made *made, const struct entry *entry, struct reader *content)
{
	made->entries++;
	return entry_sink_add(made->sink, entry, content);
}

static FALLIBLE keep_blob(struct build *build, struct made *made, struct build_layer *layer)
{
	struct layer_format format = stack_format(build->options);
	const struct layer_result *result = &made->result;

	TRY(blob_commit(TAKE(made->blob), &result->digest, result->size, NULL, NULL));
	layer_is_blob(layer, result, &format);
	layer->ahead = TAKE(made->ahead);
	return NULL;
}

FALLIBLE made_close(struct build *build, struct made *made, struct build_layer **ret)
{
	struct store *store = build->options->store;
	struct layer_facts facts = { 0 };

	TRY(entry_sink_close(TAKE(made->sink)));
	*ret = NULL;
	if (made->entries == 0)
		return NULL;
	struct build_layer *layer = layer_new(&build->layers);
	layer->is_placed = true;
	if (made->parts & MADE_BLOB) {
		TRY(keep_blob(build, made, layer));
		facts.diff_id = layer->diff_id;
		facts.tar_bytes = made->result.diff_size;
	}
	if (made->parts & MADE_DIR) {
		TRY(layer_commit(&made->draft, &facts, layer->id));
		layer->dir = xasprintf("layers/%s", layer->id);
	} else {
		TRY(layer_add(store, &facts, layer->id));
	}
	if (made->parts & MADE_BLOB)
		TRY(layer_add_blob(store, &layer->diff_id, &layer->blob));
	*ret = layer;
	return NULL;
}

FALLIBLE made_keep(struct made *made, struct layer_draft *ret)
{
	TRY(entry_sink_close(TAKE(made->sink)));
	*ret = made->draft;
	made->draft = (struct layer_draft){ .tree_fd = -1 };
	return NULL;
}

void made_done(struct made *made)
{
	entry_sink_free(made->sink);
	ahead_free(made->ahead);
	blob_abandon(made->blob);
	layer_draft_done(&made->draft);
	*made = (struct made){ 0 };
}

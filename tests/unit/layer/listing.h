/*
 * listing: what a directory on disk holds, in recorder.h's form, as owner_get() and xattrs say.
 * Whiteouts and opaque marks of overlayfs are shown as "w path" and "opaque".
 */
#pragma once
#include "layer/entry_disk.h"
#include "layer/tree.h"
#include "layer/whiteout.h"
#include "recorder.h"

struct listing_state {
	const struct owner_policy *policy;
	struct entry_sink *sink;
	struct strbuf *out;
};

static inline struct error *listing_visit(
		void *state, const struct tree_item *item, enum tree_step *step)
{
	struct listing_state *listing = state;
	AUTO(entry_disk) struct entry_disk disk = { 0 };
	AUTO(reader) struct reader *content = NULL;
	bool is_whiteout = false;

	(void)step;
	TRY(whiteout_is(item->dir_fd, item->name, item->st, &is_whiteout));
	if (is_whiteout) {
		strbuf_addf(listing->out, "w %s\n", item->path);
		return NULL;
	}
	TRY(entry_disk_read(
			&disk, listing->policy, item->dir_fd, item->name, item->st, item->path));
	TRY(entry_disk_content(&disk, item->dir_fd, item->name, &content));
	TRY(entry_sink_add(listing->sink, &disk.entry, content));
	if (S_ISDIR(item->st->st_mode)) {
		char value[4];
		ssize_t n = 0;

		TRY(xattr_get(item->dir_fd, item->name, "user.overlay.opaque", value, sizeof(value),
				&n));
		if (n == 1) {
			strbuf_truncate(listing->out, listing->out->n - 1);
			strbuf_add(listing->out, " opaque\n");
		}
	}
	return NULL;
}

static inline void list_dir(const struct owner_policy *policy, int dir_fd, struct strbuf *out)
{
	AUTO(entry_sink) struct entry_sink *sink = recorder_new(out);
	struct listing_state state = { policy, sink, out };
	const struct tree_visitor visitor = { listing_visit, NULL, &state };

	strbuf_clear(out);
	assert_ok(tree_walk(dir_fd, &visitor));
}

static inline void assert_listing(const struct owner_policy *policy, int dir_fd, const char *wanted)
{
	AUTO(strbuf) struct strbuf out = { 0 };

	list_dir(policy, dir_fd, &out);
	assert_string_equal(strbuf_text(&out), wanted);
}

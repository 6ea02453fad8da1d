/*
 * What the build's steps had mounted, brought to homes. For each mount: what the home has of it
 * (one request); under the mount's lock what there is here, and the chunks that the home lacks,
 * packed into a scratch file; then, with the lock let go, these chunks, the list, and at last the
 * record. Where the home has the same tree, the first request was the only one.
 */
#include "base/clock.h"
#include "base/limits.h"
#include "build/mount_travel.h"
#include "cache/homes.h"
#include "cache/mount_restore.h"
#include "cache/mount_scan.h"
#include "stream/group.h"
#include "sys/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>

enum {
	SENDERS = 8,
	/* Another build's step may have it for hours: the build does not wait for that. */
	LOCK_TRIES = 100,
	LOCK_PAUSE_MS = 100,
	/*
	 * So old a record says anew that it is good, for whoever removes old ones. In a bucket or a
	 * folder chunks may have been removed meanwhile for their own age: they are asked for
	 * again.
	 */
	RENEW_SECONDS = 24 * 3600,
};

/* One mount on its way to one home. */
struct export
{
	struct build *build;
	const struct cache_target *target;
	const struct traveller *traveller;
	unsigned vertex;
	struct digest name;
	bool is_trusted; /* what the home says it has it has */
	struct mount_record former;
	bool has_former;
	struct mount_list *former_list; /* or NULL */
	struct mount_list *list;
	struct layer_draft draft; /* scratch */
	int fd;                   /* the packed chunks */
	struct mount_parcels parcels;
	pthread_mutex_t lock;
	size_t next; /* guarded by lock, as all below */
	uint64_t sent, to_send;
};

static void export_done(struct export *export)
{
	mount_record_done(&export->former);
	mount_list_free(export->former_list);
	mount_list_free(export->list);
	layer_draft_done(&export->draft);
	if (export->fd >= 0)
		(void)close(export->fd);
	vec_done(&export->parcels);
	pthread_mutex_destroy(&export->lock);
}

DEFINE_AUTO_VALUE(export)

/* A record that is damaged is replaced, and nothing of it believed. */
static bool is_damaged(const struct error *error)
{
	return error_is(error, ERR_INVALID) || error_is(error, ERR_LIMIT) ||
	       error_is(error, ERR_DIGEST) || error_is(error, ERR_NOT_FOUND);
}

static bool is_old(const struct export *export)
{
	return clock_now_seconds() - export->former.created >= RENEW_SECONDS;
}

static FALLIBLE read_former(struct export *export)
{
	struct cache_home *home = export->target->home;
	struct error *error = home->ops->read_mount(home, &export->name, &export->former);
	bool keeps_chunks = home->ops->repository(home) != NULL;

	export->has_former = !error;
	if (!error && is_old(export) && !keeps_chunks)
		export->is_trusted = false;
	if (!is_damaged(error))
		return error;
	error_free(error);
	return NULL;
}

/* Its list says which chunks need not be sent. */
static FALLIBLE read_former_list(struct export *export)
{
	struct error *error = NULL;

	if (!export->has_former || !export->is_trusted || export->former_list)
		return NULL;
	error = mount_fetch_list(export->target->home, &export->former.list, &export->former.tree,
			LIMIT_LAYER_BYTES, &export->former_list);
	if (!is_damaged(error))
		return error;
	error_free(error);
	return NULL;
}

/* --- what there is --- */

static FALLIBLE take_lock(struct export *export, struct cache_mount *ret)
{
	struct build *build = export->build;
	struct pollfd pause = { .fd = cancel_fd(build->options->cancel), .events = POLLIN };

	for (size_t i = 0;; i++) {
		struct error *error =
				cache_mount_take(build->options->store, export->traveller->path,
						export->traveller->id, true, false, NULL, ret);

		if (!error_is(error, ERR_BUSY) || i == LOCK_TRIES)
			return error;
		error_free(error);
		(void)poll(&pause, 1, LOCK_PAUSE_MS);
		TRY(cancel_check(build->options->cancel));
	}
}

static FALLIBLE pack(struct export *export, int tree_fd, const struct mount_scan_options *options)
{
	struct store *store = export->build->options->store;
	AUTO(map) struct map *known = map_new(NULL);
	AUTO_FREE char *path = NULL;

	TRY(read_former_list(export));
	if (export->former_list)
		mount_known_add(known, export->former_list);
	TRY(layer_begin(store, &export->draft));
	path = xasprintf("%s/chunks", export->draft.dir);
	TRY(file_open(store_dir_fd(store), path, O_RDWR | O_CREAT | O_EXCL, 0600, &export->fd));
	return mount_pack(tree_fd, options, known, export->fd, export->list, &export->parcels);
}

static bool is_same(const struct export *export)
{
	return export->has_former && export->is_trusted &&
	       digest_equal(&export->former.tree, &export->list->tree);
}

/* *ret_has: there is something to bring. */
static FALLIBLE look(struct export *export, bool *ret_has)
{
	const struct build_options *options = export->build->options;
	const struct mount_scan_options scan = { .policy = &options->userns->owner,
		.max_bytes = export->target->mounts->max_bytes,
		.cancel = options->cancel,
		.pool = export->build->pool };
	AUTO(cache_mount) struct cache_mount held = { .tree_fd = -1 };
	struct error *error = take_lock(export, &held);

	*ret_has = false;
	if (error_is(error, ERR_BUSY)) {
		error_free(error);
		return error_new(ERR_BUSY, "another build has it");
	}
	if (error || cache_mount_is_empty(&held))
		return error;
	error = mount_scan(held.tree_fd, &scan, &export->list);
	if (error_is(error, ERR_LIMIT))
		return error_hint(error,
				"mounts-max-size=%llu is the bound of this home; a larger "
				"one takes it",
				(unsigned long long)scan.max_bytes);
	TRY(error);
	*ret_has = true;
	return is_same(export) ? NULL : pack(export, held.tree_fd, &scan);
}

/* --- bringing it --- */

struct sending {
	const struct export *export;
	const struct mount_parcel *parcel;
};

static struct error *open_parcel(void *user, uint64_t offset, struct reader **ret)
{
	const struct sending *sending = user;

	*ret = reader_from_range(sending->export->fd, sending->parcel->offset + offset,
			sending->parcel->blob.bytes - offset);
	return NULL;
}

static void tell_sent(struct export *export, uint64_t bytes)
{
	AUTO_FREE char *what = xasprintf("cache mount '%s'", export->traveller->id);

	pthread_mutex_lock(&export->lock);
	export->sent += bytes;
	progress_bytes(export->build->options->progress, export->vertex, what, export->sent,
			export->to_send);
	pthread_mutex_unlock(&export->lock);
}

static struct error *send_some(void *argument)
{
	struct export *export = argument;
	struct cache_home *home = export->target->home;

	for (;;) {
		pthread_mutex_lock(&export->lock);
		size_t i = export->next++;
		pthread_mutex_unlock(&export->lock);
		if (i >= export->parcels.n)
			return NULL;
		struct sending sending = { export, &export->parcels.p[i] };
		struct registry_blob blob = { .digest = sending.parcel->blob.digest,
			.size = sending.parcel->blob.bytes,
			.open = open_parcel,
			.user = &sending };
		TRY(cancel_check(export->build->options->cancel));
		TRY(home->ops->put_blob(home, &blob));
		tell_sent(export, blob.size);
	}
}

static FALLIBLE send_chunks(struct export *export)
{
	AUTO(group) struct group *group = group_new();

	for (size_t i = 0; i < export->parcels.n; i++)
		export->to_send += export->parcels.p[i].blob.bytes;
	for (size_t i = 0; i < SENDERS && i < export->parcels.n; i++)
		if (!group_start(group, "cache mount", send_some, export))
			break;
	return group_join(group);
}

static struct error *open_text(void *user, uint64_t offset, struct reader **ret)
{
	const struct str *text = user;

	*ret = reader_from_bytes(text->p + offset, text->n - (size_t)offset);
	return NULL;
}

static FALLIBLE send_list(struct export *export, struct cached_blob *ret)
{
	struct cache_home *home = export->target->home;
	AUTO_FREE char *packed = NULL;
	struct str text = { 0 };

	TRY(mount_list_pack(export->list, &packed, &text.n));
	text.p = packed;
	*ret = (struct cached_blob){ digest_of(text.p, text.n), text.n };
	struct registry_blob blob = {
		.digest = ret->digest, .size = ret->bytes, .open = open_text, .user = &text
	};
	return home->ops->put_blob(home, &blob);
}

static FALLIBLE put_record(struct export *export, const struct mount_list *list,
		const struct cached_blob *packed)
{
	struct cache_home *home = export->target->home;
	struct mount_record record = { .mount = export->traveller->mount,
		.tree = list->tree,
		.list = *packed,
		.bytes = list->bytes,
		.files = list->files.n,
		.created = clock_now_seconds(),
		.id = export->traveller->id };

	return home->ops->put_mount(home, &export->name, &record, list);
}

static FALLIBLE renew(struct export *export)
{
	if (!is_old(export))
		return NULL;
	TRY(read_former_list(export));
	return export->former_list ? put_record(export, export->former_list, &export->former.list)
				   : NULL;
}

static FALLIBLE send_all(struct export *export)
{
	struct progress *progress = export->build->options->progress;
	struct cached_blob packed = { 0 };

	TRY(send_chunks(export));
	TRY(send_list(export, &packed));
	TRY(put_record(export, export->list, &packed));
	progress_note(progress, export->vertex,
			"cache mount '%s': %zu of %zu chunks were new, %llu bytes",
			export->traveller->id, export->parcels.n, export->list->chunks.n,
			(unsigned long long)export->to_send + packed.bytes);
	return NULL;
}

static FALLIBLE export_one(struct export *export)
{
	bool has = false;

	TRY(read_former(export));
	TRY(look(export, &has));
	if (!has)
		return NULL;
	if (!is_same(export))
		return send_all(export);
	TRY(renew(export));
	progress_note(export->build->options->progress, export->vertex,
			"cache mount '%s': unchanged", export->traveller->id);
	return NULL;
}

/* A registry that says it has chunks, and takes no manifest with them, is sent all of them. */
static FALLIBLE export_mount(struct build *build, const struct cache_target *target,
		unsigned vertex, const struct traveller *traveller)
{
	struct error *error = NULL;

	for (bool is_trusted = !traveller->is_distrusted;; is_trusted = false) {
		AUTO(export)
		struct export export = { .build = build,
			.target = target,
			.traveller = traveller,
			.vertex = vertex,
			.name = mount_record_name(&traveller->mount, target->home->scope),
			.is_trusted = is_trusted,
			.draft.tree_fd = -1,
			.fd = -1,
			.lock = PTHREAD_MUTEX_INITIALIZER };

		error_free(error);
		error = export_one(&export);
		bool was_refused = error_is(error, ERR_HTTP) || error_is(error, ERR_NOT_FOUND);
		if (!was_refused || !export.former_list)
			return error;
	}
}

static FALLIBLE export_to(struct build *build, const struct cache_target *target, unsigned vertex)
{
	struct progress *progress = build->options->progress;

	for (size_t i = 0; i < build->travel.n; i++) {
		const struct traveller *traveller = &build->travel.p[i];
		AUTO(strbuf) struct strbuf text = { 0 };
		struct error *error = NULL;

		if (traveller->is_used)
			error = export_mount(build, target, vertex, traveller);
		if (!error)
			continue;
		error = error_wrap(error, "cache mount '%s'", traveller->id);
		if (target->spec->keeps_error || error_is(error, ERR_CANCELED))
			return error;
		error_text(error, &text);
		if (error_find_hint(error))
			strbuf_addf(&text, "; %s", error_find_hint(error));
		progress_warn(progress, vertex, (struct source_range){ 0 },
				"%s: %s; it was not exported", target->home->name,
				strbuf_text(&text));
		error_free(error);
	}
	return NULL;
}

static bool is_any_used(const struct mount_travel *travel)
{
	for (size_t i = 0; i < travel->n; i++)
		if (travel->p[i].is_used)
			return true;
	return false;
}

FALLIBLE mounts_export(struct build *build, const struct cache_target *target)
{
	struct progress *progress = build->options->progress;

	if (!target->mounts || !is_any_used(&build->travel))
		return NULL;
	AUTO_FREE char *name = xasprintf("exporting cache mounts to %s", target->home->name);
	unsigned vertex = progress_vertex(progress, name, NULL, (struct source_range){ 0 });
	progress_start(progress, vertex);
	struct error *error = export_to(build, target, vertex);
	progress_end(progress, vertex, error ? PROGRESS_FAILED : PROGRESS_DONE,
			error ? error->message : NULL);
	return error ? error_wrap(error, "export cache mounts to %s", target->home->name) : NULL;
}

#include "cache/mount_restore.h"
#include "layer/apply.h"
#include "stream/codec.h"
#include "stream/group.h"
#include "stream/hash.h"

#include <pthread.h>
#include <string.h>

/* Chunks under way or waiting to be written: 16 MiB at most, twice that while they are unpacked. */
enum { AHEAD = 8 };

struct slot {
	char *bytes; /* of the chunk, plain */
	struct error *error;
	bool is_done;
};

/* Chunk i is fetched into slot i % AHEAD once chunk i - AHEAD was taken. */
struct fetching {
	struct cache_home *home;
	const struct mount_list *list;
	const struct mount_restore_options *options;
	struct group *group;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t next, taken; /* guarded by lock, as all below */
	bool is_over;
	struct slot slots[AHEAD];
};

static FALLIBLE fetch(const struct fetching *fetching, const struct mount_chunk *chunk, char *buf)
{
	AUTO(reader) struct reader *plain = NULL;
	struct reader *packed = NULL;
	struct digest digest;
	size_t more = 0;
	char byte;

	TRY(cancel_check(fetching->options->cancel));
	TRY(fetching->home->ops->open_blob(fetching->home, &chunk->blob, &packed));
	TRY(codec_reader(packed, &plain, NULL));
	TRY(reader_read_full(plain, buf, chunk->bytes));
	TRY(reader_read(plain, &byte, 1, &more));
	if (more)
		return error_new(ERR_INVALID, "a chunk that is longer than its list says");
	digest = digest_of(buf, chunk->bytes);
	if (!digest_equal(&digest, &chunk->plain))
		return error_new(ERR_DIGEST, "a chunk that is another than its list says");
	return NULL;
}

static void fetch_into(struct fetching *fetching, size_t i)
{
	const struct mount_chunk *chunk = &fetching->list->chunks.p[i];
	struct slot slot = { xmalloc(chunk->bytes), NULL, true };
	char text[DIGEST_TEXT];

	slot.error = fetch(fetching, chunk, slot.bytes);
	if (slot.error)
		slot.error = error_wrap(
				slot.error, "chunk '%s'", digest_text(&chunk->blob.digest, text));
	pthread_mutex_lock(&fetching->lock);
	fetching->slots[i % AHEAD] = slot;
	pthread_cond_broadcast(&fetching->changed);
	pthread_mutex_unlock(&fetching->lock);
}

static struct error *fetch_some(void *argument)
{
	struct fetching *fetching = argument;

	for (;;) {
		pthread_mutex_lock(&fetching->lock);
		while (!fetching->is_over && fetching->next < fetching->list->chunks.n &&
				fetching->next >= fetching->taken + AHEAD)
			pthread_cond_wait(&fetching->changed, &fetching->lock);
		bool is_over = fetching->is_over || fetching->next >= fetching->list->chunks.n;
		size_t i = fetching->next++;
		pthread_mutex_unlock(&fetching->lock);
		if (is_over)
			return NULL;
		fetch_into(fetching, i);
	}
}

static void fetching_start(struct fetching *fetching)
{
	pthread_mutex_init(&fetching->lock, NULL);
	pthread_cond_init(&fetching->changed, NULL);
	fetching->group = group_new();
	for (size_t i = 0; i < AHEAD && i < fetching->list->chunks.n; i++)
		if (!group_start(fetching->group, "cache mount", fetch_some, fetching))
			break;
}

static void fetching_end(struct fetching *fetching)
{
	pthread_mutex_lock(&fetching->lock);
	fetching->is_over = true;
	pthread_cond_broadcast(&fetching->changed);
	pthread_mutex_unlock(&fetching->lock);
	error_ignore(group_join(fetching->group), "fewer threads fetch more slowly");
	group_free(fetching->group);
	for (size_t i = 0; i < AHEAD; i++) {
		free(fetching->slots[i].bytes);
		error_free(fetching->slots[i].error);
	}
	pthread_mutex_destroy(&fetching->lock);
	pthread_cond_destroy(&fetching->changed);
}

/* The next chunk, in order: new, free(). */
static FALLIBLE take_chunk(struct fetching *fetching, char **ret)
{
	struct slot *slot = &fetching->slots[fetching->taken % AHEAD];

	/* Where the system gives no thread this one works. */
	pthread_mutex_lock(&fetching->lock);
	bool is_ours = fetching->next == fetching->taken;
	fetching->next += is_ours;
	pthread_mutex_unlock(&fetching->lock);
	if (is_ours)
		fetch_into(fetching, fetching->taken);
	pthread_mutex_lock(&fetching->lock);
	while (!slot->is_done)
		pthread_cond_wait(&fetching->changed, &fetching->lock);
	char *bytes = slot->bytes;
	struct error *error = slot->error;
	*slot = (struct slot){ 0 };
	fetching->taken++;
	pthread_cond_broadcast(&fetching->changed);
	pthread_mutex_unlock(&fetching->lock);
	if (error) {
		free(bytes);
		return error;
	}
	*ret = bytes;
	return NULL;
}

/* All contents, one after the other. */
struct contents {
	struct reader reader;
	struct fetching *fetching; /* borrowed */
	char *chunk;
	size_t at, n;
	uint64_t before; /* bytes of earlier chunks */
};

static FALLIBLE next_chunk(struct contents *contents)
{
	struct fetching *fetching = contents->fetching;
	const struct mount_restore_options *options = fetching->options;

	free(TAKE(contents->chunk));
	contents->before += contents->n;
	contents->at = contents->n = 0;
	if (options->told)
		options->told(options->user, contents->before);
	if (fetching->taken == fetching->list->chunks.n)
		return NULL;
	contents->n = fetching->list->chunks.p[fetching->taken].bytes;
	return take_chunk(fetching, &contents->chunk);
}

static struct error *contents_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct contents *contents = (struct contents *)reader;

	*ret_n = 0;
	if (contents->at == contents->n)
		TRY(next_chunk(contents));
	if (contents->at == contents->n)
		return NULL;
	*ret_n = n < contents->n - contents->at ? n : contents->n - contents->at;
	memcpy(buf, contents->chunk + contents->at, *ret_n);
	contents->at += *ret_n;
	return NULL;
}

static void contents_free(struct reader *reader)
{
	free(((struct contents *)reader)->chunk);
	free(reader);
}

static struct reader *contents_open(struct fetching *fetching)
{
	static const struct reader_ops ops = { .read = contents_read, .free = contents_free };
	struct contents *contents = xcalloc(1, sizeof(*contents));

	*contents = (struct contents){ .reader = { .ops = &ops }, .fetching = fetching };
	return &contents->reader;
}

/* A sink takes of a content exactly its size, so one reader serves all files in turn. */
static FALLIBLE put_files(struct fetching *fetching, int dir_fd)
{
	const struct apply_options options = { .mode = APPLY_ROOTFS,
		.policy = *fetching->options->policy };
	AUTO(reader) struct reader *contents = contents_open(fetching);
	AUTO(entry_sink) struct entry_sink *sink = apply_sink(dir_fd, &options);

	for (size_t i = 0; i < fetching->list->files.n; i++) {
		const struct entry *entry = &fetching->list->files.p[i];

		TRY(cancel_check(fetching->options->cancel));
		TRY(entry_sink_add(sink, entry, mount_file_has_content(entry) ? contents : NULL));
	}
	return entry_sink_close(TAKE(sink));
}

FALLIBLE mount_restore(struct cache_home *home, const struct mount_list *list, int dir_fd,
		const struct mount_restore_options *options)
{
	struct fetching fetching = { .home = home, .list = list, .options = options };

	fetching_start(&fetching);
	struct error *error = put_files(&fetching, dir_fd);
	fetching_end(&fetching);
	return error;
}

FALLIBLE mount_fetch_list(struct cache_home *home, const struct cached_blob *blob,
		const struct digest *tree, uint64_t max_bytes, struct mount_list **ret)
{
	AUTO(mount_list) struct mount_list *list = NULL;
	struct reader *packed = NULL;

	TRY(home->ops->open_blob(home, blob, &packed));
	TRY(mount_list_read(packed, max_bytes, &list));
	if (!digest_equal(&list->tree, tree))
		return error_new(ERR_DIGEST, "the list is of another tree than its record says");
	*ret = TAKE(list);
	return NULL;
}

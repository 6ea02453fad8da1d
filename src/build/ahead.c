#include "build/ahead.h"

#include "base/xalloc.h"
#include "registry/registry.h"
#include "stream/pool.h"
#include "stream/threads.h"

/* What is smaller is sent with its digest known: one request less, and mounted where it can be. */
enum { AHEAD_BYTES = 16 * 1024 * 1024, LARGE_BYTES = 8 * AHEAD_BYTES };

/* Half the usual weight; of 2 to 10, the best for 1 GiB with a registry on the same two processors.
 */
enum { GIVEN_WAY = 3 };

struct ahead {
	struct registry_client *client;
	const struct reference *to;
	struct blob_follower *follower;
	struct group *group;            /* the one thread that sends */
	struct registry_upload *upload; /* the thread's until it is joined: all bytes were sent */
	uint64_t from;                  /* bytes that are there when it begins */
};

static struct error *work(void *argument)
{
	struct ahead *ahead = argument;
	AUTO(reader) struct reader *reader = NULL;

	/* Who starts us may have given way for an earlier layer. */
	threads_give_way(0);
	if (!blob_follower_await(ahead->follower, ahead->from))
		return NULL;
	reader = blob_follower_reader(ahead->follower);
	return registry_upload_from(ahead->client, ahead->to, reader, &ahead->upload);
}

struct ahead *ahead_start(struct registry_client *client, const struct reference *to,
		struct blob_writer *blob, uint64_t content_bytes)
{
	AUTO(ahead) struct ahead *ahead = xcalloc(1, sizeof(*ahead));

	ahead->client = client;
	ahead->to = to;
	/* A registry on a busy disk takes its time to open an upload: the sooner it is asked. */
	ahead->from = content_bytes >= LARGE_BYTES ? 1 : AHEAD_BYTES;
	struct error *error = blob_follow(blob, &ahead->follower);
	if (error) {
		error_ignore(error, "the blob is sent once it is whole");
		return NULL;
	}
	ahead->group = group_new();
	if (!group_start(ahead->group, "ahead", work, ahead))
		return NULL;
	if (content_bytes >= LARGE_BYTES)
		threads_give_way(GIVEN_WAY);
	return TAKE(ahead);
}

bool ahead_finish(struct ahead *taken, const struct digest *digest)
{
	AUTO(ahead) struct ahead *ahead = taken;
	bool exists = false;

	if (!ahead)
		return false;
	/* One that never was large enough did not begin. */
	if (!blob_follower_await(ahead->follower, ahead->from))
		return false;
	struct error *error = registry_has_blob(ahead->client, ahead->to, digest, &exists);
	if (!error && exists)
		return true;
	if (!error)
		error = group_join(ahead->group);
	if (!error && ahead->upload)
		error = registry_upload_finish(TAKE(ahead->upload), digest);
	bool sent = !error;
	error_ignore(error, "the blob is sent again from the store");
	return sent;
}

void ahead_free(struct ahead *ahead)
{
	if (!ahead)
		return;
	blob_follower_stop(ahead->follower);
	if (ahead->group)
		group_free(ahead->group);
	registry_upload_free(ahead->upload);
	blob_follower_free(ahead->follower);
	free(ahead);
}

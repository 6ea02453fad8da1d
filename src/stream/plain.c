#include "stream/plain.h"

#include "base/xalloc.h"
#include "stream/group.h"
#include "stream/pipe.h"

struct plain {
	struct reader reader;
	struct reader *below;
	uint64_t left, limit; /* still to come; how much may come out */
	plain_check_fn *check;
	void *user;
	struct group *group;
	struct writer *to;     /* NULL once all is said */
	struct reader *packed; /* the thread's end of it */
	struct hash_result hash;
	enum codec_kind kind;
};

static struct error *unpack(void *argument)
{
	struct plain *plain = argument;
	AUTO(reader) struct reader *reader = NULL;

	TRY(codec_reader(TAKE(plain->packed), &reader, &plain->kind));
	reader = hash_reader(reader_limit(TAKE(reader), plain->limit, "a layer"), &plain->hash);
	return reader_drain(reader);
}

/* The bytes are whole, or the thread would not have more of them: what does it say? */
static FALLIBLE finish(struct plain *plain, struct error *error)
{
	struct error *closed = error ? NULL : writer_close(TAKE(plain->to));

	writer_free(TAKE(plain->to));
	/* Whoever stopped reading says why. */
	TRY(error_first(group_join(plain->group), error_first(error, closed)));
	return plain->check(plain->user, &plain->hash, plain->kind);
}

static struct error *plain_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct plain *plain = (struct plain *)reader;

	TRY(reader_read(plain->below, buf, n, ret_n));
	if (!plain->to)
		return NULL;
	struct error *error = *ret_n ? writer_write(plain->to, buf, *ret_n) : NULL;
	plain->left -= *ret_n < plain->left ? *ret_n : plain->left;
	return error || !*ret_n || !plain->left ? finish(plain, error) : NULL;
}

static void plain_free(struct reader *reader)
{
	struct plain *plain = (struct plain *)reader;

	writer_free(plain->to);
	group_free(plain->group);
	reader_free(plain->packed);
	reader_free(plain->below);
	free(plain);
}

struct reader *plain_reader(struct reader *below, uint64_t size, uint64_t limit,
		plain_check_fn *check, void *user)
{
	static const struct reader_ops ops = { .read = plain_read, .free = plain_free };
	struct plain *plain = xcalloc(1, sizeof(*plain));

	*plain = (struct plain){ .reader = { &ops },
		.below = below,
		.left = size,
		.limit = limit,
		.check = check,
		.user = user,
		.group = group_new() };
	pipe_open(PIPE_BLOCKS_DEFAULT, &plain->packed, &plain->to);
	/* Without a thread the first write finds nobody, and the join says why. */
	if (!group_start(plain->group, "kiln-plain", unpack, plain))
		reader_free(TAKE(plain->packed));
	return &plain->reader;
}

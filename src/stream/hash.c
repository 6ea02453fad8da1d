/*
 * OpenSSL's plain SHA-256 and not its EVP: the first use of EVP reads openssl.cnf and fills its
 * tables of algorithms, 0.9 ms in a command that takes 5. The code that hashes is the same in both.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "stream/hash.h"
#include "base/xalloc.h"
#include "stream/sha256_pair.h"

#include <assert.h>
#include <openssl/sha.h>
#include <string.h>

enum pairs { PAIRS_UNKNOWN, PAIRS_NO, PAIRS_YES };

struct hash {
	SHA256_CTX state;
	enum pairs pairs; /* of sha256_pair_works(), once asked */
};

/* These cannot fail; they return 1 for the form's sake. */
struct hash *hash_new(void)
{
	struct hash *hash = xcalloc(1, sizeof(*hash));

	(void)SHA256_Init(&hash->state);
	return hash;
}

void hash_update(struct hash *hash, const void *bytes, size_t n)
{
	(void)SHA256_Update(&hash->state, bytes, n);
}

/* As OpenSSL counts: in bits, in two halves. */
static void count_blocks(SHA256_CTX *state, size_t blocks)
{
	uint64_t bits = ((uint64_t)state->Nh << 32 | state->Nl) + (uint64_t)blocks * 512;

	state->Nl = (SHA_LONG)bits;
	state->Nh = (SHA_LONG)(bits >> 32);
}

/* Whole blocks, as long as none of the two has begun one. */
static size_t update_pair(struct hash *a, struct hash *b, const void *bytes, size_t n)
{
	size_t blocks = n / SHA256_CBLOCK;

	if (!blocks || a->state.num || b->state.num)
		return 0;
	if (a->pairs == PAIRS_UNKNOWN)
		a->pairs = sha256_pair_works() ? PAIRS_YES : PAIRS_NO;
	if (a->pairs == PAIRS_NO)
		return 0;
	sha256_pair_blocks(a->state.h, b->state.h, bytes, blocks);
	count_blocks(&a->state, blocks);
	count_blocks(&b->state, blocks);
	return blocks * SHA256_CBLOCK;
}

void hash_update_both(struct hash *a, struct hash *b, const void *bytes, size_t n)
{
	size_t done = update_pair(a, b, bytes, n);

	hash_update(a, (const char *)bytes + done, n - done);
	hash_update(b, (const char *)bytes + done, n - done);
}

struct digest hash_finish(struct hash *hash)
{
	struct digest digest = { .algo = DIGEST_SHA256 };

	(void)SHA256_Final(digest.bytes, &hash->state);
	(void)SHA256_Init(&hash->state);
	return digest;
}

void hash_free(struct hash *hash)
{
	free(hash);
}

/* Hash what is written. */

struct hash_writer {
	struct writer base;
	struct writer *below;
	struct hash *hash;
	struct hash *also; /* of the write that is going on, or NULL */
	uint64_t size;
	struct hash_result *result;
};

static FALLIBLE hash_write(struct writer *writer, const void *bytes, size_t n)
{
	struct hash_writer *self = (struct hash_writer *)writer;

	if (self->also)
		hash_update_both(self->hash, self->also, bytes, n);
	else
		hash_update(self->hash, bytes, n);
	self->size += n;
	return writer_write(self->below, bytes, n);
}

static FALLIBLE hash_close(struct writer *writer)
{
	struct hash_writer *self = (struct hash_writer *)writer;

	TRY(writer_close(TAKE(self->below)));
	self->result->digest = hash_finish(self->hash);
	self->result->size = self->size;
	return NULL;
}

static void hash_writer_free(struct writer *writer)
{
	struct hash_writer *self = (struct hash_writer *)writer;

	writer_free(self->below);
	hash_free(self->hash);
	free(self);
}

static void hash_writer_fail(struct writer *writer, const struct error *cause)
{
	writer_tell_failed(((struct hash_writer *)writer)->below, cause);
}

static FALLIBLE hash_space(struct writer *writer, void **ret, size_t *ret_n)
{
	return writer_space(((struct hash_writer *)writer)->below, ret, ret_n);
}

static const struct writer_ops hash_writer_ops = { hash_write, hash_close, hash_writer_free,
	hash_writer_fail, hash_space };

struct writer *hash_writer(struct writer *below, struct hash_result *ret)
{
	struct hash_writer *self = xcalloc(1, sizeof(*self));

	self->base.ops = &hash_writer_ops;
	self->below = below;
	self->hash = hash_new();
	self->result = ret;
	return &self->base;
}

FALLIBLE hash_write_both(struct writer *writer, struct hash *also, const void *bytes, size_t n)
{
	struct hash_writer *self = (struct hash_writer *)writer;

	if (writer->ops != &hash_writer_ops) {
		hash_update(also, bytes, n);
		return writer_write(writer, bytes, n);
	}
	self->also = also;
	struct error *error = writer_write(writer, bytes, n);
	self->also = NULL;
	return error;
}

/* Hash what is read, and compare at the end if something is wanted. */

struct hash_reader {
	struct reader base;
	struct reader *below;
	struct hash *hash;
	uint64_t size;
	struct hash_result *result;
	struct digest wanted; /* algo 0: nothing wanted */
	uint64_t wanted_size;
};

static FALLIBLE check_end(const struct hash_reader *self, const struct digest *found)
{
	char wanted_text[DIGEST_TEXT], found_text[DIGEST_TEXT];

	if (!digest_known(&self->wanted))
		return NULL;
	(void)digest_text(&self->wanted, wanted_text);
	(void)digest_text(found, found_text);
	if (self->wanted_size != UINT64_MAX && self->size != self->wanted_size)
		return error_new(ERR_DIGEST,
				"'%s' has %llu bytes and should have %llu (found '%s')",
				wanted_text, (unsigned long long)self->size,
				(unsigned long long)self->wanted_size, found_text);
	if (!digest_equal(&self->wanted, found))
		return error_new(ERR_DIGEST, "content of '%s' hashes to '%s'", wanted_text,
				found_text);
	return NULL;
}

static FALLIBLE too_long(const struct hash_reader *self)
{
	char text[DIGEST_TEXT];

	return error_new(ERR_DIGEST, "'%s' is longer than the %llu bytes it should have",
			digest_text(&self->wanted, text), (unsigned long long)self->wanted_size);
}

/* n bytes came; none: it was the end. */
static FALLIBLE hash_seen(struct hash_reader *self, const void *bytes, size_t n)
{
	if (n > 0) {
		hash_update(self->hash, bytes, n);
		self->size += n;
		return self->size > self->wanted_size ? too_long(self) : NULL;
	}
	struct digest digest = hash_finish(self->hash);

	TRY(check_end(self, &digest));
	if (self->result)
		*self->result = (struct hash_result){ digest, self->size };
	return NULL;
}

static FALLIBLE hash_read(struct reader *reader, void *buf, size_t n, size_t *ret_n)
{
	struct hash_reader *self = (struct hash_reader *)reader;

	TRY(reader_read(self->below, buf, n, ret_n));
	return hash_seen(self, buf, *ret_n);
}

static FALLIBLE hash_next(
		struct reader *reader, void *buf, size_t n, const void **ret, size_t *ret_n)
{
	struct hash_reader *self = (struct hash_reader *)reader;

	TRY(reader_next(self->below, buf, n, ret, ret_n));
	return hash_seen(self, *ret, *ret_n);
}

static void hash_reader_free(struct reader *reader)
{
	struct hash_reader *self = (struct hash_reader *)reader;

	reader_free(self->below);
	hash_free(self->hash);
	free(self);
}

static const struct reader_ops hash_reader_ops = { hash_read, hash_reader_free, hash_next };

struct reader *hash_reader(struct reader *below, struct hash_result *ret)
{
	struct hash_reader *self = xcalloc(1, sizeof(*self));

	self->base.ops = &hash_reader_ops;
	self->below = below;
	self->hash = hash_new();
	self->result = ret;
	self->wanted_size = UINT64_MAX;
	return &self->base;
}

struct reader *verify_reader(struct reader *below, const struct digest *digest, uint64_t size)
{
	struct reader *reader = hash_reader(below, NULL);
	struct hash_reader *self = (struct hash_reader *)reader;

	assert(digest_known(digest));
	self->wanted = *digest;
	self->wanted_size = size;
	return reader;
}

#include "image/archive_bytes.h"
#include "base/xalloc.h"
#include "store/blob.h"
#include "store/layers.h"
#include "stream/codec.h"

#include <string.h>

enum { TAR_MAGIC_AT = 257, POUR_BYTES = 64 * 1024 };
#define TAR_MAGIC "ustar" /* POSIX's and GNU's */

FALLIBLE archive_bytes_begin(struct reader *content, struct archive_bytes *ret)
{
	size_t n = 1;

	ret->rest = content;
	for (ret->n = 0; ret->n < ARCHIVE_HEAD_BYTES && n > 0; ret->n += n)
		TRY(reader_read(content, ret->head + ret->n, ARCHIVE_HEAD_BYTES - ret->n, &n));
	return NULL;
}

bool archive_bytes_are_tar(const struct archive_bytes *content)
{
	return content->n == ARCHIVE_HEAD_BYTES &&
	       memcmp(content->head + TAR_MAGIC_AT, TAR_MAGIC, strlen(TAR_MAGIC)) == 0;
}

FALLIBLE archive_bytes_pour(
		const struct archive_bytes *content, struct writer *to, struct digest *ret)
{
	AUTO_FREE char *buf = xmalloc(POUR_BYTES);
	AUTO(hash) struct hash *hash = hash_new();
	const void *bytes = content->head;
	size_t n = content->n;

	while (n > 0) {
		hash_update(hash, bytes, n);
		TRY(writer_write(to, bytes, n));
		TRY(reader_next(content->rest, buf, POUR_BYTES, &bytes, &n));
	}
	*ret = hash_finish(hash);
	return NULL;
}

FALLIBLE archive_keep_layer(struct store *store, const struct archive_bytes *plain,
		struct pool *pool, struct digest *ret_diff_id, struct hash_result *ret)
{
	AUTO(blob_writer) struct blob_writer *blob = NULL;
	AUTO(writer) struct writer *writer = NULL;

	TRY(blob_writer_open(store, BLOB_HASHED_BY_CALLER, &blob));
	TRY(codec_writer(hash_writer(blob_writer_stream(blob), ret), COMPRESSION_GZIP,
			CODEC_LEVEL_DEFAULT, pool, &writer));
	TRY(archive_bytes_pour(plain, writer, ret_diff_id));
	TRY(writer_close(TAKE(writer)));
	TRY(blob_commit(TAKE(blob), &ret->digest, ret->size, NULL, NULL));
	struct layer_blob known = { ret->digest, ret->size, COMPRESSION_GZIP, CODEC_LEVEL_DEFAULT,
		true };
	return layer_add_blob(store, ret_diff_id, &known);
}

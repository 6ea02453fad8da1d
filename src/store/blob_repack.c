#include "store/blob.h"
#include "stream/codec.h"
#include "stream/hash.h"

FALLIBLE blob_repack(struct store *store, struct reader *raw, const struct digest *diff_id,
		enum compression compression, int level, struct pool *pool, struct digest *ret,
		uint64_t *ret_bytes)
{
	AUTO(reader) struct reader *plain = NULL;
	AUTO(blob_writer) struct blob_writer *blob = NULL;
	struct writer *writer = NULL;

	TRY(codec_reader(raw, &plain, NULL));
	if (diff_id)
		plain = verify_reader(plain, diff_id, BLOB_ANY_SIZE);
	TRY(blob_writer_open(store, BLOB_HASH, &blob));
	TRY(codec_writer(blob_writer_stream(blob), compression, level, pool, &writer));
	struct error *error = stream_copy(plain, writer, NULL);
	if (error)
		writer_free(writer);
	else
		error = writer_close(writer);
	TRY(error);
	return blob_commit(TAKE(blob), NULL, BLOB_ANY_SIZE, ret, ret_bytes);
}

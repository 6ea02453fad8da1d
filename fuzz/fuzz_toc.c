/* Tables of contents, as a cache home gives them. */
#include "cache/toc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(toc) struct toc *toc = NULL;

	error_free(toc_read(reader_from_bytes(data, size), &toc));
	return 0;
}

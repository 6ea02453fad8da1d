#include "stream/crc64.h"

#include "stream/codec_libraries.h"

FALLIBLE crc64_begin(void)
{
	return isal_load();
}

uint64_t crc64_update(uint64_t crc, const void *bytes, size_t n)
{
	return isal_loaded()->crc64_iso_refl(crc, bytes, n);
}

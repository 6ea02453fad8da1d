#include "stream/crc64.h"

#include <isa-l.h>

uint64_t crc64_update(uint64_t crc, const void *bytes, size_t n)
{
	return crc64_iso_refl(crc, bytes, n);
}

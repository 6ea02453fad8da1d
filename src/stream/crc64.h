/*
 * crc64: the CRC-64 of ISO 3309, reflected: Go's crc64.ISO.
 *
 * Floor: stream. Any thread.
 */
#pragma once
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* Before the first byte: ERR_NOT_FOUND where what does it is not installed. */
FALLIBLE crc64_begin(void);
/* crc: that of the bytes before; 0 at the start. */
uint64_t crc64_update(uint64_t crc, const void *bytes, size_t n);

/*
 * sha256_pair: two SHA-256 that go over the same bytes, in little more than the time of one.
 *
 * A streamed COPY needs two digests of each byte: of the file, for the key, and of the tar, for
 * the diffID. The message schedule depends on the bytes only, so both share it, and the rounds of
 * the one fill the time in which those of the other wait. No library offers that. hash.c is the
 * one caller; everything else about SHA-256 is OpenSSL's.
 *
 * Floor: stream. FIPS 180-4, section 6.2; the CPU's SHA instructions (x86-64).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether this CPU has what it takes. Asks the CPU each time, which virtual machines make dear. */
bool sha256_pair_works(void);
/*
 * Both states (eight words, as FIPS 180-4 names them) go on over the same blocks of 64 bytes. Only
 * where sha256_pair_works().
 */
void sha256_pair_blocks(uint32_t *a, uint32_t *b, const void *bytes, size_t blocks);

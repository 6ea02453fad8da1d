/*
 * noise: does a piece of a stream look as if no deflate could make it smaller (media, archives,
 * keys)? So that a compressor need not try: asking costs a quarter of trying in vain.
 *
 * Floor: stream (pure). The answer depends on the bytes alone, not on the CPU.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NOISE_BYTES = 32 * 1024,         /* the size of a piece */
	NOISE_HISTORY_BYTES = 32 * 1024, /* how far back repeats are looked for */
};

/*
 * Of the NOISE_BYTES at bytes, with history_n bytes of the stream before them in memory. What is
 * called noise would shrink by 2 % at most, unless made to deceive.
 */
bool noise_is(const uint8_t bytes[static NOISE_BYTES], size_t history_n);

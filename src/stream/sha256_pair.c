#include "stream/sha256_pair.h"

#include <assert.h>

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#define PAIR_CPU __attribute__((target("sha,sse4.1,ssse3")))

/* FIPS 180-4, section 4.2.2. */
static const uint32_t constants[64] = { 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b,
	0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6,
	0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d,
	0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
	0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585,
	0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa,
	0xa4506ceb, 0xbef9a3f7, 0xc67178f2 };

/* The eight words in the order that the instructions take: A B E F and C D G H, highest first. */
struct words {
	__m128i abef, cdgh;
};

PAIR_CPU static inline struct words load(const uint32_t *state)
{
	__m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
	__m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);

	return (struct words){ _mm_alignr_epi8(low, high, 8), _mm_blend_epi16(high, low, 0xf0) };
}

PAIR_CPU static inline void store(struct words words, uint32_t *state)
{
	__m128i low = _mm_shuffle_epi32(words.abef, 0x1b);
	__m128i high = _mm_shuffle_epi32(words.cdgh, 0xb1);

	_mm_storeu_si128((__m128i *)state, _mm_blend_epi16(low, high, 0xf0));
	_mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(high, low, 8));
}

/* The next four words of the schedule from the last sixteen, oldest first. */
PAIR_CPU static inline __m128i schedule(__m128i w0, __m128i w1, __m128i w2, __m128i w3)
{
	__m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));

	return _mm_sha256msg2_epu32(sum, w3);
}

PAIR_CPU static inline void one_block(struct words *a, struct words *b, const __m128i *bytes)
{
	const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	const struct words a_before = *a, b_before = *b;
	__m128i w[4];

	for (int i = 0; i < 4; i++)
		w[i] = _mm_shuffle_epi8(_mm_loadu_si128(bytes + i), big_endian);
		/* Without a loop all of it stays in registers. */
#pragma GCC unroll 16
	for (int i = 0; i < 16; i++) {
		__m128i k = _mm_loadu_si128((const __m128i *)(constants + 4 * (size_t)i));
		__m128i first = _mm_add_epi32(w[i % 4], k);
		__m128i second = _mm_shuffle_epi32(first, 0x0e);

		a->cdgh = _mm_sha256rnds2_epu32(a->cdgh, a->abef, first);
		b->cdgh = _mm_sha256rnds2_epu32(b->cdgh, b->abef, first);
		a->abef = _mm_sha256rnds2_epu32(a->abef, a->cdgh, second);
		b->abef = _mm_sha256rnds2_epu32(b->abef, b->cdgh, second);
		if (i < 12)
			w[i % 4] = schedule(
					w[i % 4], w[(i + 1) % 4], w[(i + 2) % 4], w[(i + 3) % 4]);
	}
	a->abef = _mm_add_epi32(a->abef, a_before.abef);
	a->cdgh = _mm_add_epi32(a->cdgh, a_before.cdgh);
	b->abef = _mm_add_epi32(b->abef, b_before.abef);
	b->cdgh = _mm_add_epi32(b->cdgh, b_before.cdgh);
}

PAIR_CPU void sha256_pair_blocks(uint32_t *a, uint32_t *b, const void *bytes, size_t blocks)
{
	struct words first = load(a), second = load(b);

	for (const __m128i *at = bytes; blocks; blocks--, at += 4)
		one_block(&first, &second, at);
	store(first, a);
	store(second, b);
}

bool sha256_pair_works(void)
{
	unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_SSSE3) || !(ecx & bit_SSE4_1))
		return false;
	return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & bit_SHA);
}

#else

bool sha256_pair_works(void)
{
	return false;
}

void sha256_pair_blocks(uint32_t *a, uint32_t *b, const void *bytes, size_t blocks)
{
	(void)a, (void)b, (void)bytes, (void)blocks;
	assert(false);
}

#endif

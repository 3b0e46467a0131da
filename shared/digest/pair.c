/* Two SHA-256 block functions interleaved (FIPS 180-4, 6.2); see pair.h. Knows whole blocks alone: no padding, no
 * count.
 */
#include "shared/digest/pair.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#define SHA_LEAF 7
#define SHA_BIT  (1u << 29) /* of EBX; whoever has it has SSSE3 and SSE4.1 too */
#define LEAF_1   (bit_SSSE3 | bit_SSE4_1)
#define WITH_SHA __attribute__((target("sha,sse4.1,ssse3")))
#define QUADS    16 /* of rounds */

static const uint32_t constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* The instructions take the working variables as {a,b,e,f} and {c,d,g,h}, and the schedule four words at a time. */
struct message {
    __m128i abef, cdgh, words[4];
};

bool pair_is_there(void)
{
    unsigned eax, ebx, ecx, edx;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & LEAF_1) != LEAF_1)
        return false;
    return __get_cpuid_count(SHA_LEAF, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & SHA_BIT) != 0;
}

static inline WITH_SHA void load_state(struct message *m, const uint32_t h[8])
{
    __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i_u *)h), 0xB1);
    __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i_u *)(h + 4)), 0x1B);
    m->abef = _mm_alignr_epi8(cdab, efgh, 8);
    m->cdgh = _mm_blend_epi16(efgh, cdab, 0xF0);
}

static inline WITH_SHA void store_state(const struct message *m, uint32_t h[8])
{
    __m128i feba = _mm_shuffle_epi32(m->abef, 0x1B);
    __m128i dchg = _mm_shuffle_epi32(m->cdgh, 0xB1);
    _mm_storeu_si128((__m128i_u *)h, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i_u *)(h + 4), _mm_alignr_epi8(dchg, feba, 8));
}

static inline WITH_SHA void load_words(struct message *m, const unsigned char *block)
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    for (int i = 0; i < 4; ++i)
        m->words[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i_u *)(block + 16 * i)), big_endian);
}

/* Four rounds; the words they used make room for those of the quad after the next three. */
static inline WITH_SHA void four_rounds(struct message *m, int quad)
{
    __m128i *w = &m->words[quad & 3];
    const __m128i next = m->words[(quad + 1) & 3], third = m->words[(quad + 2) & 3], last = m->words[(quad + 3) & 3];
    __m128i sum = _mm_add_epi32(*w, _mm_load_si128((const __m128i *)(const void *)(constants + 4 * quad)));

    m->cdgh = _mm_sha256rnds2_epu32(m->cdgh, m->abef, sum);
    m->abef = _mm_sha256rnds2_epu32(m->abef, m->cdgh, _mm_shuffle_epi32(sum, 0x0E));
    if (quad < QUADS - 4)
        *w = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(*w, next), _mm_alignr_epi8(last, third, 4)), last);
}

WITH_SHA void pair_blocks(uint32_t a[8], const unsigned char *a_data, uint32_t b[8], const unsigned char *b_data,
                          size_t blocks)
{
    struct message one, two;

    load_state(&one, a);
    load_state(&two, b);
    for (; blocks > 0; --blocks, a_data += PAIR_BLOCK, b_data += PAIR_BLOCK) {
        const __m128i abef1 = one.abef, cdgh1 = one.cdgh, abef2 = two.abef, cdgh2 = two.cdgh;
        load_words(&one, a_data);
        load_words(&two, b_data);
#pragma GCC unroll 16
        for (int quad = 0; quad < QUADS; ++quad) {
            four_rounds(&one, quad);
            four_rounds(&two, quad);
        }
        one.abef = _mm_add_epi32(one.abef, abef1);
        one.cdgh = _mm_add_epi32(one.cdgh, cdgh1);
        two.abef = _mm_add_epi32(two.abef, abef2);
        two.cdgh = _mm_add_epi32(two.cdgh, cdgh2);
    }
    store_state(&one, a);
    store_state(&two, b);
}

#else

#include <assert.h>

bool pair_is_there(void)
{
    return false;
}

void pair_blocks(uint32_t a[8], const unsigned char *a_data, uint32_t b[8], const unsigned char *b_data, size_t blocks)
{
    (void)a, (void)a_data, (void)b, (void)b_data, (void)blocks;
    assert(!"never called where pair_is_there says no");
}

#endif

/* What a short-term filter of SILK leaves of a signal (silk/LPC_analysis_filter.c), for AVX2. The result is the same to the
   bit.

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include <immintrin.h>

#include "SigProc_FIX.h"

#define AT_ONCE 16

/* Two samples in a row in each lane. */
static OPUS_INLINE __m256i pairs(const opus_int16 *x) { return _mm256_loadu_si256((const __m256i *)(const void *)x); }

static OPUS_INLINE __m256i rounded(__m256i v_Q12)
{
    return _mm256_srai_epi32(_mm256_add_epi32(_mm256_srai_epi32(v_Q12, 11), _mm256_set1_epi32(1)), 1);
}

/* Sums wrap around as libopus's do. Even samples and odd ones apart. */
static OPUS_INLINE void sixteen(opus_int16 *out, const opus_int16 *in, const __m256i *b, opus_int half)
{
    const __m256i interleave = _mm256_broadcastsi128_si256(_mm_set_epi8(15, 14, 7, 6, 13, 12, 5, 4, 11, 10, 3, 2, 9, 8, 1, 0));
    const __m256i now = pairs(in);
    __m256i even = _mm256_srai_epi32(_mm256_slli_epi32(now, 16), 4);
    __m256i odd = _mm256_slli_epi32(_mm256_srai_epi32(now, 16), 12);
    opus_int j;
    for (j = 0; j < half; j++) {
        even = _mm256_sub_epi32(even, _mm256_madd_epi16(pairs(in - 2 - 2 * j), b[j]));
        odd = _mm256_sub_epi32(odd, _mm256_madd_epi16(pairs(in - 1 - 2 * j), b[j]));
    }
    const __m256i both = _mm256_shuffle_epi8(_mm256_packs_epi32(rounded(even), rounded(odd)), interleave);
    _mm256_storeu_si256((__m256i *)(void *)out, both);
}

/* All but the first `d`: `AT_ONCE` at least. */
void silk_lpc_residual_avx2(opus_int16 *out, const opus_int16 *in, const opus_int16 *B, const opus_int32 len, const opus_int32 d)
{
    __m256i b[SILK_MAX_ORDER_LPC / 2];
    opus_int32 i;
    for (i = 0; i < d / 2; i++) {
        b[i] = _mm256_set1_epi32(B[2 * i] * (1 << 16) | (opus_uint16)B[2 * i + 1]);
    }
    for (i = d; i < len - AT_ONCE; i += AT_ONCE) {
        sixteen(out + i, in + i, b, d / 2);
    }
    sixteen(out + len - AT_ONCE, in + len - AT_ONCE, b, d / 2);
}

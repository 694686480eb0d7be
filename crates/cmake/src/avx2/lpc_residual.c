/* What a short-term filter of SILK leaves of a signal (silk/LPC_analysis_filter.c and
   silk/float/LPC_analysis_filter_FLP.c), for AVX2. The result is the same to the bit.

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include <immintrin.h>

#include "SigProc_FLP.h"

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

/* In floating point: summed in the order of libopus. */
static OPUS_INLINE void sixteen_flp(silk_float *out, const silk_float *in, const silk_float *b, opus_int32 order)
{
    __m256 first = _mm256_setzero_ps(), second = first;
    opus_int32 j;
    for (j = 0; j < order; j++) {
        const __m256 c = _mm256_set1_ps(b[j]);
        first = _mm256_add_ps(first, _mm256_mul_ps(_mm256_loadu_ps(in - 1 - j), c));
        second = _mm256_add_ps(second, _mm256_mul_ps(_mm256_loadu_ps(in + 7 - j), c));
    }
    _mm256_storeu_ps(out, _mm256_sub_ps(_mm256_loadu_ps(in), first));
    _mm256_storeu_ps(out + 8, _mm256_sub_ps(_mm256_loadu_ps(in + 8), second));
}

/* All but the first `order`: `AT_ONCE` at least. */
void silk_lpc_residual_flp_avx2(silk_float *out, const silk_float *b, const silk_float *in, opus_int32 len, opus_int32 order)
{
    opus_int32 i;
    for (i = order; i < len - AT_ONCE; i += AT_ONCE) {
        sixteen_flp(out + i, in + i, b, order);
    }
    sixteen_flp(out + len - AT_ONCE, in + len - AT_ONCE, b, order);
}

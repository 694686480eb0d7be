/* Short names for eight floats at a time. */

#ifndef VECTORS_H
#define VECTORS_H

#include <immintrin.h>

#include "opus_defines.h"

static OPUS_INLINE __m256 all(float v) { return _mm256_set1_ps(v); }
static OPUS_INLINE __m256 times(__m256 a, __m256 b) { return _mm256_mul_ps(a, b); }
static OPUS_INLINE __m256 plus(__m256 a, __m256 b) { return _mm256_add_ps(a, b); }
static OPUS_INLINE __m256 minus(__m256 a, __m256 b) { return _mm256_sub_ps(a, b); }

static OPUS_INLINE float sum_of_four(__m128 v)
{
    const __m128 pair = _mm_add_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
}

static OPUS_INLINE float sum_of(__m256 v)
{
    return sum_of_four(_mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1)));
}

/* Real and imaginary parts change places. */
static OPUS_INLINE __m256 swapped(__m256 v) { return _mm256_permute_ps(v, _MM_SHUFFLE(2, 3, 0, 1)); }

#endif

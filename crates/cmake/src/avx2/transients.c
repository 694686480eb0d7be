/* What CELT's encoder looks at in a frame before it transforms it: how loud it is, whether it is a tone, where its energy
   sits (celt/celt_encoder.c), for AVX2 with FMA. libopus's loops wait for the sum before; here several go side by side.

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include "vectors.h"
#include <string.h>

#define LANES 8
#define BLOCK 4

static __m256 size_of(__m256 v) { return _mm256_andnot_ps(all(-0.0f), v); }

static __m128 four(float v) { return _mm_set1_ps(v); }

static float largest_of_four(__m128 v)
{
    const __m128 pair = _mm_max_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_max_ss(pair, _mm_movehdup_ps(pair)));
}

static float largest_of(__m256 v)
{
    return largest_of_four(_mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1)));
}

/* As celt_maxabs16() of celt/mathops.h. */
float celt_largest_avx2(const float *x, int length)
{
    __m256 largest = _mm256_setzero_ps();
    float rest = 0;
    int i;
    for (i = 0; i <= length - LANES; i += LANES) {
        largest = _mm256_max_ps(size_of(_mm256_loadu_ps(x + i)), largest);
    }
    for (; i < length; i++) {
        const float size = x[i] < 0 ? -x[i] : x[i];
        rest = size > rest ? size : rest;
    }
    return largest_of(_mm256_max_ps(largest, all(rest)));
}

float celt_sum_of_sizes_avx2(const float *x, int length)
{
    __m256 sum = _mm256_setzero_ps(), other = sum;
    float rest = 0;
    int i;
    for (i = 0; i <= length - 2 * LANES; i += 2 * LANES) {
        sum = _mm256_add_ps(sum, size_of(_mm256_loadu_ps(x + i)));
        other = _mm256_add_ps(other, size_of(_mm256_loadu_ps(x + i + LANES)));
    }
    for (; i < length; i++) {
        rest += x[i] < 0 ? -x[i] : x[i];
    }
    return sum_of(_mm256_add_ps(sum, other)) + rest;
}

/* Of x with itself, as it was `delay` and twice `delay` samples later. */
void celt_tone_correlations_avx2(const float *x, int length, int delay, float *correlations)
{
    __m256 r0 = _mm256_setzero_ps(), r1 = r0, r2 = r0;
    int i;
    for (i = 0; i <= length - 2 * delay - LANES; i += LANES) {
        const __m256 at = _mm256_loadu_ps(x + i);
        r0 = _mm256_fmadd_ps(at, at, r0);
        r1 = _mm256_fmadd_ps(at, _mm256_loadu_ps(x + i + delay), r1);
        r2 = _mm256_fmadd_ps(at, _mm256_loadu_ps(x + i + 2 * delay), r2);
    }
    correlations[0] = sum_of(r0);
    correlations[1] = sum_of(r1);
    correlations[2] = sum_of(r2);
    for (; i < length - 2 * delay; i++) {
        correlations[0] += x[i] * x[i];
        correlations[1] += x[i] * x[i + delay];
        correlations[2] += x[i] * x[i + 2 * delay];
    }
}

static __m128 one_later(__m128 v) { return _mm_castsi128_ps(_mm_slli_si128(_mm_castps_si128(v), 4)); }
static __m128 two_later(__m128 v) { return _mm_castsi128_ps(_mm_slli_si128(_mm_castps_si128(v), 8)); }

/* (1 - 2 z^-1 + z^-2) / (1 - z^-1 + .5 z^-2), both multiplied by 1 + z^-1 + .5 z^-2: what comes out depends on what came
   out four samples before, and not on the three in between. */
static void high_pass(const float *x, float *y, int length)
{
    const __m128 first = _mm_loadu_ps(x);
    __m128 out = _mm_fnmadd_ps(four(.5f), two_later(first), _mm_sub_ps(first, one_later(first)));
    int i;
    _mm_storeu_ps(y, out);
    for (i = BLOCK; i < length; i += BLOCK) {
        const __m128 now = _mm_sub_ps(_mm_loadu_ps(x + i), _mm_loadu_ps(x + i - 1));
        const __m128 before = _mm_sub_ps(_mm_loadu_ps(x + i - 4), _mm_loadu_ps(x + i - 2));
        out = _mm_fnmadd_ps(four(.25f), out, _mm_fmadd_ps(four(.5f), before, now));
        _mm_storeu_ps(y + i, out);
    }
}

/* y = x + decay * the y before, that of the lowest lane being in the highest of `before`. */
static __m128 decaying(__m128 x, __m128 before, float decay)
{
    const float square = decay * decay;
    const __m128 two = _mm_fmadd_ps(four(decay), one_later(x), x);
    const __m128 whole = _mm_fmadd_ps(four(square), two_later(two), two);
    const __m128 powers = _mm_setr_ps(decay, square, square * decay, square * square);
    return _mm_fmadd_ps(powers, _mm_permute_ps(before, 0xFF), whole);
}

static __m128 reversed(__m128 v) { return _mm_permute_ps(v, 0x1B); }

/* The first half of `envelope` is what transient_analysis() makes of `x`; returns the sum of what it is made from, and sets the
   largest of it. `length` is a multiple of eight, and `envelope` as long. */
float celt_transient_envelope_avx2(const float *x, float *envelope, int length, float forward_decay, float *largest)
{
    const int half = length / 2;
    __m128 out = _mm_setzero_ps(), sum = out, most = out;
    int i;
    high_pass(x, envelope, length);
    /* As there: what came before the frame is not known. */
    memset(envelope, 0, 12 * sizeof(*envelope));
    for (i = 0; i < half; i += BLOCK) {
        const __m128 a = _mm_loadu_ps(envelope + 2 * i), b = _mm_loadu_ps(envelope + 2 * i + BLOCK);
        const __m128 energy = _mm_hadd_ps(_mm_mul_ps(a, a), _mm_mul_ps(b, b));
        sum = _mm_add_ps(sum, energy);
        out = decaying(energy, out, 1.f - forward_decay);
        _mm_storeu_ps(envelope + i, _mm_mul_ps(four(forward_decay), out));
    }
    out = _mm_setzero_ps();
    for (i = half - BLOCK; i >= 0; i -= BLOCK) {
        out = decaying(reversed(_mm_loadu_ps(envelope + i)), out, .875f);
        const __m128 masked = _mm_mul_ps(four(.125f), out);
        most = _mm_max_ps(most, masked);
        _mm_storeu_ps(envelope + i, reversed(masked));
    }
    *largest = largest_of_four(most);
    return sum_of_four(sum);
}

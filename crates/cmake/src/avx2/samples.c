/* What CELT does to each sample and no other, for AVX2, to the same bits: the encoder's pre-emphasis (celt_preemphasis() of
   celt/celt_encoder.c) and the decoder's way out to 16 bits (celt_float2int16_c() of celt/mathops.c).

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include "vectors.h"

#define LANES 8
#define SCALE 32768.f

/* `length` is a multiple of eight. */
void celt_preemphasis_avx2(const float *pcm, float *out, int length, float coefficient, float *memory)
{
    int i;
    out[0] = SCALE * pcm[0] - *memory;
    for (i = 1; i < LANES; i++) {
        out[i] = SCALE * pcm[i] - coefficient * (SCALE * pcm[i - 1]);
    }
    for (; i < length; i += LANES) {
        const __m256 now = _mm256_mul_ps(all(SCALE), _mm256_loadu_ps(pcm + i));
        const __m256 before = _mm256_mul_ps(all(SCALE), _mm256_loadu_ps(pcm + i - 1));
        _mm256_storeu_ps(out + i, _mm256_sub_ps(now, _mm256_mul_ps(all(coefficient), before)));
    }
    *memory = coefficient * (SCALE * pcm[length - 1]);
}

static __m256i to_integers(const float *in)
{
    const __m256 scaled = _mm256_mul_ps(all(SCALE), _mm256_loadu_ps(in));
    return _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(scaled, all(-32768.f)), all(32767.f)));
}

/* `length` is a multiple of 16. */
void celt_to_int16_avx2(const float *in, short *out, int length)
{
    int i;
    for (i = 0; i < length; i += 2 * LANES) {
        const __m256i packed = _mm256_packs_epi32(to_integers(in + i), to_integers(in + i + LANES));
        _mm256_storeu_si256((__m256i *)(out + i), _mm256_permute4x64_epi64(packed, 0xD8));
    }
}

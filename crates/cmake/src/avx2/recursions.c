/* Filters whose every sample needs the one before, for AVX2 with FMA: eight at a time, so that only each eighth waits for
   another. The encoder's high pass (silk_biquad_res() of src/opus_encoder.c) and the decoder's de-emphasis
   (celt/celt_decoder.c).

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include "vectors.h"

#define LANES 8
/* Added to what is fed back, so that it never becomes denormal. */
#define VERY_SMALL 1e-30f


/* What a block comes out as, of nothing but these states. */
static void ring_out(double *out, const float *A, double first, double second)
{
    int i;
    for (i = 0; i < LANES; i++) {
        out[i] = first;
        first = second - A[0] * out[i];
        second = -A[1] * out[i];
    }
}

/* `length` is a multiple of eight; `out` may be `in`. In double precision: the poles are so close to 1 that they make thousands of
   what is rounded before them, and a constant would leave a sound. */
void opus_biquad_avx2(const float *in, const float *B, const float *A, float *S, float *out, int length)
{
    /* Eight zeros, then what comes out of a sample of 1. */
    double response[2 * LANES] = {0}, of_first[LANES], of_second[LANES], x[LANES], first = S[0], second = S[1];
    const double b0 = B[0], b1 = B[1], b2 = B[2], a0 = A[0], a1 = A[1];
    __m256d early[LANES / 2], late[LANES];
    int i, k;
    ring_out(of_first, A, 1, 0);
    ring_out(of_second, A, 0, 1);
    for (i = 0; i < LANES; i++) {
        response[LANES + i] = i == 0 ? b0 : (b1 - a0 * b0) * of_first[i - 1] + (b2 - a1 * b0) * of_second[i - 1];
    }
    for (k = 0; k < LANES / 2; k++) {
        early[k] = _mm256_loadu_pd(response + LANES - k);
    }
    for (k = 0; k < LANES; k++) {
        late[k] = _mm256_loadu_pd(response + LANES + LANES / 2 - k);
    }
    for (i = 0; i < length; i += LANES) {
        __m256d y0 = _mm256_mul_pd(_mm256_set1_pd(second), _mm256_loadu_pd(of_second));
        __m256d y1 = _mm256_mul_pd(_mm256_set1_pd(second), _mm256_loadu_pd(of_second + LANES / 2));
        __m256d other0 = _mm256_setzero_pd(), other1 = other0;
        _mm256_storeu_pd(x, _mm256_cvtps_pd(_mm_loadu_ps(in + i)));
        _mm256_storeu_pd(x + LANES / 2, _mm256_cvtps_pd(_mm_loadu_ps(in + i + LANES / 2)));
        for (k = 0; k < LANES / 2; k++) {
            other0 = _mm256_fmadd_pd(_mm256_set1_pd(x[k]), early[k], other0);
        }
        for (k = 0; k < LANES; k++) {
            other1 = _mm256_fmadd_pd(_mm256_set1_pd(x[k]), late[k], other1);
        }
        y0 = _mm256_fmadd_pd(_mm256_set1_pd(first), _mm256_loadu_pd(of_first), _mm256_add_pd(y0, other0));
        y1 = _mm256_fmadd_pd(_mm256_set1_pd(first), _mm256_loadu_pd(of_first + LANES / 2), _mm256_add_pd(y1, other1));
        _mm_storeu_ps(out + i, _mm256_cvtpd_ps(y0));
        _mm_storeu_ps(out + i + LANES / 2, _mm256_cvtpd_ps(y1));
        const __m128d last = _mm256_extractf128_pd(y1, 1);
        const double y6 = _mm_cvtsd_f64(last), y7 = _mm_cvtsd_f64(_mm_unpackhi_pd(last, last));
        first = b2 * x[6] - a1 * y6 + b1 * x[7] - a0 * y7 + VERY_SMALL;
        second = b2 * x[7] - a1 * y7 + VERY_SMALL;
    }
    S[0] = (float)first;
    S[1] = (float)second;
}

static __m256 later(__m256 v, int lanes)
{
    const __m256i at = _mm256_sub_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(lanes));
    const __m256 moved = _mm256_permutevar8x32_ps(v, at);
    return _mm256_andnot_ps(_mm256_castsi256_ps(_mm256_srai_epi32(at, 31)), moved);
}

/* `length` is a multiple of eight. */
void celt_deemphasis_avx2(const float *in, float *out, int length, float coefficient, float *memory, int accumulate)
{
    const float square = coefficient * coefficient, fourth = square * square;
    const __m256 small = all(VERY_SMALL), scale = all(1 / 32768.f);
    float powers[LANES];
    __m256 carried = all(*memory);
    int i;
    for (i = 0; i < LANES; i++) {
        powers[i] = i == 0 ? 1 : powers[i - 1] * coefficient;
    }
    for (i = 0; i < length; i += LANES) {
        const __m256 one = _mm256_add_ps(_mm256_loadu_ps(in + i), small);
        const __m256 two = _mm256_fmadd_ps(all(coefficient), later(one, 1), one);
        const __m256 four = _mm256_fmadd_ps(all(square), later(two, 2), two);
        const __m256 eight = _mm256_fmadd_ps(all(fourth), later(four, 4), four);
        const __m256 y = _mm256_fmadd_ps(_mm256_loadu_ps(powers), carried, eight);
        const __m256 scaled = _mm256_mul_ps(scale, y);
        carried = _mm256_mul_ps(all(coefficient), _mm256_permutevar8x32_ps(y, _mm256_set1_epi32(7)));
        _mm256_storeu_ps(out + i, accumulate ? _mm256_add_ps(_mm256_loadu_ps(out + i), scaled) : scaled);
    }
    *memory = _mm256_cvtss_f32(carried);
}

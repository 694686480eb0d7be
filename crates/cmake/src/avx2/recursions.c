/* Filters whose every sample needs the one before, for AVX2 with FMA: eight at a time, so that only each eighth waits for
   another. The encoder's high pass (silk_biquad_res() of src/opus_encoder.c) and the decoder's de-emphasis
   (celt/celt_decoder.c).

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include <immintrin.h>

#define LANES 8
/* Added to what is fed back, so that it never becomes denormal. */
#define VERY_SMALL 1e-30f

static __m256 all(float v) { return _mm256_set1_ps(v); }

/* What `length` samples of a block come out as, of nothing but one state of 1. */
static void ring_out(float *out, const float *A, float first, float second)
{
    int i;
    for (i = 0; i < LANES; i++) {
        out[i] = first;
        first = second - A[0] * out[i];
        second = -A[1] * out[i];
    }
}

/* `length` is a multiple of eight; `out` may be `in`. */
void opus_biquad_avx2(const float *in, const float *B, const float *A, float *S, float *out, int length)
{
    /* Eight zeros, then what comes out of a sample of 1. */
    float response[2 * LANES] = {0}, of_first[LANES], of_second[LANES];
    __m256 delayed[LANES];
    float first = S[0], second = S[1];
    int i, k;
    ring_out(of_first, A, 1, 0);
    ring_out(of_second, A, 0, 1);
    for (i = 0; i < LANES; i++) {
        response[LANES + i] = i == 0 ? B[0] : (B[1] - A[0] * B[0]) * of_first[i - 1] + (B[2] - A[1] * B[0]) * of_second[i - 1];
    }
    for (k = 0; k < LANES; k++) {
        delayed[k] = _mm256_loadu_ps(response + LANES - k);
    }
    for (i = 0; i < length; i += LANES) {
        const float *x = in + i;
        const float x6 = x[6], x7 = x[7];
        __m256 y = _mm256_mul_ps(all(x[0]), delayed[0]), other = _mm256_mul_ps(all(x[1]), delayed[1]);
        for (k = 2; k < LANES; k += 2) {
            y = _mm256_fmadd_ps(all(x[k]), delayed[k], y);
            other = _mm256_fmadd_ps(all(x[k + 1]), delayed[k + 1], other);
        }
        y = _mm256_add_ps(y, other);
        y = _mm256_fmadd_ps(all(second), _mm256_loadu_ps(of_second), y);
        y = _mm256_fmadd_ps(all(first), _mm256_loadu_ps(of_first), y);
        _mm256_storeu_ps(out + i, y);
        const __m128 last = _mm256_extractf128_ps(y, 1);
        const float y6 = _mm_cvtss_f32(_mm_movehl_ps(last, last)), y7 = _mm_cvtss_f32(_mm_permute_ps(last, 0xFF));
        first = B[2] * x6 - A[1] * y6 + B[1] * x7 - A[0] * y7 + VERY_SMALL;
        second = B[2] * x7 - A[1] * y7 + VERY_SMALL;
    }
    S[0] = first;
    S[1] = second;
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

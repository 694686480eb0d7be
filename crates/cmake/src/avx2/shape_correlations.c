/* The warped autocorrelations that SILK's noise shaping is made from (silk/float/warped_autocorrelation_FLP.c), for AVX2 with
   FMA: a tenth of libopus's encoder. The windows of a frame are the lanes of a vector, and four samples go through the
   sections at a time, so that what they share stays in registers.

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include <immintrin.h>

#include "main_FLP.h"

#define AT_ONCE 4

/* Each window of the frame, one in a lane: a sine slope, a flat part, a cosine slope. Two windows if there are two, twice. */
static void cut_windows(__m256d *in, const silk_float *x, const silk_encoder_state *common)
{
    const opus_int length = common->shapeWinLength, flat = 3 * common->fs_kHz, slope = (length - flat) / 2;
    const opus_int hop = common->subfr_length, second = common->nb_subfr == MAX_NB_SUBFR ? 2 * hop : 0;
    silk_float window[SHAPE_LPC_WIN_MAX], ones[SHAPE_LPC_WIN_MAX];
    opus_int n;
    for (n = 0; n < length; n++) {
        window[n] = ones[n] = 1.0f;
    }
    silk_apply_sine_window_FLP(window, ones, 1, slope);
    silk_apply_sine_window_FLP(window + slope + flat, ones, 2, slope);
    for (n = 0; n < length; n++) {
        const __m128 samples = _mm_set_ps(x[n + second + hop], x[n + second], x[n + hop], x[n]);
        in[n] = _mm256_cvtps_pd(_mm_mul_ps(samples, _mm_set1_ps(window[n])));
    }
}

/* `x` is where the first window begins. */
void silk_shape_correlations_avx2(silk_float (*correlations)[MAX_SHAPE_LPC_ORDER + 1], const silk_float *x,
                                  const silk_encoder_state *common, const silk_float warping)
{
    const opus_int order = common->shapingLPCOrder;
    const __m256d w = _mm256_set1_pd(warping);
    __m256d in[SHAPE_LPC_WIN_MAX], state[MAX_SHAPE_LPC_ORDER + 1], sum[MAX_SHAPE_LPC_ORDER + 1];
    opus_int n, i, k;
    cut_windows(in, x, common);
    for (i = 0; i <= order; i++) {
        state[i] = sum[i] = _mm256_setzero_pd();
    }
    for (n = 0; n < common->shapeWinLength; n += AT_ONCE) {
        const __m256d x0 = in[n], x1 = in[n + 1], x2 = in[n + 2], x3 = in[n + 3];
        __m256d t0 = x0, t1 = x1, t2 = x2, t3 = x3, before = state[0];
        for (i = 0; i <= order; i++) {
            const __m256d after = state[i < order ? i + 1 : i];
            __m256d s = _mm256_fmadd_pd(x1, t1, _mm256_fmadd_pd(x0, t0, sum[i]));
            sum[i] = _mm256_fmadd_pd(x3, t3, _mm256_fmadd_pd(x2, t2, s));
            state[i] = t3;
            /* Each section: what went in and came out for the sample before, and what goes in now. */
            s = _mm256_fnmadd_pd(w, t0, _mm256_fmadd_pd(w, after, before));
            before = after;
            const __m256d s1 = _mm256_fnmadd_pd(w, t1, _mm256_fmadd_pd(w, s, t0));
            const __m256d s2 = _mm256_fnmadd_pd(w, t2, _mm256_fmadd_pd(w, s1, t1));
            t3 = _mm256_fnmadd_pd(w, t3, _mm256_fmadd_pd(w, s2, t2));
            t0 = s;
            t1 = s1;
            t2 = s2;
        }
    }
    for (i = 0; i <= order; i++) {
        for (k = 0; k < common->nb_subfr; k++) {
            correlations[k][i] = (silk_float)((const double *)(const void *)&sum[i])[k];
        }
    }
}

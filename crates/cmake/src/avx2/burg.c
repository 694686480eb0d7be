/* The correlations that Burg's method begins with (silk/float/burg_modified_FLP.c), for AVX2 with FMA.

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include <immintrin.h>

#include "SigProc_FLP.h"

#define LANES 4
#define LAGS 8
/* Of a subframe with what is before it, and what is filled up with zeros. */
#define MAX_LENGTH 96
#define PADDING (2 * LAGS + LANES)

static OPUS_INLINE double sum_of(__m256d v)
{
    const __m128d half = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
    return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
}

/* Correlations by `LAGS` lags from `lag` on. */
static OPUS_INLINE void correlate(double *rows, const double (*x)[MAX_LENGTH + PADDING], opus_int length, opus_int count,
                                  opus_int lag)
{
    __m256d sum[LAGS];
    opus_int s, i, k;
    for (k = 0; k < LAGS; k++) {
        sum[k] = _mm256_setzero_pd();
    }
    for (s = 0; s < count; s++) {
        for (i = 0; i < length; i += LANES) {
            const __m256d now = _mm256_loadu_pd(&x[s][i]);
            for (k = 0; k < LAGS; k++) {
                sum[k] = _mm256_fmadd_pd(now, _mm256_loadu_pd(&x[s][i + lag + k]), sum[k]);
            }
        }
    }
    for (k = 0; k < LAGS; k++) {
        rows[k] = sum_of(sum[k]);
    }
}

/* By the lags from 1 to 16, within each of `count` subframes. */
void silk_burg_rows_avx2(double *first_row, const silk_float *x, opus_int length, opus_int count)
{
    double padded[MAX_NB_SUBFR][MAX_LENGTH + PADDING];
    opus_int s, i;
    for (s = 0; s < count; s++) {
        for (i = 0; i < length; i++) {
            padded[s][i] = x[s * length + i];
        }
        for (; i < length + PADDING; i++) {
            padded[s][i] = 0;
        }
    }
    correlate(first_row, (const double(*)[MAX_LENGTH + PADDING])padded, length, count, 1);
    correlate(first_row + LAGS, (const double(*)[MAX_LENGTH + PADDING])padded, length, count, 1 + LAGS);
}

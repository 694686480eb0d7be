/* SILK's line spectral frequencies of a filter (silk/A2NLSF.c), for AVX2: both polynomials are evaluated for the whole table of
   cosines, then all roots are narrowed down side by side. The result is the same to the bit.

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include <immintrin.h>

#include "SigProc_FIX.h"
#include "tables.h"

#define LANES 4
#define HALF_ORDER (SILK_MAX_ORDER_LPC / 2)
#define STEPS 3

/* What counts is the low half of each lane of 64 bits. */
static OPUS_INLINE __m256i all(opus_int32 v) { return _mm256_set1_epi32(v); }
static OPUS_INLINE __m256i either(__m256i a, __m256i b) { return _mm256_or_si256(a, b); }
static OPUS_INLINE __m256i blend(__m256i a, __m256i b, __m256i mask) { return _mm256_blendv_epi8(a, b, mask); }

static OPUS_INLINE __m256i wide(const opus_int32 *x)
{
    return _mm256_cvtepi32_epi64(_mm_loadu_si128((const __m128i *)(const void *)x));
}

static OPUS_INLINE __m256i cosines(opus_int k)
{
    return _mm256_cvtepi16_epi64(_mm_loadl_epi64((const __m128i *)(const void *)&silk_LSFCosTab_FIX_Q12[k]));
}

static OPUS_INLINE void store(opus_int32 *x, __m256i v)
{
    const __m256 halves = _mm256_castsi256_ps(v);
    _mm_storeu_ps((float *)(void *)x, _mm_shuffle_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps(halves, 1), 0x88));
}

static OPUS_INLINE __m256i horner(__m256i y, __m256i x_Q16, __m256i p)
{
    return _mm256_add_epi32(p, _mm256_srli_epi64(_mm256_mul_epi32(y, x_Q16), 16));
}

static OPUS_INLINE __m256i evaluate(const __m256i *p, __m256i x_Q12, opus_int dd)
{
    const __m256i x_Q16 = _mm256_slli_epi32(x_Q12, 4);
    __m256i y = p[dd];
    opus_int n;
    for (n = dd - 1; n >= 0; n--) {
        y = horner(y, x_Q16, p[n]);
    }
    return y;
}

/* Both polynomials for eight cosines. */
static OPUS_INLINE void evaluate_both(opus_int32 *y_p, opus_int32 *y_q, const opus_int32 *p, const opus_int32 *q, opus_int k,
                                      opus_int dd)
{
    const __m256i x0 = _mm256_slli_epi32(cosines(k), 4), x1 = _mm256_slli_epi32(cosines(k + LANES), 4);
    __m256i p0 = all(p[dd]), p1 = p0, q0 = all(q[dd]), q1 = q0;
    opus_int n;
    for (n = dd - 1; n >= 0; n--) {
        p0 = horner(p0, x0, all(p[n]));
        p1 = horner(p1, x1, all(p[n]));
        q0 = horner(q0, x0, all(q[n]));
        q1 = horner(q1, x1, all(q[n]));
    }
    store(y_p + k, p0);
    store(y_p + k + LANES, p1);
    store(y_q + k, q0);
    store(y_q + k + LANES, q1);
}

/* Four roots, which lie before the cosines `k`. */
static OPUS_INLINE void narrow(opus_int32 *fraction, opus_int32 *y_low, opus_int32 *y_high, const opus_int32 *k,
                               const __m256i *pq, opus_int dd)
{
    const __m256i zero = _mm256_setzero_si256();
    const opus_int16 *x = silk_LSFCosTab_FIX_Q12;
    __m256i x_lo = _mm256_set_epi64x(x[k[3] - 1], x[k[2] - 1], x[k[1] - 1], x[k[0] - 1]);
    __m256i x_hi = _mm256_set_epi64x(x[k[3]], x[k[2]], x[k[1]], x[k[0]]);
    __m256i y_lo = wide(y_low), y_hi = wide(y_high), f = all(-256);
    opus_int m;
    for (m = 0; m < STEPS; m++) {
        const __m256i x_mid = _mm256_srai_epi32(_mm256_add_epi32(_mm256_add_epi32(x_lo, x_hi), all(1)), 1);
        const __m256i y_mid = evaluate(pq, x_mid, dd);
        const __m256i falls_not = either(_mm256_cmpgt_epi32(zero, y_lo), _mm256_cmpgt_epi32(y_mid, zero));
        const __m256i rises_not = either(_mm256_cmpgt_epi32(y_lo, zero), _mm256_cmpgt_epi32(zero, y_mid));
        const __m256i after = _mm256_and_si256(falls_not, rises_not);
        x_hi = blend(x_mid, x_hi, after);
        y_hi = blend(y_mid, y_hi, after);
        x_lo = blend(x_lo, x_mid, after);
        y_lo = blend(y_lo, y_mid, after);
        f = _mm256_add_epi32(f, _mm256_and_si256(after, all(128 >> m)));
    }
    store(fraction, f);
    store(y_low, y_lo);
    store(y_high, y_hi);
}

static OPUS_INLINE opus_int32 interpolated(opus_int32 ylo, opus_int32 yhi)
{
    const opus_int32 den = ylo - yhi;
    if (silk_abs(ylo) < 65536) {
        return den == 0 ? 0 : silk_DIV32(silk_LSHIFT(ylo, 8 - STEPS) + silk_RSHIFT(den, 1), den);
    }
    return silk_DIV32(ylo, silk_RSHIFT(den, 8 - STEPS));
}

/* 0 if not all roots were found. `P` and `Q` are the polynomials in cosines, of half the order. */
int silk_lsf_roots_avx2(opus_int16 *NLSF, const opus_int32 *P, const opus_int32 *Q, const opus_int d)
{
    const opus_int dd = d / 2;
    opus_int32 y[2][LSF_COS_TAB_SZ_FIX + 1], k_of[SILK_MAX_ORDER_LPC], y_lo[SILK_MAX_ORDER_LPC], y_hi[SILK_MAX_ORDER_LPC];
    opus_int32 fraction[SILK_MAX_ORDER_LPC];
    __m256i pq[HALF_ORDER + 1];
    opus_int k, root, first;
    for (k = 0; k < LSF_COS_TAB_SZ_FIX; k += 2 * LANES) {
        evaluate_both(y[0], y[1], P, Q, k, dd);
    }
    evaluate_both(y[0], y[1], P, Q, LSF_COS_TAB_SZ_FIX + 1 - 2 * LANES, dd);
    first = y[0][0] < 0;
    for (k = 0; k < SILK_MAX_ORDER_LPC; k++) {
        k_of[k] = 1;
        y_lo[k] = y_hi[k] = 0;
    }
    opus_int32 before = y[first][0], threshold = 0;
    for (root = first, k = 1; root < d;) {
        const opus_int32 now = y[root & 1][k];
        if ((before <= 0 && now >= threshold) || (before >= 0 && now <= -threshold)) {
            threshold = now == 0;
            k_of[root] = k;
            y_lo[root] = before;
            y_hi[root] = now;
            root++;
            before = silk_LSHIFT(1 - (root & 2), 12);
        } else {
            before = now;
            threshold = 0;
            if (++k > LSF_COS_TAB_SZ_FIX) {
                return 0;
            }
        }
    }
    /* The roots are of the one and the other in turn. */
    for (k = 0; k <= dd; k++) {
        pq[k] = _mm256_set_epi64x(Q[k], P[k], Q[k], P[k]);
    }
    for (root = 0; root < d; root += LANES) {
        narrow(fraction + root, y_lo + root, y_hi + root, k_of + root, pq, dd);
    }
    NLSF[0] = 0;
    for (root = first; root < d; root++) {
        const opus_int32 found = silk_LSHIFT(k_of[root], 8) + fraction[root] + interpolated(y_lo[root], y_hi[root]);
        NLSF[root] = (opus_int16)silk_min_32(found, silk_int16_MAX);
    }
    return 1;
}

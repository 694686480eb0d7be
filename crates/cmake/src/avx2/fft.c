/* CELT's Fourier transform (opus_fft_impl() of celt/kiss_fft.c), for AVX2: four complex numbers at a time, in place and in the
   same stages. The result is the same to the bit.

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include "vectors.h"

#include "kiss_fft.h"

#define LANES 4

/* What a vector of complex numbers is multiplied by. */
typedef struct {
    __m256 re, im;
} Factor;

static OPUS_INLINE __m256 load(const kiss_fft_cpx *p) { return _mm256_loadu_ps((const float *)(const void *)p); }
static OPUS_INLINE void store(kiss_fft_cpx *p, __m256 v) { _mm256_storeu_ps((float *)(void *)p, v); }
static OPUS_INLINE __m256 plus_i_times(__m256 a, __m256 b) { return _mm256_addsub_ps(a, swapped(b)); }
static OPUS_INLINE __m256 minus_i_times(__m256 a, __m256 b) { return _mm256_fmsubadd_ps(a, all(1.f), swapped(b)); }

static OPUS_INLINE __m256 turned(__m256 v, Factor by)
{
    return _mm256_addsub_ps(times(v, by.re), times(swapped(v), by.im));
}

static OPUS_INLINE __m128 two_of(const kiss_twiddle_cpx *w, size_t step)
{
    const __m128 first = _mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)(const void *)w));
    return _mm_loadh_pi(first, (const __m64 *)(const void *)(w + step));
}

static OPUS_INLINE Factor factor_of(const kiss_twiddle_cpx *twiddles, size_t first, size_t step)
{
    const kiss_twiddle_cpx *w = &twiddles[first * step];
    const __m256 v = _mm256_insertf128_ps(_mm256_castps128_ps256(two_of(w, step)), two_of(w + 2 * step, step), 1);
    const Factor factor = {_mm256_moveldup_ps(v), _mm256_movehdup_ps(v)};
    return factor;
}

/* Four numbers next to each other. */
static void first_by_4(kiss_fft_cpx *x, int blocks)
{
    const __m256 sign = _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1), sign2 = _mm256_setr_ps(1, 1, -1, -1, 1, -1, -1, 1);
    /* b + d twice, and (b - d) with its parts swapped twice */
    const __m256i second = _mm256_setr_epi32(2, 3, 2, 3, 3, 2, 3, 2);
    int i;
    for (i = 0; i < blocks; i++, x += 4) {
        const __m256 v = load(x);
        /* a + c, b + d, a - c, b - d */
        const __m256 sums = _mm256_fmadd_ps(v, sign, _mm256_permute2f128_ps(v, v, 1));
        const __m256 first = _mm256_castpd_ps(_mm256_movedup_pd(_mm256_castps_pd(sums)));
        const __m256 out = _mm256_fmadd_ps(_mm256_permutevar_ps(sums, second), sign2, first);
        store(x, _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(out), _MM_SHUFFLE(3, 1, 2, 0))));
    }
}

/* Four numbers and four numbers: turned by 0 to 3 eighths. */
static void by_2(kiss_fft_cpx *x, int blocks)
{
    const float half = 0.7071067812f;
    const __m256 straight = _mm256_setr_ps(1, 1, 1, 1, 0, 0, -1, -1), across = _mm256_setr_ps(0, 0, 1, -1, 1, -1, 1, -1);
    const __m256 size = _mm256_setr_ps(1, 1, half, half, 1, 1, half, half);
    int i;
    for (i = 0; i < blocks; i++, x += 2 * LANES) {
        const __m256 a = load(x), v = load(x + LANES);
        const __m256 b = times(_mm256_fmadd_ps(v, straight, times(swapped(v), across)), size);
        store(x, plus(a, b));
        store(x + LANES, minus(a, b));
    }
}

/* In each of the following `m` is a multiple of `LANES`, and a block has as many times that as it is made of. */
static void by_4(kiss_fft_cpx *out, const kiss_twiddle_cpx *twiddles, size_t step, int m, int blocks)
{
    int i, u;
    for (u = 0; u < m; u += LANES) {
        const Factor f1 = factor_of(twiddles, u, step), f2 = factor_of(twiddles, u, 2 * step);
        const Factor f3 = factor_of(twiddles, u, 3 * step);
        kiss_fft_cpx *x = out + u;
        for (i = 0; i < blocks; i++, x += 4 * m) {
            const __m256 x0 = load(x), x1 = turned(load(x + m), f1), x2 = turned(load(x + 2 * m), f2);
            const __m256 x3 = turned(load(x + 3 * m), f3);
            const __m256 even = plus(x0, x2), odd = plus(x1, x3), even_d = minus(x0, x2), odd_d = minus(x1, x3);
            store(x, plus(even, odd));
            store(x + m, minus_i_times(even_d, odd_d));
            store(x + 2 * m, minus(even, odd));
            store(x + 3 * m, plus_i_times(even_d, odd_d));
        }
    }
}

static void by_3(kiss_fft_cpx *out, const kiss_twiddle_cpx *twiddles, size_t step, int m, int blocks)
{
    const __m256 third = all(twiddles[step * m].i);
    int i, u;
    for (u = 0; u < m; u += LANES) {
        const Factor f1 = factor_of(twiddles, u, step), f2 = factor_of(twiddles, u, 2 * step);
        kiss_fft_cpx *x = out + u;
        for (i = 0; i < blocks; i++, x += 3 * m) {
            const __m256 x0 = load(x), x1 = turned(load(x + m), f1), x2 = turned(load(x + 2 * m), f2);
            const __m256 sum = plus(x1, x2), across = times(minus(x1, x2), third);
            const __m256 rest = minus(x0, times(sum, all(.5f)));
            store(x, plus(x0, sum));
            store(x + m, plus_i_times(rest, across));
            store(x + 2 * m, minus_i_times(rest, across));
        }
    }
}

static void by_5(kiss_fft_cpx *out, const kiss_twiddle_cpx *twiddles, size_t step, int m, int blocks)
{
    const kiss_twiddle_cpx a = twiddles[step * m], b = twiddles[step * 2 * m];
    int i, u;
    for (u = 0; u < m; u += LANES) {
        const Factor f1 = factor_of(twiddles, u, step), f2 = factor_of(twiddles, u, 2 * step);
        const Factor f3 = factor_of(twiddles, u, 3 * step), f4 = factor_of(twiddles, u, 4 * step);
        kiss_fft_cpx *x = out + u;
        for (i = 0; i < blocks; i++, x += 5 * m) {
            const __m256 x0 = load(x), x1 = turned(load(x + m), f1), x2 = turned(load(x + 2 * m), f2);
            const __m256 x3 = turned(load(x + 3 * m), f3), x4 = turned(load(x + 4 * m), f4);
            const __m256 outer = plus(x1, x4), outer_d = minus(x1, x4), inner = plus(x2, x3), inner_d = minus(x2, x3);
            const __m256 slow = plus(x0, plus(times(outer, all(a.r)), times(inner, all(b.r))));
            const __m256 fast = plus(x0, plus(times(outer, all(b.r)), times(inner, all(a.r))));
            const __m256 slow_d = plus(times(outer_d, all(a.i)), times(inner_d, all(b.i)));
            const __m256 fast_d = minus(times(inner_d, all(a.i)), times(outer_d, all(b.i)));
            store(x, plus(x0, plus(outer, inner)));
            store(x + m, plus_i_times(slow, slow_d));
            store(x + 2 * m, minus_i_times(fast, fast_d));
            store(x + 3 * m, plus_i_times(fast, fast_d));
            store(x + 4 * m, minus_i_times(slow, slow_d));
        }
    }
}

/* `st` is one of the 48 kHz mode's: 60, 120, 240 or 480 numbers. */
void opus_fft_avx2(const kiss_fft_state *st, kiss_fft_cpx *x)
{
    const int shift = st->shift > 0 ? st->shift : 0;
    int stage = 0;
    while (st->factors[2 * stage + 1] != 1) {
        stage++;
    }
    for (; stage >= 0; stage--) {
        const int radix = st->factors[2 * stage], m = st->factors[2 * stage + 1], blocks = st->nfft / (radix * m);
        const size_t step = (size_t)blocks << shift;
        if (m == 1) {
            first_by_4(x, blocks);
        } else if (radix == 2) {
            by_2(x, blocks);
        } else if (radix == 3) {
            by_3(x, st->twiddles, step, m, blocks);
        } else if (radix == 4) {
            by_4(x, st->twiddles, step, m, blocks);
        } else {
            by_5(x, st->twiddles, step, m, blocks);
        }
    }
}

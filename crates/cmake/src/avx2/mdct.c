/* CELT's transform of overlapping windows (celt/mdct.c), for AVX2: four complex numbers at a time, which pair numbers from
   the beginning with such from the end, in the reverse order. The result is the same to the bit.

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include "vectors.h"

#include "mdct.h"

#define LANES 4
/* As many floats. */
#define WIDTH (2 * LANES)
#define MOST 480

void opus_fft_avx2(const kiss_fft_state *st, kiss_fft_cpx *x);

/* Subtracts from the real parts and adds to the imaginary ones, and the other way round. */
static OPUS_INLINE __m256 addsub(__m256 a, __m256 b) { return _mm256_addsub_ps(a, b); }
static OPUS_INLINE __m256 subadd(__m256 a, __m256 b) { return _mm256_fmsubadd_ps(a, _mm256_set1_ps(1.f), b); }

/* Real parts of `a`, and imaginary ones of `b` from the last back. */
static OPUS_INLINE __m256 paired(__m256 a, __m256 b)
{
    const __m256 back = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(b), _MM_SHUFFLE(0, 1, 2, 3)));
    return _mm256_blend_ps(a, back, 0xAA);
}

/* Each second number from `up` on, and each second one down to `down`. */
static OPUS_INLINE __m256 pairs(const float *up, const float *down)
{
    return paired(_mm256_loadu_ps(up), _mm256_loadu_ps(down + 1 - WIDTH));
}

/* The same of numbers `step` apart. */
static OPUS_INLINE __m256 spread_pairs(const float *up, const float *down, int step)
{
    return _mm256_setr_ps(up[0], down[0], up[step], down[-step], up[2 * step], down[-2 * step], up[3 * step], down[-3 * step]);
}

static OPUS_INLINE __m256 twice_each(const float *p)
{
    const __m256 v = _mm256_castps128_ps256(_mm_loadu_ps(p));
    return _mm256_permutevar8x32_ps(v, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
}

static OPUS_INLINE __m256 turned(__m256 v, const float *re, const float *im)
{
    return addsub(times(v, twice_each(re)), times(swapped(v), twice_each(im)));
}

static OPUS_INLINE __m256 turned_back(__m256 v, const float *re, const float *im)
{
    return subadd(times(v, twice_each(re)), times(swapped(v), twice_each(im)));
}

static OPUS_INLINE void put(kiss_fft_cpx *x, const opus_int16 *places, __m256 v)
{
    const __m128 low = _mm256_castps256_ps128(v), high = _mm256_extractf128_ps(v, 1);
    _mm_storel_pi((__m64 *)(void *)&x[places[0]], low);
    _mm_storeh_pi((__m64 *)(void *)&x[places[1]], low);
    _mm_storel_pi((__m64 *)(void *)&x[places[2]], high);
    _mm_storeh_pi((__m64 *)(void *)&x[places[3]], high);
}

static const float *trig_of(const mdct_lookup *l, int shift) { return l->trig + l->n - (l->n >> shift); }

/* Folds the window to `count` complex numbers and turns them by `re` and `im`. `slope` of them at either end lie in an overlap.
   That is no multiple of `LANES`, so the last vector of each end does again what the one before did. */
static void fold(kiss_fft_cpx *x, const kiss_fft_state *st, const float *in, const float *window, int overlap, const float *re,
                 const float *im)
{
    const int count = st->nfft, half = 2 * count, slope = overlap / 4;
    const float *begin = in + overlap / 2, *end = begin + half - 1, *top = window + overlap / 2;
    const __m256 scale = _mm256_set1_ps(st->scale);
    int i, n;
    for (n = 0; n < slope; n += LANES) {
        i = IMIN(n, slope - LANES);
        const __m256 w = pairs(top + 2 * i, top - 1 - 2 * i), v = swapped(pairs(begin + 2 * i, end - 2 * i));
        const __m256 before = times(pairs(end + 1 + 2 * i, begin - 1 - 2 * i), _mm256_movehdup_ps(w));
        put(x, st->bitrev + i, times(turned(subadd(times(v, _mm256_moveldup_ps(w)), before), re + i, im + i), scale));
    }
    for (i = slope; i < count - slope; i += LANES) {
        put(x, st->bitrev + i, times(turned(swapped(pairs(begin + 2 * i, end - 2 * i)), re + i, im + i), scale));
    }
    for (n = 0; n < slope; n += LANES) {
        const int k = IMIN(n, slope - LANES);
        i = count - slope + k;
        const __m256 w = pairs(window + 2 * k, window + overlap - 1 - 2 * k), v = swapped(pairs(begin + 2 * i, end - 2 * i));
        const __m256 after = times(pairs(in + 2 * k, in + half + overlap - 1 - 2 * k), _mm256_moveldup_ps(w));
        put(x, st->bitrev + i, times(turned(addsub(times(v, _mm256_movehdup_ps(w)), after), re + i, im + i), scale));
    }
}

/* Each `stride` from the one before. */
static void spread(float *out, int stride, const float *v, int count)
{
    int i;
    for (i = 0; i < count; i++, out += stride) {
        *out = v[i];
    }
}

/* 120, 240, 480 or 960 numbers come out. The vector in the middle of 120 pairs with itself. */
void clt_mdct_forward_avx2(const mdct_lookup *l, const float *in, float *out, const float *window, int overlap, int shift,
                           int stride)
{
    const kiss_fft_state *st = l->kfft[shift];
    const int count = st->nfft;
    const float *re = trig_of(l, shift), *im = re + count;
    float together[2 * MOST], *y = stride == 1 ? out : together;
    kiss_fft_cpx x[MOST];
    int i;
    fold(x, st, in, window, overlap, re, im);
    opus_fft_avx2(st, x);
    for (i = 0; i < count / 2; i += LANES) {
        const int j = count - LANES - i;
        const __m256 a = turned(swapped(_mm256_loadu_ps(&x[i].r)), im + i, re + i);
        const __m256 b = turned(swapped(_mm256_loadu_ps(&x[j].r)), im + j, re + j);
        _mm256_storeu_ps(y + 2 * i, paired(a, b));
        _mm256_storeu_ps(y + 2 * j, paired(b, a));
    }
    if (stride != 1) {
        spread(out, stride, y, 2 * count);
    }
}

/* Mixes the slope with that of the window before. */
static void mix(float *out, const float *window, int overlap)
{
    int i;
    for (i = 0; i < overlap / 2; i++) {
        const float up = window[i], down = window[overlap - 1 - i], before = out[i], now = out[overlap - 1 - i];
        out[i] = before * down - now * up;
        out[overlap - 1 - i] = before * up + now * down;
    }
}

/* The other way. */
void clt_mdct_backward_avx2(const mdct_lookup *l, const float *in, float *out, const float *window, int overlap, int shift,
                            int stride)
{
    const kiss_fft_state *st = l->kfft[shift];
    const int count = st->nfft;
    const float *re = trig_of(l, shift), *im = re + count;
    float *y = out + overlap / 2;
    int i;
    for (i = 0; i < count; i += LANES) {
        const float *up = in + 2 * i * stride, *down = in + (2 * count - 1 - 2 * i) * stride;
        const __m256 v = stride == 1 ? pairs(up, down) : spread_pairs(up, down, 2 * stride);
        put((kiss_fft_cpx *)(void *)y, st->bitrev + i, turned(v, re + i, im + i));
    }
    opus_fft_avx2(st, (kiss_fft_cpx *)(void *)y);
    for (i = 0; i < count / 2; i += LANES) {
        const int j = count - LANES - i;
        const __m256 a = turned_back(_mm256_loadu_ps(y + 2 * i), im + i, re + i);
        const __m256 b = turned_back(_mm256_loadu_ps(y + 2 * j), im + j, re + j);
        _mm256_storeu_ps(y + 2 * i, paired(a, b));
        _mm256_storeu_ps(y + 2 * j, paired(b, a));
    }
    mix(out, window, overlap);
}

/* SILK's resamplers between its 16 kHz and 48 kHz (silk/resampler_private_*.c), for AVX2. The result is the same to the bit.

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include <immintrin.h>

#include "SigProc_FIX.h"
#include "resampler_private.h"

#define LANES 8
#define TAPS RESAMPLER_ORDER_FIR_12
#define THIRD_ORDER RESAMPLER_DOWN_ORDER_FIR2
#define THIRD_BATCH RESAMPLER_MAX_BATCH_SIZE_IN

static OPUS_INLINE __m256i all(opus_int32 v) { return _mm256_set1_epi32(v); }
static OPUS_INLINE __m256i load16(const opus_int16 *x) { return _mm256_loadu_si256((const __m256i *)(const void *)x); }
static OPUS_INLINE __m256i load32(const opus_int32 *x) { return _mm256_loadu_si256((const __m256i *)(const void *)x); }
static OPUS_INLINE void store(opus_int16 *x, __m128i v) { _mm_storeu_si128((__m128i *)(void *)x, v); }

static OPUS_INLINE __m256i rounded(__m256i v, int bits)
{
    return _mm256_srai_epi32(_mm256_add_epi32(_mm256_srai_epi32(v, bits - 1), all(1)), 1);
}

/* One all-pass section, of the even samples and the odd ones, of which the low halves of lanes of 64 bits count. */
static OPUS_INLINE __m128i section(__m128i *state, __m128i in, __m128i factor)
{
    const __m128i change = _mm_srli_epi64(_mm_mul_epi32(_mm_sub_epi32(in, *state), factor), 32);
    const __m128i out = _mm_add_epi32(*state, change);
    *state = _mm_add_epi32(in, change);
    return out;
}

/* The last, whose factor is above a half: less one, so that it is a number of 16 bits. */
static OPUS_INLINE __m128i last_section(__m128i *state, __m128i in, __m128i factor)
{
    const __m128i error = _mm_sub_epi32(in, *state);
    const __m128i out = _mm_add_epi32(in, _mm_srli_epi64(_mm_mul_epi32(error, factor), 32));
    *state = _mm_add_epi32(out, error);
    return out;
}

static OPUS_INLINE __m128i two(opus_int32 even, opus_int32 odd) { return _mm_set_epi32(0, odd, 0, even); }

/* By which the high half of a product is what silk_SMULWB() gives. */
static OPUS_INLINE __m128i factors(opus_int i)
{
    return two(silk_resampler_up2_hq_0[i] * (1 << 16), silk_resampler_up2_hq_1[i] * (1 << 16));
}

/* `len` is a multiple of four. */
void silk_resample_up2_avx2(opus_int32 *S, opus_int16 *out, const opus_int16 *in, opus_int32 len)
{
    const __m128i factor0 = factors(0), factor1 = factors(1), factor2 = factors(2), one = _mm_set1_epi32(1);
    __m128i s0 = two(S[0], S[3]), s1 = two(S[1], S[4]), s2 = two(S[2], S[5]);
    opus_int32 k;
    for (k = 0; k < len; k += 4) {
        const __m128i x = _mm_slli_epi32(_mm_cvtepi16_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(in + k))), 10);
        const __m128i x4[] = {_mm_shuffle_epi32(x, 0x00), _mm_shuffle_epi32(x, 0x55), _mm_shuffle_epi32(x, 0xAA),
                              _mm_shuffle_epi32(x, 0xFF)};
        __m128 y[4];
        opus_int i;
        for (i = 0; i < 4; i++) {
            y[i] = _mm_castsi128_ps(last_section(&s2, section(&s1, section(&s0, x4[i], factor0), factor1), factor2));
        }
        const __m128i low = _mm_castps_si128(_mm_shuffle_ps(y[0], y[1], 0x88));
        const __m128i high = _mm_castps_si128(_mm_shuffle_ps(y[2], y[3], 0x88));
        store(out + 2 * k, _mm_packs_epi32(_mm_srai_epi32(_mm_add_epi32(_mm_srai_epi32(low, 9), one), 1),
                                           _mm_srai_epi32(_mm_add_epi32(_mm_srai_epi32(high, 9), one), 1)));
    }
    S[0] = _mm_cvtsi128_si32(s0);
    S[1] = _mm_cvtsi128_si32(s1);
    S[2] = _mm_cvtsi128_si32(s2);
    S[3] = _mm_extract_epi32(s0, 2);
    S[4] = _mm_extract_epi32(s1, 2);
    S[5] = _mm_extract_epi32(s2, 2);
}

/* The coefficients of one of twelve fractions, two in each lane. */
static void set_phase(__m256i *c, opus_int fraction)
{
    const opus_int16 *early = silk_resampler_frac_FIR_12[fraction], *late = silk_resampler_frac_FIR_12[11 - fraction];
    c[0] = all((opus_uint16)early[0] | early[1] * (1 << 16));
    c[1] = all((opus_uint16)early[2] | early[3] * (1 << 16));
    c[2] = all((opus_uint16)late[3] | late[2] * (1 << 16));
    c[3] = all((opus_uint16)late[1] | late[0] * (1 << 16));
}

/* At eight places, each two samples on. */
static OPUS_INLINE __m256i eight(const opus_int16 *x, const __m256i *c)
{
    const __m256i first = _mm256_add_epi32(_mm256_madd_epi16(load16(x), c[0]), _mm256_madd_epi16(load16(x + 2), c[1]));
    const __m256i second = _mm256_add_epi32(_mm256_madd_epi16(load16(x + 4), c[2]), _mm256_madd_epi16(load16(x + 6), c[3]));
    return rounded(_mm256_add_epi32(first, second), 15);
}

/* Three samples for each two of `x`: at it, two and four thirds on. `len` is how many times, a multiple of eight. */
void silk_resample_three_halves_avx2(opus_int16 *out, const opus_int16 *x, opus_int32 len)
{
    const __m256i from01 = _mm256_broadcastsi128_si256(_mm_set_epi8(13, 12, 5, 4, -1, -1, 11, 10, 3, 2, -1, -1, 9, 8, 1, 0));
    const __m256i from2 = _mm256_broadcastsi128_si256(_mm_set_epi8(-1, -1, -1, -1, 3, 2, -1, -1, -1, -1, 1, 0, -1, -1, -1, -1));
    const __m256i end01 = _mm256_broadcastsi128_si256(_mm_set_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 15, 14, 7, 6, -1, -1));
    const __m256i end2 = _mm256_broadcastsi128_si256(_mm_set_epi8(-1, -1, -1, -1, -1, -1, -1, -1, 7, 6, -1, -1, -1, -1, 5, 4));
    __m256i c[3][TAPS / 2];
    opus_int32 i;
    set_phase(c[0], 0);
    set_phase(c[1], 8);
    set_phase(c[2], 4);
    for (i = 0; i < len; i += LANES) {
        const __m256i y01 = _mm256_packs_epi32(eight(x, c[0]), eight(x, c[1])), y2 = eight(x + 1, c[2]);
        const __m256i y22 = _mm256_packs_epi32(y2, y2);
        /* Twelve in each half. */
        const __m256i begin = _mm256_or_si256(_mm256_shuffle_epi8(y01, from01), _mm256_shuffle_epi8(y22, from2));
        const __m256i end = _mm256_or_si256(_mm256_shuffle_epi8(y01, end01), _mm256_shuffle_epi8(y22, end2));
        store(out, _mm256_castsi256_si128(begin));
        _mm_storel_epi64((__m128i *)(void *)(out + 8), _mm256_castsi256_si128(end));
        store(out + 12, _mm256_extracti128_si256(begin, 1));
        _mm_storel_epi64((__m128i *)(void *)(out + 20), _mm256_extracti128_si256(end, 1));
        x += 2 * LANES;
        out += 3 * LANES;
    }
}

/* Every third in a row: of three signals, those before and the new ones. */
typedef struct {
    opus_int32 rows[3][(THIRD_BATCH + THIRD_ORDER) / 3];
} Thirds;

/* silk_resampler_private_AR2() for 24 samples. Its sums stay below 2^28, so libopus's shift to the left cuts nothing off. */
static OPUS_INLINE void recur(opus_int32 *S, opus_int32 *out_Q8, Thirds *thirds, opus_int32 at, const opus_int16 *in,
                              const opus_int16 *a_Q14)
{
    const opus_int64 a0 = a_Q14[0], a1 = a_Q14[1];
    /* What the last sample, the one before and the one before that leave: the first comes latest, so it is added last. */
    opus_int32 first = 0, second = S[0], next = S[1], k, r;
    for (k = 0; k < LANES; k++) {
        for (r = 0; r < 3; r++) {
            const opus_int32 now = second + in[3 * k + r] * (1 << 8) + first;
            out_Q8[3 * k + r] = thirds->rows[r][at + k] = now;
            first = (opus_int32)(now * a0 >> 14);
            second = next;
            next = (opus_int32)(now * a1 >> 14);
        }
    }
    S[0] = first + second;
    S[1] = next;
}

static OPUS_INLINE void add_products(__m256i *even, __m256i *odd, const opus_int32 *x, const opus_int32 *y, __m256i c)
{
    const __m256i sum = _mm256_add_epi32(load32(x), load32(y));
    *even = _mm256_add_epi32(*even, _mm256_mul_epi32(sum, c));
    *odd = _mm256_add_epi32(*odd, _mm256_mul_epi32(_mm256_srli_epi64(sum, 32), c));
}

/* The filter is symmetric. */
static OPUS_INLINE void eight_thirds(opus_int16 *out, const Thirds *thirds, opus_int32 at, const __m256i *c)
{
    __m256i even = _mm256_setzero_si256(), odd = even;
    opus_int q;
    for (q = 0; q < THIRD_ORDER / 6; q++) {
        const opus_int32 early = at + q, late = at + THIRD_ORDER / 3 - 1 - q;
        add_products(&even, &odd, &thirds->rows[0][early], &thirds->rows[2][late], c[3 * q]);
        add_products(&even, &odd, &thirds->rows[1][early], &thirds->rows[1][late], c[3 * q + 1]);
        add_products(&even, &odd, &thirds->rows[2][early], &thirds->rows[0][late], c[3 * q + 2]);
    }
    const __m256i sum = rounded(_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA), 6);
    store(out, _mm_packs_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1)));
}

/* One sample for each three of `in`, of which there are a multiple of 24. `buf` begins with what was left of those before. */
void silk_resample_third_avx2(opus_int32 *S, opus_int16 *out, opus_int32 *buf, const opus_int16 *in, const opus_int16 *coefs,
                              opus_int32 len)
{
    const opus_int32 before = THIRD_ORDER / 3;
    Thirds thirds;
    __m256i c[THIRD_ORDER / 2];
    opus_int32 i;
    for (i = 0; i < THIRD_ORDER / 2; i++) {
        c[i] = all(coefs[2 + i] * (1 << 16));
    }
    for (i = 0; i < THIRD_ORDER; i++) {
        thirds.rows[i % 3][i / 3] = buf[i];
    }
    /* The one waits for its own results, the other does not: side by side they take no longer than the first. */
    for (i = 0; i < len / 3; i += LANES) {
        recur(S, buf + THIRD_ORDER + 3 * i, &thirds, before + i, in + 3 * i, coefs);
        eight_thirds(out + i, &thirds, i, c);
    }
}

/* What SILK's decoder makes of the pulses (silk/decode_core.c), for AVX2: a sixth of libopus's decoder. The result is the same
   to the bit: products that are cut off one by one may be summed in any order.

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include <immintrin.h>

#include "main.h"

#define LANES 4
/* Products with the latest samples, for which a vector would come too late. */
#define LATEST 3
/* Beyond these a sum might have to be cut off, in which libopus does better. */
#define PREDICTION_LIMIT (1 << 26)
#define RESIDUAL_LIMIT (1u << 30)

static OPUS_INLINE __m128i load(const opus_int32 *x) { return _mm_loadu_si128((const __m128i *)(const void *)x); }
static OPUS_INLINE void store(opus_int32 *x, __m128i v) { _mm_storeu_si128((__m128i *)(void *)x, v); }
static OPUS_INLINE __m128i all(opus_int32 v) { return _mm_set1_epi32(v); }

/* By which the high half of a product is what silk_SMULWB() gives. */
static OPUS_INLINE __m256i factor(opus_int16 v) { return _mm256_set1_epi32(v * (1 << 16)); }

/* One half of each lane of 64 bits. */
static OPUS_INLINE __m128i high(__m256i v)
{
    const __m256 halves = _mm256_castsi256_ps(v);
    return _mm_castps_si128(_mm_shuffle_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps(halves, 1), 0xDD));
}

static OPUS_INLINE opus_uint32 largest(__m128i v)
{
    v = _mm_max_epu32(v, _mm_shuffle_epi32(v, 0x4E));
    return (opus_uint32)_mm_cvtsi128_si32(_mm_max_epu32(v, _mm_shuffle_epi32(v, 0xB1)));
}

/* Four steps of silk_RAND() at a time; to each the pulse of the one before is added. */
void silk_decode_excitation_avx2(opus_int32 *exc_Q14, const opus_int16 *pulses, opus_int length, opus_int32 seed,
                                 opus_int32 offset_Q10)
{
    const opus_uint32 m = RAND_MULTIPLIER, c = RAND_INCREMENT, m2 = m * m, m3 = m2 * m;
    const __m128i once = all((opus_int32)m), twice = all((opus_int32)m2);
    const __m128i powers = _mm_set_epi32((opus_int32)(m3 * m), (opus_int32)m3, (opus_int32)m2, (opus_int32)m);
    const __m128i steps = _mm_set_epi32((opus_int32)(c * (1 + m + m2 + m3)), (opus_int32)(c * (1 + m + m2)),
                                        (opus_int32)(c * (1 + m)), (opus_int32)c);
    __m128i seeds = all(seed);
    opus_int i;
    for (i = 0; i < length; i += LANES) {
        const __m128i pulse = _mm_cvtepi16_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(pulses + i)));
        const __m128i adjust = _mm_sign_epi32(all(QUANT_LEVEL_ADJUST_Q10 << 4), pulse);
        const __m128i level = _mm_add_epi32(_mm_sub_epi32(_mm_slli_epi32(pulse, 14), adjust), all(offset_Q10 << 4));
        __m128i added = _mm_slli_si128(_mm_mullo_epi32(pulse, once), 4);
        added = _mm_add_epi32(added, _mm_mullo_epi32(_mm_slli_si128(added, 4), once));
        added = _mm_add_epi32(added, _mm_mullo_epi32(_mm_slli_si128(added, 8), twice));
        seeds = _mm_add_epi32(_mm_mullo_epi32(seeds, powers), _mm_add_epi32(added, steps));
        const __m128i turned = _mm_srai_epi32(seeds, 31);
        store(exc_Q14 + i, _mm_sub_epi32(_mm_xor_si128(level, turned), turned));
        seeds = _mm_shuffle_epi32(_mm_add_epi32(seeds, pulse), 0xFF);
    }
}

/* `ltp_Q15` is where the state goes on. */
void silk_decode_long_term_avx2(opus_int32 *res_Q14, opus_int32 *ltp_Q15, const opus_int32 *exc_Q14, const opus_int16 *b_Q14,
                                opus_int lag, opus_int length)
{
    __m256i b[LTP_ORDER];
    opus_int i, j;
    for (j = 0; j < LTP_ORDER; j++) {
        b[j] = factor(b_Q14[j]);
    }
    for (i = 0; i < length; i += LANES) {
        const opus_int32 *past = ltp_Q15 + i - lag + LTP_ORDER / 2;
        __m256i sum = _mm256_setzero_si256();
        for (j = 0; j < LTP_ORDER; j++) {
            sum = _mm256_add_epi32(sum, _mm256_mul_epi32(_mm256_cvtepi32_epi64(load(past - j)), b[j]));
        }
        const __m128i pred_Q13 = _mm_add_epi32(high(sum), all(2));
        const __m128i res = _mm_add_epi32(load(exc_Q14 + i), _mm_slli_epi32(pred_Q13, 1));
        store(res_Q14 + i, res);
        store(ltp_Q15 + i, _mm_slli_epi32(res, 1));
    }
}

static OPUS_INLINE opus_uint32 smulwb(opus_int32 a, opus_int16 b) { return (opus_uint32)(((opus_int64)a * b) >> 16); }

/* One sample. `base` is of what is known without the `last`. */
static OPUS_INLINE opus_int32 sample_of(opus_int32 base, opus_int32 *last, const opus_int16 *a)
{
    const opus_uint32 known = (opus_uint32)base + ((smulwb(last[1], a[1]) + smulwb(last[2], a[2])) << 4);
    const opus_int32 now = (opus_int32)(known + (smulwb(last[0], a[0]) << 4));
    last[2] = last[1];
    last[1] = last[0];
    last[0] = now;
    return now;
}

/* `lpc_Q14` holds the samples before, and those that are made behind them. 0 if something may have to be cut off. */
int silk_decode_short_term_avx2(opus_int16 *xq, opus_int32 *lpc_Q14, const opus_int32 *res_Q14, const opus_int16 *a_Q12,
                                opus_int order, opus_int32 gain_Q10, opus_int length)
{
    /* Four samples in a row from each on; of the coefficients, those for the earlier ones. */
    __m256i from[MAX_LPC_ORDER + MAX_SUB_FRAME_LENGTH], a[MAX_LPC_ORDER];
    opus_int16 latest_Q12[LATEST];
    opus_int32 last[LATEST], sizes = 0;
    __m128i before = load(lpc_Q14 + MAX_LPC_ORDER - LANES), size = _mm_abs_epi32(before), res_size = _mm_setzero_si128();
    opus_int i, j;
    for (j = 0; j < MAX_LPC_ORDER; j++) {
        a[j] = factor(j < order ? a_Q12[j] : 0);
        sizes += j < order ? silk_abs(a_Q12[j]) : 0;
    }
    for (j = 0; j < LATEST; j++) {
        latest_Q12[j] = a_Q12[j];
        last[j] = lpc_Q14[MAX_LPC_ORDER - 1 - j];
    }
    for (i = 0; i <= MAX_LPC_ORDER - LANES; i++) {
        const __m128i samples = load(lpc_Q14 + i);
        from[i] = _mm256_cvtepi32_epi64(samples);
        size = _mm_max_epu32(size, _mm_abs_epi32(samples));
    }
    for (i = 0; i < length; i += LANES) {
        const __m128i res = load(res_Q14 + i);
        __m256i sum = _mm256_setzero_si256();
        opus_int32 base[LANES];
        /* What comes last is added last. */
        for (j = MAX_LPC_ORDER - 1; j >= LATEST; j--) {
            sum = _mm256_add_epi32(sum, _mm256_mul_epi32(from[MAX_LPC_ORDER + i - 1 - j], a[j]));
        }
        store(base, _mm_add_epi32(res, _mm_slli_epi32(_mm_add_epi32(high(sum), all(order >> 1)), 4)));
        const opus_int32 s0 = sample_of(base[0], last, latest_Q12), s1 = sample_of(base[1], last, latest_Q12);
        const opus_int32 s2 = sample_of(base[2], last, latest_Q12), s3 = sample_of(base[3], last, latest_Q12);
        const __m128i now = _mm_set_epi32(s3, s2, s1, s0);
        __m256i *wide = from + MAX_LPC_ORDER + i;
        wide[-3] = _mm256_cvtepi32_epi64(_mm_alignr_epi8(now, before, 4));
        wide[-2] = _mm256_cvtepi32_epi64(_mm_alignr_epi8(now, before, 8));
        wide[-1] = _mm256_cvtepi32_epi64(_mm_alignr_epi8(now, before, 12));
        wide[0] = _mm256_cvtepi32_epi64(now);
        before = now;
        store(lpc_Q14 + MAX_LPC_ORDER + i, now);
        size = _mm_max_epu32(size, _mm_abs_epi32(now));
        res_size = _mm_max_epu32(res_size, _mm_abs_epi32(res));
        const __m128i scaled = high(_mm256_slli_epi64(_mm256_mul_epi32(wide[0], _mm256_set1_epi32(gain_Q10)), 16));
        const __m128i rounded = _mm_srai_epi32(_mm_add_epi32(_mm_srai_epi32(scaled, 7), all(1)), 1);
        _mm_storel_epi64((__m128i *)(void *)(xq + i), _mm_packs_epi32(rounded, rounded));
    }
    /* Each product may be cut off by one more. */
    const opus_int64 prediction = ((opus_int64)largest(size) * sizes >> 16) + 2 * MAX_LPC_ORDER;
    return prediction < PREDICTION_LIMIT && largest(res_size) < RESIDUAL_LIMIT;
}

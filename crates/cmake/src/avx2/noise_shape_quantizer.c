/* SILK's noise shaping quantizer with delayed decision (silk/NSQ_del_dec.c), for AVX2 with FMA, in the place of
   silk/x86/NSQ_del_dec_avx2.c; a third of libopus's encoder. Four candidates are the four lanes of a vector.

   Prediction and quantization are in integers and as in C, so what the decoder will have is known to the bit. What shapes the
   noise, which no decoder sees, is in floating point. Made faster than libopus's by three things:

   - The warped filter is a chain of 24 sections, and the next sample needs its end. It is linear, so all of it but the newest
     difference is worked out while the sample before is still being quantized, in two halves beside each other.
   - A candidate that loses takes over another's past. That past is 40 samples of five vectors; here it stays where it is, and
     four bytes a sample tell which lane each candidate comes from.
   - Distortion and rate are one multiplication, and what replaces what is looked up, without a branch.

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include <immintrin.h>
#include <string.h>

#include "main.h"
#include "stack_alloc.h"
#include "NSQ.h"
#include "SigProc_FLP.h"

#define STATES MAX_DEL_DEC_STATES
#define HALF_ORDER (MAX_SHAPE_LPC_ORDER / 2)
/* Added to what a candidate costs whose oldest sample is not the winner's. */
#define EXPIRED (silk_int32_MAX >> 4)
/* Q14, within what converts to an integer. */
#define FEEDBACK_LIMIT 1073741824.0f
/* Lanes 0 to 3, a byte each. */
#define IDENTITY 0x03020100

#if defined(__GNUC__) && !defined(__clang__)
#define UNROLL _Pragma("GCC unroll 16")
#else
#define UNROLL
#endif

/* For a mask of lanes, the number of its lowest in all lanes, and that lane alone. */
static const opus_int32 lowest[16][STATES] = {
    {0, 0, 0, 0}, {0, 0, 0, 0}, {1, 1, 1, 1}, {0, 0, 0, 0}, {2, 2, 2, 2}, {0, 0, 0, 0}, {1, 1, 1, 1}, {0, 0, 0, 0},
    {3, 3, 3, 3}, {0, 0, 0, 0}, {1, 1, 1, 1}, {0, 0, 0, 0}, {2, 2, 2, 2}, {0, 0, 0, 0}, {1, 1, 1, 1}, {0, 0, 0, 0}};
static const opus_int32 only[16][STATES] = {
    {0, 0, 0, 0}, {-1, 0, 0, 0}, {0, -1, 0, 0}, {-1, 0, 0, 0}, {0, 0, -1, 0}, {-1, 0, 0, 0}, {0, -1, 0, 0}, {-1, 0, 0, 0},
    {0, 0, 0, -1}, {-1, 0, 0, 0}, {0, -1, 0, 0}, {-1, 0, 0, 0}, {0, 0, -1, 0}, {-1, 0, 0, 0}, {0, -1, 0, 0}, {-1, 0, 0, 0}};

/* A sample that waits for its decision. Its lanes are those of the time when it was quantized. */
typedef struct {
    __m128i rand, q_Q10, xq_Q14, pred_Q15, shape_Q14;
} Sample;

typedef struct {
    /* Section i of the warped filter in the lower half, i + order / 2 in the upper one; Q14. */
    __m256 sections[HALF_ORDER];
    __m128i lpc_Q14[MAX_SUB_FRAME_LENGTH + NSQ_LPC_BUF_LENGTH];
    Sample samples[DECISION_DELAY];
    /* Which lane of a sample is the past of each candidate. */
    union {
        opus_uint8 of[DECISION_DELAY][STATES];
        __m256i all[DECISION_DELAY * STATES / 32];
    } ancestor;
    opus_int32 gain_Q10[DECISION_DELAY];
    __m128 lf_ar, difference, shape; /* Q14 */
    __m128i seed, first_seed, cost_Q10;
    __m128i absent; /* lanes without a candidate */
    opus_int newest, delay;
} Search;

/* What shapes the noise of a subframe. */
typedef struct {
    __m256 coefficient[HALF_ORDER];
    __m256 direct[HALF_ORDER];  /* of the newest difference, in each section */
    __m256 carried[HALF_ORDER]; /* of the end of the lower half, in each section of the upper one */
    float direct_gain, carried_gain, warping, tilt, lf_ma, lf_ar;
} Shaping;

/* What does not change in a subframe. */
typedef struct {
    __m256i a_Q28[MAX_LPC_ORDER]; /* each in all lanes */
    const opus_int32 *x_Q10;
    const opus_int16 *a_Q12, *b_Q14;
    opus_int32 harmonic_Q14, gain_Q10;
    opus_int lag, voiced, lambda_Q10, offset_Q10, length, order, is_first;
} Subframe;

static OPUS_INLINE __m128i load(const opus_int32 *from) { return _mm_loadu_si128((const __m128i *)(const void *)from); }
static OPUS_INLINE void store(opus_int32 *to, __m128i v) { _mm_storeu_si128((__m128i *)(void *)to, v); }
static OPUS_INLINE __m256i both(__m128i v) { return _mm256_broadcastsi128_si256(v); }
static OPUS_INLINE __m256 both_ps(__m128 v) { return _mm256_insertf128_ps(_mm256_castps128_ps256(v), v, 1); }
static OPUS_INLINE int mask_of(__m128i lanes) { return _mm_movemask_ps(_mm_castsi128_ps(lanes)); }
static OPUS_INLINE opus_int32 lane(const __m128i *v, opus_int n) { return ((const opus_int32 *)(const void *)v)[n]; }
static OPUS_INLINE float lane_ps(const __m128 *v, opus_int n) { return ((const float *)(const void *)v)[n]; }

static OPUS_INLINE __m128i blend(__m128i a, __m128i b, __m128i mask)
{
    return _mm_castps_si128(_mm_blendv_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b), _mm_castsi128_ps(mask)));
}

static OPUS_INLINE __m128i permute(__m128i v, __m128i from)
{
    return _mm_castps_si128(_mm_permutevar_ps(_mm_castsi128_ps(v), from));
}

static OPUS_INLINE __m128i least(__m128i v)
{
    v = _mm_min_epi32(v, _mm_shuffle_epi32(v, 0x4E));
    return _mm_min_epi32(v, _mm_shuffle_epi32(v, 0xB1));
}

static OPUS_INLINE __m128i most(__m128i v)
{
    v = _mm_max_epi32(v, _mm_shuffle_epi32(v, 0x4E));
    return _mm_max_epi32(v, _mm_shuffle_epi32(v, 0xB1));
}

/* The high halves of four products. */
static OPUS_INLINE __m128i high(__m256i v)
{
    return _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(v, _mm256_set_epi32(0, 0, 0, 0, 7, 5, 3, 1)));
}

static OPUS_INLINE __m128i smulww(__m128i a, opus_int32 b)
{
    return high(_mm256_slli_epi64(_mm256_mul_epi32(_mm256_cvtepi32_epi64(a), _mm256_set1_epi32(b)), 16));
}

static OPUS_INLINE __m128i sub_sat(__m128i a, __m128i b)
{
    const __m128i r = _mm_sub_epi32(a, b);
    const __m128i overflows = _mm_and_si128(_mm_xor_si128(a, b), _mm_xor_si128(a, r));
    return blend(r, _mm_add_epi32(_mm_srli_epi32(a, 31), _mm_set1_epi32(silk_int32_MAX)), overflows);
}

/* A sample as a listener gets it. */
static OPUS_INLINE opus_int16 output(opus_int32 xq_Q14, opus_int32 gain_Q10)
{
    const opus_int64 v = ((opus_int64)xq_Q14 * gain_Q10 + (1 << 23)) >> 24;
    return (opus_int16)(v > silk_int16_MAX ? silk_int16_MAX : v < silk_int16_MIN ? silk_int16_MIN : v);
}

/* As silk_SMULWB, in the high halves: they add up without a carry from the low ones. */
static OPUS_INLINE __m256i tap(__m128i x, __m256i a_Q28)
{
    return _mm256_mul_epi32(_mm256_cvtepi32_epi64(x), a_Q28);
}

/* Prediction from all but the sample to come, in Q10, of samples `x[0]`, `x[-1]` and so on. Each candidate gets the past of the
   lane in `from`. */
static OPUS_INLINE __m128i predict_from_older(__m128i *x, const __m256i *a_Q28, opus_int order, __m128i from)
{
    /* silk_SMLAWB always rounds down. */
    __m256i even = _mm256_setzero_si256(), odd = _mm256_set1_epi32(order >> 1);
    opus_int i;
    UNROLL
    for (i = 1; i < MAX_LPC_ORDER; i++) {
        const __m128i v = x[1 - i];
        x[1 - i] = permute(v, from);
        if (i < MIN_LPC_ORDER || order == MAX_LPC_ORDER) {
            if (i & 1) {
                odd = _mm256_add_epi32(odd, tap(v, a_Q28[i]));
            } else {
                even = _mm256_add_epi32(even, tap(v, a_Q28[i]));
            }
        }
    }
    return permute(high(_mm256_add_epi32(even, odd)), from);
}

static void set_shaping(Shaping *shaping, const opus_int16 *AR_shp_Q13, opus_int half, opus_int warping_Q16, opus_int tilt_Q14,
                        opus_int32 LF_shp_Q14)
{
    const float w = warping_Q16 / 65536.0f;
    float lower = 1.0f, upper = 1.0f;
    opus_int i;
    for (i = 0; i < half; i++) {
        upper *= -w;
    }
    shaping->direct_gain = shaping->carried_gain = 0.0f;
    for (i = 0; i < half; i++) {
        const float low = AR_shp_Q13[i] / 8192.0f, high = AR_shp_Q13[i + half] / 8192.0f;
        shaping->coefficient[i] = _mm256_set_m128(_mm_set1_ps(high), _mm_set1_ps(low));
        shaping->direct[i] = _mm256_set_m128(_mm_set1_ps(upper), _mm_set1_ps(lower));
        shaping->direct_gain += low * lower + high * upper;
        lower *= -w;
        upper *= -w;
        shaping->carried[i] = _mm256_set_m128(_mm_set1_ps(lower), _mm_setzero_ps());
        shaping->carried_gain += high * lower;
    }
    shaping->warping = w;
    shaping->tilt = tilt_Q14 / 16384.0f;
    shaping->lf_ma = (opus_int16)LF_shp_Q14 / 16384.0f;
    shaping->lf_ar = (LF_shp_Q14 >> 16) / 16384.0f;
}

/* A section with the differences that `advance` has left out; each candidate has the past of the lane in `from`. */
static OPUS_INLINE __m256 complete(const Shaping *shaping, const __m256 *sections, opus_int i, __m256i from, __m256 difference,
                                   __m256 middle)
{
    const __m256 s = _mm256_fmadd_ps(shaping->carried[i], middle, _mm256_permutevar_ps(sections[i], from));
    return _mm256_fmadd_ps(shaping->direct[i], difference, s);
}

static OPUS_INLINE void complete_all(const Shaping *shaping, __m256 *sections, opus_int half, __m128i from, __m128 difference,
                                     __m128 middle)
{
    const __m256 d = both_ps(difference), m = both_ps(middle);
    const __m256i lanes = both(from);
    opus_int i;
    UNROLL
    for (i = 0; i < half; i++) {
        sections[i] = complete(shaping, sections, i, lanes, d, m);
    }
}

/* Completes the warped filter and moves it on by a sample as if its next difference were zero, and the upper half as if the
   end of the lower one, `middle`, were. `feedback` takes the latter into account. */
static OPUS_INLINE void advance(const Shaping *shaping, __m256 *sections, opus_int half, __m128i from, __m128 difference,
                                __m128 *middle, __m128 *feedback)
{
    const __m256 w = _mm256_set1_ps(shaping->warping), d = both_ps(difference), m = both_ps(*middle);
    const __m256i lanes = both(from);
    const __m128 end = _mm256_castps256_ps128(complete(shaping, sections, half - 1, lanes, d, m));
    __m256 before = complete(shaping, sections, 0, lanes, d, m), even, odd = _mm256_setzero_ps(), s;
    opus_int i;
    s = _mm256_fmadd_ps(w, before, _mm256_insertf128_ps(_mm256_setzero_ps(), end, 1));
    sections[0] = s;
    even = _mm256_mul_ps(shaping->coefficient[0], s);
    UNROLL
    for (i = 1; i < half; i++) {
        const __m256 was = complete(shaping, sections, i, lanes, d, m);
        s = _mm256_fnmadd_ps(w, s, _mm256_fmadd_ps(w, was, before));
        before = was;
        sections[i] = s;
        if (i & 1) {
            odd = _mm256_fmadd_ps(shaping->coefficient[i], s, odd);
        } else {
            even = _mm256_fmadd_ps(shaping->coefficient[i], s, even);
        }
    }
    *middle = _mm256_castps256_ps128(s);
    even = _mm256_add_ps(even, odd);
    *feedback = _mm_add_ps(_mm256_castps256_ps128(even), _mm256_extractf128_ps(even, 1));
    *feedback = _mm_fmadd_ps(*middle, _mm_set1_ps(shaping->carried_gain), *feedback);
}

/* Each candidate gets the past of the lane in `from`, but for the warped filter. */
static OPUS_INLINE void inherit(Search *search, __m128i from)
{
    const __m256i four = _mm256_set1_epi32(0x0C080400), base = _mm256_setr_epi32(0, 0x04040404, 0x08080808, 0x0C0C0C0C, 0, 0x04040404, 0x08080808, 0x0C0C0C0C);
    const __m256i twice = both(from);
    const __m256i bytes = _mm256_add_epi8(_mm256_shuffle_epi8(_mm256_and_si256(twice, _mm256_set1_epi32(STATES - 1)), four), base);
    opus_int i;
    UNROLL
    for (i = 0; i < DECISION_DELAY * STATES / 32; i++) {
        search->ancestor.all[i] = _mm256_shuffle_epi8(search->ancestor.all[i], bytes);
    }
}

/* The sample at `at` becomes what it is in lane `n`, `i` samples from the newest. */
static OPUS_INLINE void decide(const Search *search, silk_nsq_state *NSQ, opus_int at, opus_int n, opus_int i, opus_int8 *pulse,
                               opus_int16 *xq)
{
    const Sample *sample = &search->samples[at];
    *pulse = (opus_int8)((lane(&sample->q_Q10, n) + 512) >> 10);
    *xq = output(lane(&sample->xq_Q14, n), search->gain_Q10[at]);
    NSQ->sLTP_shp_Q14[NSQ->sLTP_shp_buf_idx + i] = lane(&sample->shape_Q14, n);
}

static OPUS_INLINE void quantize(Search *search, silk_nsq_state *NSQ, const Shaping *shaping, const Subframe *sub, opus_int half,
                                 opus_int all_present, opus_int8 *pulses, opus_int16 *xq, opus_int32 *sLTP_Q15)
{
    const opus_int32 *shape_lag = &NSQ->sLTP_shp_Q14[NSQ->sLTP_shp_buf_idx - sub->lag + HARM_SHAPE_FIR_TAPS / 2];
    const opus_int32 *pred_lag = &sLTP_Q15[NSQ->sLTP_buf_idx - sub->lag + LTP_ORDER / 2];
    const opus_int16 *b_Q14 = sub->b_Q14;
    const __m128i one = _mm_set1_epi32(1), highest = _mm_set1_epi32(silk_int32_MAX);
    __m128 middle, feedback, lf_ar = search->lf_ar, difference = search->difference, shape = search->shape;
    __m128i seed = search->seed, first_seed = search->first_seed, cost_Q10 = search->cost_Q10, older;
    __m128i from = _mm_set_epi32(3, 2, 1, 0);
    __m128i *lpc = search->lpc_Q14 + NSQ_LPC_BUF_LENGTH - 1;
    opus_int newest = search->newest, i;

    /* Nothing was left out of it. */
    middle = _mm_setzero_ps();
    advance(shaping, search->sections, half, from, middle, &middle, &feedback);
    older = predict_from_older(lpc - 1, sub->a_Q28, sub->order, from);
    for (i = 0; i < sub->length; i++, lpc++) {
        opus_int32 ltp_Q14 = 0, harmonic_Q14 = 0;
        opus_int oldest, winner, replaces;
        Sample *sample;

        if (sub->voiced) {
            ltp_Q14 = 2; /* silk_SMULWB always rounds down. */
            ltp_Q14 += silk_SMULWB(pred_lag[0], b_Q14[0]) + silk_SMULWB(pred_lag[-1], b_Q14[1]);
            ltp_Q14 += silk_SMULWB(pred_lag[-2], b_Q14[2]) + silk_SMULWB(pred_lag[-3], b_Q14[3]);
            ltp_Q14 = silk_LSHIFT(ltp_Q14 + silk_SMULWB(pred_lag[-4], b_Q14[4]), 1);
            pred_lag++;
        }
        if (sub->lag > 0) {
            harmonic_Q14 = silk_SMULWB(silk_ADD_SAT32(shape_lag[0], shape_lag[-2]), sub->harmonic_Q14);
            harmonic_Q14 = ltp_Q14 - silk_LSHIFT(harmonic_Q14 + silk_SMULWT(shape_lag[-1], sub->harmonic_Q14), 2);
            shape_lag++;
        }

        /* Input less what is predicted and fed back, with the sign of the dither. */
        const __m128 n_ar = _mm_fmadd_ps(difference, _mm_set1_ps(shaping->direct_gain), _mm_fmadd_ps(lf_ar, _mm_set1_ps(shaping->tilt), feedback));
        const __m128 n_lf = _mm_fmadd_ps(shape, _mm_set1_ps(shaping->lf_ma), _mm_mul_ps(lf_ar, _mm_set1_ps(shaping->lf_ar)));
        const __m128i lpc_Q14 = _mm_slli_epi32(_mm_add_epi32(older, high(tap(lpc[0], sub->a_Q28[0]))), 4);
        if (i + 1 < sub->length) {
            advance(shaping, search->sections, half, from, difference, &middle, &feedback);
        } else {
            complete_all(shaping, search->sections, half, from, difference, middle);
        }
        seed = _mm_add_epi32(_mm_mullo_epi32(seed, _mm_set1_epi32(RAND_MULTIPLIER)), _mm_set1_epi32(RAND_INCREMENT));
        const __m128i sign = _mm_or_si128(seed, one);
        __m128 n = _mm_add_ps(n_ar, n_lf);
        n = _mm_max_ps(_mm_min_ps(n, _mm_set1_ps(FEEDBACK_LIMIT)), _mm_set1_ps(-FEEDBACK_LIMIT));
        __m128i r_Q10 = sub_sat(_mm_add_epi32(_mm_set1_epi32(harmonic_Q14), lpc_Q14), _mm_cvtps_epi32(n));
        r_Q10 = _mm_srai_epi32(_mm_add_epi32(r_Q10, _mm_set1_epi32(1 << 3)), 4);
        r_Q10 = _mm_sign_epi32(_mm_sub_epi32(_mm_set1_epi32(sub->x_Q10[i]), r_Q10), sign);
        r_Q10 = _mm_max_epi32(_mm_min_epi32(r_Q10, _mm_set1_epi32(30 << 10)), _mm_set1_epi32(-(31 << 10)));

        /* The two levels around it. */
        const __m128i from_Q10 = _mm_sub_epi32(r_Q10, _mm_set1_epi32(sub->offset_Q10));
        __m128i q_Q0 = _mm_srai_epi32(from_Q10, 10);
        if (sub->lambda_Q10 > 2048) {
            /* Rate counts so much that the bias is more than a pulse. */
            const __m128i beyond = _mm_sub_epi32(_mm_abs_epi32(from_Q10), _mm_set1_epi32(sub->lambda_Q10 / 2 - 512));
            const __m128i pulses = _mm_srai_epi32(_mm_sign_epi32(beyond, _mm_or_si128(from_Q10, one)), 10);
            q_Q0 = blend(_mm_srai_epi32(from_Q10, 31), pulses, _mm_cmpgt_epi32(beyond, _mm_setzero_si128()));
        }
        __m128i low_Q10 = _mm_sub_epi32(_mm_slli_epi32(q_Q0, 10), _mm_sign_epi32(_mm_set1_epi32(QUANT_LEVEL_ADJUST_Q10), q_Q0));
        low_Q10 = _mm_add_epi32(low_Q10, _mm_set1_epi32(sub->offset_Q10));
        const __m128i beside_zero = _mm_cmpeq_epi32(_mm_add_epi32(_mm_srli_epi32(q_Q0, 31), q_Q0), _mm_setzero_si128());
        const __m128i step_Q10 = _mm_add_epi32(_mm_set1_epi32(1024), _mm_and_si128(beside_zero, _mm_set1_epi32(-QUANT_LEVEL_ADJUST_Q10)));
        const __m256i levels_Q10 = _mm256_inserti128_si256(_mm256_castsi128_si256(low_Q10), _mm_add_epi32(low_Q10, step_Q10), 1);

        /* Squared error in the low halves, size times lambda in the high ones: no size has more than 15 bits. */
        __m256i cost = _mm256_sub_epi32(both(r_Q10), levels_Q10);
        cost = _mm256_blend_epi16(cost, _mm256_slli_epi32(_mm256_abs_epi32(levels_Q10), 16), 0xAA);
        cost = _mm256_madd_epi16(cost, _mm256_blend_epi16(cost, _mm256_set1_epi32((opus_int32)((opus_uint32)sub->lambda_Q10 << 16)), 0xAA));
        cost = _mm256_srai_epi32(cost, 10);
        const __m128i low_cost = _mm256_castsi256_si128(cost), high_cost = _mm256_extracti128_si256(cost, 1);
        __m128i first = _mm_add_epi32(cost_Q10, _mm_min_epi32(low_cost, high_cost));
        __m128i second = _mm_add_epi32(cost_Q10, _mm_max_epi32(low_cost, high_cost));
        const __m256i in_order = both(_mm_cmplt_epi32(low_cost, high_cost));

        /* The better level of each candidate in the lower half, the other in the upper one. */
        __m256i q_Q10 = _mm256_blendv_epi8(_mm256_permute2x128_si256(levels_Q10, levels_Q10, 1), levels_Q10, in_order);
        __m256i xq_Q14 = _mm256_sign_epi32(_mm256_slli_epi32(q_Q10, 4), both(sign));
        xq_Q14 = _mm256_add_epi32(xq_Q14, _mm256_set1_epi32(ltp_Q14));
        __m256i pred_Q15 = _mm256_slli_epi32(xq_Q14, 1);
        xq_Q14 = _mm256_add_epi32(xq_Q14, both(lpc_Q14));
        __m256 difference2 = _mm256_cvtepi32_ps(_mm256_sub_epi32(xq_Q14, _mm256_set1_epi32(silk_LSHIFT(sub->x_Q10[i], 4))));
        __m256 lf_ar2 = _mm256_sub_ps(difference2, both_ps(n_ar));
        __m256 shape2 = _mm256_sub_ps(lf_ar2, both_ps(n_lf));

        /* The winner decides the oldest sample; who comes from another one has expired. */
        newest = newest == 0 ? DECISION_DELAY - 1 : newest - 1;
        oldest = newest + search->delay;
        oldest -= oldest >= DECISION_DELAY ? DECISION_DELAY : 0;
        sample = &search->samples[oldest];
        opus_int32 packed;
        memcpy(&packed, search->ancestor.of[oldest], sizeof(packed));
        const __m128i present_first = all_present ? first : blend(first, highest, search->absent);
        const opus_int32 *best = lowest[mask_of(_mm_cmpeq_epi32(least(present_first), present_first))];
        const __m128i rand = permute(sample->rand, _mm_cvtepu8_epi32(_mm_cvtsi32_si128(packed)));
        __m128i expired = _mm_cmpeq_epi32(rand, permute(rand, load(best)));
        expired = _mm_andnot_si128(expired, _mm_set1_epi32(EXPIRED));
        first = _mm_add_epi32(first, expired);
        second = _mm_add_epi32(second, expired);
        winner = search->ancestor.of[oldest][best[0]];
        if (!sub->is_first || i >= search->delay) {
            decide(search, NSQ, oldest, winner, -search->delay, &pulses[i - search->delay], &xq[i - search->delay]);
            sLTP_Q15[NSQ->sLTP_buf_idx - search->delay] = lane(&sample->pred_Q15, winner);
        }
        NSQ->sLTP_shp_buf_idx++;
        NSQ->sLTP_buf_idx++;

        /* The best second level replaces the worst first one, if it is better: `from` tells whom each lane comes from. */
        const __m128i worst = most(all_present ? first : blend(first, _mm_set1_epi32(silk_int32_MIN), search->absent));
        const __m128i best_second = least(all_present ? second : blend(second, highest, search->absent));
        replaces = mask_of(_mm_and_si128(_mm_cmpeq_epi32(worst, first), _mm_cmplt_epi32(best_second, worst)));
        const __m128i replacement = _mm_add_epi32(load(lowest[mask_of(_mm_cmpeq_epi32(best_second, second))]), _mm_set1_epi32(STATES));
        from = blend(_mm_set_epi32(3, 2, 1, 0), replacement, load(only[replaces]));
        older = predict_from_older(lpc, sub->a_Q28, sub->order, from);
        inherit(search, from);
        middle = _mm_permutevar_ps(middle, from);
        feedback = _mm_permutevar_ps(feedback, from);
        first_seed = permute(first_seed, from);
        const __m256i from2 = _mm256_castsi128_si256(from);
        cost_Q10 = _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(_mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1), from2));
        q_Q10 = _mm256_permutevar8x32_epi32(q_Q10, from2);
        xq_Q14 = _mm256_permutevar8x32_epi32(xq_Q14, from2);
        pred_Q15 = _mm256_permutevar8x32_epi32(pred_Q15, from2);
        difference = _mm256_castps256_ps128(_mm256_permutevar8x32_ps(difference2, from2));
        lf_ar = _mm256_castps256_ps128(_mm256_permutevar8x32_ps(lf_ar2, from2));
        shape = _mm256_castps256_ps128(_mm256_permutevar8x32_ps(shape2, from2));
        seed = _mm_add_epi32(permute(seed, from), _mm_srai_epi32(_mm_add_epi32(_mm256_castsi256_si128(q_Q10), _mm_set1_epi32(512)), 10));

        lpc[1] = _mm256_castsi256_si128(xq_Q14);
        sample = &search->samples[newest];
        sample->rand = seed;
        sample->q_Q10 = _mm256_castsi256_si128(q_Q10);
        sample->xq_Q14 = _mm256_castsi256_si128(xq_Q14);
        sample->pred_Q15 = _mm256_castsi256_si128(pred_Q15);
        sample->shape_Q14 = _mm_cvtps_epi32(_mm_max_ps(_mm_min_ps(shape, _mm_set1_ps(FEEDBACK_LIMIT)), _mm_set1_ps(-FEEDBACK_LIMIT)));
        packed = IDENTITY;
        memcpy(search->ancestor.of[newest], &packed, sizeof(packed));
        search->gain_Q10[newest] = sub->gain_Q10;
    }
    {
        const __m256i lanes = both(from);
        UNROLL
        for (i = 0; i < half; i++) {
            search->sections[i] = _mm256_permutevar_ps(search->sections[i], lanes);
        }
    }
    memmove(search->lpc_Q14, search->lpc_Q14 + sub->length, NSQ_LPC_BUF_LENGTH * sizeof(*search->lpc_Q14));
    search->lf_ar = lf_ar;
    search->difference = difference;
    search->shape = shape;
    search->seed = seed;
    search->first_seed = first_seed;
    search->cost_Q10 = cost_Q10;
    search->newest = newest;
}

/* Of 1/gain: the input, and the states where the gain has changed. */
static void scale(Search *search, const silk_encoder_state *psEncC, silk_nsq_state *NSQ, const opus_int16 *x16, opus_int32 *x_Q10,
                  const opus_int16 *sLTP, opus_int32 *sLTP_Q15, opus_int is_first, opus_int LTP_scale_Q14, opus_int32 gain_Q16,
                  opus_int lag, opus_int voiced)
{
    opus_int32 inverse_Q31 = silk_INVERSE32_varQ(silk_max(gain_Q16, 1), 47);
    const __m256i inverse_Q26 = _mm256_set1_epi32(silk_RSHIFT_ROUND(inverse_Q31, 5));
    const opus_int begin = NSQ->sLTP_buf_idx - lag - LTP_ORDER / 2;
    opus_int i;
    for (i = 0; i < psEncC->subfr_length; i += STATES) {
        const __m256i x = _mm256_cvtepi16_epi64(_mm_loadl_epi64((const __m128i *)(const void *)&x16[i]));
        store(&x_Q10[i], high(_mm256_slli_epi64(_mm256_mul_epi32(x, inverse_Q26), 16)));
    }
    if (NSQ->rewhite_flag) {
        if (is_first) {
            inverse_Q31 = silk_LSHIFT(silk_SMULWB(inverse_Q31, LTP_scale_Q14), 2);
        }
        for (i = begin; i < NSQ->sLTP_buf_idx; i++) {
            sLTP_Q15[i] = silk_SMULWB(inverse_Q31, sLTP[i]);
        }
    }
    if (gain_Q16 == NSQ->prev_gain_Q16) {
        return;
    }
    const opus_int32 change_Q16 = silk_DIV32_varQ(NSQ->prev_gain_Q16, gain_Q16, 16);
    const __m256 change2 = _mm256_set1_ps(change_Q16 / 65536.0f);
    const __m128 change = _mm256_castps256_ps128(change2);
    NSQ->prev_gain_Q16 = gain_Q16;
    for (i = NSQ->sLTP_shp_buf_idx - psEncC->ltp_mem_length; i < NSQ->sLTP_shp_buf_idx; i += STATES) {
        store(&NSQ->sLTP_shp_Q14[i], smulww(load(&NSQ->sLTP_shp_Q14[i]), change_Q16));
    }
    if (voiced && !NSQ->rewhite_flag) {
        for (i = begin; i < NSQ->sLTP_buf_idx - search->delay; i++) {
            sLTP_Q15[i] = (opus_int32)((opus_int64)sLTP_Q15[i] * change_Q16 >> 16);
        }
    }
    search->lf_ar = _mm_mul_ps(search->lf_ar, change);
    search->difference = _mm_mul_ps(search->difference, change);
    search->shape = _mm_mul_ps(search->shape, change);
    for (i = 0; i < NSQ_LPC_BUF_LENGTH; i++) {
        search->lpc_Q14[i] = smulww(search->lpc_Q14[i], change_Q16);
    }
    for (i = 0; i < DECISION_DELAY; i++) {
        search->samples[i].pred_Q15 = smulww(search->samples[i].pred_Q15, change_Q16);
        search->samples[i].shape_Q14 = smulww(search->samples[i].shape_Q14, change_Q16);
    }
    for (i = 0; i < HALF_ORDER; i++) {
        search->sections[i] = _mm256_mul_ps(search->sections[i], change2);
    }
}

static void begin_search(Search *search, const silk_encoder_state *psEncC, const silk_nsq_state *NSQ,
                         const SideInfoIndices *psIndices, const opus_int32 *pitchL)
{
    const opus_int half = psEncC->shapingLPCOrder / 2;
    opus_int i;
    memset(search, 0, sizeof(*search));
    search->absent = _mm_cmpgt_epi32(_mm_set_epi32(4, 3, 2, 1), _mm_set1_epi32(psEncC->nStatesDelayedDecision));
    search->seed = _mm_and_si128(_mm_add_epi32(_mm_set_epi32(3, 2, 1, 0), _mm_set1_epi32(psIndices->Seed)), _mm_set1_epi32(3));
    search->first_seed = search->seed;
    search->lf_ar = _mm_set1_ps((float)NSQ->sLF_AR_shp_Q14);
    search->difference = _mm_set1_ps((float)NSQ->sDiff_shp_Q14);
    search->shape = _mm_set1_ps((float)NSQ->sLTP_shp_Q14[psEncC->ltp_mem_length - 1]);
    for (i = 0; i < DECISION_DELAY * STATES / 32; i++) {
        search->ancestor.all[i] = _mm256_set1_epi32(IDENTITY);
    }
    for (i = 0; i < NSQ_LPC_BUF_LENGTH; i++) {
        search->lpc_Q14[i] = _mm_set1_epi32(NSQ->sLPC_Q14[i]);
    }
    for (i = 0; i < half; i++) {
        search->sections[i] = _mm256_set_m128(_mm_set1_ps((float)NSQ->sAR2_Q14[i + half]), _mm_set1_ps((float)NSQ->sAR2_Q14[i]));
    }
    search->delay = silk_min_int(DECISION_DELAY, psEncC->subfr_length);
    /* What is predicted from must have been decided. */
    if (psIndices->signalType == TYPE_VOICED) {
        for (i = 0; i < psEncC->nb_subfr; i++) {
            search->delay = silk_min_int(search->delay, pitchL[i] - LTP_ORDER / 2 - 1);
        }
    } else if (NSQ->lagPrev > 0) {
        search->delay = silk_min_int(search->delay, NSQ->lagPrev - LTP_ORDER / 2 - 1);
    }
}

static opus_int winner_of(const Search *search)
{
    const __m128i cost = blend(search->cost_Q10, _mm_set1_epi32(silk_int32_MAX), search->absent);
    return lowest[mask_of(_mm_cmpeq_epi32(least(cost), cost))][0];
}

/* What still waits becomes the winner's. */
static void decide_all(const Search *search, silk_nsq_state *NSQ, opus_int winner, opus_int8 *pulses, opus_int16 *xq)
{
    opus_int at = search->newest + search->delay, i;
    for (i = -search->delay; i < 0; i++) {
        at = (at + DECISION_DELAY - 1) % DECISION_DELAY;
        decide(search, NSQ, at, search->ancestor.of[at][winner], i, &pulses[i], &xq[i]);
    }
}

static void end_search(const Search *search, const silk_encoder_state *psEncC, silk_nsq_state *NSQ, SideInfoIndices *psIndices,
                       opus_int winner)
{
    const opus_int half = psEncC->shapingLPCOrder / 2;
    opus_int i;
    psIndices->Seed = (opus_int8)lane(&search->first_seed, winner);
    for (i = 0; i < NSQ_LPC_BUF_LENGTH; i++) {
        NSQ->sLPC_Q14[i] = lane(&search->lpc_Q14[i], winner);
    }
    for (i = 0; i < half; i++) {
        const float *section = (const float *)(const void *)&search->sections[i];
        NSQ->sAR2_Q14[i] = silk_float2int(section[winner]);
        NSQ->sAR2_Q14[i + half] = silk_float2int(section[STATES + winner]);
    }
    NSQ->sLF_AR_shp_Q14 = silk_float2int(lane_ps(&search->lf_ar, winner));
    NSQ->sDiff_shp_Q14 = silk_float2int(lane_ps(&search->difference, winner));
}

void silk_NSQ_del_dec_avx2(const silk_encoder_state *psEncC, silk_nsq_state *NSQ, SideInfoIndices *psIndices, const opus_int16 x16[],
                           opus_int8 pulses[], const opus_int16 *PredCoef_Q12, const opus_int16 LTPCoef_Q14[LTP_ORDER * MAX_NB_SUBFR],
                           const opus_int16 AR_Q13[MAX_NB_SUBFR * MAX_SHAPE_LPC_ORDER], const opus_int HarmShapeGain_Q14[MAX_NB_SUBFR],
                           const opus_int Tilt_Q14[MAX_NB_SUBFR], const opus_int32 LF_shp_Q14[MAX_NB_SUBFR],
                           const opus_int32 Gains_Q16[MAX_NB_SUBFR], const opus_int32 pitchL[MAX_NB_SUBFR], const opus_int Lambda_Q10,
                           const opus_int LTP_scale_Q14)
{
    const opus_int half = psEncC->shapingLPCOrder / 2, interpolates = psIndices->NLSFInterpCoef_Q2 != 4;
    const opus_int voiced = psIndices->signalType == TYPE_VOICED, last = psEncC->nb_subfr - 1;
    Search search;
    Shaping shaping;
    Subframe sub;
    opus_int32 x_Q10[MAX_SUB_FRAME_LENGTH];
    VARDECL(opus_int32, sLTP_Q15);
    VARDECL(opus_int16, sLTP);
    opus_int16 *xq = &NSQ->xq[psEncC->ltp_mem_length];
    opus_int k, i, winner;
    SAVE_STACK;

    ALLOC(sLTP_Q15, psEncC->ltp_mem_length + psEncC->frame_length, opus_int32);
    ALLOC(sLTP, psEncC->ltp_mem_length + psEncC->frame_length, opus_int16);
    begin_search(&search, psEncC, NSQ, psIndices, pitchL);
    NSQ->sLTP_shp_buf_idx = NSQ->sLTP_buf_idx = psEncC->ltp_mem_length;
    sub.x_Q10 = x_Q10;
    sub.lag = NSQ->lagPrev;
    sub.voiced = voiced;
    sub.lambda_Q10 = Lambda_Q10;
    sub.offset_Q10 = silk_Quantization_Offsets_Q10[psIndices->signalType >> 1][psIndices->quantOffsetType];
    sub.length = psEncC->subfr_length;
    sub.order = psEncC->predictLPCOrder;
    sub.is_first = 1;
    for (k = 0; k <= last; k++) {
        sub.a_Q12 = &PredCoef_Q12[((k >> 1) | (1 ^ interpolates)) * MAX_LPC_ORDER];
        for (i = 0; i < sub.order; i++) {
            sub.a_Q28[i] = _mm256_set1_epi32((opus_int32)((opus_uint32)sub.a_Q12[i] << 16));
        }
        sub.b_Q14 = &LTPCoef_Q14[k * LTP_ORDER];
        sub.harmonic_Q14 = silk_RSHIFT(HarmShapeGain_Q14[k], 2) | silk_LSHIFT((opus_int32)silk_RSHIFT(HarmShapeGain_Q14[k], 1), 16);
        sub.gain_Q10 = Gains_Q16[k] >> 6;
        NSQ->rewhite_flag = 0;
        if (voiced) {
            sub.lag = pitchL[k];
            /* With other coefficients, what they leave of the past is another. */
            if ((k & (3 ^ (interpolates << 1))) == 0) {
                const opus_int start = psEncC->ltp_mem_length - sub.lag - psEncC->predictLPCOrder - LTP_ORDER / 2;
                if (k == 2) {
                    winner = winner_of(&search);
                    /* Also those that are not there, whose cost may wrap: it must not equal that of another. */
                    for (i = 0; i < STATES; i++) {
                        ((opus_uint32 *)(void *)&search.cost_Q10)[i] += i == winner ? 0 : EXPIRED;
                    }
                    decide_all(&search, NSQ, winner, pulses, xq);
                    sub.is_first = 1;
                }
                silk_LPC_analysis_filter(&sLTP[start], &NSQ->xq[start + k * psEncC->subfr_length], sub.a_Q12,
                                         psEncC->ltp_mem_length - start, psEncC->predictLPCOrder, psEncC->arch);
                NSQ->sLTP_buf_idx = psEncC->ltp_mem_length;
                NSQ->rewhite_flag = 1;
            }
        }
        scale(&search, psEncC, NSQ, x16, x_Q10, sLTP, sLTP_Q15, k == 0, LTP_scale_Q14, Gains_Q16[k], pitchL[k], voiced);
        set_shaping(&shaping, &AR_Q13[k * MAX_SHAPE_LPC_ORDER], half, psEncC->warping_Q16, Tilt_Q14[k], LF_shp_Q14[k]);
        if (half == HALF_ORDER && psEncC->nStatesDelayedDecision == STATES) {
            quantize(&search, NSQ, &shaping, &sub, HALF_ORDER, 1, pulses, xq, sLTP_Q15);
        } else if (half == 8) { /* complexity 4 and 5 */
            quantize(&search, NSQ, &shaping, &sub, 8, 0, pulses, xq, sLTP_Q15);
        } else {
            quantize(&search, NSQ, &shaping, &sub, half, 0, pulses, xq, sLTP_Q15);
        }
        sub.is_first = 0;
        x16 += psEncC->subfr_length;
        pulses += psEncC->subfr_length;
        xq += psEncC->subfr_length;
    }
    winner = winner_of(&search);
    decide_all(&search, NSQ, winner, pulses, xq);
    end_search(&search, psEncC, NSQ, psIndices, winner);
    NSQ->lagPrev = pitchL[last];
    silk_memmove(NSQ->xq, &NSQ->xq[psEncC->frame_length], psEncC->ltp_mem_length * sizeof(opus_int16));
    silk_memmove(NSQ->sLTP_shp_Q14, &NSQ->sLTP_shp_Q14[psEncC->frame_length], psEncC->ltp_mem_length * sizeof(opus_int32));
    RESTORE_STACK;
}

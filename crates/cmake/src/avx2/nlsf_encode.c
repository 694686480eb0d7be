/* SILK's search for the line spectral frequencies to send (silk/NLSF_encode.c and NLSF_del_dec_quant.c), for AVX2: a tenth of
   libopus's encoder. Eight survivors of the first stage go through the trellis side by side, in the lanes of a vector, and the
   way through it is traced back for the best of them alone. The result is the same to the bit.

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include <immintrin.h>

#include "main.h"
#include "stack_alloc.h"

#define LANES 8
#define STATES NLSF_QUANT_DEL_DEC_STATES
/* Rates are in a table up to this size of an index, and grow evenly from there on. */
#define TABLED NLSF_QUANT_MAX_AMPLITUDE
#define ROW (2 * TABLED + 1)
#define ROWS 8
#define FIRST_UNTABLED_Q5 280
#define EACH_FURTHER_Q5 43
/* A rate is read as 32 bits. */
#define PADDING 3

/* What differs between the survivors, for each coefficient. */
typedef struct {
    __m256i residual_Q10[MAX_LPC_ORDER], weight_Q5[MAX_LPC_ORDER], predictor_Q8[MAX_LPC_ORDER], row[MAX_LPC_ORDER];
} Survivors;

/* By which index, and from which state at the coefficient before, each state was reached. */
typedef struct {
    __m256i index[MAX_LPC_ORDER][STATES], from[MAX_LPC_ORDER][STATES];
} Paths;

static OPUS_INLINE __m256i blend(__m256i a, __m256i b, __m256i mask) { return _mm256_blendv_epi8(a, b, mask); }
static OPUS_INLINE __m256i all(opus_int32 v) { return _mm256_set1_epi32(v); }
static OPUS_INLINE opus_int32 *lanes(__m256i *v) { return (opus_int32 *)(void *)v; }

/* Of the low 16 bits of each; the high ones of `b` are zero. */
static OPUS_INLINE __m256i smulbb(__m256i a, __m256i b) { return _mm256_madd_epi16(a, b); }

/* What index `i` stands for. */
static OPUS_INLINE __m256i level_Q10(__m256i i, __m256i step_Q16)
{
    const __m256i adjust = _mm256_sign_epi32(all(SILK_FIX_CONST(NLSF_QUANT_LEVEL_ADJ, 10)), i);
    return _mm256_srai_epi32(smulbb(_mm256_sub_epi32(_mm256_slli_epi32(i, 10), adjust), step_Q16), 16);
}

static OPUS_INLINE __m256i rate_Q5(__m256i i, __m256i tabled_Q5)
{
    const __m256i size = _mm256_abs_epi32(i), further = _mm256_sub_epi32(size, all(TABLED));
    const __m256i grown_Q5 = _mm256_add_epi32(all(FIRST_UNTABLED_Q5), _mm256_mullo_epi32(further, all(EACH_FURTHER_Q5)));
    return blend(tabled_Q5, grown_Q5, _mm256_cmpgt_epi32(size, all(TABLED - 1)));
}

static OPUS_INLINE __m256i cost_Q25(__m256i before_Q25, __m256i error_Q10, __m256i weight_Q5, __m256i rate, __m256i mu_Q20)
{
    const __m256i error = _mm256_and_si256(error_Q10, all(0xFFFF));
    const __m256i distortion = _mm256_mullo_epi32(smulbb(error, error), weight_Q5);
    return _mm256_add_epi32(_mm256_add_epi32(before_Q25, distortion), smulbb(rate, mu_Q20));
}

static OPUS_INLINE void swap_where(__m256i mask, __m256i *a, __m256i *b)
{
    const __m256i was = *a;
    *a = blend(*a, *b, mask);
    *b = blend(*b, was, mask);
}

/* Of eight ways on, the four cheapest: as long as the cheapest of the worse half is cheaper than the dearest of the better
   half, it takes its place. */
static OPUS_INLINE void prune(__m256i cost[2 * STATES], __m256i out[2 * STATES], __m256i index[2 * STATES], __m256i from[STATES])
{
    __m256i kept[STATES], waiting[STATES];
    int j;
    for (j = 0; j < STATES; j++) {
        const __m256i mask = _mm256_cmpgt_epi32(cost[j], cost[j + STATES]);
        swap_where(mask, &cost[j], &cost[j + STATES]);
        swap_where(mask, &out[j], &out[j + STATES]);
        swap_where(mask, &index[j], &index[j + STATES]);
        kept[j] = cost[j];
        waiting[j] = cost[j + STATES];
        from[j] = all(j);
    }
    for (;;) {
        const __m256i cheap = _mm256_min_epi32(_mm256_min_epi32(waiting[0], waiting[1]), _mm256_min_epi32(waiting[2], waiting[3]));
        const __m256i dear = _mm256_max_epi32(_mm256_max_epi32(kept[0], kept[1]), _mm256_max_epi32(kept[2], kept[3]));
        const __m256i better = _mm256_cmpgt_epi32(dear, cheap);
        __m256i search = better, new_out = better, new_index = better, new_from = better;
        if (_mm256_testz_si256(better, better)) {
            return;
        }
        for (j = 0; j < STATES; j++) {
            const __m256i found = _mm256_and_si256(search, _mm256_cmpeq_epi32(waiting[j], cheap));
            search = _mm256_andnot_si256(found, search);
            new_out = blend(new_out, out[j + STATES], found);
            new_index = blend(new_index, index[j + STATES], found);
            new_from = blend(new_from, all(j), found);
            waiting[j] = blend(waiting[j], all(silk_int32_MAX), found);
        }
        search = better;
        for (j = 0; j < STATES; j++) {
            const __m256i found = _mm256_and_si256(search, _mm256_cmpeq_epi32(kept[j], dear));
            search = _mm256_andnot_si256(found, search);
            out[j] = blend(out[j], new_out, found);
            index[j] = blend(index[j], new_index, found);
            from[j] = blend(from[j], new_from, found);
            cost[j] = blend(cost[j], cheap, found);
            kept[j] = _mm256_andnot_si256(found, kept[j]);
        }
    }
}

/* `rates_Q5` holds `ROWS` rows and the padding. `cost` gets what each state costs at the end, coefficient 0. */
static void search(const Survivors *survivors, const silk_NLSF_CB_struct *codebook, const opus_uint8 *rates_Q5, opus_int mu_Q20,
                   Paths *paths, __m256i cost[2 * STATES])
{
    const __m256i step_Q16 = all(codebook->quantStepSize_Q16 & 0xFFFF), inverse_Q6 = all(codebook->invQuantStepSize_Q6 & 0xFFFF);
    const __m256i mu = all(mu_Q20 & 0xFFFF);
    __m256i out_Q10[2 * STATES], index[2 * STATES];
    int states = 1, i, j;
    cost[0] = out_Q10[0] = _mm256_setzero_si256();
    for (i = codebook->order - 1; i >= 0; i--) {
        const __m256i in_Q10 = survivors->residual_Q10[i], weight_Q5 = survivors->weight_Q5[i];
        for (j = 0; j < states; j++) {
            const int k = j + states;
            const __m256i predicted = _mm256_srai_epi32(smulbb(out_Q10[j], survivors->predictor_Q8[i]), 8);
            __m256i low = _mm256_srai_epi32(smulbb(_mm256_sub_epi32(in_Q10, predicted), inverse_Q6), 16), at, rates;
            low = _mm256_min_epi32(low, all(NLSF_QUANT_MAX_AMPLITUDE_EXT - 1));
            low = _mm256_max_epi32(low, all(-NLSF_QUANT_MAX_AMPLITUDE_EXT));
            at = _mm256_add_epi32(low, all(TABLED));
            at = _mm256_max_epi32(_mm256_min_epi32(at, all(ROW - 2)), _mm256_setzero_si256());
            rates = _mm256_i32gather_epi32((const int *)(const void *)rates_Q5, _mm256_add_epi32(survivors->row[i], at), 1);
            index[j] = low;
            index[k] = _mm256_add_epi32(low, all(1));
            /* 16 bits, as an opus_int16 */
            out_Q10[k] = _mm256_slli_epi32(_mm256_add_epi32(level_Q10(index[k], step_Q16), predicted), 16);
            out_Q10[k] = _mm256_srai_epi32(out_Q10[k], 16);
            out_Q10[j] = _mm256_slli_epi32(_mm256_add_epi32(level_Q10(index[j], step_Q16), predicted), 16);
            out_Q10[j] = _mm256_srai_epi32(out_Q10[j], 16);
            cost[k] = cost_Q25(cost[j], _mm256_sub_epi32(in_Q10, out_Q10[k]), weight_Q5,
                               rate_Q5(index[k], _mm256_and_si256(_mm256_srli_epi32(rates, 8), all(0xFF))), mu);
            cost[j] = cost_Q25(cost[j], _mm256_sub_epi32(in_Q10, out_Q10[j]), weight_Q5,
                               rate_Q5(index[j], _mm256_and_si256(rates, all(0xFF))), mu);
        }
        if (states == STATES) {
            prune(cost, out_Q10, index, paths->from[i]);
        } else {
            for (j = 0; j < 2 * states; j++) {
                paths->from[i][j] = all(j % states);
            }
            states *= 2;
        }
        for (j = 0; j < states; j++) {
            paths->index[i][j] = index[j];
        }
    }
}

static void set_lane(Survivors *survivors, int n, const silk_NLSF_CB_struct *codebook, int vector, const opus_int16 *nlsf_Q15,
                     const opus_int16 *weights_Q2)
{
    const opus_uint8 *element_Q8 = &codebook->CB1_NLSF_Q8[vector * codebook->order];
    const opus_int16 *weight_Q9 = &codebook->CB1_Wght_Q9[vector * codebook->order];
    opus_uint8 predictor_Q8[MAX_LPC_ORDER];
    opus_int16 row[MAX_LPC_ORDER];
    int i;
    silk_NLSF_unpack(row, predictor_Q8, codebook, vector);
    for (i = 0; i < codebook->order; i++) {
        const opus_int32 w_Q9 = weight_Q9[i], off_Q15 = nlsf_Q15[i] - silk_LSHIFT16((opus_int16)element_Q8[i], 7);
        lanes(&survivors->residual_Q10[i])[n] = (opus_int16)silk_RSHIFT(silk_SMULBB(off_Q15, w_Q9), 14);
        lanes(&survivors->weight_Q5[i])[n] = (opus_int16)silk_DIV32_varQ((opus_int32)weights_Q2[i], silk_SMULBB(w_Q9, w_Q9), 21);
        lanes(&survivors->predictor_Q8[i])[n] = predictor_Q8[i];
        lanes(&survivors->row[i])[n] = row[i];
    }
}

/* Bits for the vector of the first stage, Q7. */
static opus_int32 first_stage_bits_Q7(const silk_NLSF_CB_struct *codebook, int signal_type, int vector)
{
    const opus_uint8 *iCDF = &codebook->CB1_iCDF[(signal_type >> 1) * codebook->nVectors];
    return (8 << 7) - silk_lin2log((vector == 0 ? 256 : iCDF[vector - 1]) - iCDF[vector]);
}

opus_int32 silk_NLSF_encode_avx2(opus_int8 *indices, opus_int16 *nlsf_Q15, const silk_NLSF_CB_struct *codebook,
                                 const opus_int16 *weights_Q2, const opus_int mu_Q20, const opus_int survivors,
                                 const opus_int signal_type)
{
    VARDECL(opus_int32, error_Q24);
    VARDECL(opus_int, vectors);
    opus_uint8 rates_Q5[ROW * ROWS + PADDING] = {0};
    opus_int32 best_Q25 = silk_int32_MAX;
    Survivors side_by_side;
    Paths paths;
    opus_int begin, n, i, j;
    SAVE_STACK;

    silk_NLSF_stabilize(nlsf_Q15, codebook->deltaMin_Q15, codebook->order);
    ALLOC(error_Q24, codebook->nVectors, opus_int32);
    ALLOC(vectors, survivors, opus_int);
    silk_NLSF_VQ(error_Q24, nlsf_Q15, codebook->CB1_NLSF_Q8, codebook->CB1_Wght_Q9, codebook->nVectors, codebook->order);
    silk_insertion_sort_increasing(error_Q24, vectors, codebook->nVectors, survivors);
    silk_memcpy(rates_Q5, codebook->ec_Rates_Q5, ROW * ROWS);
    for (begin = 0; begin < survivors; begin += LANES) {
        const opus_int count = silk_min_int(LANES, survivors - begin);
        __m256i cost[2 * STATES];
        opus_int winner = -1, state = 0;
        for (n = 0; n < LANES; n++) {
            set_lane(&side_by_side, n, codebook, vectors[begin + (n < count ? n : 0)], nlsf_Q15, weights_Q2);
        }
        search(&side_by_side, codebook, rates_Q5, mu_Q20, &paths, cost);
        for (n = 0; n < count; n++) {
            const opus_int32 bits_Q7 = first_stage_bits_Q7(codebook, signal_type, vectors[begin + n]);
            for (j = 0; j < STATES; j++) {
                const opus_int32 total_Q25 = silk_SMLABB(lanes(&cost[j])[n], bits_Q7, silk_RSHIFT(mu_Q20, 2));
                if (total_Q25 < best_Q25) {
                    best_Q25 = total_Q25;
                    winner = n;
                    state = j;
                }
            }
        }
        if (winner >= 0) {
            indices[0] = (opus_int8)vectors[begin + winner];
            for (i = 0; i < codebook->order; i++) {
                indices[1 + i] = (opus_int8)lanes(&paths.index[i][state])[winner];
                state = lanes(&paths.from[i][state])[winner];
            }
        }
    }
    silk_NLSF_decode(nlsf_Q15, indices, codebook);
    RESTORE_STACK;
    return best_Q25;
}

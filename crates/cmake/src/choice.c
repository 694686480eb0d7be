/* What libopus does not choose by the processor itself: its own functions, or those for AVX2 with FMA in `avx2`. Integers come
   out to the same bits, floating point with other rounding at most. */

#include "main_FLP.h"
#include "cpu_support.h"
#include "mdct.h"
#include "mathops.h"
#include "analysis.h"

/* What opus_select_arch() gives for AVX2 with FMA, and the most it gives. */
#define AVX2 4
#define NOT_ASKED (-1)

static int has_avx2(void)
{
    /* Whoever asks at the same time gets the same answer. */
    static volatile int arch = NOT_ASKED;
    if (arch == NOT_ASKED) {
        arch = opus_select_arch();
    }
    return arch == AVX2;
}

/* The body of a function that tells whether it has done its work: 0 where libopus has to. */
#define WITH_AVX2_IF(condition, call)                                                                                          \
    if (!has_avx2() || !(condition)) {                                                                                         \
        return 0;                                                                                                              \
    }                                                                                                                          \
    call;                                                                                                                      \
    return 1

#define NLSF_ENCODE(version)                                                                                                   \
    opus_int32 silk_NLSF_encode##version(opus_int8 *indices, opus_int16 *nlsf_Q15, const silk_NLSF_CB_struct *codebook,        \
                                         const opus_int16 *weights_Q2, const opus_int mu_Q20, const opus_int survivors,        \
                                         const opus_int signal_type)
NLSF_ENCODE(_any);
NLSF_ENCODE(_avx2);
NLSF_ENCODE()
{
    return (has_avx2() ? silk_NLSF_encode_avx2 : silk_NLSF_encode_any)(indices, nlsf_Q15, codebook, weights_Q2, mu_Q20, survivors,
                                                                      signal_type);
}

#define SHAPE_CORRELATIONS                                                                                                     \
    silk_float(*correlations)[MAX_SHAPE_LPC_ORDER + 1], const silk_float *x, const silk_encoder_state *common,                  \
        const silk_float warping
void silk_shape_correlations_avx2(SHAPE_CORRELATIONS);
/* 0 if it has done nothing. */
int silk_shape_correlations(SHAPE_CORRELATIONS)
{
    WITH_AVX2_IF(common->warping_Q16 != 0, silk_shape_correlations_avx2(correlations, x, common, warping));
}

#define ANALYSIS_PHASES                                                                                                        \
    const float *bins, float *angle, float *d_angle, float *d2_angle, float *tonality, float *tonality2, float *noisiness
void analysis_phases_avx2(ANALYSIS_PHASES);
/* 0 if it has done nothing. */
int analysis_phases(ANALYSIS_PHASES)
{
    WITH_AVX2_IF(1, analysis_phases_avx2(bins, angle, d_angle, d2_angle, tonality, tonality2, noisiness));
}

float celt_largest_avx2(const float *x, int length);
/* As celt_maxabs_res() of celt/mathops.h. */
float celt_largest(const float *x, int length)
{
    return has_avx2() ? celt_largest_avx2(x, length) : celt_maxabs_res(x, length);
}

float celt_sum_of_sizes_avx2(const float *x, int length);
float celt_sum_of_sizes(const float *x, int length)
{
    float sum = 0;
    int i;
    if (has_avx2()) {
        return celt_sum_of_sizes_avx2(x, length);
    }
    for (i = 0; i < length; i++) {
        sum += ABS32(x[i]);
    }
    return sum;
}

#define TONE_CORRELATIONS const float *x, int length, int delay, float *correlations
void celt_tone_correlations_avx2(TONE_CORRELATIONS);
/* 0 if it has done nothing. */
int celt_tone_correlations(TONE_CORRELATIONS)
{
    WITH_AVX2_IF(1, celt_tone_correlations_avx2(x, length, delay, correlations));
}

#define TRANSIENT_ENVELOPE const float *x, float *envelope, int length, float forward_decay, float *largest
float celt_transient_envelope_avx2(TRANSIENT_ENVELOPE);
/* -1 if it has done nothing. */
float celt_transient_envelope(TRANSIENT_ENVELOPE)
{
    return has_avx2() && length % 8 == 0 ? celt_transient_envelope_avx2(x, envelope, length, forward_decay, largest) : -1;
}

#define BIQUAD const float *in, const float *B, const float *A, float *S, float *out, int length
void opus_biquad_avx2(BIQUAD);
/* 0 if it has done nothing. */
int opus_biquad(BIQUAD)
{
    WITH_AVX2_IF(length % 8 == 0, opus_biquad_avx2(in, B, A, S, out, length));
}

#define DEEMPHASIS const float *in, float *out, int length, float coefficient, float *memory, int accumulate
void celt_deemphasis_avx2(DEEMPHASIS);
/* 0 if it has done nothing. */
int celt_deemphasis(DEEMPHASIS)
{
    WITH_AVX2_IF(length % 8 == 0, celt_deemphasis_avx2(in, out, length, coefficient, memory, accumulate));
}

#define PREEMPHASIS const float *pcm, float *out, int length, float coefficient, float *memory
void celt_preemphasis_avx2(PREEMPHASIS);
/* 0 if it has done nothing. */
int celt_emphasize(PREEMPHASIS)
{
    WITH_AVX2_IF(length >= 8 && length % 8 == 0, celt_preemphasis_avx2(pcm, out, length, coefficient, memory));
}

void celt_to_int16_avx2(const float *in, short *out, int length);
/* As celt_float2int16_c(). */
void celt_to_int16(const float *in, short *out, int length)
{
    if (has_avx2() && length % 16 == 0) {
        celt_to_int16_avx2(in, out, length);
    } else {
        celt_float2int16_c(in, out, length);
    }
}

/* No sample needs to be clipped, as far as is known. */
int opus_within_one(const float *x, int length) { return has_avx2() && celt_largest_avx2(x, length) <= 1.f; }

#define ANALYSIS_DENSE(version)                                                                                                \
    void analysis_compute_dense##version(const AnalysisDenseLayer *layer, float *output, const float *input)
ANALYSIS_DENSE(_any);
ANALYSIS_DENSE(_avx2);
ANALYSIS_DENSE()
{
    (has_avx2() && layer->nb_neurons == 32 ? analysis_compute_dense_avx2 : analysis_compute_dense_any)(layer, output, input);
}

#define ANALYSIS_GRU(version) void analysis_compute_gru##version(const AnalysisGRULayer *gru, float *state, const float *input)
ANALYSIS_GRU(_any);
ANALYSIS_GRU(_avx2);
ANALYSIS_GRU()
{
    (has_avx2() && gru->nb_neurons == 24 ? analysis_compute_gru_avx2 : analysis_compute_gru_any)(gru, state, input);
}

float analysis_half_rate_avx2(float *state, float *out, const float *in, int length);
/* 0 if it has done nothing. */
int analysis_half_rate(float *state, float *out, const float *in, int length, float *energy)
{
    WITH_AVX2_IF(1, *energy = analysis_half_rate_avx2(state, out, in, length));
}

#define ANALYSIS_BANDS                                                                                                         \
    TonalityAnalysisState *state, const float *bins, const float *tonality, const float *noisiness, float *logE, float *log2E, \
        float *sums
int analysis_bands_avx2(ANALYSIS_BANDS);
/* 0 if it has done nothing: also for the first frame, by which the state is set. */
int analysis_bands(ANALYSIS_BANDS)
{
    return has_avx2() && state->count > 0 && analysis_bands_avx2(state, bins, tonality, noisiness, logE, log2E, sums);
}

float analysis_variability_avx2(const TonalityAnalysisState *state);
/* 0 if it has done nothing. */
int analysis_variability(const TonalityAnalysisState *state, float *sum)
{
    WITH_AVX2_IF(1, *sum = analysis_variability_avx2(state));
}

void opus_fft_avx2(const kiss_fft_state *st, kiss_fft_cpx *x);
/* 0 if it has done nothing. */
int opus_fft_fast(const kiss_fft_state *st, kiss_fft_cpx *x)
{
    /* The sizes of the 48 kHz mode: 60, 120, 240 and 480. */
    WITH_AVX2_IF(st->nfft % 60 == 0 && 480 % st->nfft == 0, opus_fft_avx2(st, x));
}

static int is_48000(const mdct_lookup *l, int overlap) { return l->n == 1920 && overlap == 120; }

#define MDCT const mdct_lookup *l, const float *in, float *out, const float *window, int overlap, int shift, int stride
void clt_mdct_forward_avx2(MDCT);
/* 0 if it has done nothing. */
int clt_mdct_forward_fast(MDCT)
{
    WITH_AVX2_IF(is_48000(l, overlap), clt_mdct_forward_avx2(l, in, out, window, overlap, shift, stride));
}

void clt_mdct_backward_avx2(MDCT);
/* 0 if it has done nothing. */
int clt_mdct_backward_fast(MDCT)
{
    WITH_AVX2_IF(is_48000(l, overlap), clt_mdct_backward_avx2(l, in, out, window, overlap, shift, stride));
}

/* Of SILK's decoder: each 0 if it has done nothing that counts. */
#define DECODE_EXCITATION                                                                                                      \
    opus_int32 *exc_Q14, const opus_int16 *pulses, opus_int length, opus_int32 seed, opus_int32 offset_Q10
void silk_decode_excitation_avx2(DECODE_EXCITATION);
int silk_decode_excitation(DECODE_EXCITATION)
{
    WITH_AVX2_IF(1, silk_decode_excitation_avx2(exc_Q14, pulses, length, seed, offset_Q10));
}

#define DECODE_LONG_TERM                                                                                                       \
    opus_int32 *res_Q14, opus_int32 *ltp_Q15, const opus_int32 *exc_Q14, const opus_int16 *b_Q14, opus_int lag, opus_int length
void silk_decode_long_term_avx2(DECODE_LONG_TERM);
int silk_decode_long_term(DECODE_LONG_TERM)
{
    /* Four at a time are predicted from what is there. */
    WITH_AVX2_IF(lag >= 4 + LTP_ORDER / 2, silk_decode_long_term_avx2(res_Q14, ltp_Q15, exc_Q14, b_Q14, lag, length));
}

#define DECODE_SHORT_TERM                                                                                                      \
    opus_int16 *xq, opus_int32 *lpc_Q14, const opus_int32 *res_Q14, const opus_int16 *a_Q12, opus_int order,                   \
        opus_int32 gain_Q10, opus_int length
int silk_decode_short_term_avx2(DECODE_SHORT_TERM);
int silk_decode_short_term(DECODE_SHORT_TERM)
{
    return has_avx2() && silk_decode_short_term_avx2(xq, lpc_Q14, res_Q14, a_Q12, order, gain_Q10, length);
}

#define LSF_ROOTS opus_int16 *NLSF, const opus_int32 *P, const opus_int32 *Q, const opus_int d
int silk_lsf_roots_avx2(LSF_ROOTS);
/* 0 if it has not found them all. */
int silk_lsf_roots(LSF_ROOTS)
{
    return has_avx2() && silk_lsf_roots_avx2(NLSF, P, Q, d);
}

#define LPC_RESIDUAL opus_int16 *out, const opus_int16 *in, const opus_int16 *B, const opus_int32 len, const opus_int32 d
void silk_lpc_residual_avx2(LPC_RESIDUAL);
/* 0 if it has done nothing. */
int silk_lpc_residual(LPC_RESIDUAL)
{
    WITH_AVX2_IF(len - d >= 16, silk_lpc_residual_avx2(out, in, B, len, d));
}

/* Of SILK's resamplers: each 0 if it has done nothing. */
#define RESAMPLE_UP2 opus_int32 *S, opus_int16 *out, const opus_int16 *in, opus_int32 len
void silk_resample_up2_avx2(RESAMPLE_UP2);
int silk_resample_up2(RESAMPLE_UP2)
{
    WITH_AVX2_IF(len % 4 == 0, silk_resample_up2_avx2(S, out, in, len));
}

/* From 16 to 48 kHz, through 32 kHz. */
void silk_resample_three_halves_avx2(opus_int16 *out, const opus_int16 *x, opus_int32 len);
int silk_resample_three_halves(const silk_resampler_state_struct *S, opus_int16 *out, const opus_int16 *x, opus_int32 len)
{
    WITH_AVX2_IF(S->Fs_in_kHz == 16 && S->Fs_out_kHz == 48 && len % 8 == 0, silk_resample_three_halves_avx2(out, x, len));
}

/* From 48 to 16 kHz. */
void silk_resample_third_avx2(opus_int32 *S, opus_int16 *out, opus_int32 *buf, const opus_int16 *in, const opus_int16 *coefs,
                              opus_int32 len);
int silk_resample_third(silk_resampler_state_struct *S, opus_int16 *out, opus_int32 *buf, const opus_int16 *in, opus_int32 len)
{
    WITH_AVX2_IF(S->Fs_in_kHz == 48 && S->Fs_out_kHz == 16 && len % 24 == 0,
                 silk_resample_third_avx2(S->sIIR, out, buf, in, S->Coefs, len));
}

void silk_burg_rows_avx2(double *first_row, const silk_float *x, opus_int length, opus_int count);
/* 0 if it has done nothing. */
int silk_burg_rows(double *first_row, const silk_float *x, opus_int length, opus_int count, opus_int order)
{
    WITH_AVX2_IF(length <= 96 && count <= MAX_NB_SUBFR && order <= 16, silk_burg_rows_avx2(first_row, x, length, count));
}

double silk_energy_FLP_any(const silk_float *data, opus_int size);
double silk_energy_FLP(const silk_float *data, opus_int size)
{
    return has_avx2() ? silk_inner_product_FLP_avx2(data, data, size) : silk_energy_FLP_any(data, size);
}

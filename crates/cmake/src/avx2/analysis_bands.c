/* What libopus tells speech from music by in each band of the spectrum (tonality_analysis() of src/analysis.c), for AVX2 with
   FMA: eight bands at a time.

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include "vectors.h"

#include "analysis.h"

#define LANES 8
#define ROW (3 * LANES)
#define N 480
/* Bins that are added up at once: the width of each band is a multiple. */
#define QUAD 4
#define EXTREME 1e9f
/* Bands that are tonal together. */
#define SPAN 9

static const int first_bin[NB_TBANDS + 1] = {4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 136, 160, 192, 240};

static __m256 over(__m256 a, __m256 b) { return _mm256_div_ps(a, b); }
static __m256 root(__m256 v) { return _mm256_sqrt_ps(v); }
static __m256 greater(__m256 a, __m256 b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
static __m256 both(__m256 a, __m256 b) { return _mm256_and_ps(a, b); }
static __m256 choose(__m256 no, __m256 yes, __m256 which) { return _mm256_blendv_ps(no, yes, which); }

/* Bands from `b` on. There are two in the last vector; its other lanes are zero. */
static __m256 load(const float *bands, int b)
{
    if (b + LANES <= NB_TBANDS) {
        return _mm256_loadu_ps(bands + b);
    }
    return _mm256_insertf128_ps(_mm256_setzero_ps(), _mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)(bands + b))), 0);
}

static void store(float *bands, int b, __m256 v)
{
    if (b + LANES <= NB_TBANDS) {
        _mm256_storeu_ps(bands + b, v);
    } else {
        _mm_storel_epi64((__m128i *)(bands + b), _mm_castps_si128(_mm256_castps256_ps128(v)));
    }
}

/* The natural logarithm of what is positive and normal, to two units of the last place. */
static __m256 logarithm(__m256 v)
{
    static const float terms[] = {7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f,
                                  -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f};
    /* From the root of a half to the root of two, and the power of two that remains. */
    const __m256i bits = _mm256_castps_si256(v), base = _mm256_set1_epi32(0x3F3504F3);
    const __m256i power = _mm256_srai_epi32(_mm256_sub_epi32(bits, base), 23);
    const __m256 x = minus(_mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_slli_epi32(power, 23))), all(1.f));
    const __m256 e = _mm256_cvtepi32_ps(power), x2 = times(x, x);
    __m256 sum = all(terms[0]);
    int i;
    for (i = 1; i < 9; i++) {
        sum = _mm256_fmadd_ps(sum, x, all(terms[i]));
    }
    sum = _mm256_fmadd_ps(e, all(-2.12194440e-4f), times(times(sum, x), x2));
    sum = _mm256_fnmadd_ps(all(.5f), x2, sum);
    return _mm256_fmadd_ps(e, all(0.693359375f), plus(x, sum));
}

/* Energies of four bins from `i` on, with those at N - i and before. */
static __m128 energies(const float *bins, int i)
{
    const __m256 up = _mm256_loadu_ps(bins + 2 * i), down = _mm256_loadu_ps(bins + 2 * (N - i - QUAD + 1));
    const __m256 reversed = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(times(down, down)), 0x1B));
    const __m256 sum = _mm256_fmadd_ps(up, up, reversed);
    const __m128 each = _mm_hadd_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
    return _mm_mul_ps(each, _mm_set1_ps(1.f / 32768 / 32768));
}

/* The energy of each band, its tonal part, and its noisy one. */
static void add_up(const float *bins, const float *tonality, const float *noisiness, float *energy, float *tonal, float *noisy)
{
    int b, i;
    for (b = 0; b < NB_TBANDS; b++) {
        __m128 e = _mm_setzero_ps(), t = e, n = e;
        for (i = first_bin[b]; i < first_bin[b + 1]; i += QUAD) {
            const __m128 bin = energies(bins, i), off = _mm_sub_ps(_mm_set1_ps(.5f), _mm_loadu_ps(noisiness + i));
            e = _mm_add_ps(e, bin);
            t = _mm_fmadd_ps(bin, _mm_max_ps(_mm_setzero_ps(), _mm_loadu_ps(tonality + i)), t);
            n = _mm_fmadd_ps(bin, _mm_add_ps(off, off), n);
        }
        e = _mm_hadd_ps(_mm_hadd_ps(e, t), _mm_hadd_ps(n, n));
        _mm_store_ss(energy + b, e);
        _mm_store_ss(tonal + b, _mm_shuffle_ps(e, e, 1));
        _mm_store_ss(noisy + b, _mm_shuffle_ps(e, e, 2));
    }
}

static int any_extreme(const float *energy)
{
    int b, fine = 0xFF;
    for (b = 0; b < NB_TBANDS; b += LANES) {
        fine &= _mm256_movemask_ps(_mm256_cmp_ps(load(energy, b), all(EXTREME), _CMP_LT_OQ));
    }
    return fine != 0xFF;
}

/* How far a band is from its lowest to its highest, both of which follow it. */
static __m256 relative(TonalityAnalysisState *state, int b, __m256 log_energy)
{
    __m256 high = load(state->highE, b), low = load(state->lowE, b), above, below, apart, nearer_low;
    apart = greater(high, plus(low, all(7.5f)));
    nearer_low = greater(minus(high, log_energy), minus(log_energy, low));
    high = minus(high, both(all(.01f), both(apart, nearer_low)));
    low = plus(low, both(all(.01f), _mm256_andnot_ps(nearer_low, apart)));
    above = greater(log_energy, high);
    below = _mm256_andnot_ps(above, greater(low, log_energy));
    high = choose(high, log_energy, above);
    low = choose(low, _mm256_max_ps(minus(high, all(15.f)), low), above);
    low = choose(low, log_energy, below);
    high = choose(high, _mm256_min_ps(plus(low, all(15.f)), high), below);
    store(state->highE, b, high);
    store(state->lowE, b, low);
    return over(minus(log_energy, low), plus(all(1e-5f), minus(high, low)));
}

/* How steady the energy of a band has been. */
static __m256 stationarity(const TonalityAnalysisState *state, int b)
{
    __m256 roots = _mm256_setzero_ps(), sum = roots, ratio;
    int i;
    for (i = 0; i < NB_FRAMES; i++) {
        const __m256 energy = load(state->E[i], b);
        roots = plus(roots, root(energy));
        sum = plus(sum, energy);
    }
    ratio = _mm256_min_ps(all(.99f), over(roots, root(plus(all(1e-15f), times(all(NB_FRAMES), sum)))));
    ratio = times(ratio, ratio);
    return times(ratio, ratio);
}

/* The most of any nine bands, the higher ones for more. */
static float most_tonal(const float *tonality)
{
    float sum = 0, most = 0;
    int b;
    for (b = 0; b < NB_TBANDS; b++) {
        const float left = b < SPAN ? 0 : tonality[b - SPAN];
        const float weighted = (1.f + .03f * (b - NB_TBANDS)) * (sum += tonality[b] - left);
        most = weighted > most ? weighted : most;
    }
    return most;
}

/* 0 if it has done nothing, for what is too loud. The sums are of noisiness, loudness, height, stationarity and slope; the last
   is the most of the tonality. */
int analysis_bands_avx2(TonalityAnalysisState *state, const float *bins, const float *tonality, const float *noisiness,
                        float *logE, float *log2E, float *sums)
{
    const __m256 tiny = all(1e-15f), number = _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7);
    float energy[ROW], tonal[ROW], noisy[ROW];
    __m256 noise = _mm256_setzero_ps(), loud = noise, height = noise, steady = noise, slope = noise;
    int b;
    add_up(bins, tonality, noisiness, energy, tonal, noisy);
    if (any_extreme(energy)) {
        return 0;
    }
    for (b = 0; b < NB_TBANDS; b += LANES) {
        const __m256 e = load(energy, b), audible = plus(e, all(1e-10f)), log_e = logarithm(audible);
        const __m256 there = greater(all(NB_TBANDS - b), number);
        store(state->E[state->E_count], b, e);
        store(state->logE[state->E_count], b, log_e);
        store(logE, b, log_e);
        store(log2E, b, times(all(.5f * 1.442695f), log_e));
        const __m256 still = stationarity(state, b), share = over(load(tonal, b), plus(tiny, e));
        const __m256 tone = _mm256_max_ps(share, times(still, load(state->prev_band_tonality, b)));
        store(state->prev_band_tonality, b, tone);
        noise = plus(noise, over(load(noisy, b), plus(tiny, e)));
        loud = plus(loud, both(there, root(audible)));
        height = plus(height, both(there, relative(state, b, log_e)));
        steady = plus(steady, still);
        slope = _mm256_fmadd_ps(tone, plus(number, all(b - 8)), slope);
    }
    sums[0] = sum_of(noise);
    sums[1] = sum_of(loud);
    sums[2] = sum_of(height);
    sums[3] = sum_of(steady);
    sums[4] = sum_of(slope);
    sums[5] = most_tonal(state->prev_band_tonality);
    return 1;
}

/* The square of how far each of the last frames is from the one that it is most like, of all together. */
float analysis_variability_avx2(const TonalityAnalysisState *state)
{
    float frames[NB_TBANDS][LANES];
    __m256 least = all(1e15f);
    int i, k;
    for (k = 0; k < NB_TBANDS; k++) {
        for (i = 0; i < NB_FRAMES; i++) {
            frames[k][i] = state->logE[i][k];
        }
    }
    for (i = 0; i < NB_FRAMES; i++) {
        const __m256 itself = _mm256_cmp_ps(all((float)i), _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7), _CMP_EQ_OQ);
        __m256 even = _mm256_setzero_ps(), odd = even;
        for (k = 0; k < NB_TBANDS; k += 2) {
            const __m256 a = minus(all(state->logE[i][k]), _mm256_loadu_ps(frames[k]));
            const __m256 b = minus(all(state->logE[i][k + 1]), _mm256_loadu_ps(frames[k + 1]));
            even = _mm256_fmadd_ps(a, a, even);
            odd = _mm256_fmadd_ps(b, b, odd);
        }
        /* As far from it as it from them. */
        least = _mm256_min_ps(least, choose(plus(even, odd), all(1e15f), itself));
    }
    return sum_of(least);
}

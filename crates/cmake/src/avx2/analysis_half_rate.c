/* Half the sampling rate, and the energy above that, for what tells speech from music (silk_resampler_down2_hp() of
   src/analysis.c), for AVX2 with FMA. Two chains of first order, for even and odd samples, are all that needs the sample
   before: within eight of them it is worked out in three steps, and what was before those eight is added.

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include "vectors.h"

#include "opus_defines.h"

#define LANES 8
#define EVEN 0.6074371f
#define ODD 0.15063f

typedef struct {
    __m256 coefficient, gain;
    /* Of minus the coefficient: the first and second, those that reach from one half to the other, and the first eight. */
    __m256 first, second, across, powers;
    __m256 state;
} Section;

static void start(Section *section, float coefficient, float state)
{
    float power[LANES];
    int k;
    power[0] = -coefficient;
    for (k = 1; k < LANES; k++) {
        power[k] = power[k - 1] * -coefficient;
    }
    section->coefficient = _mm256_set1_ps(coefficient);
    section->gain = _mm256_set1_ps(1.0f + coefficient);
    section->first = _mm256_set1_ps(power[0]);
    section->second = _mm256_set1_ps(power[1]);
    section->powers = _mm256_loadu_ps(power);
    section->across = _mm256_permute2f128_ps(section->powers, section->powers, 0x08);
    section->state = _mm256_set1_ps(state);
}

/* Lanes within their half, `bytes` further on. */
#define SHIFTED(v, bytes) _mm256_castsi256_ps(_mm256_slli_si256(_mm256_castps_si256(v), bytes))

/* What comes out of an all-pass section for eight samples. */
static OPUS_INLINE __m256 through(Section *section, __m256 in)
{
    const __m256 before = section->state;
    __m256 state = _mm256_mul_ps(section->gain, in), late;
    state = _mm256_fmadd_ps(section->first, SHIFTED(state, 4), state);
    state = _mm256_fmadd_ps(section->second, SHIFTED(state, 8), state);
    state = _mm256_fmadd_ps(section->across, _mm256_permutevar8x32_ps(state, _mm256_set1_epi32(3)), state);
    state = _mm256_fmadd_ps(section->powers, before, state);
    section->state = _mm256_permutevar8x32_ps(state, _mm256_set1_epi32(LANES - 1));
    late = _mm256_permutevar8x32_ps(state, _mm256_setr_epi32(7, 0, 1, 2, 3, 4, 5, 6));
    late = _mm256_blend_ps(late, before, 1);
    return _mm256_fmadd_ps(section->coefficient, _mm256_sub_ps(in, late), late);
}

static float through_one(float *state, float coefficient, float in)
{
    const float late = *state, scaled = coefficient * (in - late);
    *state = in + scaled;
    return late + scaled;
}

/* `length` samples come out. The third state is the second one with the other sign: so are their inputs, always. */
float analysis_half_rate_avx2(float *state, float *out, const float *in, int length)
{
    Section even, odd;
    __m256 high = _mm256_setzero_ps();
    float energy;
    int k;
    start(&even, EVEN, state[0]);
    start(&odd, ODD, state[1]);
    for (k = 0; k + LANES <= length; k += LANES) {
        const __m256 a = _mm256_loadu_ps(in + 2 * k), b = _mm256_loadu_ps(in + 2 * k + LANES);
        const __m256 low = _mm256_permute2f128_ps(a, b, 0x20), up = _mm256_permute2f128_ps(a, b, 0x31);
        const __m256 first = through(&even, _mm256_shuffle_ps(low, up, 0x88));
        const __m256 second = through(&odd, _mm256_shuffle_ps(low, up, 0xDD));
        const __m256 difference = _mm256_sub_ps(first, second);
        high = _mm256_fmadd_ps(difference, difference, high);
        _mm256_storeu_ps(out + k, _mm256_mul_ps(_mm256_set1_ps(.5f), _mm256_add_ps(first, second)));
    }
    state[0] = _mm256_cvtss_f32(even.state);
    state[1] = _mm256_cvtss_f32(odd.state);
    energy = sum_of(high);
    for (; k < length; k++) {
        const float first = through_one(&state[0], EVEN, in[2 * k]), second = through_one(&state[1], ODD, in[2 * k + 1]);
        energy += (first - second) * (first - second);
        out[k] = .5f * (first + second);
    }
    state[2] = -state[1];
    return energy;
}

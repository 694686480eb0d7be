/* The network by which libopus tells speech from music (src/mlp.c), for AVX2: eight neurons at a time. The result is the same
   to the bit.

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include "vectors.h"

#include "mlp.h"
#include "opus_defines.h"

#define LANES 8
/* Vectors of a dense layer with 32 neurons, and of one gate of a recurrent one with 24. */
#define DENSE 4
#define GATE 3

static OPUS_INLINE __m256 weights_at(const opus_int8 *weights)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)weights)));
}

/* As tansig_approx(). */
static OPUS_INLINE __m256 tansig(__m256 x)
{
    const __m256 x2 = times(x, x);
    const __m256 above = plus(times(plus(times(all(0.60863042f), x2), all(96.39235687f)), x2), all(952.52801514f));
    const __m256 below = plus(times(plus(times(all(11.88600922f), x2), all(413.36801147f)), x2), all(952.72399902f));
    return _mm256_max_ps(all(-1.f), _mm256_min_ps(all(1.f), _mm256_div_ps(times(above, x), below)));
}

static OPUS_INLINE __m256 sigmoid(__m256 x) { return plus(all(.5f), times(all(.5f), tansig(times(all(.5f), x)))); }

static OPUS_INLINE __m256 scaled(__m256 sum) { return times(all(WEIGHTS_SCALE), sum); }

static OPUS_INLINE void begin(__m256 *sum, const opus_int8 *bias, const int vectors)
{
    int k;
    for (k = 0; k < vectors; k++) {
        sum[k] = weights_at(bias + k * LANES);
    }
}

/* Adds what `count` inputs bring. */
static OPUS_INLINE void accumulate(__m256 *sum, const int vectors, const opus_int8 *weights, const int stride, const float *x,
                                   const int count)
{
    int j, k;
    for (j = 0; j < count; j++) {
        for (k = 0; k < vectors; k++) {
            sum[k] = plus(sum[k], times(weights_at(weights + j * stride + k * LANES), all(x[j])));
        }
    }
}

void analysis_compute_dense_avx2(const AnalysisDenseLayer *layer, float *output, const float *input)
{
    __m256 sum[DENSE];
    int k;
    begin(sum, layer->bias, DENSE);
    accumulate(sum, DENSE, layer->input_weights, DENSE * LANES, input, layer->nb_inputs);
    for (k = 0; k < DENSE; k++) {
        _mm256_storeu_ps(output + k * LANES, layer->sigmoid ? sigmoid(scaled(sum[k])) : tansig(scaled(sum[k])));
    }
}

void analysis_compute_gru_avx2(const AnalysisGRULayer *gru, float *state, const float *input)
{
    const int stride = 3 * GATE * LANES, output = 2 * GATE * LANES;
    /* The gates of update and reset, and the output. */
    __m256 sum[2 * GATE], out[GATE];
    float reset[GATE * LANES];
    int k;
    begin(sum, gru->bias, 2 * GATE);
    begin(out, gru->bias + output, GATE);
    accumulate(sum, 2 * GATE, gru->input_weights, stride, input, gru->nb_inputs);
    accumulate(out, GATE, gru->input_weights + output, stride, input, gru->nb_inputs);
    accumulate(sum, 2 * GATE, gru->recurrent_weights, stride, state, GATE * LANES);
    for (k = 0; k < GATE; k++) {
        const __m256 was = _mm256_loadu_ps(state + k * LANES);
        _mm256_storeu_ps(reset + k * LANES, times(was, sigmoid(scaled(sum[GATE + k]))));
    }
    accumulate(out, GATE, gru->recurrent_weights + output, stride, reset, GATE * LANES);
    for (k = 0; k < GATE; k++) {
        const __m256 was = _mm256_loadu_ps(state + k * LANES), update = sigmoid(scaled(sum[k]));
        const __m256 now = times(_mm256_sub_ps(all(1.f), update), tansig(scaled(out[k])));
        _mm256_storeu_ps(state + k * LANES, plus(times(update, was), now));
    }
}

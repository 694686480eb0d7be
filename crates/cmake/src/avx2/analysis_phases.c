/* How steadily the phase of each bin turns, by which libopus tells speech from music (tonality_analysis() of src/analysis.c),
   for AVX2: eight bins at a time. The result is the same to the bit.

   After libopus, whose licence covers this file (THIRD-PARTY-NOTICES.txt). */

#include "vectors.h"

#define LANES 8
/* A complex transform of so many bins carries two real ones, of two successive windows. */
#define N 480
#define BINS (N / 2)
#define PI 3.14159265358979323846

static __m256 sign_of(__m256 v) { return _mm256_and_ps(_mm256_cmp_ps(v, _mm256_setzero_ps(), _CMP_LT_OQ), all(-0.0f)); }
static __m256 size_of(__m256 v) { return _mm256_andnot_ps(all(-0.0f), v); }

/* As fast_atan2f() of celt/mathops.h. */
static __m256 fast_atan2(__m256 y, __m256 x)
{
    const __m256 quarter = all((float)PI / 2);
    const __m256 x2 = times(x, x), y2 = times(y, y), xy = times(x, y);
    const __m256 more = _mm256_max_ps(x2, y2), less = _mm256_min_ps(x2, y2);
    const __m256 below = times(plus(more, times(all(0.67848403f), less)), plus(more, times(all(0.08595542f), less)));
    const __m256 ratio = _mm256_div_ps(times(xy, plus(more, times(all(0.43157974f), less))), below);
    const __m256 up = _mm256_or_ps(quarter, sign_of(y));
    const __m256 flat = minus(plus(ratio, up), _mm256_or_ps(quarter, sign_of(xy)));
    const __m256 steep = plus(_mm256_xor_ps(ratio, all(-0.0f)), up);
    const __m256 angle = _mm256_blendv_ps(flat, steep, _mm256_cmp_ps(x2, y2, _CMP_LT_OQ));
    return _mm256_andnot_ps(_mm256_cmp_ps(plus(x2, y2), all(1e-18f), _CMP_LT_OQ), angle);
}

/* How far from the nearest whole turn. */
static __m256 off_turn(__m256 turns)
{
    return minus(turns, _mm256_round_ps(turns, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

static __m256 fourth_power(__m256 v) { return times(times(v, v), times(v, v)); }

static __m256 tonality_of(__m256 v)
{
    const float pi4 = (float)(PI * PI * PI * PI);
    return minus(_mm256_div_ps(all(1.f), plus(all(1.f), times(all(40.f * 16.f * pi4), v))), all(.015f));
}

/* Real and imaginary parts of eight bins from `i` on, and of those at N - i and before. */
static void separate(const float *bins, int i, __m256 parts[4])
{
    const __m256 a = _mm256_loadu_ps(bins + 2 * i), b = _mm256_loadu_ps(bins + 2 * i + LANES);
    float re[LANES], im[LANES];
    int k;
    parts[0] = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88)), 0xD8));
    parts[1] = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(_mm256_shuffle_ps(a, b, 0xDD)), 0xD8));
    for (k = 0; k < LANES; k++) {
        const float *bin = bins + 2 * ((N - i - k) % N);
        re[k] = bin[0];
        im[k] = bin[1];
    }
    parts[2] = _mm256_loadu_ps(re);
    parts[3] = _mm256_loadu_ps(im);
}

/* `bins` holds N complex numbers, the others `BINS` numbers each. What comes out for bin 0 means nothing; its state stays. */
void analysis_phases_avx2(const float *bins, float *angle, float *d_angle, float *d2_angle, float *tonality, float *tonality2,
                          float *noisiness)
{
    const float kept[] = {angle[0], d_angle[0], d2_angle[0]};
    const __m256 turns = all((float)(.5f / PI));
    int i;
    for (i = 0; i < BINS; i += LANES) {
        __m256 part[4];
        separate(bins, i, part);
        const __m256 first = times(turns, fast_atan2(minus(part[1], part[3]), plus(part[0], part[2])));
        const __m256 second = times(turns, fast_atan2(minus(part[2], part[0]), plus(part[1], part[3])));
        const __m256 d_first = minus(first, _mm256_loadu_ps(angle + i)), d_second = minus(second, first);
        const __m256 off_first = off_turn(minus(d_first, _mm256_loadu_ps(d_angle + i)));
        const __m256 off_second = off_turn(minus(d_second, d_first));
        const __m256 now = fourth_power(off_second);
        const __m256 sum = plus(plus(_mm256_loadu_ps(d2_angle + i), fourth_power(off_first)), times(all(2.f), now));
        _mm256_storeu_ps(noisiness + i, plus(size_of(off_first), size_of(off_second)));
        _mm256_storeu_ps(tonality + i, tonality_of(times(all(.25f), sum)));
        _mm256_storeu_ps(tonality2 + i, tonality_of(now));
        _mm256_storeu_ps(angle + i, second);
        _mm256_storeu_ps(d_angle + i, d_second);
        _mm256_storeu_ps(d2_angle + i, now);
    }
    angle[0] = kept[0];
    d_angle[0] = kept[1];
    d2_angle[0] = kept[2];
}

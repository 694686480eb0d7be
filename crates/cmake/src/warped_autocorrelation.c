/* silk_warped_autocorrelation_FLP with or without fused multiplication, as the processor has it. libopus chooses at run time between
   versions of many functions, but not of this one, which is a tenth of its encoder: a chain of multiplications and additions. */

#include "cpu_support.h"

#define NOT_ASKED (-1)
/* What opus_select_arch() gives for AVX2 with FMA, and the most it gives. */
#define AVX2 4

void silk_warped_autocorrelation_FLP_any(float *corr, const float *input, const float warping, const int length,
                                         const int order);
void silk_warped_autocorrelation_FLP_avx2(float *corr, const float *input, const float warping, const int length,
                                          const int order);

void silk_warped_autocorrelation_FLP(float *corr, const float *input, const float warping, const int length,
                                     const int order)
{
    /* Whoever asks at the same time gets the same answer. */
    static volatile int arch = NOT_ASKED;
    if (arch == NOT_ASKED) {
        arch = opus_select_arch();
    }
    if (arch == AVX2) {
        silk_warped_autocorrelation_FLP_avx2(corr, input, warping, length, order);
    } else {
        silk_warped_autocorrelation_FLP_any(corr, input, warping, length, order);
    }
}

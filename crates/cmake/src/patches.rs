//! Where libopus's sources call the functions of `choice.c`, on x64.

use crate::patch::Patch;

pub const PATCHES: &[Patch] = &[
    // A processor may have AVX2 where the system does not keep its registers (Intel 64 manual, volume 1, section 14.3).
    Patch {
        file: "celt/x86/x86cpu.c",
        places: &[
            ("#include \"x86cpu.h\"", "#include \"x86/x86cpu.h\""),
            (
                "static void opus_cpu_feature_check(",
                "static unsigned int kept_registers(void)
{
#if defined(_MSC_VER)
    return (unsigned int)_xgetbv(0);
#else
    unsigned int low, high;
    __asm__ __volatile__ (\"xgetbv\" : \"=a\" (low), \"=d\" (high) : \"c\" (0));
    return low;
#endif
}

static void opus_cpu_feature_check(",
            ),
            (
                "        cpu_feature->HW_AVX2 = (info[2] & (1 << 28)) != 0 &&",
                "        cpu_feature->HW_AVX2 = (info[2] & (1 << 27)) != 0 && (kept_registers() & 6) == 6 && (info[2] & (1 << 28)) != 0 &&",
            ),
        ],
    },
    Patch {
        file: "silk/float/noise_shape_analysis_FLP.c",
        places: &[
            (
                "/* Compute noise shaping coefficients and initial gain values */\n",
                "int silk_shape_correlations(silk_float (*)[MAX_SHAPE_LPC_ORDER + 1], const silk_float *, const silk_encoder_state *, \
                 const silk_float);\n",
            ),
            (
                "    silk_float   auto_corr[ MAX_SHAPE_LPC_ORDER + 1 ];\n",
                "    silk_float   auto_corr[ MAX_SHAPE_LPC_ORDER + 1 ], correlations[ MAX_NB_SUBFR ][ MAX_SHAPE_LPC_ORDER + 1 ];
    int          correlated;\n",
            ),
            (
                "    /* Compute noise shaping AR coefs and gains */\n",
                "    correlated = silk_shape_correlations( correlations, x_ptr, &psEnc->sCmn, warping );\n",
            ),
            (
                "        /* Apply window: sine slope followed by flat part followed by cosine slope */\n",
                "        if( correlated ) {
            silk_memcpy( auto_corr, correlations[ k ], sizeof( auto_corr ) );
        } else {\n",
            ),
            ("        /* Add white noise, as a fraction of energy */\n", "        }\n"),
        ],
    },
    Patch {
        file: "src/analysis.c",
        places: &[
            (
                "static void tonality_analysis(",
                "int analysis_phases(const float *, float *, float *, float *, float *, float *, float *);
int analysis_bands(TonalityAnalysisState *, const float *, const float *, const float *, float *, float *, float *);
int analysis_variability(const TonalityAnalysisState *, float *);
static void tonality_analysis(",
            ),
            (
                "    for (i=1;i<N2;i++)\n    {\n       float X1r",
                "    if( !analysis_phases( (const float *)out, A, dA, d2A, tonality, tonality2, noisiness ) )
    for (i=1;i<N2;i++)\n    {\n       float X1r",
            ),
            (
                "static opus_val32 silk_resampler_down2_hp(",
                "int analysis_half_rate(float *, float *, const float *, int, float *);
static opus_val32 silk_resampler_down2_hp(",
            ),
            (
                "    /* Internal variables and state are in Q10 format */\n",
                "    if( analysis_half_rate( S, out, in, len2, &hp_ener ) ) return hp_ener;\n",
            ),
            (
                "    for (b=0;b<NB_TBANDS;b++)\n    {\n       float E=0, tE=0, nE=0;",
                "    if( analysis_bands( tonal, (const float *)out, tonality, noisiness, logE, band_log2 + 1, sums ) ) {
       frame_noisiness = sums[0];
       frame_loudness = sums[1];
       relativeE = sums[2];
       frame_stationarity = sums[3];
       slope = sums[4];
       max_frame_tonality = sums[5];
    } else
    for (b=0;b<NB_TBANDS;b++)\n    {\n       float E=0, tE=0, nE=0;",
            ),
            ("    float spec_variability=0;\n", "    float spec_variability=0, sums[6];\n"),
            (
                "    for (i=0;i<NB_FRAMES;i++)\n    {\n       int j;",
                "    if( !analysis_variability( tonal, &spec_variability ) )
    for (i=0;i<NB_FRAMES;i++)\n    {\n       int j;",
            ),
            // Known already, to the bit where `analysis_bands` has done nothing.
            (
                "       for (i=band_start;i<band_end;i++)
       {
          float binE = out[i].r*(float)out[i].r + out[N-i].r*(float)out[N-i].r
                     + out[i].i*(float)out[i].i + out[N-i].i*(float)out[N-i].i;
          E += binE;
       }
       E = SCALE_ENER(E);
       maxE",
                "       E = tonal->E[tonal->E_count][b];
       maxE",
            ),
        ],
    },
    Patch {
        file: "celt/celt_encoder.c",
        places: &[
            (
                "static int transient_analysis(",
                "float celt_largest(const float *, int);
float celt_sum_of_sizes(const float *, int);
int celt_tone_correlations(const float *, int, int, float *);
float celt_transient_envelope(const float *, float *, int, float, float *);
int celt_emphasize(const float *, float *, int, float, float *);
static int transient_analysis(",
            ),
            (
                "      mem0=0;\n      mem1=0;\n",
                "      mean = celt_transient_envelope(in+c*len, tmp, len, forward_decay, &maxE);
      if (mean < 0) {
      mem0=0;
      mem1=0;\n",
            ),
            ("      /*for (i=0;i<len2;i++)printf(\"%f \", tmp[i]/mean);printf(\"\\n\");*/\n", "      }\n"),
            (
                "   for (i=0;i<len-2*delay;i++) {\n      r00",
                "   float correlations[3];
   if (celt_tone_correlations(x, len, delay, correlations)) {
      r00 = correlations[0];
      r01 = correlations[1];
      r02 = correlations[2];
   } else
   for (i=0;i<len-2*delay;i++) {\n      r00",
            ),
            (
                "      for (i=0;i<N;i++) before[c] += ABS32(SHR32(in[c*(N+overlap)+overlap+i], 12));\n",
                "      before[c] = celt_sum_of_sizes(in+c*(N+overlap)+overlap, N);\n",
            ),
            (
                "      for (i=0;i<N;i++) after[c] += ABS32(SHR32(in[c*(N+overlap)+overlap+i], 12));\n",
                "      after[c] = celt_sum_of_sizes(in+c*(N+overlap)+overlap, N);\n",
            ),
            (
                "   if (coef[1] == 0 && upsample == 1 && !clip)\n   {\n",
                "   if (coef[1] == 0 && upsample == 1 && !clip)
   {
      if (CC == 1 && celt_emphasize(pcmp, inp, N, coef0, mem)) return;\n",
            ),
            (
                "   sample_max=MAX32(st->overlap_max, celt_maxabs_res(",
                "   sample_max=MAX32(st->overlap_max, celt_largest(",
            ),
            ("   st->overlap_max=celt_maxabs_res(", "   st->overlap_max=celt_largest("),
        ],
    },
    Patch {
        file: "celt/celt_decoder.c",
        places: &[
            (
                "static void deemphasis_stereo_simple(",
                "int celt_deemphasis(const float *, float *, int, float, float *, int);
static void deemphasis_stereo_simple(",
            ),
            (
                "   ALLOC(scratch, N, celt_sig);\n   coef0 = coef[0];\n",
                "   if (downsample == 1 && C == 1 && celt_deemphasis(in[0], pcm, N, coef[0], mem, accum))
      return;
   ALLOC(scratch, N, celt_sig);\n   coef0 = coef[0];\n",
            ),
        ],
    },
    Patch {
        file: "src/opus_encoder.c",
        places: &[
            (
                "static void silk_biquad_res(\n",
                "int opus_biquad(const float *, const float *, const float *, float *, float *, int);
static void silk_biquad_res(\n",
            ),
            (
                "    /* Negate A_Q28 values and split in two parts */\n\n    for( k = 0; k < len; k++ ) {\n        /* S[ 0 ], S[ 1 ]: Q12 */\n        inval",
                "    if( stride == 1 && opus_biquad( in, B, A, S, out, len ) )
        return;
    for( k = 0; k < len; k++ ) {
        inval",
            ),
            (
                "   sample_max = celt_maxabs_res(pcm, frame_size*channels);

#ifdef FIXED_POINT",
                "   /* Sound is told from silence by its first samples. */
   int i;
   for (i=0;i<frame_size*channels;i++)
      if (!(ABS16(pcm[i]) <= (opus_val16) 1 / (1 << lsb_depth))) return 0;

#ifdef FIXED_POINT",
            ),
        ],
    },
    Patch {
        file: "src/opus_decoder.c",
        places: &[
            (
                "#if defined(FIXED_POINT) && !defined(ENABLE_RES24)\nint opus_decode(",
                "void celt_to_int16(const float *, short *, int);
#if defined(FIXED_POINT) && !defined(ENABLE_RES24)\nint opus_decode(",
            ),
            (
                "celt_float2int16(out, pcm, ret*st->channels, st->arch);",
                "celt_to_int16(out, pcm, ret*st->channels);",
            ),
        ],
    },
    Patch {
        file: "src/opus.c",
        places: &[
            (
                "void opus_pcm_soft_clip_impl(",
                "int opus_within_one(const float *, int);
void opus_pcm_soft_clip_impl(",
            ),
            (
                "   all_within_neg1pos1 = opus_limit2_checkwithin1(_x, N*C, arch);",
                "   all_within_neg1pos1 = opus_within_one(_x, N*C) || opus_limit2_checkwithin1(_x, N*C, arch);",
            ),
        ],
    },
    Patch {
        file: "src/mlp.c",
        places: &[
            ("void analysis_compute_dense(", "void analysis_compute_dense_any("),
            ("void analysis_compute_gru(", "void analysis_compute_gru_any("),
        ],
    },
    Patch {
        file: "celt/kiss_fft.c",
        places: &[
            (
                "void opus_fft_impl(",
                "int opus_fft_fast(const kiss_fft_state *, kiss_fft_cpx *);
void opus_fft_impl(",
            ),
            (
                "    /* st->shift can be -1 */\n",
                "    if( opus_fft_fast( st, fout ) ) {
        return;
    }\n",
            ),
        ],
    },
    Patch {
        file: "celt/mdct.c",
        places: &[
            (
                "void clt_mdct_forward_c(",
                "int clt_mdct_forward_fast(const mdct_lookup *, const float *, float *, const float *, int, int, int);
int clt_mdct_backward_fast(const mdct_lookup *, const float *, float *, const float *, int, int, int);
void clt_mdct_forward_c(",
            ),
            (
                "   (void)arch;\n   scale = st->scale;\n",
                "   if( clt_mdct_forward_fast( l, in, out, window, overlap, shift, stride ) ) {
      return;
   }
   (void)arch;\n   scale = st->scale;\n",
            ),
            (
                "   (void) arch;\n",
                "   if( clt_mdct_backward_fast( l, in, out, window, overlap, shift, stride ) ) {
      return;
   }\n",
            ),
        ],
    },
    Patch {
        file: "silk/decode_core.c",
        places: &[
            (
                "void silk_decode_core(\n",
                "int silk_decode_excitation(opus_int32 *, const opus_int16 *, opus_int, opus_int32, opus_int32);
int silk_decode_long_term(opus_int32 *, opus_int32 *, const opus_int32 *, const opus_int16 *, opus_int, opus_int);
int silk_decode_short_term(opus_int16 *, opus_int32 *, const opus_int32 *, const opus_int16 *, opus_int, opus_int32, opus_int);
void silk_decode_core(\n",
            ),
            (
                "    for( i = 0; i < psDec->frame_length; i++ ) {\n",
                "    if( !silk_decode_excitation( psDec->exc_Q14, pulses, psDec->frame_length, rand_seed, offset_Q10 ) )
    for( i = 0; i < psDec->frame_length; i++ ) {\n",
            ),
            (
                "            for( i = 0; i < psDec->subfr_length; i++ ) {\n                /* Unrolled loop */\n",
                "            if( silk_decode_long_term( pres_Q14, &sLTP_Q15[ sLTP_buf_idx ], pexc_Q14, B_Q14, lag, psDec->subfr_length ) ) {
                sLTP_buf_idx += psDec->subfr_length;
            } else
            for( i = 0; i < psDec->subfr_length; i++ ) {\n",
            ),
            (
                "        for( i = 0; i < psDec->subfr_length; i++ ) {\n            /* Short-term prediction */\n",
                "        if( !silk_decode_short_term( pxq, sLPC_Q14, pres_Q14, A_Q12_tmp, psDec->LPC_order, Gain_Q10, psDec->subfr_length ) )
        for( i = 0; i < psDec->subfr_length; i++ ) {\n",
            ),
        ],
    },
    Patch {
        file: "silk/A2NLSF.c",
        places: &[
            (
                "/* Compute Normalized Line Spectral Frequencies (NLSFs) from whitening filter coefficients      */\n",
                "int silk_lsf_roots(opus_int16 *, const opus_int32 *, const opus_int32 *, const opus_int);\n",
            ),
            (
                "    /* Find roots, alternating between P and Q */\n",
                "    if( silk_lsf_roots( NLSF, P, Q, d ) ) {
        return;
    }\n",
            ),
        ],
    },
    Patch {
        file: "silk/LPC_analysis_filter.c",
        places: &[
            (
                "void silk_LPC_analysis_filter(\n",
                "int silk_lpc_residual(opus_int16 *, const opus_int16 *, const opus_int16 *, const opus_int32, const opus_int32);
void silk_LPC_analysis_filter(\n",
            ),
            ("    (void)arch;\n", "    (void)arch;\n    if( !silk_lpc_residual( out, in, B, len, d ) )\n"),
        ],
    },
    Patch {
        file: "silk/resampler_private_up2_HQ.c",
        places: &[
            (
                "/* Upsample by a factor 2, high quality */\n",
                "int silk_resample_up2(opus_int32 *, opus_int16 *, const opus_int16 *, opus_int32);\n",
            ),
            (
                "    /* Internal variables and state are in Q10 format */\n",
                "    if( silk_resample_up2( S, out, in, len ) ) {
        return;
    }\n",
            ),
        ],
    },
    Patch {
        file: "silk/resampler_private_IIR_FIR.c",
        places: &[
            (
                "/* Upsample using a combination of allpass-based 2x upsampling and FIR interpolation */\n",
                "int silk_resample_three_halves(const silk_resampler_state_struct *, opus_int16 *, const opus_int16 *, opus_int32);\n",
            ),
            (
                "        out = silk_resampler_private_IIR_FIR_INTERPOL(",
                "        if( silk_resample_three_halves( S, out, buf, nSamplesIn ) ) {
            out += 3 * nSamplesIn;
        } else
        out = silk_resampler_private_IIR_FIR_INTERPOL(",
            ),
        ],
    },
    Patch {
        file: "silk/resampler_private_down_FIR.c",
        places: &[
            (
                "/* Resample with a 2nd order AR filter followed by FIR interpolation */\n",
                "int silk_resample_third(silk_resampler_state_struct *, opus_int16 *, opus_int32 *, const opus_int16 *, opus_int32);\n",
            ),
            (
                "        /* Second-order AR filter (output in Q8) */\n",
                "        if( silk_resample_third( S, out, buf, in, nSamplesIn ) ) {
            out += nSamplesIn / 3;
        } else {\n",
            ),
            (
                "            S->FIR_Fracs, max_index_Q16, index_increment_Q16 );\n",
                "            S->FIR_Fracs, max_index_Q16, index_increment_Q16 );
        }\n",
            ),
        ],
    },
    Patch {
        file: "silk/float/energy_FLP.c",
        places: &[("double silk_energy_FLP(\n", "double silk_energy_FLP_any(\n")],
    },
    Patch {
        file: "silk/float/burg_modified_FLP.c",
        places: &[
            (
                "/* Compute reflection coefficients from input signal */\n",
                "int silk_burg_rows(double *, const silk_float *, opus_int, opus_int, opus_int);\n",
            ),
            (
                "    for( s = 0; s < nb_subfr; s++ ) {\n        x_ptr = x + s * subfr_length;\n        for( n = 1;",
                "    if( !silk_burg_rows( C_first_row, x, subfr_length, nb_subfr, D ) )
    for( s = 0; s < nb_subfr; s++ ) {\n        x_ptr = x + s * subfr_length;\n        for( n = 1;",
            ),
        ],
    },
];

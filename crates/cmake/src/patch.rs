//! What is changed in the sources of libopus on x64, so that the functions of `choice.c` are called.
//!
//! Invariant: text that is not found once ends the build, so that an update of libopus is looked at before it is patched.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of libopus, with the places that are replaced.
struct Patch {
    file: &'static str,
    places: &'static [(&'static str, &'static str)],
}

const PATCHES: [Patch; 7] = [
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
static void tonality_analysis(",
            ),
            (
                "    for (i=1;i<N2;i++)\n    {\n       float X1r",
                "    if( !analysis_phases( (const float *)out, A, dA, d2A, tonality, tonality2, noisiness ) )
    for (i=1;i<N2;i++)\n    {\n       float X1r",
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
];

/// The file to compile in place of `file` of `sources`: itself, or its copy in `out` with what is changed.
pub fn patched(sources: &Path, file: &Path, out: &Path) -> PathBuf {
    let Some(patch) = PATCHES.iter().find(|patch| sources.join(patch.file) == file) else { return file.to_owned() };
    let mut text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    for (was, is) in patch.places {
        assert_eq!(text.matches(was).count(), 1, "{} has changed: {was}", patch.file);
        text = text.replace(was, is);
    }
    fs::create_dir_all(out).expect("OUT_DIR can be written");
    let copy = out.join(file.file_name().expect("a file"));
    fs::write(&copy, text).expect("OUT_DIR can be written");
    copy
}

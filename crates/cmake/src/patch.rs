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

const PATCHES: [Patch; 2] = [
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

//! What is changed in the sources of libopus, for speed alone.
//!
//! Invariant: not a bit of what the encoder puts out changes. Text that is not found once ends the build, so that an update
//! of libopus is looked at before it is patched.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of libopus, with the places that are replaced.
struct Patch {
    file: &'static str,
    places: &'static [(&'static str, &'static str)],
}

const PATCHES: [Patch; 1] = [Patch {
    // The quantizer of SILK from complexity 6 on, four states at a time; a third of the encoder.
    file: "silk/x86/NSQ_del_dec_avx2.c",
    places: &[
        // (a * b) >> 16 for 0 <= b < 0x8000, without widening to 64 bits and back: each sample waits for 24 of them in a
        // row. With a = 65536 h + l it is h * b + ((l * b) >> 16), l taken without sign.
        (
            "/* (opus_int32)((opus_int16)(a3)))",
            "static OPUS_INLINE __m128i silk_mm_smulwb_positive_epi32(__m128i a, opus_int32 b)
{
    silk_assert(b >= 0 && b < 0x8000);
    return _mm_add_epi32(_mm_madd_epi16(a, _mm_set1_epi32(b << 16)), _mm_mulhi_epu16(a, _mm_set1_epi32(b)));
}

/* (opus_int32)((opus_int16)(a3)))",
        ),
        (
            "silk_mm_smulwb_epi32(psDelDec->sAR2_Q14[0], warping_Q16)",
            "silk_mm_smulwb_positive_epi32(psDelDec->sAR2_Q14[0], warping_Q16)",
        ),
        (
            "silk_mm_smulwb_epi32(_mm_sub_epi32(psDelDec->sAR2_Q14[j + 1], tmp0), warping_Q16)",
            "silk_mm_smulwb_positive_epi32(_mm_sub_epi32(psDelDec->sAR2_Q14[j + 1], tmp0), warping_Q16)",
        ),
        // What lies further on is written before it is read.
        (
            "for (t = i; t < MAX_SUB_FRAME_LENGTH + NSQ_LPC_BUF_LENGTH; t++)",
            "for (t = i; t < i + NSQ_LPC_BUF_LENGTH; t++)",
        ),
    ],
}];

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

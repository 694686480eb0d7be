//! What is changed in the sources of libopus on x64, so that the functions of `choice.c` are called.
//!
//! Invariant: text that is not found once ends the build, so that an update of libopus is looked at before it is patched.

use crate::patches::PATCHES;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of libopus, with the places that are replaced: what stands there, and what is to.
pub struct Patch {
    pub file: &'static str,
    pub places: &'static [(&'static str, &'static str)],
}

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

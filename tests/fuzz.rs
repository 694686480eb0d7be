//! The fuzz targets on what is committed: seeds, and every input that once brought something down (fuzz/README.md).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::path::Path;

/// Runs `target` over its seeds and its findings; tells which file did not pass.
fn replay(name: &str, target: fn(&[u8])) {
    let mut files = 0;
    for folder in ["seeds", "regressions"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder).join(name);
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            let input = std::fs::read(&path).unwrap();
            files += 1;
            if let Err(panic) = std::panic::catch_unwind(|| target(&input)) {
                eprintln!("{}", path.display());
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(files > 0, "{name} has no seeds");
}

macro_rules! replays {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name), targets::$name);
        })*
    };
}

replays!(sdp, candidate, negotiation, stun, turn, dtls, data, rtp, rtcp, telephone_event, opus, g711);

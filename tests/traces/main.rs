//! Arrival traces replayed in virtual time: delay, concealed share and quality of each, as tables.
//!
//! `cargo test --release --test traces -- --nocapture --test-threads=1` prints them in order. With `TRACES_WAV` set to
//! a folder, what was heard is written there.
//!
//! Delay is what the receiver adds: from when a sample would have been there without jitter to when the application
//! has it, by the timestamps of the frames; what filters and codecs add is the same for all and not in it. All of a
//! packet is there at once, and a frame is had when its last sample is: where packets and frames of 20 ms do not begin
//! together, samples wait some 10 ms more on average than the receiver keeps them.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod drift;
mod jitter;
mod loss;
mod mixed;
mod path;
mod replay;
mod report;
mod senders;
mod silence;
mod speech;
mod stalls;
mod stream;
#[path = "../support/media.rs"]
mod support;
mod wav;

use path::Path;
use report::{Bounds, Case, Outcome};
use std::time::Duration;
use stream::{Encoding, Stream};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// On a line without jitter and loss: blocks of 10 ms and 10 ms of reserve, and a frame that may straddle packets.
const CLEAN: Bounds = Bounds {
    delay_mean_ms: 21.0,
    delay_p95_ms: 31.0,
    concealed: 0.0,
    discarded: 0.0,
    bad: 0.0,
    speech: (0.05, 0.0),
    uneven: Duration::from_millis(80),
};

/// A stream over one path; its first two seconds do not count.
fn over(name: &str, stream: Stream, path: &Path) -> Outcome {
    let trace = path.carry(&stream);
    Case::new(titled(name, &stream), stream, trace).run()
}

fn minute(name: &str, encoding: &Encoding, path: &Path) -> Outcome {
    over(name, encoding.lasting(MINUTE), path)
}

fn titled(name: &str, stream: &Stream) -> String {
    format!("{name}, {:?} {:?}", stream.codec, stream.sound).to_lowercase()
}

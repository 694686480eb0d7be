//! A recording as JavaScript holds it.

use super::engine::Engine;
use super::media::{Ring, checked, next_id};
use crate::census::{Kind, Live};
use crate::connection::Notice;
use crate::recording::{Format, Recording, Side, Target};
use napi::bindgen_prelude::ClassInstance;
use napi_derive::napi;
use std::time::Duration;

/// Two signals going into one stereo file; it ends with a `recorded` report.
#[napi]
pub struct Recorder {
    id: u32,
    recording: Recording,
    _live: Live,
}

#[napi]
impl Recorder {
    /// Records into `path`: Ogg/Opus at `bitrate` (bit/s), or WAV without one. A file that cannot be made is told by the
    /// report. Both sides are silent until `listen`.
    #[napi(constructor, catch_unwind)]
    pub fn new(engine: &Engine, path: String, sample_rate: u32, bitrate: Option<u32>) -> napi::Result<Self> {
        let rate_hz = checked("sample_rate", sample_rate, super::media::RATES_HZ)?;
        let format = bitrate.map_or(Format::Wav, Format::Opus);
        let (id, outbox) = (next_id(), engine.outbox());
        let target = Target { path: path.into(), format, rate_hz };
        let recording = Recording::start(target, move |summary| outbox.push(Notice::Recorded(id, summary)))
            .map_err(|error| napi::Error::from_reason(error.to_string()))?;
        Ok(Self { id, recording, _live: Live::new(Kind::Recorder) })
    }

    /// The name that its report carries.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// From now on `side` (`left` or `right`) is what `ring` plays; `null` is silence.
    #[napi(catch_unwind)]
    pub fn listen(&self, side: String, ring: Option<ClassInstance<'_, Ring>>) -> napi::Result<()> {
        let ring = ring.map(|ring| ring.signal());
        self.recording.listen(parse_side(&side)?, ring.as_ref());
        Ok(())
    }

    /// Whether what `side` plays from now on is in the file; otherwise silence is.
    #[napi(catch_unwind)]
    pub fn set_audible(&self, side: String, audible: bool) -> napi::Result<()> {
        self.recording.set_audible(parse_side(&side)?, audible);
        Ok(())
    }

    /// Milliseconds that are in the file.
    #[napi(catch_unwind)]
    pub fn written_ms(&self) -> f64 {
        self.recording.written_ms()
    }

    /// Ends the file with what has been heard up to now; the report says when it is closed.
    #[napi(catch_unwind)]
    pub fn finish(&self) {
        self.recording.finish();
    }

    /// Waits until the file is closed, at most for `limit_ms`: for a process that exits.
    #[napi(catch_unwind)]
    pub fn wait(&self, limit_ms: u32) {
        self.recording.wait(Duration::from_millis(limit_ms.into()));
    }
}

// The facade has checked it already; a wrong one here is its mistake and is told plainly.
fn parse_side(text: &str) -> napi::Result<Side> {
    match text {
        "left" => Ok(Side::Left),
        "right" => Ok(Side::Right),
        _ => Err(napi::Error::new(napi::Status::InvalidArg, format!("'{text}' is not a side"))),
    }
}

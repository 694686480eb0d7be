//! Audio signals and sinks as JavaScript holds them. PCM crosses as a borrowed slice: one copy each way.

use super::engine::Engine;
use crate::connection::{Connection, Notice, Outbox, Outlet};
use crate::media::{self, Sink as Frames, SinkQueue};
use crate::negotiation::TransceiverId;
use napi::bindgen_prelude::Int16ArraySlice;
use napi_derive::napi;
use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::rc::Weak;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

type Owner = (Weak<RefCell<Connection>>, TransceiverId);

static NEXT_ID: AtomicU32 = AtomicU32::new(1);

/// The facade lets fewer pass. Beyond these a filter between two rates would be of any size.
pub(super) const RATES_HZ: RangeInclusive<u32> = 8000..=48_000;
const LONGEST_FRAME_MS: u32 = 1000;

/// The name of a new object for its reports.
pub(super) fn next_id() -> u32 {
    NEXT_ID.fetch_add(1, Ordering::Relaxed)
}

pub(super) fn checked(name: &str, value: u32, range: RangeInclusive<u32>) -> napi::Result<u32> {
    if range.contains(&value) {
        return Ok(value);
    }
    let reason = format!("{name} is {value}, not from {} to {}", range.start(), range.end());
    Err(napi::Error::new(napi::Status::InvalidArg, reason))
}

/// One audio signal.
#[napi]
pub struct Ring {
    id: u32,
    signal: Arc<media::Ring>,
    /// The connection and the transceiver that play it, if it is a remote track's.
    owner: Option<Owner>,
}

#[napi]
impl Ring {
    /// A queue for `queue_ms` that JavaScript writes.
    #[napi(constructor, catch_unwind)]
    pub fn new(engine: &Engine, sample_rate: u32, channels: u32, queue_ms: u32) -> napi::Result<Self> {
        let sample_rate = checked("sample_rate", sample_rate, RATES_HZ)?;
        let signal = media::Ring::new(sample_rate, channels.clamp(1, 2) as u8, queue_ms);
        Ok(Self::with_events(engine.outbox(), signal, None))
    }

    /// The name that its reports carry.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Interleaved PCM: all of it, or nothing and `false`; `false` arms one `drain` report.
    #[napi(catch_unwind)]
    pub fn write(&self, pcm: Int16ArraySlice<'_>, sample_rate: u32, channels: u32) -> napi::Result<bool> {
        let sample_rate = checked("sample_rate", sample_rate, RATES_HZ)?;
        let outcome = self.signal.write(&pcm, sample_rate, channels.clamp(1, 2) as u8);
        Ok(outcome.accepted_ms > 0.0 || pcm.is_empty())
    }

    /// Frames at `sample_rate` that fit now.
    #[napi(catch_unwind)]
    pub fn space(&self, sample_rate: Option<u32>) -> u32 {
        self.signal.space(sample_rate.unwrap_or_else(|| self.signal.rate_hz())) as u32
    }

    /// Milliseconds dropped.
    #[napi(catch_unwind)]
    pub fn clear(&self) -> f64 {
        self.signal.clear()
    }

    /// Written and not yet played.
    #[napi(catch_unwind)]
    pub fn queued_ms(&self) -> f64 {
        self.signal.queued_ms()
    }

    /// Played since the start.
    #[napi(catch_unwind)]
    pub fn played_ms(&self) -> f64 {
        self.signal.played_ms()
    }

    /// Reported when everything written before it has been played.
    #[napi(catch_unwind)]
    pub fn mark(&self, name: String) {
        self.signal.mark(&name);
    }

    /// No more will be written.
    #[napi(catch_unwind)]
    pub fn end(&self) {
        self.signal.end();
    }

    /// Loudness of what was last played, 0 to 1.
    #[napi(catch_unwind)]
    pub fn level(&self) -> f64 {
        self.signal.level().rms
    }
}

impl Ring {
    /// The signal of a remote track.
    pub(super) fn remote(outbox: Arc<Outbox>, signal: Arc<media::Ring>, owner: Owner) -> Self {
        Self::with_events(outbox, signal, Some(owner))
    }

    fn with_events(outbox: Arc<Outbox>, signal: Arc<media::Ring>, owner: Option<Owner>) -> Self {
        let id = next_id();
        signal.on_event(Some(Arc::new(move |event| outbox.push(Notice::Ring(id, event)))));
        Self { id, signal, owner }
    }

    pub(super) fn signal(&self) -> Arc<media::Ring> {
        self.signal.clone()
    }
}

/// Frames of a signal, of a length and at a rate that never change.
#[napi]
pub struct Sink {
    id: u32,
    queue: Arc<SinkQueue>,
    announced: Arc<AtomicBool>,
}

/// What comes with a frame.
#[napi(object, object_from_js = false, js_name = "FrameInfo")]
pub struct FrameData {
    /// RTP timestamp of the first sample; 0 for a signal without one.
    pub timestamp: u32,
    /// Frames dropped just before it because nobody read in time.
    pub dropped: f64,
}

#[napi]
impl Sink {
    /// Reads `ring` as mono frames of `frame_ms` at `sample_rate`, of which at most `queue_frames` wait.
    #[napi(constructor, catch_unwind)]
    pub fn new(engine: &Engine, ring: &Ring, sample_rate: u32, frame_ms: u32, queue_frames: u32) -> napi::Result<Self> {
        let sample_rate = checked("sample_rate", sample_rate, RATES_HZ)?;
        let frame_ms = checked("frame_ms", frame_ms, 1..=LONGEST_FRAME_MS)?;
        let id = next_id();
        let announced = Arc::new(AtomicBool::new(false));
        let (sink, queue) = Frames::new(&ring.signal, sample_rate, frame_ms, queue_frames as usize);
        let outlet = Outlet::new(sink, id, engine.outbox(), announced.clone());
        match &ring.owner {
            Some((owner, transceiver)) => {
                if let Some(owner) = owner.upgrade() {
                    owner.borrow().add_outlet(*transceiver, outlet);
                }
            }
            None => outlet.run().map_err(|error| napi::Error::from_reason(error.to_string()))?,
        }
        Ok(Self { id, queue, announced })
    }

    /// The name that its reports carry.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Copies the oldest frame into the caller's array; `null` when there is none.
    #[napi(catch_unwind)]
    pub fn read(&self, mut into: Int16ArraySlice<'_>) -> Option<FrameData> {
        let mut info = self.queue.read(unsafe { into.as_mut() });
        if info.is_none() {
            // Frames cut from here on ring anew; one that was cut in between is found by looking once more.
            self.announced.store(false, Ordering::Release);
            info = self.queue.read(unsafe { into.as_mut() });
        }
        info.map(|info| FrameData { timestamp: info.timestamp, dropped: info.dropped as f64 })
    }

    /// No more frames are wanted.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.queue.close();
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.queue.close();
    }
}

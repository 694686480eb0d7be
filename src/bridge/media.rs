//! Audio signals and sinks as JavaScript holds them. PCM crosses as a borrowed slice: one copy each way.

use super::engine::Engine;
use crate::census::{Kind, Live};
use crate::connection::{Connection, Metered, Notice, Outbox, Outlet};
use crate::media::{self, FrameInfo, Listeners, RingEvent, Sink as Frames, SinkQueue, SpeechSettings};
use crate::negotiation::TransceiverId;
use napi::Env;
use napi::bindgen_prelude::{Function, Int16ArraySlice};
use napi_derive::napi;
use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::rc::Weak;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// What JavaScript calls for each packet: a method looks its object up and books a borrow of it, which takes longer than to copy
/// the packet.
pub(super) type PacketFunction<'env, Return> = Function<'env, (), Return>;
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

/// What a signal has thrown away.
#[napi(object, object_from_js = false)]
pub struct ClearedData {
    pub dropped_ms: f64,
    /// Names of the marks that will not be reached.
    pub marks: Vec<String>,
}

/// What counts as speech.
#[napi(object, object_to_js = false)]
pub struct SpeechConfig {
    pub onset_ms: u32,
    pub hangover_ms: u32,
    /// 0 to 1.
    pub threshold: f64,
    pub min_dbfs: f64,
}

/// What is wanted of a sink besides frames.
#[napi(object, object_to_js = false)]
pub struct ListenersConfig {
    pub levels: bool,
    pub speech: Option<SpeechConfig>,
    /// A track that is not enabled is silence.
    pub enabled: bool,
}

/// One audio signal.
#[napi]
pub struct Ring {
    id: u32,
    signal: Arc<media::Ring>,
    /// The connection and the transceiver that play it, if it is a remote track's.
    owner: Option<Owner>,
    _live: Live,
}

#[napi]
impl Ring {
    /// A queue for `queue_ms` that JavaScript writes; `captured` as from a microphone, so that nothing piles up.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        engine: &Engine,
        sample_rate: u32,
        channels: u32,
        queue_ms: u32,
        captured: Option<bool>,
    ) -> napi::Result<Self> {
        let sample_rate = checked("sample_rate", sample_rate, RATES_HZ)?;
        let make = if captured == Some(true) { media::Ring::captured } else { media::Ring::new };
        let signal = make(sample_rate, channels.clamp(1, 2) as u8, queue_ms);
        Ok(Self::with_events(engine.outbox(), signal, None))
    }

    /// The name that its reports carry.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What writes this signal, interleaved PCM: all of it, or nothing and `false`; `false` arms one `drain` report.
    #[napi(catch_unwind, ts_return_type = "(pcm: Int16Array, sampleRate: number, channels: number) => boolean")]
    pub fn writer<'env>(&self, env: &'env Env) -> napi::Result<PacketFunction<'env, bool>> {
        let signal = self.signal.clone();
        env.create_function_from_closure("write", move |call| {
            let (pcm, sample_rate, channels): (Int16ArraySlice<'_>, u32, u32) =
                (call.get(0)?, call.get(1)?, call.get(2)?);
            let sample_rate = checked("sample_rate", sample_rate, RATES_HZ)?;
            let outcome = signal.write(&pcm, sample_rate, channels.clamp(1, 2) as u8);
            Ok(outcome.accepted_ms > 0.0 || pcm.is_empty())
        })
    }

    /// Frames at `sample_rate` that fit now.
    #[napi(catch_unwind)]
    pub fn space(&self, sample_rate: Option<u32>) -> u32 {
        self.signal.space(sample_rate.unwrap_or_else(|| self.signal.rate_hz())) as u32
    }

    /// Drops what has not been played, and the marks in it, which are not reported any more.
    #[napi(catch_unwind)]
    pub fn clear(&self) -> ClearedData {
        let media::Cleared { dropped_ms, marks } = self.signal.clear();
        ClearedData { dropped_ms, marks }
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

    /// Reports levels, ten times a second while it is played, or no more.
    #[napi(catch_unwind)]
    pub fn set_metered(&self, metered: bool) {
        self.signal.set_metered(metered);
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
        signal.on_event(Some(Arc::new(move |event| match event {
            RingEvent::Drain => outbox.push(Notice::Drain(id)),
            RingEvent::Mark(name) => outbox.push(Notice::Mark(id, name)),
            RingEvent::Level(loudness) => outbox.meter(Metered::Ring(id), loudness),
        })));
        Self { id, signal, owner, _live: Live::new(Kind::Ring) }
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
    _live: Live,
}

/// A reader found nothing.
const NO_FRAME: f64 = -1.0;
/// More than a number has room for are told as so many.
const MOST_DROPPED: u64 = (1 << 20) - 1;

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
        Ok(Self { id, queue, announced, _live: Live::new(Kind::Sink) })
    }

    /// The name that its reports carry.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What copies the oldest frame into the caller's array; -1 when there is none, and otherwise a number of 53 bits: the RTP
    /// timestamp of its first sample (0 for a signal without one), above these 32 bits how many frames were dropped just
    /// before it because nobody read in time (20 bits), and on top whether another one waits.
    #[napi(catch_unwind, ts_return_type = "(into: Int16Array) => number")]
    pub fn reader<'env>(&self, env: &'env Env) -> napi::Result<PacketFunction<'env, f64>> {
        let (queue, announced) = (self.queue.clone(), self.announced.clone());
        env.create_function_from_closure("read", move |call| {
            let mut into: Int16ArraySlice<'_> = call.get(0)?;
            // SAFETY: nobody else has a view of this memory in Rust while JavaScript waits for this function.
            Ok(read(&queue, &announced, unsafe { into.as_mut() }))
        })
    }

    /// What is computed from the next frame on.
    #[napi(catch_unwind)]
    pub fn listen(&self, config: ListenersConfig) -> napi::Result<()> {
        let ListenersConfig { levels, speech, enabled } = config;
        let speech = speech.map(speech_settings).transpose()?;
        self.queue.listen(Listeners { levels, speech, enabled });
        Ok(())
    }

    /// No more frames are wanted.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.queue.close();
    }
}

fn read(queue: &SinkQueue, announced: &AtomicBool, into: &mut [i16]) -> f64 {
    let Some(info) = queue.read(into) else {
        announced.store(false, Ordering::Release);
        // One that was cut just before rang for nobody.
        return queue.read(into).map_or(NO_FRAME, |info| frame_data(info, true));
    };
    let mut more = queue.waiting() > 0;
    if !more {
        announced.store(false, Ordering::Release);
        more = queue.waiting() > 0;
    }
    frame_data(info, more)
}

/// What comes with a frame, in one number: an object for each would cost more than the frame.
fn frame_data(info: FrameInfo, more: bool) -> f64 {
    let dropped = info.dropped.min(MOST_DROPPED);
    (u64::from(more) << 52 | dropped << 32 | u64::from(info.timestamp)) as f64
}

fn speech_settings(config: SpeechConfig) -> napi::Result<SpeechSettings> {
    let SpeechConfig { onset_ms, hangover_ms, threshold, min_dbfs } = config;
    if !(0.0..=1.0).contains(&threshold) || !(-100.0..=0.0).contains(&min_dbfs) {
        let reason = format!("threshold {threshold} or min_dbfs {min_dbfs} is out of range");
        return Err(napi::Error::new(napi::Status::InvalidArg, reason));
    }
    Ok(SpeechSettings { onset_ms, hangover_ms, threshold: threshold as f32, min_dbfs: min_dbfs as f32 })
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.queue.close();
    }
}

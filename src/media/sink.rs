//! A ring read as fixed frames: rate and frame length never change, no frame is missing.
//!
//! Invariant: frames follow each other without a gap; if the application is too slow the oldest are dropped and
//! counted, never the newest, and nobody waits for it. Levels and speech are of the very samples in the frames, and
//! are looked at only while somebody listens to them.

use super::level::{Loudness, Meter};
use super::ring::{Reader, Ring};
use super::seam::Fader;
use super::speech::{SpeechChange, SpeechDetector, SpeechSettings};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Used frames that are kept: what waits when the application keeps up.
const MAX_SPARE: usize = 4;
/// Of a queue, slots missed by more than this are skipped.
const MAX_LATE_FRAMES: u32 = 3;

/// The half that runs with the engine: cuts the signal into frames.
pub struct Sink {
    reader: Reader,
    queue: Arc<SinkQueue>,
    rate_hz: u32,
    frame: Vec<i16>,
    frame_time: Duration,
    /// The next slot of a signal that is paced by its readers.
    due: Option<Instant>,
    /// Samples cut so far.
    position: u64,
    fader: Fader,
    ears: Ears,
    heard: VecDeque<Noticed>,
}

/// What listens to the frames, besides the application.
#[derive(Default)]
struct Ears {
    meter: Option<Meter>,
    /// With the position at which it began to listen.
    speech: Option<(u64, SpeechDetector)>,
}

/// The half that the application reads: frames that wait.
pub struct SinkQueue {
    state: Mutex<Frames>,
    limit: usize,
    frame_samples: usize,
    rate_hz: u32,
}

#[derive(Default)]
struct Frames {
    waiting: VecDeque<(u32, Vec<i16>)>,
    /// Used frames, kept to spare allocations.
    spare: Vec<Vec<i16>>,
    /// Frames dropped since the last read, and in all.
    unreported: u64,
    dropped: u64,
    closed: bool,
    listeners: Listeners,
}

/// What is wanted of a sink besides frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Listeners {
    /// Loudness, ten times a second.
    pub levels: bool,
    /// Starts and ends of speech.
    pub speech: Option<SpeechSettings>,
    /// A track that is not enabled is silence, to everybody.
    pub enabled: bool,
}

/// What was heard in the frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Noticed {
    /// How loud the last 100 ms were.
    Level(Loudness),
    /// Speech has begun or ended; positions count the samples of all frames since the first, dropped ones too. With
    /// the timestamp of that sample, as frames have it.
    Speech(SpeechChange, u32),
}

/// What came with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameInfo {
    /// RTP timestamp of its first sample; of a signal without one, the count of samples.
    pub timestamp: u32,
    /// Frames dropped just before it because nobody read them in time.
    pub dropped: u64,
}

impl Sink {
    /// Reads `ring` as mono frames of `frame_ms` at `rate_hz`, of which at most `queue_frames` wait.
    pub fn new(ring: &Arc<Ring>, rate_hz: u32, frame_ms: u32, queue_frames: usize) -> (Self, Arc<SinkQueue>) {
        let (rate_hz, frame_ms) = (rate_hz.max(1000), frame_ms.max(1));
        let frame_samples = (rate_hz * frame_ms / 1000) as usize;
        let queue = Arc::new(SinkQueue { state: Mutex::default(), limit: queue_frames.max(1), frame_samples, rate_hz });
        let mut reader = ring.reader();
        reader.prefer(rate_hz);
        let sink = Self {
            reader,
            queue: queue.clone(),
            rate_hz,
            frame: vec![0; frame_samples],
            frame_time: Duration::from_millis(u64::from(frame_ms)),
            due: None,
            position: 0,
            fader: Fader::default(),
            ears: Ears::default(),
            heard: VecDeque::new(),
        };
        (sink, queue)
    }

    /// Cuts the frames that are ready `now` and returns how many. A live signal gives frames as they come: call this
    /// after the receiver was polled. A queue is read in real time: see [`next_due`](Self::next_due).
    pub fn pump(&mut self, now: Instant) -> usize {
        let Some(listeners) = self.queue.listeners() else { return 0 };
        self.ears.attend(&listeners, self.rate_hz, self.position);
        let frames = if self.reader.ring().is_live() {
            let (samples, frame) = (self.reader.available(self.rate_hz, 1), self.frame.len());
            // The last frame of a signal that has ended is filled up with silence.
            if self.reader.ring().ended() { samples.div_ceil(frame) } else { samples / frame }
        } else {
            self.slots(now)
        };
        self.reader.ring().tell_time(now);
        for _ in 0..frames {
            let timestamp = self.reader.timestamp().unwrap_or(self.position as u32);
            self.reader.pull(&mut self.frame, self.rate_hz, 1);
            self.fader.pass(listeners.enabled, &mut self.frame, self.rate_hz);
            self.listen(timestamp);
            self.queue.push(timestamp, &self.frame);
            self.position += self.frame.len() as u64;
        }
        frames
    }

    /// What was heard in the frames that were cut, oldest first.
    pub fn poll(&mut self) -> Option<Noticed> {
        self.heard.pop_front()
    }

    /// Lets the ears hear a frame that begins with `timestamp`.
    fn listen(&mut self, timestamp: u32) {
        if let Some(loudness) = self.ears.meter.as_mut().and_then(|meter| meter.add(&self.frame)) {
            self.heard.push_back(Noticed::Level(loudness));
        }
        let Some((first, detector)) = &mut self.ears.speech else { return };
        detector.feed(&self.frame);
        while let Some(mut change) = detector.poll() {
            change.position += *first;
            change.known += *first;
            let samples = change.position as i64 - self.position as i64;
            let clock_hz = self.reader.clock_hz().unwrap_or(self.rate_hz);
            let ticks = samples * i64::from(clock_hz) / i64::from(self.rate_hz);
            self.heard.push_back(Noticed::Speech(change, timestamp.wrapping_add(ticks as u32)));
        }
    }

    /// When the next frame of a queue is due, once pumped; `None` for a live signal, whose writer sets the pace.
    pub fn next_due(&self) -> Option<Instant> {
        self.due.filter(|_| !self.queue.closed())
    }

    /// The application has closed its half, or the signal has ended and all was read.
    pub fn done(&self) -> bool {
        self.queue.closed() || (self.reader.ring().ended() && self.reader.available(self.rate_hz, 1) == 0)
    }

    /// The half that the application reads.
    pub fn queue(&self) -> &Arc<SinkQueue> {
        &self.queue
    }

    fn slots(&mut self, now: Instant) -> usize {
        let due = *self.due.get_or_insert(now);
        if now < due {
            return 0;
        }
        let late = (now - due).as_nanos() / self.frame_time.as_nanos();
        self.due = Some(due + self.frame_time.saturating_mul(late as u32 + 1));
        if late > u128::from(MAX_LATE_FRAMES) { 1 } else { late as usize + 1 }
    }
}

impl Ears {
    /// Listens from `position` on to what is wanted, and to nothing else.
    fn attend(&mut self, listeners: &Listeners, rate_hz: u32, position: u64) {
        if listeners.levels != self.meter.is_some() {
            self.meter = listeners.levels.then(|| Meter::new(rate_hz));
        }
        let settings = self.speech.as_ref().map(|(_, detector)| detector.settings());
        if listeners.speech.as_ref() != settings {
            self.speech = listeners.speech.map(|settings| (position, SpeechDetector::new(rate_hz, settings)));
        }
    }
}

impl Default for Listeners {
    fn default() -> Self {
        Self { levels: false, speech: None, enabled: true }
    }
}

impl SinkQueue {
    /// Samples in each frame.
    pub fn frame_samples(&self) -> usize {
        self.frame_samples
    }

    /// Rate of the frames.
    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// Copies the oldest frame into `into` (cut or left alone beyond its length) and tells what came with it.
    pub fn read(&self, into: &mut [i16]) -> Option<FrameInfo> {
        let mut frames = self.lock();
        let (timestamp, pcm) = frames.waiting.pop_front()?;
        let count = pcm.len().min(into.len());
        into[..count].copy_from_slice(&pcm[..count]);
        if frames.spare.len() < MAX_SPARE {
            frames.spare.push(pcm);
        }
        Some(FrameInfo { timestamp, dropped: std::mem::take(&mut frames.unreported) })
    }

    /// Frames that wait.
    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Frames dropped in all.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// No more frames are wanted.
    pub fn close(&self) {
        let mut frames = self.lock();
        frames.closed = true;
        frames.waiting.clear();
        frames.spare.clear();
    }

    /// Has [`close`](Self::close) been called?
    pub fn closed(&self) -> bool {
        self.lock().closed
    }

    /// What is wanted from the next frame on.
    pub fn listen(&self, listeners: Listeners) {
        self.lock().listeners = listeners;
    }

    /// What is wanted; `None` once closed.
    fn listeners(&self) -> Option<Listeners> {
        let frames = self.lock();
        (!frames.closed).then_some(frames.listeners)
    }

    fn push(&self, timestamp: u32, pcm: &[i16]) {
        let mut frames = self.lock();
        if frames.waiting.len() >= self.limit
            && let Some((_, old)) = frames.waiting.pop_front()
        {
            frames.spare.push(old);
            frames.unreported += 1;
            frames.dropped += 1;
        }
        let mut frame = frames.spare.pop().unwrap_or_default();
        frame.clear();
        frame.extend_from_slice(pcm);
        frames.waiting.push_back((timestamp, frame));
    }

    fn lock(&self) -> MutexGuard<'_, Frames> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

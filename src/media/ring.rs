//! One audio signal with many readers. A track's signal is always a ring: an application or a receiver writes it,
//! senders and sinks read it.
//!
//! Invariant: positions are absolute and only grow; every sample between `played` and `end` will be given, in order,
//! to the fastest reader. A slow reader loses its oldest samples and never holds up the others.
//!
//! Two kinds. A *queue* is written ahead of time and paced by its readers (an application's speech). A *live* signal
//! is paced by its writer (a remote track): it keeps only the recent past, never fills up, and gives whole blocks
//! or nothing, because half a block would be a hole in the middle of a frame.

use super::lead::{FIRST_MS, Lag, Lead};
use super::level::{Level, Loudness, Meter};
use super::resample::{Converter, converted};
use super::seam::{Seam, fade_over};
use super::tap::{Gate, Log, Tap};
use crate::census::{Kind, Live};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How far readers of a queue may lie apart before the slower one loses samples.
const SPREAD_MS: u32 = 200;
/// `clear` fades out over this long, so that it does not click.
const FADE_MS: u32 = 5;
/// So much of what is captured waits for its first reader.
const UNREAD_MS: u32 = 120;
/// So long one place of the signal is faded into another, where what lies between is skipped.
const SEAM_MS: u32 = 3;
/// Room for so much is kept, whatever there is; and for no more than four times of what there is, once a rush is over.
const ROOM_MS: u32 = 100;
/// A reader this far behind the fastest joins it when it begins to read, and skips what `clear` has made obsolete.
const BEHIND_MS: u32 = 40;

/// What happens to a ring; told to the hook of [`Ring::on_event`].
#[derive(Clone, Debug, PartialEq)]
pub enum RingEvent {
    /// After a write that was refused or that filled the queue: there is room again.
    Drain,
    /// The fastest reader has passed the mark of this name.
    Mark(String),
    /// How loud the last 100 ms were that were played, silence included; told while [`Ring::set_metered`] is on.
    Level(Loudness),
}

/// What a [`Ring::clear`] has thrown away.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cleared {
    /// Milliseconds that will not be played.
    pub dropped_ms: f64,
    /// Names of the marks that will not be passed.
    pub marks: Vec<String>,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WriteOutcome {
    /// Milliseconds taken: all or nothing.
    pub accepted_ms: f64,
    /// No more fits now, or this did not fit: wait for [`RingEvent::Drain`].
    pub full: bool,
}

/// What a ring tells its events to. Called on the thread that caused the event, without the ring's lock.
pub type Hook = Arc<dyn Fn(RingEvent) + Send + Sync>;

/// One audio signal; see the module.
pub struct Ring {
    live: bool,
    state: Mutex<State>,
    hook: Mutex<Option<Hook>>,
    _live: Live,
}

struct State {
    rate_hz: u32,
    channels: u8,
    /// Frames that may wait to be played.
    queue: usize,
    /// Interleaved samples from `start` to `end`.
    samples: VecDeque<i16>,
    start: u64,
    end: u64,
    /// Position of the fastest reader there ever was.
    played: u64,
    readers: Vec<Seat>,
    next_seat: u32,
    taps: Vec<Log>,
    /// When what is read or written next is played; only told to taps.
    now: Option<Instant>,
    marks: VecDeque<(u64, String)>,
    /// Frames of room that a refused writer waits for.
    wanted: Option<usize>,
    /// Converts writes at another rate or of another channel count.
    input: Option<Input>,
    /// RTP time of positions, one for each discontinuity, oldest first.
    stamps: VecDeque<Stamp>,
    ended: bool,
    level: Level,
    meter: Option<Meter>,
    /// The reader that was last to play something new: of several at one position only this one plays silence.
    leader: u32,
    /// The leader found less than it wanted, last time.
    dry: bool,
    /// Something was written since.
    fresh: bool,
    /// Of a queue whose writer captures what it writes: what piles up is delay.
    lead: Option<Lead>,
    /// Something was pulled.
    begun: bool,
}

/// A reader as its ring knows it.
struct Seat {
    id: u32,
    position: u64,
    rate_hz: u32,
    dropped: u64,
    /// It has read.
    begun: bool,
}

struct Input {
    from: (u32, u8),
    converter: Converter,
    /// Frames of filter delay still to be left out at the start.
    lead: usize,
    /// Frames written, and frames that have come out for them.
    taken: u64,
    given: u64,
    /// Kept between writes to spare allocations.
    scratch: Vec<i16>,
}

impl Input {
    /// Frames that are due for `count` more than were taken, less those that have come out.
    fn owed(&self, count: u64, rate_hz: u32) -> usize {
        ((self.taken + count) * u64::from(rate_hz) / u64::from(self.from.0) - self.given) as usize
    }
}

/// The RTP timestamp of a position.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    position: u64,
    timestamp: u32,
    clock_hz: u32,
}

impl Ring {
    /// A queue of `queue_ms` at `sample_rate_hz` with 1 or 2 channels.
    pub fn new(sample_rate_hz: u32, channels: u8, queue_ms: u32) -> Arc<Self> {
        Self::build(false, sample_rate_hz, channels, queue_ms)
    }

    /// A queue whose writer captures what it writes, as a microphone does: what was written before anybody reads is
    /// gone, and what piles up without need is skipped. Its rate is the highest that was written, so that a signal of
    /// one rate is filtered by nobody but a reader at another; `sample_rate_hz` until then.
    pub fn captured(sample_rate_hz: u32, channels: u8, queue_ms: u32) -> Arc<Self> {
        let ring = Self::new(sample_rate_hz, channels, queue_ms);
        ring.lock().lead = Some(Lead::default());
        ring
    }

    /// A live signal that keeps the last `keep_ms`. Its rate follows its writer.
    pub fn live(sample_rate_hz: u32, channels: u8, keep_ms: u32) -> Arc<Self> {
        Self::build(true, sample_rate_hz, channels, keep_ms)
    }

    fn build(live: bool, rate_hz: u32, channels: u8, queue_ms: u32) -> Arc<Self> {
        let rate_hz = rate_hz.max(1);
        let state = State {
            rate_hz,
            channels: channels.clamp(1, 2),
            queue: frames(queue_ms, rate_hz),
            samples: VecDeque::new(),
            start: 0,
            end: 0,
            played: 0,
            readers: Vec::new(),
            next_seat: 0,
            taps: Vec::new(),
            now: None,
            marks: VecDeque::new(),
            wanted: None,
            input: None,
            stamps: VecDeque::new(),
            ended: false,
            level: Level::default(),
            meter: None,
            leader: 0,
            dry: true,
            fresh: false,
            lead: None,
            begun: false,
        };
        Arc::new(Self { live, state: Mutex::new(state), hook: Mutex::new(None), _live: Live::new(Kind::Signal) })
    }

    /// A new reader. Of a queue it starts where the fastest reader is, so nothing unplayed is lost, and again when it begins to
    /// read, if that has gone on meanwhile; of a live signal it starts now.
    pub fn reader(self: &Arc<Self>) -> Reader {
        let mut state = self.lock();
        let (id, rate_hz) = (state.next_seat, state.rate_hz);
        state.next_seat = id.wrapping_add(1);
        let position = if self.live { state.end } else { state.played };
        state.readers.push(Seat { id, position, rate_hz, dropped: 0, begun: false });
        drop(state);
        Reader { ring: self.clone(), id, converter: None, scratch: Vec::new(), lag: None }
    }

    /// A follower, which hears what is played from now on while `gate` is open, and would like it at `wanted_hz`. Whoever
    /// plays has to [tell the time](Self::tell_time).
    pub fn tap(self: &Arc<Self>, wanted_hz: u32, gate: Gate) -> Tap {
        let mut state = self.lock();
        let id = state.next_seat;
        state.next_seat = id.wrapping_add(1);
        state.taps.push(Log::new(id, wanted_hz, gate));
        drop(state);
        Tap::new(self.clone(), id)
    }

    /// It is `now` for what is written (a live signal) or read (a queue) next.
    pub fn tell_time(&self, now: Instant) {
        self.lock().now = Some(now);
    }

    pub(super) fn untap(&self, id: u32) {
        self.lock().taps.retain(|log| log.id != id);
    }

    pub(super) fn with_log(&self, id: u32, look: impl FnOnce(&mut Log)) {
        if let Some(log) = self.lock().taps.iter_mut().find(|log| log.id == id) {
            look(log);
        }
    }

    /// Writes interleaved PCM at any rate, 1 or 2 channels, any length: all of it or, when it does not fit, nothing.
    pub fn write(&self, pcm: &[i16], sample_rate_hz: u32, channels: u8) -> WriteOutcome {
        let from = (sample_rate_hz.max(1), channels.clamp(1, 2));
        let mut state = self.lock();
        let count = pcm.len() / usize::from(from.1);
        if state.ended || count == 0 {
            return WriteOutcome { accepted_ms: 0.0, full: state.ended || state.room() == 0 };
        }
        if state.lead.is_some() {
            state.follow(from.0);
            if !state.begun {
                state.forget_all_but(UNREAD_MS);
            }
        }
        let wanted = state.converted(count, from);
        if !self.live && wanted > state.room() {
            // Half at most: whoever waits for an empty queue comes too late for the next sample.
            state.wanted = Some(wanted.min(state.queue / 2));
            return WriteOutcome { accepted_ms: 0.0, full: true };
        }
        state.append(&pcm[..count * usize::from(from.1)], from);
        let full = !self.live && state.room() == 0;
        if full {
            state.wanted = Some(state.queue / 2);
        }
        if self.live {
            state.play_all();
        }
        state.trim(self.live);
        WriteOutcome { accepted_ms: count as f64 * 1000.0 / f64::from(from.0), full }
    }

    /// Writes mono PCM of a live signal that has RTP timestamps. The ring takes over `rate_hz`.
    pub(crate) fn write_live(&self, pcm: &[i16], rate_hz: u32, timestamp: u32, clock_hz: u32) {
        let mut state = self.lock();
        if state.ended {
            return;
        }
        state.take_over(rate_hz);
        state.stamp(timestamp, clock_hz);
        state.append(pcm, (rate_hz, 1));
        state.play_all();
        state.trim(true);
        state.level.add(pcm, rate_hz);
    }

    /// Frames at `sample_rate_hz` that [`write`](Self::write) would take now.
    pub fn space(&self, sample_rate_hz: u32) -> usize {
        let state = self.lock();
        if state.ended {
            return 0;
        }
        state.space(sample_rate_hz.max(1))
    }

    /// Throws away what is queued, with a short fade instead of a click, and the marks that were not passed.
    pub fn clear(&self) -> Cleared {
        let mut events = Vec::new();
        let mut state = self.lock();
        let cleared = state.clear(&mut events);
        drop(state);
        self.tell(events);
        cleared
    }

    /// Milliseconds written and not yet played.
    pub fn queued_ms(&self) -> f64 {
        let state = self.lock();
        state.ms(state.final_end() - state.played)
    }

    /// Milliseconds played by the fastest reader since the start.
    pub fn played_ms(&self) -> f64 {
        let state = self.lock();
        state.ms(state.played)
    }

    /// Asks for [`RingEvent::Mark`] once all that is written now has been played.
    pub fn mark(&self, name: &str) {
        let mut events = Vec::new();
        let mut state = self.lock();
        let end = state.final_end();
        if end <= state.played {
            events.push(RingEvent::Mark(name.into()));
        } else {
            state.marks.push_back((end, name.into()));
        }
        drop(state);
        self.tell(events);
    }

    /// No more will be written. What is queued still plays.
    pub fn end(&self) {
        self.lock().ended = true;
    }

    /// Has [`end`](Self::end) been called?
    pub fn ended(&self) -> bool {
        self.lock().ended
    }

    /// Loudness of what was last played.
    pub fn level(&self) -> Level {
        self.lock().level
    }

    /// Tells [`RingEvent::Level`] from now on, or no more. Only of a queue.
    pub fn set_metered(&self, metered: bool) {
        let mut state = self.lock();
        if metered != state.meter.is_some() {
            state.meter = metered.then(|| Meter::new(state.rate_hz * u32::from(state.channels)));
        }
    }

    /// Does anybody listen?
    pub fn has_readers(&self) -> bool {
        let state = self.lock();
        !state.readers.is_empty() || !state.taps.is_empty()
    }

    /// The highest rate that a reader asks for; `None` without readers.
    pub fn wanted_hz(&self) -> Option<u32> {
        let state = self.lock();
        let readers = state.readers.iter().map(|seat| seat.rate_hz);
        readers.chain(state.taps.iter().map(|log| log.wanted_hz)).max()
    }

    /// Rate of the samples held.
    pub fn rate_hz(&self) -> u32 {
        self.lock().rate_hz
    }

    /// Is this a signal paced by its writer?
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Where events go; replaces an earlier hook.
    pub fn on_event(&self, hook: Option<Hook>) {
        *self.hook.lock().unwrap_or_else(PoisonError::into_inner) = hook;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves plain numbers that are still consistent enough to play.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, events: Vec<RingEvent>) {
        if events.is_empty() {
            return;
        }
        let hook = self.hook.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(hook) = hook {
            events.into_iter().for_each(|event| hook(event));
        }
    }
}

impl State {
    fn ms(&self, frames: u64) -> f64 {
        frames as f64 * 1000.0 / f64::from(self.rate_hz)
    }

    /// Where the signal will end once the filter of the writer's rate has let out all that was written.
    fn final_end(&self) -> u64 {
        self.end + self.owed() as u64
    }

    fn owed(&self) -> usize {
        self.input.as_ref().map_or(0, |input| input.owed(0, self.rate_hz))
    }

    fn room(&self) -> usize {
        self.queue.saturating_sub((self.final_end() - self.played) as usize)
    }

    /// Frames that `count` frames of `from` become here.
    fn converted(&self, count: usize, from: (u32, u8)) -> usize {
        match &self.input {
            Some(input) if input.from == from => input.owed(count as u64, self.rate_hz) - input.owed(0, self.rate_hz),
            _ => (count as u64 * u64::from(self.rate_hz) / u64::from(from.0)) as usize,
        }
    }

    /// The most frames at `from_hz` that become no more than there is room for.
    fn space(&self, from_hz: u32) -> usize {
        let taken = self.input.as_ref().filter(|input| input.from.0 == from_hz).map_or(0, |input| input.taken);
        let (from_hz, rate_hz) = (u64::from(from_hz), u64::from(self.rate_hz));
        let most = taken * rate_hz / from_hz + self.room() as u64;
        (((most + 1) * from_hz - 1) / rate_hz - taken) as usize
    }

    fn append(&mut self, pcm: &[i16], from: (u32, u8)) {
        self.fresh = true;
        let to = (self.rate_hz, self.channels);
        if from == to {
            self.flush_input();
            self.extend(pcm);
            return;
        }
        if self.input.as_ref().is_none_or(|input| input.from != from) {
            self.flush_input();
            let converter = Converter::new(from, to);
            let lead = converter.delay();
            self.input = Some(Input { from, converter, lead, taken: 0, given: 0, scratch: Vec::new() });
        }
        if let Some(mut input) = self.input.take() {
            input.taken += (pcm.len() / usize::from(from.1)) as u64;
            self.convert(&mut input, pcm);
            self.input = Some(input);
        }
    }

    /// Puts what comes out for `pcm` at the end; never more than is due for what was written.
    fn convert(&mut self, input: &mut Input, pcm: &[i16]) {
        let channels = usize::from(self.channels);
        let count = input.converter.available(pcm.len() / usize::from(input.from.1));
        let mut scratch = std::mem::take(&mut input.scratch);
        scratch.clear();
        scratch.resize(count * channels, 0);
        input.converter.convert(pcm, &mut scratch);
        let skipped = input.lead.min(count);
        input.lead -= skipped;
        let given = (count - skipped).min(input.owed(0, self.rate_hz));
        input.given += given as u64;
        self.extend(&scratch[skipped * channels..][..given * channels]);
        input.scratch = scratch;
    }

    /// Lets out what the filter of the writer's rate still holds: the writer paused, ended or changed its rate.
    fn flush_input(&mut self) {
        let Some(mut input) = self.input.take() else { return };
        let owed = input.owed(0, self.rate_hz);
        if owed > 0 {
            let silence = input.converter.needed(input.lead + owed) * usize::from(input.from.1);
            self.convert(&mut input, &vec![0; silence]);
        }
    }

    fn extend(&mut self, pcm: &[i16]) {
        self.samples.extend(pcm);
        self.end += (pcm.len() / usize::from(self.channels)) as u64;
    }

    /// A live signal is played as it is written.
    fn play_all(&mut self) {
        self.play(self.end);
    }

    /// Everything up to `position` has been played now.
    fn play(&mut self, position: u64) {
        let from = std::mem::replace(&mut self.played, position).max(self.start);
        let Some(now) = self.now.filter(|_| position > from && !self.taps.is_empty()) else { return };
        let (channels, frames) = (usize::from(self.channels), (position - from) as usize);
        let first = (from - self.start) as usize * channels;
        for log in &mut self.taps {
            let samples = self.samples.range(first..first + frames * channels).copied();
            match channels {
                1 => log.hear(now, frames, self.rate_hz, samples),
                _ => {
                    let mut right = samples.clone().skip(1).step_by(2);
                    let mixed = |left| ((i32::from(left) + right.next().map_or(0, i32::from)) / 2) as i16;
                    log.hear(now, frames, self.rate_hz, samples.step_by(2).map(mixed));
                }
            }
        }
    }

    /// Gives up what no reader may ask for any more.
    fn trim(&mut self, live: bool) {
        let oldest = match live {
            true => self.end.saturating_sub(self.queue as u64),
            false => self.played.saturating_sub(frames(SPREAD_MS, self.rate_hz) as u64),
        };
        let needed = self.readers.iter().map(|seat| seat.position).min();
        let needed = needed.map_or(self.played, |position| position.min(self.played));
        let keep = needed.max(oldest);
        if keep > self.start {
            let gone = (keep - self.start) as usize * usize::from(self.channels);
            self.samples.drain(..gone.min(self.samples.len()));
            self.start = keep;
            let used = self.samples.len().max(frames(ROOM_MS, self.rate_hz) * usize::from(self.channels));
            if self.samples.capacity() > 4 * used {
                self.samples.shrink_to(2 * used);
            }
        }
        while self.stamps.get(1).is_some_and(|next| next.position <= self.start) {
            self.stamps.pop_front();
        }
    }

    fn clear(&mut self, events: &mut Vec<RingEvent>) -> Cleared {
        let before = self.final_end();
        self.input = None;
        let fade = if self.readers.is_empty() { 0 } else { frames(FADE_MS, self.rate_hz) };
        let fade = fade.min((self.end - self.played) as usize);
        let (channels, first) = (usize::from(self.channels), (self.played - self.start) as usize);
        for n in 0..fade {
            for sample in self.samples.range_mut((first + n) * channels..(first + n + 1) * channels) {
                *sample = (i64::from(*sample) * (fade - n) as i64 / (fade + 1) as i64) as i16;
            }
        }
        self.end = self.played + fade as u64;
        self.samples.truncate((first + fade) * channels);
        let far = frames(BEHIND_MS, self.rate_hz) as u64;
        for seat in &mut self.readers {
            if self.played - seat.position > far {
                seat.position = self.played;
            }
        }
        let marks = self.marks.drain(..).map(|mark| mark.1).collect();
        self.fire(events);
        Cleared { dropped_ms: self.ms(before - self.end), marks }
    }

    /// Collects the events that the present positions cause.
    fn fire(&mut self, events: &mut Vec<RingEvent>) {
        while self.marks.front().is_some_and(|mark| mark.0 <= self.played) {
            events.extend(self.marks.pop_front().map(|mark| RingEvent::Mark(mark.1)));
        }
        if self.wanted.is_some_and(|wanted| self.room() >= wanted) {
            self.wanted = None;
            events.push(RingEvent::Drain);
        }
    }

    /// Somebody captures at `rate_hz`. Never down to a lower rate: whoever changes between two would be filtered twice,
    /// and lose his band.
    fn follow(&mut self, rate_hz: u32) {
        let unwritten = self.end == 0 && self.input.is_none();
        if rate_hz > self.rate_hz || unwritten {
            self.flush_input();
            self.take_over(rate_hz);
        }
    }

    /// The writer changed its rate: what was not read yet goes on at the new one, so that nobody misses a moment.
    fn take_over(&mut self, rate_hz: u32) {
        if rate_hz == self.rate_hz || rate_hz == 0 {
            return;
        }
        let (from, to) = ((self.rate_hz, self.channels), (rate_hz, self.channels));
        let scaled = |frames: u64| frames * u64::from(rate_hz) / u64::from(from.0);
        self.queue = scaled(self.queue as u64) as usize;
        let timestamp = self.timestamp(self.end);
        let clock_hz = self.stamps.back().map(|stamp| stamp.clock_hz);
        let past: Vec<i16> = std::mem::take(&mut self.samples).into();
        self.samples = converted(&past, from, to).into();
        self.rate_hz = rate_hz;
        let oldest = self.start;
        self.start = scaled(oldest);
        self.end = self.start + (self.samples.len() / usize::from(self.channels)) as u64;
        let moved = |position: u64| scaled(oldest) + scaled(position.max(oldest) - oldest);
        for seat in &mut self.readers {
            seat.position = moved(seat.position);
            seat.dropped = scaled(seat.dropped);
        }
        self.played = moved(self.played);
        self.marks.iter_mut().for_each(|mark| mark.0 = moved(mark.0));
        self.wanted = self.wanted.map(|wanted| scaled(wanted as u64) as usize);
        if self.meter.is_some() {
            self.meter = Some(Meter::new(rate_hz * u32::from(self.channels)));
        }
        self.stamps.clear();
        if let (Some(timestamp), Some(clock_hz)) = (timestamp, clock_hz) {
            self.stamps.push_back(Stamp { position: self.end, timestamp, clock_hz });
        }
    }

    fn stamp(&mut self, timestamp: u32, clock_hz: u32) {
        let stamp = Stamp { position: self.end, timestamp, clock_hz };
        let expected = self.stamps.back().filter(|it| it.clock_hz == clock_hz).map(|it| it.at(self.end, self.rate_hz));
        // Blocks of odd lengths may be a tick off by rounding; a millisecond more is a discontinuity.
        let tolerance = clock_hz / 1000 + 1;
        let continuous =
            expected.is_some_and(|expected| timestamp.wrapping_sub(expected).wrapping_add(tolerance) <= 2 * tolerance);
        if !continuous {
            self.stamps.push_back(stamp);
        }
    }

    fn timestamp(&self, position: u64) -> Option<u32> {
        let stamp = self.stamps.iter().rev().find(|stamp| stamp.position <= position).or(self.stamps.front())?;
        Some(stamp.at(position, self.rate_hz))
    }
}

impl Stamp {
    fn at(self, position: u64, rate_hz: u32) -> u32 {
        let frames = position as i64 - self.position as i64;
        self.timestamp.wrapping_add((frames * i64::from(self.clock_hz) / i64::from(rate_hz)) as u32)
    }
}

/// One reader of a ring, with its own position, rate and channel count.
pub struct Reader {
    ring: Arc<Ring>,
    id: u32,
    converter: Option<Converter>,
    scratch: Vec<i16>,
    lag: Option<Lag>,
}

impl Reader {
    /// Fills `out` (interleaved) at `rate_hz` and returns how many of its frames are real; the rest is silence.
    /// Real samples come first, but at a head start (see `State::meet`). A filter between two rates adds its delay, so
    /// the first are faint.
    pub fn pull(&mut self, out: &mut [i16], rate_hz: u32, channels: u8) -> usize {
        let to = (rate_hz.max(1), channels.clamp(1, 2));
        let outputs = out.len() / usize::from(to.1);
        let mut events = Vec::new();
        let ring = self.ring.clone();
        let mut state = ring.lock();
        let from = (state.rate_hz, state.channels);
        let mut seam = None;
        if self.converter.as_ref().is_none_or(|converter| !converter.is(from, to)) {
            let mut converter = Converter::new(from, to);
            let old = self.converter.take().filter(|old| old.ends()[1] == to);
            seam = old.map(|old| Seam::new(&old, &self.scratch, &mut converter));
            self.converter = Some(converter);
        }
        let Some(converter) = &mut self.converter else { return 0 };
        let needed = converter.needed(outputs);
        if !ring.live {
            // A queue that holds less than is played at once would leave a hole in each packet.
            state.queue = state.queue.max(needed);
        }
        self.scratch.resize(needed * usize::from(from.1), 0);
        let lag = self.lag.as_mut().filter(|_| ring.live);
        let taken = state.take(self.id, to.0, needed, ring.live, lag, &mut self.scratch, &mut events);
        drop(state);
        converter.convert(&self.scratch, out);
        if let Some(seam) = seam {
            seam.close(&self.scratch, out);
        }
        ring.tell(events);
        if taken == needed { outputs } else { (taken * outputs).div_ceil(needed).min(outputs) }
    }

    /// Frames at `rate_hz` that can be pulled now without silence.
    pub fn available(&self, rate_hz: u32, channels: u8) -> usize {
        let state = self.ring.lock();
        let waiting = state.waiting(self.id);
        let (from, to) = ((state.rate_hz, state.channels), (rate_hz.max(1), channels.clamp(1, 2)));
        match &self.converter {
            Some(converter) if converter.is(from, to) => converter.available(waiting),
            _ => (waiting as u64 * u64::from(to.0) / u64::from(from.0)) as usize,
        }
    }

    /// The RTP timestamp of the next sample, if the signal has one.
    pub fn timestamp(&self) -> Option<u32> {
        let state = self.ring.lock();
        let position = state.readers.iter().find(|seat| seat.id == self.id)?.position;
        state.timestamp(position.max(state.start))
    }

    /// Clock of that timestamp.
    pub fn clock_hz(&self) -> Option<u32> {
        self.ring.lock().stamps.back().map(|stamp| stamp.clock_hz)
    }

    /// Says at which rate this reader will pull, before it does: a receiver decodes at the highest rate asked for.
    pub fn prefer(&mut self, rate_hz: u32) {
        let mut state = self.ring.lock();
        if let Some(seat) = state.readers.iter_mut().find(|seat| seat.id == self.id) {
            seat.rate_hz = rate_hz;
        }
    }

    /// Of a live signal, skip ahead when more than this has piled up, and of less what has not been needed for some
    /// seconds: a sender, which is paced by a clock, must not add delay for ever.
    pub fn set_max_lag_ms(&mut self, max_lag_ms: u32) {
        self.lag = Some(Lag::new(max_lag_ms));
    }

    /// Samples lost because this reader was too slow, in milliseconds.
    pub fn dropped_ms(&self) -> f64 {
        let state = self.ring.lock();
        state.readers.iter().find(|seat| seat.id == self.id).map_or(0.0, |seat| state.ms(seat.dropped))
    }

    /// The signal that is read.
    pub fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.ring.lock();
        state.readers.retain(|seat| seat.id != self.id);
        state.begun &= !state.readers.is_empty();
        state.trim(self.ring.live);
    }
}

impl State {
    fn waiting(&self, id: u32) -> usize {
        let position = self.readers.iter().find(|seat| seat.id == id).map_or(self.end, |seat| seat.position);
        (self.end - position.max(self.start)) as usize
    }

    /// Copies up to `needed` frames for reader `id` and moves it on; `lag` says what it skips before. The others may want
    /// that, so that it is faded over in what is copied.
    #[allow(clippy::too_many_arguments, reason = "one call, under one lock")]
    fn take(
        &mut self,
        id: u32,
        rate_hz: u32,
        needed: usize,
        live: bool,
        lag: Option<&mut Lag>,
        out: &mut [i16],
        events: &mut Vec<RingEvent>,
    ) -> usize {
        if self.lead.is_some() && !self.begun {
            self.forget_all_but(FIRST_MS + needed as u32 * 1000 / self.rate_hz);
        }
        self.begun = true;
        let cushion = if live { 0 } else { self.meet(needed.saturating_sub(self.waiting(id))) };
        let (start, end) = (self.start, self.end);
        let behind = self.played.saturating_sub(frames(BEHIND_MS, self.rate_hz) as u64);
        out.fill(0);
        let Some(seat) = self.readers.iter_mut().find(|seat| seat.id == id) else { return 0 };
        seat.rate_hz = rate_hz;
        if !std::mem::replace(&mut seat.begun, true) && !live && seat.position < behind {
            seat.position = self.played;
        }
        if seat.position < start {
            seat.dropped += start - seat.position;
            seat.position = start;
        }
        let waiting = (end - seat.position) as usize;
        let surplus = lag.map_or(0, |lag| lag.surplus(waiting, needed, self.rate_hz));
        let channels = usize::from(self.channels);
        let unskipped = (seat.position - start) as usize * channels;
        seat.dropped += surplus as u64;
        seat.position += surplus as u64;
        let waiting = waiting - surplus;
        let taken = if live && waiting < needed && !self.ended { 0 } else { waiting.min(needed) };
        let first = unskipped + surplus * channels;
        seat.position += taken as u64;
        let position = seat.position;
        let cushion = cushion * channels;
        copy(&self.samples, first, &mut out[cushion..][..taken * channels]);
        if surplus > 0 {
            fade_over(self.samples.range(unskipped..), out, (self.rate_hz, self.channels));
        }
        if !live && (position > self.played || (position == self.played && self.leads(id))) {
            self.play(position);
            if taken < needed {
                self.taps.iter_mut().for_each(Log::interrupt);
            }
            (self.leader, self.fresh, self.dry) = (id, false, taken < needed);
            self.level.add(out, self.rate_hz * u32::from(self.channels));
            events.extend(self.meter.as_mut().and_then(|meter| meter.add(out)).map(RingEvent::Level));
            self.fire(events);
            let left = (self.end - position) as usize;
            let surplus = self.lead.as_mut().map_or(0, |lead| lead.pulled(left, self.rate_hz));
            self.skip(surplus);
        }
        self.trim(live);
        taken
    }

    /// Only the last `ms` of what was written wait to be played.
    fn forget_all_but(&mut self, ms: u32) {
        let waiting = (self.end - self.played) as usize;
        let position = self.end - waiting.min(frames(ms, self.rate_hz)) as u64;
        self.go_on_at(position);
    }

    /// Leaves out the next `count` frames, and fades over to what follows them.
    fn skip(&mut self, count: usize) {
        let (channels, first) = (usize::from(self.channels), (self.played - self.start) as usize);
        let seam = frames(SEAM_MS, self.rate_hz);
        if count == 0 || first + count + seam > (self.end - self.start) as usize {
            return;
        }
        for n in 0..seam * channels {
            let (from, to) = (first * channels + n, (first + count) * channels + n);
            let (step, steps) = ((n / channels + 1) as i32, seam as i32 + 1);
            let mixed = i32::from(self.samples[from]) * (steps - step) + i32::from(self.samples[to]) * step;
            self.samples[to] = (mixed / steps) as i16;
        }
        self.go_on_at(self.played + count as u64);
    }

    fn go_on_at(&mut self, position: u64) {
        self.played = position.max(self.played);
        for seat in &mut self.readers {
            seat.position = seat.position.max(self.played);
        }
    }

    /// The leader, or the first reader where that has gone.
    fn leads(&self, id: u32) -> bool {
        let leader = self.readers.iter().find(|seat| seat.id == self.leader).or(self.readers.first());
        leader.is_some_and(|seat| seat.id == id)
    }

    /// Somebody wants `missing` frames more than are there. Lets out what the filter of the writer's rate holds, as it
    /// must be when the writer has stopped. But one that has just begun, and writes each frame just in time, would lose
    /// the filter's tail again and again: it gets a head start, once, of the frames returned.
    fn meet(&mut self, missing: usize) -> usize {
        if missing > 0 && self.fresh && self.dry && missing <= self.owed() {
            return missing;
        }
        if missing > 0 {
            self.flush_input();
        }
        0
    }
}

fn copy(from: &VecDeque<i16>, first: usize, out: &mut [i16]) {
    let (head, tail) = from.as_slices();
    let split = head.len().saturating_sub(first).min(out.len());
    out[..split].copy_from_slice(&head[first.min(head.len())..][..split]);
    let rest = out.len() - split;
    let first = (first + split).saturating_sub(head.len());
    out[split..].copy_from_slice(&tail[first..][..rest]);
}

fn frames(ms: u32, rate_hz: u32) -> usize {
    (u64::from(ms) * u64::from(rate_hz) / 1000) as usize
}

//! Streams that follow each other at one receiver: the far end sends with another SSRC, or at another clock rate.
//!
//! Invariant: what waits of a stream is played before the first packet of the one after it, and nothing of a stream is taken for
//! another's. A stream has one SSRC and one clock rate, and so one jitter buffer.

use super::jitter::{HOLD, Inserted, JitterBuffer, JitterStats, Next, Packet};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets of an SSRC that has been left are stragglers for so long. Then it is a stream that may take over again.
const STRAGGLING: Duration = Duration::from_millis(200);
/// More streams wait only where a sender changes its clock rate with each packet.
const MAX_STREAMS: usize = 4;

/// Whose packets a jitter buffer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamId {
    /// Who sends it.
    pub ssrc: u32,
    /// Of its timestamps.
    pub clock_hz: u32,
}

/// What is to be played, and of which stream.
#[derive(Debug)]
pub struct Step {
    /// The stretch.
    pub next: Next,
    /// Its ticks are of this clock.
    pub clock_hz: u32,
    /// It is the first of another stream than the stretch before it.
    pub another: bool,
}

/// The streams of one receiver; see the module.
#[derive(Default)]
pub struct Succession {
    /// The first is played; the last is the one that the far end has begun last.
    streams: VecDeque<Stream>,
    least_ms: f64,
    /// Of the streams that have been played.
    past: JitterStats,
}

struct Stream {
    id: StreamId,
    /// Sequence number of the first packet that came.
    first: u16,
    /// Another SSRC has taken over.
    left: Option<Instant>,
    buffer: JitterBuffer,
}

impl Succession {
    /// Takes a packet that arrived `now`. Where it is not of the last stream, and no straggler of one before, it begins another.
    pub fn insert(&mut self, now: Instant, id: StreamId, packet: Packet) -> Inserted {
        let last = self.streams.back_mut().filter(|last| last.left.is_none() && last.id.ssrc == id.ssrc);
        let straggles = match last {
            Some(last) if last.id == id => return last.buffer.insert(now, packet),
            Some(last) => (packet.sequence.wrapping_sub(last.first) as i16) < 0,
            None => self.awaits(now, id.ssrc),
        };
        if !straggles {
            self.begin(now, id, packet);
            return Inserted::Queued;
        }
        match self.stream(id) {
            Some(stream) => stream.buffer.insert(now, packet),
            None => {
                self.past.late += 1;
                Inserted::Late
            }
        }
    }

    /// Would a copy of a packet that has not come still be played?
    pub fn misses(&mut self, id: StreamId, timestamp: u32, ticks: u32) -> bool {
        self.stream(id).is_some_and(|stream| stream.buffer.misses(timestamp, ticks))
    }

    /// Takes a copy of a packet that is [missing](Self::misses).
    pub fn insert_copy(&mut self, id: StreamId, packet: Packet) {
        if let Some(stream) = self.stream(id) {
            stream.buffer.insert_copy(packet);
        }
    }

    /// Another SSRC takes over: what comes of those before is late, if it comes at all.
    pub fn leave(&mut self, now: Instant) {
        self.streams.iter_mut().for_each(|stream| _ = stream.left.get_or_insert(now));
    }

    /// Are packets of this SSRC stragglers of a stream that was left and is still being played?
    pub fn awaits(&self, now: Instant, ssrc: u32) -> bool {
        let left = |stream: &Stream| stream.left.is_some_and(|left| now < left + STRAGGLING);
        self.streams.iter().any(|stream| stream.id.ssrc == ssrc && left(stream))
    }

    /// Nothing of what waits is played.
    pub fn clear(&mut self) {
        while self.retire() {}
    }

    /// The stretch to be played from `due` on; see [`JitterBuffer::next`].
    pub fn next(&mut self, due: Instant, now: Instant, resting: bool) -> Option<Step> {
        let mut another = false;
        while let Some(clock_hz) = self.ended() {
            if !self.is_whole() && now < due + HOLD && !resting {
                return Some(Step { next: Next::Wait(due + HOLD), clock_hz, another });
            }
            self.retire();
            another = true;
            if let Some(stream) = self.streams.front_mut() {
                stream.buffer.take_over(due);
            }
        }
        let stream = self.streams.front_mut()?;
        Some(Step { next: stream.buffer.next(due, now, resting), clock_hz: stream.id.clock_hz, another })
    }

    /// See [`JitterBuffer::surplus_ms`].
    pub fn surplus_ms(&self, due: Instant) -> f64 {
        self.streams.front().map_or(0.0, |stream| stream.buffer.surplus_ms(due))
    }

    /// See [`JitterBuffer::set_least_ms`].
    pub fn set_least_ms(&mut self, least_ms: f64) {
        self.least_ms = least_ms;
        self.streams.iter_mut().for_each(|stream| stream.buffer.set_least_ms(least_ms));
    }

    /// Clock rate of what the far end sends.
    pub fn clock_hz(&self) -> Option<u32> {
        self.streams.back().map(|stream| stream.id.clock_hz)
    }

    /// The delay that is aimed at, over the fastest packet's, in milliseconds.
    pub fn target_ms(&self) -> f64 {
        self.streams.back().map_or(0.0, |stream| stream.buffer.target_ms())
    }

    /// Counters of all streams.
    pub fn stats(&self) -> JitterStats {
        self.streams.iter().fold(self.past, |sum, stream| sum + stream.buffer.stats())
    }

    /// The last of the streams that are this.
    fn stream(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.streams.iter_mut().rfind(|stream| stream.id == id)
    }

    fn begin(&mut self, now: Instant, id: StreamId, first: Packet) {
        if self.streams.len() == MAX_STREAMS {
            if let Some(stream) = self.streams.front_mut() {
                stream.buffer.abandon();
            }
            self.retire();
        }
        let (sequence, buffer) = (first.sequence, JitterBuffer::new(id.clock_hz, self.least_ms, now, first));
        self.streams.push_back(Stream { id, first: sequence, left: None, buffer });
    }

    /// The clock rate of the stream that is played, if nothing of it waits while another follows.
    fn ended(&self) -> Option<u32> {
        let stream = self.streams.front().filter(|stream| self.streams.len() > 1 && stream.buffer.is_empty())?;
        Some(stream.id.clock_hz)
    }

    /// Does the sequence number tell that nothing lies between the first two?
    fn is_whole(&self) -> bool {
        let (Some(played), Some(following)) = (self.streams.front(), self.streams.get(1)) else { return false };
        played.id.ssrc == following.id.ssrc && played.buffer.next_sequence() == following.first
    }

    /// Forgets the first stream but for what it has counted.
    fn retire(&mut self) -> bool {
        let Some(stream) = self.streams.pop_front() else { return false };
        self.past = self.past + stream.buffer.stats();
        true
    }
}

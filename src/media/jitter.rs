//! The jitter buffer: packets in as they arrive, the play timeline out, stretch after stretch.
//!
//! Invariant: every call of [`JitterBuffer::next`] that does not ask to wait moves the timeline on by the length of what
//! it returns. The timeline steps back only for a packet that came late while nothing newer had been played: that is
//! how the delay grows. It shrinks, and grows ahead of time, by what the caller leaves out or puts in: see
//! [`JitterBuffer::surplus_ms`].

use super::codec::Codec;
use super::delay::{DelayEstimator, MAX_MS};
use bytes::Bytes;
use std::collections::VecDeque;
use std::ops::Add;
use std::time::{Duration, Instant};

/// What a packet in the buffer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Audio of this codec.
    Audio(Codec),
    /// A comfort noise description: it takes no time itself.
    Noise,
}

/// A packet that waits to be played.
#[derive(Clone, Debug)]
pub struct Packet {
    /// RTP payload type.
    pub payload_type: u8,
    /// What the payload is.
    pub content: Content,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp.
    pub timestamp: u32,
    /// How long it plays, in ticks of the RTP clock.
    pub ticks: u32,
    /// The payload.
    pub payload: Bytes,
    /// When it was received.
    pub arrival: Instant,
    /// It came in a later packet (RFC 2198), whose sequence number this is.
    pub copied: bool,
}

/// What became of an inserted packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It will be played.
    Queued,
    /// It will be played straight after what is there: the sender's clock has jumped.
    Jumped,
    /// It is there already, or has been played.
    Duplicate,
    /// Its time has passed.
    Late,
}

/// The next stretch of the timeline. Ticks are of the RTP clock.
#[derive(Clone, Debug)]
pub enum Next {
    /// Nothing to do before then, unless a packet comes.
    Wait(Instant),
    /// Play this.
    Packet(Packet),
    /// This much is missing for good: newer packets are there.
    Lost {
        /// Length of what is missing, at most one packet's.
        ticks: u32,
        /// Length of the whole packet that this is the end of; the part before was bridged.
        whole: u32,
        /// The packet that follows it directly, which may describe it too (in-band redundancy).
        follower: Option<Packet>,
    },
    /// Nothing is there: bridge this much. What is missing may still come.
    Bridge {
        /// Length.
        ticks: u32,
    },
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct JitterStats {
    /// Time that packets have waited, summed over ticks: seconds times ticks.
    pub delay_sum: f64,
    /// Delay aimed at, summed likewise.
    pub target_sum: f64,
    /// The same, had no [least delay](JitterBuffer::set_least_ms) been asked for.
    pub minimum_sum: f64,
    /// Ticks of audio played.
    pub emitted_ticks: u64,
    /// Packets thrown away because their time had passed.
    pub late: u64,
    /// Packets thrown away because they came twice.
    pub duplicates: u64,
    /// Packets thrown away because far too many were waiting.
    pub skipped: u64,
    /// Jumps of the sender's clock.
    pub jumps: u64,
}

impl Add for JitterStats {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            delay_sum: self.delay_sum + other.delay_sum,
            target_sum: self.target_sum + other.target_sum,
            minimum_sum: self.minimum_sum + other.minimum_sum,
            emitted_ticks: self.emitted_ticks + other.emitted_ticks,
            late: self.late + other.late,
            duplicates: self.duplicates + other.duplicates,
            skipped: self.skipped + other.skipped,
            jumps: self.jumps + other.jumps,
        }
    }
}

/// A packet is waited for this much longer than its time before it counts as missing. What is played then comes out
/// late by as much, all at once, and nothing is heard of it: whoever reads the signal reads it by its samples, not by
/// the clock. The delay of what is on time is shorter by as much.
pub const HOLD: Duration = Duration::from_millis(20);
/// Length of a stretch without a packet.
const BLOCK_MS: u32 = 10;
/// A packet this far ahead of the timeline, and not where its sequence number says, is a jump of the sender's clock.
const JUMP_MS: f64 = 1200.0;
/// The next packet in sequence, with a timestamp that does not follow, is a jump if it moves the transit time by this.
const STEP_MS: f64 = 60.0;
/// What lies between two packets in sequence is no loss if it is shorter than this.
const SEAM_MS: f64 = 4.0;
/// More than this waiting beyond the target is thrown away: the process, or the network, stood still for long.
const BACKLOG_MS: f64 = 1500.0;
/// As many packets of 2.5 ms, the shortest of any codec, are longer than that: more come from nobody who means to be heard.
const MAX_PACKETS: usize = 1000;
/// So many late packets in a row mean that the timeline is wrong, not the packets; so many where their sequence numbers tell of
/// another time than their timestamps, by [`JUMP_MS`].
const LATE_RUN: u32 = 25;
const STRANGE_RUN: u32 = 2;

/// A jitter buffer of one stream; time is an argument, so that arrival traces replay in virtual time.
pub struct JitterBuffer {
    clock_hz: u32,
    /// By place on the timeline, oldest first.
    packets: VecDeque<(i64, Packet)>,
    timeline: Timeline,
    delay: DelayEstimator,
    /// Packets are to wait for at least so long, over the fastest.
    least_ms: f64,
    seen: Seen,
    late_run: u32,
    stats: JitterStats,
}

/// Which of the last sequence numbers have come.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    newest: u16,
    /// Bit n: `newest - n` has come.
    bits: u128,
}

/// Where the stream is. Places are timestamps extended to 64 bits, plus [`shift`](Self::shift).
struct Timeline {
    epoch: Instant,
    /// What the sender's jumps add up to.
    shift: i64,
    /// Next tick to play.
    cursor: i64,
    /// End of what was played or given up last.
    played: i64,
    newest: Newest,
}

/// The newest packet in sequence.
struct Newest {
    at: i64,
    sequence: u16,
    ticks: u32,
    transit_ms: f64,
}

impl JitterBuffer {
    /// The buffer of a stream whose first packet has arrived `now`, and has timestamps of `clock_hz`: it plays at once, or after
    /// the [least delay](Self::set_least_ms). What comes after it may be late by [`HOLD`] before anything is heard of that, and by
    /// then more is known.
    pub fn new(clock_hz: u32, least_ms: f64, now: Instant, first: Packet) -> Self {
        let at = i64::from(first.timestamp);
        let newest = Newest { at, sequence: first.sequence, ticks: first.ticks, transit_ms: 0.0 };
        let mut buffer = Self {
            clock_hz: clock_hz.max(1000),
            packets: VecDeque::new(),
            timeline: Timeline { epoch: now, shift: 0, cursor: at, played: i64::MIN, newest },
            delay: DelayEstimator::default(),
            least_ms: 0.0,
            seen: Seen::default(),
            late_run: 0,
            stats: JitterStats::default(),
        };
        buffer.set_least_ms(least_ms);
        buffer.timeline.cursor -= buffer.ticks(buffer.least_ms);
        buffer.seen.insert(first.sequence);
        let transit_ms = buffer.transit_ms(now, at);
        buffer.delay.observe(now, transit_ms);
        buffer.queue(now, at, transit_ms, first);
        buffer
    }

    /// Takes a packet that arrived `now`.
    pub fn insert(&mut self, now: Instant, packet: Packet) -> Inserted {
        let at = self.timeline.place(packet.timestamp);
        if !self.seen.insert(packet.sequence) {
            self.stats.duplicates += 1;
            return Inserted::Duplicate;
        }
        let transit_ms = self.transit_ms(now, at);
        if self.has_jumped(at, transit_ms, &packet) {
            return self.jump(now, at, packet);
        }
        self.delay.observe(now, transit_ms);
        if at < self.timeline.played {
            self.late_run += 1;
            self.stats.late += 1;
            return Inserted::Late;
        }
        self.late_run = 0;
        // Late, but nothing newer was played: it plays now, and the delay has grown.
        self.timeline.cursor = self.timeline.cursor.min(at);
        self.queue(now, at, transit_ms, packet);
        Inserted::Queued
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// The sequence number after the newest packet's.
    pub fn next_sequence(&self) -> u16 {
        self.timeline.newest.sequence.wrapping_add(1)
    }

    /// Another stream has been played until `due`, while the first packets of this one waited.
    pub fn take_over(&mut self, due: Instant) {
        let Some((first, _)) = self.packets.front() else { return };
        let waited = self.timeline.now(due, self.clock_hz).max(0);
        self.timeline.cursor = (self.timeline.cursor + waited).min(*first);
    }

    /// Would a copy of a packet that has not come still be played?
    pub fn misses(&self, timestamp: u32, ticks: u32) -> bool {
        let timeline = &self.timeline;
        let (at, begun) = (timeline.place(timestamp), timeline.played != i64::MIN);
        let from = if begun { timeline.played } else { timeline.cursor };
        let queued = || self.packets.iter().any(|(other, _)| *other == at);
        at >= from && at + i64::from(ticks) > timeline.cursor && !queued()
    }

    /// Takes a copy of a packet that is [missing](Self::misses). It says nothing of how long packets take, and the packet
    /// itself, if it comes in time after all, takes its place.
    pub fn insert_copy(&mut self, packet: Packet) {
        let at = self.timeline.place(packet.timestamp);
        self.timeline.cursor = self.timeline.cursor.min(at);
        self.put(at, packet);
    }

    /// The stretch to be played from `due` on, which the caller advances by the length of each stretch. While the
    /// sender is `resting` (it has said that it sends nothing) nothing is waited for.
    pub fn next(&mut self, due: Instant, now: Instant, resting: bool) -> Next {
        let (block, seam) = (self.ticks(f64::from(BLOCK_MS)), self.ticks(SEAM_MS));
        let timeline = &mut self.timeline;
        let Some((at, front)) = self.packets.front() else {
            // The packet after the missing one may tell what was in it.
            let hold = HOLD + duration(timeline.newest.ticks, self.clock_hz);
            if now < due + hold && !resting {
                return Next::Wait(due + hold);
            }
            timeline.cursor += block;
            return Next::Bridge { ticks: block as u32 };
        };
        let gap = at - timeline.cursor;
        if gap <= 0 || (gap <= seam && timeline.played == timeline.cursor) {
            return self.play(due);
        }
        if timeline.played == i64::MIN {
            // The stream's own start: silence for as long as its packets are to wait.
            let ticks = gap.min(block);
            timeline.cursor += ticks;
            return Next::Bridge { ticks: ticks as u32 };
        }
        let whole = i64::from(front.ticks.max(timeline.newest.ticks)).max(block);
        let hold = if gap <= whole { HOLD } else { HOLD + duration(whole as u32, self.clock_hz) };
        if now < due + hold && !resting {
            return Next::Wait(due + hold);
        }
        // Only the last of several lost packets is described by the packet that is there.
        let ticks = if gap <= whole { gap } else { ((gap - 1) % whole) + 1 };
        let follower = (ticks == gap).then(|| front.clone());
        timeline.cursor += ticks;
        timeline.played = timeline.cursor;
        Next::Lost { ticks: ticks as u32, whole: whole as u32, follower }
    }

    /// How much longer packets wait at `due` than they should, in milliseconds; negative when they should wait longer.
    pub fn surplus_ms(&self, due: Instant) -> f64 {
        let transit_ms = self.transit_ms(due, self.timeline.cursor);
        self.transit_aim_ms().map_or(0.0, |aim_ms| transit_ms - aim_ms)
    }

    /// Lets packets wait for at least so long, over the fastest, at most [`MAX_MS`]; the delay follows as it follows the
    /// network.
    pub fn set_least_ms(&mut self, least_ms: f64) {
        self.least_ms = least_ms.clamp(0.0, MAX_MS);
    }

    /// Counters.
    pub fn stats(&self) -> JitterStats {
        self.stats
    }

    /// The delay that is aimed at, over the fastest packet's, in milliseconds.
    pub fn target_ms(&self) -> f64 {
        self.minimum_ms().max(self.least_ms)
    }

    /// Nobody is to hear what waits, which is counted as skipped.
    pub fn abandon(&mut self) {
        self.stats.skipped += self.packets.len() as u64;
        self.packets.clear();
    }

    /// The transit time that packets are to be played at; `None` before the first.
    fn transit_aim_ms(&self) -> Option<f64> {
        let (target_ms, fastest_ms) = self.delay.target_ms().zip(self.delay.fastest_ms())?;
        Some(target_ms.max(fastest_ms + self.least_ms))
    }

    /// What the network asks for.
    fn minimum_ms(&self) -> f64 {
        let fastest = self.delay.fastest_ms().unwrap_or_default();
        self.delay.target_ms().map_or(0.0, |target_ms| target_ms - fastest)
    }

    fn ticks(&self, ms: f64) -> i64 {
        (ms * f64::from(self.clock_hz) / 1000.0) as i64
    }

    fn transit_ms(&self, now: Instant, at: i64) -> f64 {
        self.timeline.transit_ms(now, at, self.clock_hz)
    }

    fn has_jumped(&self, at: i64, transit_ms: f64, packet: &Packet) -> bool {
        let timeline = &self.timeline;
        let newest = &timeline.newest;
        let step = packet.sequence.wrapping_sub(newest.sequence) as i16;
        // By how much its timestamp is ahead of what its sequence number says.
        let strange_ms = self.ms(at - newest.at - i64::from(step) * i64::from(newest.ticks));
        let ahead = at - timeline.cursor > self.ticks(JUMP_MS);
        if (ahead && strange_ms.abs() > STEP_MS) || (step > 0 && at < newest.at) {
            return true;
        }
        let follows = at == newest.at + i64::from(newest.ticks);
        // What packets are known to take lately is no step, and neither is what the last one took.
        let fastest_ms = self.delay.fastest_ms().unwrap_or(newest.transit_ms).min(newest.transit_ms);
        let slowest_ms = self.delay.target_ms().unwrap_or(newest.transit_ms).max(newest.transit_ms);
        if step == 1 && !follows && !(fastest_ms - STEP_MS..=slowest_ms + STEP_MS).contains(&transit_ms) {
            return true;
        }
        // A sender whose clock stood still while it paused, or a network that did, comes back later than can be waited.
        let late_ms = -self.ms(at - timeline.cursor);
        let most = if strange_ms.abs() > JUMP_MS { STRANGE_RUN } else { LATE_RUN };
        (at >= timeline.played && late_ms > MAX_MS) || (at < timeline.played && self.late_run >= most)
    }

    fn ms(&self, ticks: i64) -> f64 {
        ticks as f64 * 1000.0 / f64::from(self.clock_hz)
    }

    /// Takes the packet, which is at `at` by its timestamp, as the continuation of what is there. Where it is just that, nothing
    /// has jumped: a sender has kept what it had before it could send, and sends all of it at once.
    fn jump(&mut self, now: Instant, at: i64, packet: Packet) -> Inserted {
        self.late_run = 0;
        let target_ms = self.transit_aim_ms().unwrap_or_default();
        let block = self.ticks(f64::from(BLOCK_MS));
        let timeline = &mut self.timeline;
        // Where a packet of average luck would be that arrives now, yet after all that is there.
        let usual = timeline.now(now, self.clock_hz) - (target_ms * f64::from(self.clock_hz) / 1000.0) as i64;
        let after = self.packets.back().map_or(timeline.cursor, |(at, last)| at + i64::from(last.ticks));
        let place = if usual - after > block { usual } else { after };
        let inserted = if place == at { Inserted::Queued } else { Inserted::Jumped };
        self.stats.jumps += u64::from(inserted == Inserted::Jumped);
        timeline.shift += place - at;
        let transit_ms = timeline.transit_ms(now, place, self.clock_hz);
        timeline.newest = Newest { at: place, sequence: packet.sequence, ticks: packet.ticks, transit_ms };
        self.packets.push_back((place, packet));
        self.drop_surplus();
        // What was known of transit times was known of another clock, or of a network that stood still.
        self.delay = DelayEstimator::default();
        self.delay.observe(now, transit_ms);
        self.drop_backlog(now);
        inserted
    }

    fn queue(&mut self, now: Instant, at: i64, transit_ms: f64, packet: Packet) {
        if packet.sequence.wrapping_sub(self.timeline.newest.sequence) as i16 >= 0 {
            self.timeline.newest = Newest { at, sequence: packet.sequence, ticks: packet.ticks, transit_ms };
        }
        self.put(at, packet);
        self.drop_backlog(now);
    }

    fn put(&mut self, at: i64, packet: Packet) {
        let before = self.packets.iter().rposition(|(other, _)| *other <= at);
        match before.and_then(|index| self.packets.get_mut(index)).filter(|(other, it)| *other == at && it.copied) {
            Some((_, copy)) => *copy = packet,
            None => self.packets.insert(before.map_or(0, |index| index + 1), (at, packet)),
        }
        self.drop_surplus();
    }

    /// The buffer is bounded by count too: packets of one moment, or of a clock that jumps, are all on time.
    fn drop_surplus(&mut self) {
        while self.packets.len() > MAX_PACKETS {
            self.drop_oldest();
        }
    }

    /// What was said while everything stood still for longer than can be made up for is left out.
    fn drop_backlog(&mut self, now: Instant) {
        while self.packets.len() > 1 && self.surplus_ms(now) > BACKLOG_MS {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some((at, packet)) = self.packets.pop_front() else { return };
        self.stats.skipped += 1;
        let next = self.packets.front().map_or(at + i64::from(packet.ticks), |(next, _)| *next);
        self.timeline.cursor = self.timeline.cursor.max(next);
        self.timeline.played = self.timeline.cursor;
    }

    fn play(&mut self, due: Instant) -> Next {
        let (target_s, minimum_s) = (self.target_ms() / 1000.0, self.minimum_ms() / 1000.0);
        let Some((at, packet)) = self.packets.pop_front() else { return Next::Wait(due) };
        let timeline = &mut self.timeline;
        timeline.cursor = timeline.cursor.max(at + i64::from(packet.ticks));
        timeline.played = timeline.cursor;
        let waited = due.saturating_duration_since(packet.arrival).as_secs_f64();
        self.stats.delay_sum += waited * f64::from(packet.ticks);
        self.stats.target_sum += target_s * f64::from(packet.ticks);
        self.stats.minimum_sum += minimum_s * f64::from(packet.ticks);
        self.stats.emitted_ticks += u64::from(packet.ticks);
        Next::Packet(packet)
    }
}

impl Seen {
    /// Notes that `sequence` has come; `false` if it had come before. Far jumps begin anew.
    fn insert(&mut self, sequence: u16) -> bool {
        let step = sequence.wrapping_sub(self.newest);
        let behind = self.newest.wrapping_sub(sequence);
        if self.bits == 0 || (step >= 128 && behind >= 128) {
            *self = Self { newest: sequence, bits: 1 };
        } else if (1..128).contains(&step) {
            *self = Self { newest: sequence, bits: self.bits << step | 1 };
        } else {
            let bit = 1 << behind;
            let fresh = self.bits & bit == 0;
            self.bits |= bit;
            return fresh;
        }
        true
    }
}

impl Timeline {
    fn now(&self, now: Instant, clock_hz: u32) -> i64 {
        let ticks = |time: Duration| (time.as_secs_f64() * f64::from(clock_hz)) as i64;
        let after = now.checked_duration_since(self.epoch);
        after.map_or_else(|| -ticks(self.epoch.saturating_duration_since(now)), ticks)
    }

    /// Arrival at `now` minus the time at which `at` was sent, as far as its timestamp tells; the origin is arbitrary.
    fn transit_ms(&self, now: Instant, at: i64, clock_hz: u32) -> f64 {
        (self.now(now, clock_hz) - at) as f64 * 1000.0 / f64::from(clock_hz)
    }

    /// The place nearest to the newest packet's.
    fn place(&self, timestamp: u32) -> i64 {
        let newest = (self.newest.at - self.shift) as u32;
        self.newest.at + i64::from(timestamp.wrapping_sub(newest) as i32)
    }
}

/// `ticks` of `clock_hz` as a time, rounded down to nanoseconds.
pub(crate) fn duration(ticks: u32, clock_hz: u32) -> Duration {
    Duration::from_nanos(u64::from(ticks) * 1_000_000_000 / u64::from(clock_hz.max(1)))
}

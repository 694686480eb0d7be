//! The jitter buffer: packets in as they arrive, the play timeline out, block after block.
//!
//! Invariant: a pull always yields a stretch of time. The cursor moves with the playing clock; it steps back only to
//! play a packet that came late while nothing newer had been played, which is how the delay grows.

use super::codec::Codec;
use bytes::Bytes;
use std::collections::VecDeque;
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
}

/// What became of an inserted packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It will be played.
    Queued,
    /// It will be played, and the timeline starts anew with it: the sender has jumped.
    Resync,
    /// It is there already, or has been played.
    Duplicate,
    /// Its time has passed.
    Late,
}

/// The next stretch of the timeline. `ticks` are of the RTP clock, never zero except for noise packets.
#[derive(Clone, Debug)]
pub enum Pull {
    /// Play this.
    Packet(Packet),
    /// A packet is missing: bridge this time.
    Conceal {
        /// Length.
        ticks: u32,
    },
    /// Nothing has come for too long to bridge, or nothing has come yet.
    Silence {
        /// Length.
        ticks: u32,
    },
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct JitterStats {
    /// Time that packets have waited, summed over ticks: seconds times ticks.
    pub delay_sum: f64,
    /// Ticks of audio played.
    pub emitted_ticks: u64,
    /// Packets thrown away because their time had passed.
    pub late: u64,
    /// Packets thrown away because they came twice.
    pub duplicates: u64,
    /// Packets thrown away to bring the delay down.
    pub skipped: u64,
    /// Timeline restarts after jumps of the sender.
    pub resyncs: u64,
    /// The delay that is aimed at, in milliseconds.
    pub target_ms: f64,
}

/// A jitter buffer; time is an argument, so that arrival traces replay in virtual time.
pub trait JitterBuffer: Send {
    /// Takes a packet that arrived `now`.
    fn insert(&mut self, now: Instant, packet: Packet) -> Inserted;
    /// The stretch to be played from `due` on, which the caller advances by the length of each stretch.
    fn pull(&mut self, due: Instant) -> Pull;
    /// Ticks of delay beyond the one aimed at, before the pull at `due`. The caller may leave out as much of what it
    /// plays.
    fn surplus(&self, due: Instant) -> u32;
    /// Forgets everything but the counters; timestamps are of a clock of `clock_hz` from now on.
    fn reset(&mut self, clock_hz: u32);
    /// Counters.
    fn stats(&self) -> JitterStats;
}

/// Delay that a stream starts with.
const START_MS: f64 = 40.0;
/// Bounds of the delay aimed at.
const MIN_MS: f64 = 20.0;
const MAX_MS: f64 = 200.0;
/// Added to the observed jitter.
const MARGIN_MS: f64 = 10.0;
/// With this much more delay than is aimed at (a stall has ended), packets are skipped to come down at once.
const EXCESS_MS: f64 = 150.0;
/// A packet this far ahead of the cursor is a jump of the sender's clock.
const JUMP_MS: f64 = 1200.0;
/// Length of a stretch without a packet.
const BLOCK_MS: u32 = 10;
/// Bridged for this long, then silent.
const CONCEAL_MS: u32 = 120;
/// How fast the observed jitter is forgotten, in milliseconds per second.
const FORGET_MS_PER_S: f64 = 10.0;
/// How fast the fastest transit is forgotten (clock drift, routes that got longer), in milliseconds per second.
const CREEP_MS_PER_S: f64 = 1.0;
/// So many late packets in a row mean that the timeline is wrong, not the packets.
const LATE_RUN: u32 = 25;

/// The first buffer: reorders, drops late and double packets, adapts its delay to the jitter seen.
pub struct PlayoutBuffer {
    clock_hz: u32,
    /// By timestamp, oldest first.
    packets: VecDeque<(i64, Packet)>,
    timeline: Option<Timeline>,
    /// Ticks since something was played.
    bridged: u32,
    /// Highest deviation from the fastest transit, decaying, in ticks.
    deviation: f64,
    late_run: u32,
    stats: JitterStats,
}

/// The state that starts anew with a resync. Timestamps are extended to 64 bits.
struct Timeline {
    epoch: Instant,
    /// Next tick to play.
    cursor: i64,
    /// End of what was played last.
    played: i64,
    /// The newest packet.
    newest: i64,
    newest_sequence: u16,
    /// Fastest transit (arrival minus timestamp) in ticks, creeping up.
    base: f64,
}

impl PlayoutBuffer {
    /// An empty buffer for timestamps of `clock_hz`.
    pub fn new(clock_hz: u32) -> Self {
        let mut buffer = Self {
            clock_hz,
            packets: VecDeque::new(),
            timeline: None,
            bridged: u32::MAX,
            deviation: 0.0,
            late_run: 0,
            stats: JitterStats::default(),
        };
        buffer.reset(clock_hz);
        buffer
    }

    fn ticks(&self, ms: f64) -> f64 {
        ms * f64::from(self.clock_hz) / 1000.0
    }

    fn target(&self) -> f64 {
        (self.deviation + self.ticks(MARGIN_MS)).clamp(self.ticks(MIN_MS), self.ticks(MAX_MS))
    }

    /// Starts a timeline at `timestamp`, which is to be played after the delay aimed at.
    fn start(&mut self, now: Instant, timestamp: u32, sequence: u16) -> i64 {
        let at = i64::from(timestamp);
        self.packets.clear();
        self.late_run = 0;
        let cursor = at - self.target() as i64;
        let base = -(at as f64);
        let timeline = Timeline { epoch: now, cursor, played: i64::MIN, newest: at, newest_sequence: sequence, base };
        self.timeline = Some(timeline);
        at
    }

    /// How the packet at `at` fits: `None` starts a new timeline.
    fn place(&mut self, now: Instant, at: i64, sequence: u16) -> Option<Inserted> {
        let (most, jump) = (self.ticks(MAX_MS), self.ticks(JUMP_MS) as i64);
        let clock_hz = self.clock_hz;
        let timeline = self.timeline.as_mut()?;
        let newer = (sequence.wrapping_sub(timeline.newest_sequence) as i16) > 0;
        if at - timeline.cursor > jump || (newer && at < timeline.newest) {
            return None;
        }
        if at < timeline.played {
            self.late_run += 1;
            return if self.late_run > LATE_RUN { None } else { Some(Inserted::Late) };
        }
        self.late_run = 0;
        if at < timeline.cursor {
            // Late, but nothing newer was played: step back and play it, if the delay allows.
            let delay = timeline.now(now, clock_hz) - at as f64 - timeline.base;
            if delay > most {
                return None;
            }
            timeline.cursor = at;
        }
        Some(Inserted::Queued)
    }

    fn observe(&mut self, now: Instant, at: i64, ticks: u32) {
        let clock_hz = self.clock_hz;
        let Some(timeline) = &mut self.timeline else { return };
        let transit = timeline.now(now, clock_hz) - at as f64;
        let length = f64::from(ticks);
        timeline.base = (timeline.base + length * CREEP_MS_PER_S / 1000.0).min(transit);
        let deviation = transit - timeline.base;
        self.deviation = (self.deviation - length * FORGET_MS_PER_S / 1000.0).max(deviation);
    }

    /// After a stall the packets come all at once: skip to the delay aimed at.
    fn come_down(&mut self, now: Instant) {
        let (target, clock_hz) = (self.target(), self.clock_hz);
        let most = target + self.ticks(EXCESS_MS);
        let Some(timeline) = &mut self.timeline else { return };
        let delay = timeline.now(now, clock_hz) - timeline.cursor as f64 - timeline.base;
        if delay <= most {
            return;
        }
        let goal = timeline.cursor + (delay - target) as i64;
        while self.packets.front().is_some_and(|(at, _)| *at < goal) && self.packets.len() > 1 {
            self.packets.pop_front();
            self.stats.skipped += 1;
        }
        timeline.cursor = goal.min(self.packets.front().map_or(goal, |(at, _)| *at));
    }

    fn delay(&self, due: Instant) -> f64 {
        match &self.timeline {
            Some(timeline) => timeline.now(due, self.clock_hz) - timeline.cursor as f64 - timeline.base,
            None => 0.0,
        }
    }
}

impl Timeline {
    fn now(&self, now: Instant, clock_hz: u32) -> f64 {
        let after = now.saturating_duration_since(self.epoch).as_secs_f64();
        let before = self.epoch.saturating_duration_since(now).as_secs_f64();
        (after - before) * f64::from(clock_hz)
    }

    /// The 64-bit timestamp nearest to the newest packet's.
    fn extend(&self, timestamp: u32) -> i64 {
        self.newest + i64::from(timestamp.wrapping_sub(self.newest as u32) as i32)
    }
}

impl JitterBuffer for PlayoutBuffer {
    fn insert(&mut self, now: Instant, packet: Packet) -> Inserted {
        let known = self.timeline.as_ref().map(|timeline| timeline.extend(packet.timestamp));
        if let Some(at) = known
            && self.packets.iter().any(|(other, _)| *other == at)
        {
            self.stats.duplicates += 1;
            return Inserted::Duplicate;
        }
        let placed = known.and_then(|at| self.place(now, at, packet.sequence).map(|inserted| (at, inserted)));
        let (at, inserted) = match placed {
            Some((_, Inserted::Late)) => {
                let at = known.unwrap_or_default();
                self.observe(now, at, 0);
                self.stats.late += 1;
                return Inserted::Late;
            }
            Some(placed) => placed,
            None => {
                let resync = self.timeline.is_some();
                self.stats.resyncs += u64::from(resync);
                let at = self.start(now, packet.timestamp, packet.sequence);
                (at, if resync { Inserted::Resync } else { Inserted::Queued })
            }
        };
        self.observe(now, at, packet.ticks);
        if let Some(timeline) = &mut self.timeline
            && at >= timeline.newest
        {
            (timeline.newest, timeline.newest_sequence) = (at, packet.sequence);
        }
        let index = self.packets.iter().rposition(|(other, _)| *other < at).map_or(0, |index| index + 1);
        self.packets.insert(index, (at, packet));
        self.come_down(now);
        inserted
    }

    fn pull(&mut self, due: Instant) -> Pull {
        let block = self.clock_hz * BLOCK_MS / 1000;
        let early = self.delay(due) + f64::from(block) <= self.target();
        let Some(timeline) = &mut self.timeline else { return Pull::Silence { ticks: block } };
        let gap = self.packets.front().map(|(at, _)| (*at - timeline.cursor).max(0));
        if gap == Some(0)
            && let Some((at, packet)) = self.packets.pop_front()
        {
            timeline.cursor = at + i64::from(packet.ticks);
            timeline.played = timeline.cursor;
            if packet.ticks > 0 {
                self.bridged = 0;
            }
            let waited = due.saturating_duration_since(packet.arrival).as_secs_f64();
            self.stats.delay_sum += waited * f64::from(packet.ticks);
            self.stats.emitted_ticks += u64::from(packet.ticks);
            return Pull::Packet(packet);
        }
        let ticks = gap.map_or(block, |gap| gap.min(i64::from(block)) as u32);
        // A gap is the place to let the delay grow: the missing time is bridged without being passed.
        if gap.is_none() || !early || self.bridged == u32::MAX {
            timeline.cursor += i64::from(ticks);
        }
        self.bridged = self.bridged.saturating_add(ticks);
        if self.bridged <= self.clock_hz * CONCEAL_MS / 1000 {
            Pull::Conceal { ticks }
        } else {
            self.bridged = u32::MAX;
            Pull::Silence { ticks }
        }
    }

    fn surplus(&self, due: Instant) -> u32 {
        if self.timeline.is_some() { (self.delay(due) - self.target()).max(0.0) as u32 } else { 0 }
    }

    fn reset(&mut self, clock_hz: u32) {
        self.clock_hz = clock_hz.max(1000);
        self.packets.clear();
        self.timeline = None;
        self.bridged = u32::MAX;
        self.late_run = 0;
        self.deviation = self.ticks(START_MS - MARGIN_MS);
    }

    fn stats(&self) -> JitterStats {
        JitterStats { target_ms: self.target() * 1000.0 / f64::from(self.clock_hz), ..self.stats }
    }
}

/// `ticks` of `clock_hz` as a time, rounded down to nanoseconds.
pub(crate) fn duration(ticks: u32, clock_hz: u32) -> Duration {
    Duration::from_nanos(u64::from(ticks) * 1_000_000_000 / u64::from(clock_hz.max(1)))
}

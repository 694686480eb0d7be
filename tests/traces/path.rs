//! What a network does to a stream: models of delay and loss, and the arrival trace that comes of them.
//!
//! Invariant: the same path, stream and seed give the same trace.

use super::stream::{Sent, Stream};
use crate::support::Dice;
use std::time::Duration;

/// Transit of the shortest way.
const TRANSIT_MS: f64 = 20.0;
/// Packets that were held up together come in this distance.
const BACK_TO_BACK_MS: f64 = 0.3;
/// A second copy comes within this time.
const COPY_WITHIN_MS: f64 = 60.0;

/// Delay on top of the shortest transit.
#[derive(Clone, Debug)]
pub enum Delay {
    None,
    /// Between nothing and so many milliseconds.
    Uniform(f64),
    /// A sum of `shape` exponential delays of `mean_ms / shape`: a long tail.
    Gamma {
        shape: u32,
        mean_ms: f64,
    },
    /// A bell of this standard deviation, cut off three of them below its middle.
    Normal(f64),
    /// Nothing gets through for `length_ms`, every `every_s`, and then all at once: a radio that retries or scans.
    Spikes {
        every_s: (f64, f64),
        length_ms: (f64, f64),
    },
    /// Two to four packets come together when the scheduler gives them a slot, on top of a slow swing of `swing_ms`.
    Mobile {
        swing_ms: f64,
    },
}

#[derive(Clone, Debug)]
pub enum Loss {
    None,
    Random(f64),
    /// Gilbert-Elliott: so large a share in all, in bursts of so many packets on average.
    Bursts {
        share: f64,
        packets: f64,
    },
}

#[derive(Clone, Debug)]
pub struct Path {
    pub seed: u64,
    pub delay: Delay,
    pub loss: Loss,
    /// No packet overtakes another.
    pub in_order: bool,
    /// Share of packets that come twice.
    pub doubled: f64,
    /// From when on the shortest transit is longer by so much: another route.
    pub routes: Vec<(Duration, f64)>,
}

/// When what arrives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// Index in the stream.
    pub packet: usize,
    pub at: Duration,
}

/// A stream as it arrives, by time.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    pub arrivals: Vec<Arrival>,
    /// For each packet when it would have come on the same route without jitter.
    pub earliest: Vec<Duration>,
    /// For each packet when its first copy came.
    pub first: Vec<Option<Duration>>,
}

pub fn clean() -> Path {
    Path { seed: 1, delay: Delay::None, loss: Loss::None, in_order: true, doubled: 0.0, routes: Vec::new() }
}

/// Reordering allowed.
pub fn uniform(jitter_ms: f64) -> Path {
    Path { in_order: false, ..clean() }.delayed(Delay::Uniform(jitter_ms))
}

impl Path {
    pub fn seeded(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    pub fn delayed(self, delay: Delay) -> Self {
        Self { delay, ..self }
    }

    pub fn in_order(self) -> Self {
        Self { in_order: true, ..self }
    }

    pub fn lossy(self, loss: Loss) -> Self {
        Self { loss, ..self }
    }

    pub fn doubled(self, doubled: f64) -> Self {
        Self { doubled, ..self }
    }

    pub fn routes(self, routes: &[(Duration, f64)]) -> Self {
        Self { routes: routes.to_vec(), ..self }
    }

    pub fn carry(&self, stream: &Stream) -> Trace {
        journey(stream, &[(Duration::MAX, self.clone())])
    }
}

/// Carries the stream over one path after the other, each for what is sent until that time.
pub fn journey(stream: &Stream, stages: &[(Duration, Path)]) -> Trace {
    let mut trace = Trace::default();
    let (mut stages, mut state): (_, Option<(Duration, State)>) = (stages.iter(), None);
    let mut newest = Duration::ZERO;
    for (n, packet) in stream.packets.iter().enumerate() {
        while state.as_ref().is_none_or(|(until, _)| packet.at >= *until) {
            let (until, path) = stages.next().unwrap();
            state = Some((*until, State::new(path.clone(), packet.at)));
        }
        let (_, state) = state.as_mut().unwrap();
        let earliest = packet.at + millis(TRANSIT_MS + state.route_ms(packet.at));
        let mut at = earliest + millis(state.delay_ms(packet.at));
        let lost = state.lost();
        if state.path.in_order {
            at = at.max(newest + millis(BACK_TO_BACK_MS));
        }
        trace.earliest.push(earliest);
        trace.first.push((!lost).then_some(at));
        if !lost {
            newest = newest.max(at);
            trace.arrivals.push(Arrival { packet: n, at });
            if state.dice.roll() < state.path.doubled {
                let after = millis(state.dice.roll() * COPY_WITHIN_MS);
                trace.arrivals.push(Arrival { packet: n, at: at + after });
            }
        }
    }
    trace.arrivals.sort_by_key(|arrival| arrival.at);
    trace
}

impl Trace {
    /// Share of the sound that never arrives, and what of it no receiver could make good: the packet after it has not
    /// come either, or has no redundant version of it. Of what is sent from `from` on.
    pub fn lost(&self, stream: &Stream, from: Duration) -> (f64, f64) {
        let (mut all, mut lost, mut gone) = (0u64, 0u64, 0u64);
        for (n, packet) in stream.packets.iter().enumerate().filter(|(_, packet)| packet.at >= from) {
            let ticks = u64::from(packet.ticks);
            all += ticks;
            if self.first[n].is_none() {
                lost += ticks;
                let next = stream.packets.get(n + 1).filter(|_| self.first[n + 1].is_some());
                gone += if next.is_some_and(Sent::has_redundancy) { 0 } else { ticks };
            }
        }
        (lost as f64 / all as f64, gone as f64 / all as f64)
    }

    /// Delays on top of the shortest transit in milliseconds, sorted.
    pub fn jitter_ms(&self) -> Vec<f64> {
        let delays = self.first.iter().zip(&self.earliest);
        let mut delays: Vec<f64> = delays
            .filter_map(|(at, earliest)| Some((at.as_ref()?.saturating_sub(*earliest)).as_secs_f64() * 1e3))
            .collect();
        delays.sort_by(f64::total_cmp);
        delays
    }
}

/// A path while it carries.
struct State {
    path: Path,
    dice: Dice,
    in_burst: bool,
    /// The next spike: from, until.
    spike: (f64, f64),
    /// Packets still to come in this slot of the scheduler.
    together: u32,
}

impl State {
    fn new(path: Path, from: Duration) -> Self {
        let dice = Dice::new(path.seed);
        let start = from.as_secs_f64() * 1e3;
        let mut state = Self { path, dice, in_burst: false, spike: (start, start), together: 0 };
        state.next_spike();
        state
    }

    fn between(&mut self, (low, high): (f64, f64)) -> f64 {
        low + self.dice.roll() * (high - low)
    }

    fn route_ms(&self, at: Duration) -> f64 {
        self.path.routes.iter().rev().find(|(from, _)| at >= *from).map_or(0.0, |route| route.1)
    }

    fn next_spike(&mut self) {
        if let Delay::Spikes { every_s, length_ms } = self.path.delay {
            let from = self.spike.1 + self.between(every_s) * 1e3;
            self.spike = (from, from + self.between(length_ms));
        }
    }

    fn delay_ms(&mut self, at: Duration) -> f64 {
        let now = at.as_secs_f64() * 1e3;
        match self.path.delay {
            Delay::None => 0.0,
            Delay::Uniform(most) => self.dice.roll() * most,
            Delay::Gamma { shape, mean_ms } => {
                let sum: f64 = (0..shape).map(|_| -(1.0 - self.dice.roll()).ln()).sum();
                sum * mean_ms / f64::from(shape)
            }
            Delay::Normal(deviation_ms) => {
                let sum: f64 = (0..12).map(|_| self.dice.roll()).sum();
                ((sum - 6.0 + 3.0) * deviation_ms).max(0.0)
            }
            Delay::Spikes { .. } => {
                if now >= self.spike.1 {
                    self.next_spike();
                }
                if now >= self.spike.0 { self.spike.1 - now } else { 0.0 }
            }
            Delay::Mobile { swing_ms } => {
                let swing = |period_s: f64| (1.0 + (at.as_secs_f64() * std::f64::consts::TAU / period_s).sin()) / 4.0;
                if self.together == 0 {
                    self.together = 2 + (self.dice.roll() * 3.0) as u32;
                }
                self.together -= 1;
                f64::from(self.together) * 20.0 + swing_ms * (swing(7.0) + swing(1.9))
            }
        }
    }

    fn lost(&mut self) -> bool {
        match self.path.loss {
            Loss::None => false,
            Loss::Random(share) => self.dice.roll() < share,
            Loss::Bursts { share, packets } => {
                let leave = 1.0 / packets;
                let enter = leave * share / (1.0 - share);
                self.in_burst = if self.in_burst { self.dice.roll() >= leave } else { self.dice.roll() < enter };
                self.in_burst
            }
        }
    }
}

fn millis(ms: f64) -> Duration {
    Duration::from_secs_f64(ms.max(0.0) / 1e3)
}

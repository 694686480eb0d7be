//! How long to let packets wait: quantiles of their transit times, forgetting the past.
//!
//! Invariant: transit times (arrival minus timestamp, in milliseconds, origin arbitrary) come in as absolute values and
//! the target goes out as one. No estimate is relative to a fastest packet, so a route that becomes longer or shorter,
//! or a clock that drifts, needs no correction: the distribution itself moves. Only recurring stalls are known relative
//! to what was usual at their time.

use super::jitter::HOLD;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets that arrive within so long of each other are one observation: after a stall they come all at once, and that
/// is one event, not fifty.
const SLOT: Duration = Duration::from_millis(20);
/// In a young stream a single slow packet says nothing yet.
const FEW_SLOTS: f32 = 60.0;
/// Share of slots that are to be on time, judged over the last few seconds …
const SHARE: f32 = 0.98;
const MEMORY_SLOTS: f32 = 120.0;
/// … and share of time, judged over half a minute: stalls that recur are worth waiting for.
const LONG_SHARE: f32 = 0.94;
const LONG_MEMORY_SLOTS: f32 = 1000.0;
/// A stall counts for at most so many slots.
const LONGEST_STALL_SLOTS: f32 = 25.0;
/// The delay is left alone within this of its target.
pub const TOLERANCE_MS: f64 = 4.0;
/// Added to the quantile: timers have a resolution of a millisecond, and so has the histogram.
const MARGIN_MS: f64 = 2.0 + TOLERANCE_MS;
/// Never less than this behind the fastest packet …
const MIN_MS: f64 = 2.0;
/// … and never more.
pub const MAX_MS: f64 = 600.0;
/// The fastest packet is looked for over this long.
const FASTEST: Duration = Duration::from_secs(8);
/// The slowest packet is forgotten after this.
const SLOWEST: Duration = Duration::from_millis(2500);
const PIECE: Duration = Duration::from_millis(500);
const BINS: usize = 1024;

/// The distribution of transit times of one stream.
#[derive(Clone, Debug)]
pub struct DelayEstimator {
    recent: Histogram,
    /// What slots needed beyond what was usual then.
    excess: Histogram,
    /// The slot that is being filled: since when, and its slowest packet.
    slot: Option<(Instant, f64)>,
    /// What the full slots ask for; it is read several times a packet.
    wanted_ms: f64,
    /// Likewise: the least of the next.
    fastest_ms: Option<f64>,
    /// Minima of the pieces of [`FASTEST`], oldest first.
    fastest: VecDeque<(Instant, f64)>,
    /// Maxima of the pieces of [`SLOWEST`].
    slowest: VecDeque<(Instant, f64)>,
}

/// Weights of 1 ms bins; newer observations weigh more.
#[derive(Clone, Debug)]
struct Histogram {
    weights: Vec<f32>,
    /// Behind the last bin that weighs something: of a thousand few do.
    end: usize,
    /// Transit time of the first bin.
    origin_ms: f64,
    sum: f32,
    /// Weight of the next observation; growing instead of shrinking all bins.
    next: f32,
    growth: f32,
}

impl Default for DelayEstimator {
    fn default() -> Self {
        Self {
            recent: Histogram::new(MEMORY_SLOTS),
            excess: Histogram::new(LONG_MEMORY_SLOTS),
            slot: None,
            wanted_ms: f64::MIN,
            fastest_ms: None,
            fastest: VecDeque::new(),
            slowest: VecDeque::new(),
        }
    }
}

impl DelayEstimator {
    /// A packet came at `now` after `transit_ms`.
    pub fn observe(&mut self, now: Instant, transit_ms: f64) {
        note(&mut self.fastest, now, FASTEST, transit_ms, f64::min);
        self.fastest_ms = self.fastest.iter().map(|it| it.1).min_by(f64::total_cmp);
        match &mut self.slot {
            Some((since, slowest)) if now.saturating_duration_since(*since) < SLOT => {
                *slowest = slowest.max(transit_ms);
            }
            Some((since, slowest)) => {
                // No more is ever waited for, and what is further off would move the histograms away from the usual.
                let slowest = slowest.min(self.fastest_ms.unwrap_or(*slowest) + MAX_MS);
                let stalled = now.saturating_duration_since(*since).as_secs_f32() / SLOT.as_secs_f32();
                self.slot = Some((now, transit_ms));
                self.recent.add(slowest, 1.0);
                note(&mut self.slowest, now, SLOWEST, slowest, f64::max);
                // Nothing is more than usual before anything is usual.
                let Some(usual) = self.usual_ms() else { return };
                self.excess.add((slowest - usual).clamp(0.0, MAX_MS), 1.0);
                // The time without a packet belongs to the one that ended it.
                if stalled >= 2.0 {
                    self.excess.add((transit_ms - usual).clamp(0.0, MAX_MS), (stalled - 1.0).min(LONGEST_STALL_SLOTS));
                }
                self.wanted_ms = usual + self.excess_ms() + MARGIN_MS - HOLD.as_secs_f64() * 1000.0;
            }
            None => self.slot = Some((now, transit_ms)),
        }
    }

    /// The transit time that packets are to be played at; `None` before the first.
    pub fn target_ms(&self) -> Option<f64> {
        let fastest = self.fastest_ms?;
        Some(self.wanted_ms.clamp(fastest + MIN_MS, fastest + MAX_MS))
    }

    /// What nearly all packets of the last seconds have needed; never more than the slowest of them, so that a route
    /// that becomes shorter is followed at once.
    fn usual_ms(&self) -> Option<f64> {
        let slowest = self.slowest.iter().map(|it| it.1).fold(f64::MIN, f64::max);
        self.recent.quantile_ms(SHARE, self.recent.next * FEW_SLOTS).map(|ms| ms.min(slowest))
    }

    /// What recurring stalls have needed beyond that. One stall early in a stream does not recur yet.
    fn excess_ms(&self) -> f64 {
        let all = self.excess.next * LONG_MEMORY_SLOTS;
        self.excess.quantile_ms(LONG_SHARE, all).unwrap_or_default().max(0.0)
    }

    /// Transit time of the fastest packet of the last seconds.
    pub fn fastest_ms(&self) -> Option<f64> {
        self.fastest_ms
    }
}

/// Notes an extreme of the last `span` seconds, by pieces.
fn note(pieces: &mut VecDeque<(Instant, f64)>, now: Instant, span: Duration, ms: f64, extreme: fn(f64, f64) -> f64) {
    while pieces.front().is_some_and(|it| now.saturating_duration_since(it.0) > span) {
        pieces.pop_front();
    }
    match pieces.back_mut() {
        Some((since, most)) if now.saturating_duration_since(*since) < PIECE => *most = extreme(*most, ms),
        _ => pieces.push_back((now, ms)),
    }
}

impl Histogram {
    fn new(memory: f32) -> Self {
        Self { weights: Vec::new(), end: 0, origin_ms: 0.0, sum: 0.0, next: 1.0, growth: 1.0 + 1.0 / memory }
    }

    fn add(&mut self, transit_ms: f64, slots: f32) {
        if self.weights.is_empty() {
            self.weights.resize(BINS, 0.0);
            self.origin_ms = transit_ms.floor() - (BINS / 4) as f64;
        }
        let index = self.place(transit_ms);
        let weight = self.next * slots;
        self.weights[index] += weight;
        self.end = self.end.max(index + 1);
        self.sum += weight;
        self.next *= self.growth.powf(slots);
        if self.next > 1e12 {
            let scale = 1.0 / self.next;
            self.weights.iter_mut().for_each(|it| *it *= scale);
            // What weighs so little has been forgotten.
            self.weights.iter_mut().filter(|it| **it < 1e-9).for_each(|it| *it = 0.0);
            self.find_end();
            self.sum = self.weights.iter().sum();
            self.next = 1.0;
        }
    }

    /// The bin for `transit_ms`; the whole histogram moves if that lies outside.
    fn place(&mut self, transit_ms: f64) -> usize {
        let bin = (transit_ms - self.origin_ms).floor();
        let room = (BINS / 8) as f64;
        if bin < 0.0 {
            self.move_by(bin - room);
        } else if bin >= BINS as f64 {
            self.move_by(bin - BINS as f64 + 1.0 + room);
        }
        ((transit_ms - self.origin_ms).floor().max(0.0) as usize).min(BINS - 1)
    }

    /// Moves the first bin; what falls off an end is kept in the last bin there.
    fn move_by(&mut self, bins: f64) {
        let mut moved = vec![0.0; BINS];
        for (n, weight) in self.weights.iter().enumerate() {
            let to = (n as f64 - bins).clamp(0.0, (BINS - 1) as f64) as usize;
            moved[to] += weight;
        }
        self.weights = moved;
        self.find_end();
        self.origin_ms += bins;
    }

    fn find_end(&mut self) {
        self.end = self.weights.iter().rposition(|weight| *weight > 0.0).map_or(0, |last| last + 1);
    }

    /// The transit time that `share` of the weight does not exceed; a weight of at least `sum` is assumed.
    fn quantile_ms(&self, share: f32, sum: f32) -> Option<f64> {
        let mut above = self.sum.max(sum) * (1.0 - share);
        let bins = self.weights[..self.end].iter().enumerate().rev();
        for (n, weight) in bins.filter(|it| *it.1 > 0.0) {
            if *weight > above {
                // Within a bin the weight is taken to be spread evenly.
                return Some(self.origin_ms + n as f64 + 1.0 - f64::from(above / weight));
            }
            above -= weight;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a packet each 20 ms with the transit that `transit` gives, in milliseconds.
    fn fed(packets: u64, transit: impl Fn(u64) -> f64) -> DelayEstimator {
        let (start, mut estimator) = (Instant::now(), DelayEstimator::default());
        for n in 0..packets {
            let at = start + Duration::from_secs_f64((n as f64 * 20.0 + transit(n)) / 1000.0 + 10.0);
            estimator.observe(at, transit(n));
        }
        estimator
    }

    fn scattered(n: u64, range_ms: f64) -> f64 {
        (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1u64 << 53) as f64 * range_ms
    }

    #[test]
    fn a_clean_path_is_waited_for_hardly_at_all() {
        assert!(fed(200, |_| 3.0).target_ms().unwrap() <= 3.0 + MIN_MS);
    }

    #[test]
    fn even_jitter_is_waited_for_up_to_its_range() {
        for range_ms in [40.0, 80.0, 200.0] {
            let target = fed(500, |n| scattered(n, range_ms)).target_ms().unwrap();
            let deadline = target + HOLD.as_secs_f64() * 1000.0;
            assert!((range_ms * 0.9..range_ms + MARGIN_MS + 2.0).contains(&deadline), "{range_ms}: {deadline}");
        }
    }

    #[test]
    fn a_single_stall_is_forgiven_and_recurring_ones_are_not() {
        let one = fed(400, |n| if n == 200 { 300.0 } else { 5.0 });
        assert!(one.target_ms().unwrap() < 20.0, "{:?}", one.target_ms());
        // Each second a stall of 200 ms: the packets of it come at its end.
        let many = fed(1500, |n| if n % 50 < 10 { 200.0 - (n % 50) as f64 * 20.0 } else { 5.0 });
        assert!(many.target_ms().unwrap() > 130.0, "{:?}", many.target_ms());
    }

    #[test]
    fn a_single_stall_is_forgiven_however_long() {
        for packets in [35, 45, 100, 1500] {
            // Those of the stall come at its end.
            let stalled =
                |n: u64| if (300..300 + packets).contains(&n) { (300 + packets - n) as f64 * 20.0 } else { 5.0 };
            let target = fed(400 + packets, stalled).target_ms().unwrap();
            assert!(target < 20.0, "{packets}: {target}");
        }
    }

    #[test]
    fn the_target_follows_a_route_that_becomes_longer_and_a_clock_that_drifts() {
        let longer = fed(1500, |n| if n < 500 { 5.0 } else { 155.0 });
        assert!((140.0..170.0).contains(&longer.target_ms().unwrap()), "{:?}", longer.target_ms());
        let drift = fed(200_000, |n| n as f64 * 0.004);
        assert!((795.0..812.0).contains(&drift.target_ms().unwrap()), "{:?}", drift.target_ms());
    }

    #[test]
    fn nothing_is_known_before_the_first_packet_and_nothing_is_feared_after_it() {
        assert_eq!(DelayEstimator::default().target_ms(), None);
        assert_eq!(fed(1, |_| 7.0).target_ms(), Some(7.0 + MIN_MS));
    }
}

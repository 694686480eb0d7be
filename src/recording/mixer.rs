//! Two signals side by side: caller left, bot right, on one time axis.
//!
//! Invariant: pure in time. Frame n was heard n frames after the start, on both sides, and no frame is missing: where a
//! side says nothing, is muted, or has not begun, it is silent.

use super::line::Line;
use crate::media::{Heard, Tap};
use std::time::Instant;

/// At most so much is mixed at once: what waits after a standstill does not take memory for all of it.
const STRETCH_S: u64 = 1;

/// Which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The caller.
    Left,
    /// The bot.
    Right,
}

/// Joins what two taps hear.
pub struct Mixer {
    origin: Instant,
    rate_hz: u32,
    /// Frames given so far.
    given: u64,
    sides: [Track; 2],
}

struct Track {
    tap: Option<Tap>,
    line: Line,
    /// Lost by taps that are gone.
    dropped_ms: f64,
    heard: Heard,
}

impl Mixer {
    /// Both sides are silent until [`replace`](Self::replace) gives them a signal. The first frame is of `now`.
    pub fn new(now: Instant, rate_hz: u32) -> Self {
        let track = || Track { tap: None, line: Line::new(now, rate_hz), dropped_ms: 0.0, heard: Heard::default() };
        Self { origin: now, rate_hz, given: 0, sides: [track(), track()] }
    }

    /// From now on `side` is what `tap` hears, after what the tap before has heard. Its gate should be closed.
    pub fn replace(&mut self, side: Side, tap: Option<Tap>) {
        let track = &mut self.sides[side as usize];
        track.listen();
        track.dropped_ms = track.dropped_ms();
        track.tap = tap;
    }

    /// Appends what was heard before `until`, left and right in turn, at most a second of it. `false`: that is all.
    pub fn mix(&mut self, until: Instant, out: &mut Vec<i16>) -> bool {
        let until = self.frame(until).clamp(self.given, self.given + STRETCH_S * u64::from(self.rate_hz));
        for track in &mut self.sides {
            track.listen();
            track.line.fill(until);
        }
        let count = (until - self.given) as usize;
        let [left, right] = &mut self.sides;
        out.extend(left.line.take(count).zip(right.line.take(count)).flat_map(|(left, right)| [left, right]));
        self.given = until;
        count > 0
    }

    /// How much of a side was lost because nobody took it in time; the worse side.
    pub fn dropped_ms(&self) -> f64 {
        self.sides.iter().map(Track::dropped_ms).fold(0.0, f64::max)
    }

    /// Whole frames before `at`.
    fn frame(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.origin);
        (since.as_nanos() * u128::from(self.rate_hz) / 1_000_000_000) as u64
    }
}

impl Track {
    fn listen(&mut self) {
        if let Some(tap) = &self.tap {
            tap.take(&mut self.heard);
            self.line.hear(&self.heard);
        }
    }

    fn dropped_ms(&self) -> f64 {
        self.dropped_ms + self.tap.as_ref().map_or(0.0, Tap::dropped_ms)
    }
}

//! A follower of a signal: it hears what is played when it is played, and never paces it.
//!
//! Invariant: a tap changes nothing for the readers of its ring. Each sample reaches it once, in order, with the time at
//! which it was played: a queue's when its fastest reader takes it, a live signal's when it is written. Silence that
//! nobody wrote is not there; it shows in the times.

use super::ring::Ring;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What waits for an owner who is late; beyond that the newest is lost and counted.
const WAITING_MS: usize = 5000;

/// One follower of a ring; made by [`Ring::tap`].
pub struct Tap {
    ring: Arc<Ring>,
    id: u32,
}

/// Says whether a tap hears. What is played while it is closed is not there, as silence is not.
#[derive(Clone)]
pub struct Gate(Arc<AtomicBool>);

/// What a tap has heard: mono samples, cut into pieces.
#[derive(Debug, Default)]
pub struct Heard {
    /// Those of all pieces, one after the other.
    pub samples: Vec<i16>,
    /// Oldest first.
    pub pieces: Vec<Piece>,
}

/// Samples that were played in one go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    /// When the first of them was played, or a little later: whoever played it may have been late.
    pub at: Instant,
    /// How many.
    pub frames: usize,
    /// Their rate.
    pub rate_hz: u32,
    /// What was played just before is not in the piece before: there was silence in between, or a loss.
    pub fresh: bool,
}

/// A tap as its ring knows it.
pub(super) struct Log {
    pub id: u32,
    /// The rate that the owner wants most.
    pub wanted_hz: u32,
    gate: Gate,
    heard: Heard,
    fresh: bool,
    dropped_ms: f64,
}

impl Tap {
    pub(super) fn new(ring: Arc<Ring>, id: u32) -> Self {
        Self { ring, id }
    }

    /// Exchanges `heard` for what was heard since the last call. What it held is thrown away, its memory is used again.
    pub fn take(&self, heard: &mut Heard) {
        heard.samples.clear();
        heard.pieces.clear();
        self.ring.with_log(self.id, |log| std::mem::swap(&mut log.heard, heard));
    }

    /// Milliseconds lost because [`take`](Self::take) came too late.
    pub fn dropped_ms(&self) -> f64 {
        let mut dropped_ms = 0.0;
        self.ring.with_log(self.id, |log| dropped_ms = log.dropped_ms);
        dropped_ms
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.ring.untap(self.id);
    }
}

impl Gate {
    /// A gate that is open or closed.
    pub fn new(open: bool) -> Self {
        Self(Arc::new(AtomicBool::new(open)))
    }

    /// Opens or closes it, for what is played from now on.
    pub fn set_open(&self, open: bool) {
        self.0.store(open, Ordering::Relaxed);
    }

    fn is_open(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Log {
    pub fn new(id: u32, wanted_hz: u32, gate: Gate) -> Self {
        Self { id, wanted_hz, gate, heard: Heard::default(), fresh: true, dropped_ms: 0.0 }
    }

    /// The signal has stopped; whatever comes next does not follow what came last.
    pub fn interrupt(&mut self) {
        self.fresh = true;
    }

    /// `frames` mono samples are played at `at`.
    pub fn hear(&mut self, at: Instant, frames: usize, rate_hz: u32, samples: impl Iterator<Item = i16>) {
        if !self.gate.is_open() {
            self.fresh = true;
        } else if (self.heard.samples.len() + frames) as u64 * 1000 > rate_hz as u64 * WAITING_MS as u64 {
            self.fresh = true;
            self.dropped_ms += frames as f64 * 1000.0 / f64::from(rate_hz);
        } else {
            let fresh = std::mem::replace(&mut self.fresh, false);
            self.heard.samples.extend(samples);
            self.heard.pieces.push(Piece { at, frames, rate_hz, fresh });
        }
    }
}

//! How far a live writer may be ahead of its readers, and how far a reader may lag behind a live signal.
//!
//! Invariant: what is asked to be skipped was not needed once in [`WATCHED`] pulls: a writer that is late by so much
//! from time to time keeps its lead, one that is punctual loses it. Only what nobody can want to hear so late, the most
//! that a [`Lag`] allows, is not watched for so long.

/// So many pulls are watched before some of the lead is given up: 5 s of 20 ms.
const WATCHED: u32 = 250;
/// What is left at least after each pull of what is captured, and how much more is worth a cut.
const MARGIN_MS: u32 = 4;
const WORTH_MS: u32 = 2;
/// What is left at least of a remote signal: its receiver holds a packet that is late out for so long, now and then.
const HELD_OUT_MS: u32 = 20;
/// What is left after the first pull of all.
pub const FIRST_MS: u32 = 10;

/// Watches what is left after each pull.
#[derive(Debug)]
pub struct Lead {
    margin_ms: u32,
    pulls: u32,
    least: Option<usize>,
}

impl Lead {
    fn new(margin_ms: u32) -> Self {
        Self { margin_ms, pulls: 0, least: None }
    }

    /// `left` frames were left after a pull. Returns how many are to be skipped.
    pub fn pulled(&mut self, left: usize, rate_hz: u32) -> usize {
        let least = self.least.map_or(left, |least| least.min(left));
        self.least = Some(least);
        self.pulls += 1;
        if self.pulls < WATCHED {
            return 0;
        }
        *self = Self::new(self.margin_ms);
        let frames = |ms: u32| (rate_hz * ms / 1000) as usize;
        if least > frames(self.margin_ms + WORTH_MS) { least - frames(self.margin_ms) } else { 0 }
    }
}

impl Default for Lead {
    fn default() -> Self {
        Self::new(MARGIN_MS)
    }
}

/// What a reader that is paced by a clock lags behind a live signal: a pause of either adds to it, and neither clock takes
/// it away.
#[derive(Debug)]
pub struct Lag {
    most_ms: u32,
    lead: Lead,
}

impl Lag {
    /// No more than `most_ms`, even for a moment.
    pub fn new(most_ms: u32) -> Self {
        Self { most_ms, lead: Lead::new(HELD_OUT_MS) }
    }

    /// `needed` of `waiting` frames are about to be pulled. Returns how many are to be skipped first; `needed` remain.
    pub fn surplus(&mut self, waiting: usize, needed: usize, rate_hz: u32) -> usize {
        let left = waiting.saturating_sub(needed);
        let surplus = self.lead.pulled(left, rate_hz);
        let most = (rate_hz * self.most_ms / 1000) as usize;
        if waiting > most.max(2 * needed) { left } else { surplus }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_punctual_writer_loses_its_lead_but_for_a_margin_and_one_that_is_late_at_times_keeps_it() {
        let mut lead = Lead::default();
        let skipped =
            |lead: &mut Lead, left: &dyn Fn(u32) -> usize| (0..WATCHED).map(|n| lead.pulled(left(n), 8000)).sum();
        let punctual: usize = skipped(&mut lead, &|_| 400);
        assert_eq!(punctual, 400 - 32);
        assert_eq!(skipped(&mut lead, &|_| 40), 0_usize, "not worth a cut");
        let late: usize = skipped(&mut lead, &|n| if n == 100 { 20 } else { 400 });
        assert_eq!(late, 0);
    }
}

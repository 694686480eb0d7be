//! How far a live writer may be ahead of its readers.
//!
//! Invariant: what is asked to be skipped was not needed once in [`WATCHED`] pulls: a writer that is late by so much
//! from time to time keeps its lead, one that is punctual loses it.

/// So many pulls are watched before some of the lead is given up: 5 s of 20 ms.
const WATCHED: u32 = 250;
/// What is left at least after each pull, and how much more is worth a cut.
const MARGIN_MS: u32 = 4;
const WORTH_MS: u32 = 2;
/// What is left after the first pull of all.
pub const FIRST_MS: u32 = 10;

/// Watches what is left after each pull.
#[derive(Debug, Default)]
pub struct Lead {
    pulls: u32,
    least: Option<usize>,
}

impl Lead {
    /// `left` frames were left after a pull. Returns how many are to be skipped.
    pub fn pulled(&mut self, left: usize, rate_hz: u32) -> usize {
        let least = self.least.map_or(left, |least| least.min(left));
        self.least = Some(least);
        self.pulls += 1;
        if self.pulls < WATCHED {
            return 0;
        }
        *self = Self::default();
        let frames = |ms: u32| (rate_hz * ms / 1000) as usize;
        if least > frames(MARGIN_MS + WORTH_MS) { least - frames(MARGIN_MS) } else { 0 }
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

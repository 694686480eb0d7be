//! Consent freshness (RFC 7675): may we still send to the far end?
//!
//! Invariant: only the answer to a request of ours, authenticated, counts as a sign of life.

use std::time::{Duration, Instant};

/// Two requests may be lost before [`STALE`]. The RFC asks for at most one in 4 s on average; browsers send every 2.5 s.
const INTERVAL: Duration = Duration::from_millis(2_000);
/// While an answer is missing.
const INTERVAL_UNANSWERED: Duration = Duration::from_millis(1_000);
/// Without an answer for so long a transport is disconnected.
const STALE: Duration = Duration::from_secs(5);
/// RFC 7675 section 5.1: consent expires.
const EXPIRED: Duration = Duration::from_secs(30);

/// How long ago the far end last answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Freshness {
    Fresh,
    Stale,
    Expired,
}

/// The consent of one selected pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Consent {
    answered: Instant,
    next_request: Instant,
    waiting: bool,
    changed: Freshness,
}

impl Consent {
    /// A check of this pair has just been answered.
    pub(super) fn granted(now: Instant) -> Self {
        Self { answered: now, next_request: now + INTERVAL, waiting: false, changed: Freshness::Fresh }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.next_request
    }

    /// A request has gone out. `random` spreads the requests of many calls by ±20 % (RFC 7675 section 5.1).
    pub(super) fn requested(&mut self, now: Instant, random: u8) {
        let interval = if self.waiting { INTERVAL_UNANSWERED } else { INTERVAL };
        self.next_request = now + interval * (800 + 400 * u32::from(random) / 255) / 1000;
        self.waiting = true;
    }

    pub(super) fn answered(&mut self, now: Instant) {
        self.answered = now;
        self.waiting = false;
        self.changed = Freshness::Fresh;
    }

    pub(super) fn freshness(&self, now: Instant) -> Freshness {
        match now.saturating_duration_since(self.answered) {
            silence if silence >= EXPIRED => Freshness::Expired,
            silence if silence >= STALE => Freshness::Stale,
            _ => Freshness::Fresh,
        }
    }

    /// The freshness has been acted on.
    pub(super) fn noted(&mut self, freshness: Freshness) {
        self.changed = freshness;
    }

    pub(super) fn timeout(&self) -> Instant {
        match self.changed {
            Freshness::Fresh => self.next_request.min(self.answered + STALE),
            Freshness::Stale => self.next_request.min(self.answered + EXPIRED),
            Freshness::Expired => self.next_request,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_makes_consent_stale_then_expired_and_an_answer_fresh_again() {
        let start = Instant::now();
        let mut consent = Consent::granted(start);
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(consent.freshness(at(4)), Freshness::Fresh);
        assert_eq!(consent.freshness(at(5)), Freshness::Stale);
        assert_eq!(consent.freshness(at(30)), Freshness::Expired);
        consent.answered(at(40));
        assert_eq!(consent.freshness(at(41)), Freshness::Fresh);
    }

    #[test]
    fn requests_are_spread_and_come_faster_while_an_answer_is_missing() {
        let start = Instant::now();
        let mut consent = Consent::granted(start);
        consent.requested(start, 0);
        assert_eq!(consent.timeout() - start, Duration::from_millis(1600));
        consent.requested(start, 255);
        assert_eq!(consent.timeout() - start, Duration::from_millis(1200));
    }
}

//! Consent freshness (RFC 7675): may we still send to the far end?
//!
//! Invariant: only the answer to a request of ours, authenticated, counts as a sign of life.

use std::time::{Duration, Instant};

/// From an answer to the next request. The RFC says 5 s; browsers take 2.5 s.
const INTERVAL: Duration = Duration::from_millis(2_000);
/// From a request to the next while there is no answer. Four requests may so be lost before [`STALE`]: with 40 % loss each
/// way, of a hundred requests 64 are not answered.
const RETRY: Duration = Duration::from_millis(500);
/// Longer than from an answer to the next, whatever the spread and a round trip of half a second.
const DOUBTFUL: Duration = Duration::from_millis(3_000);
/// From a reason to doubt on, within which two requests are made.
const DOUBT: Duration = Duration::from_secs(1);
/// Without an answer for so long a transport is disconnected.
const STALE: Duration = Duration::from_secs(5);
/// RFC 7675 section 5.1: consent expires, and nothing but requests is sent to the far end any more.
const EXPIRED: Duration = Duration::from_secs(30);
/// It may come back. After so long somebody else may have its address, and each pause between requests is a quarter of the
/// silence so far: 30 in a day.
const GONE: Duration = Duration::from_secs(60);
const RARELY: u32 = 4;

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
    random: u8,
    noted: Freshness,
}

impl Consent {
    /// A check of this pair has just been answered.
    pub(super) fn granted(now: Instant) -> Self {
        Self { answered: now, next_request: now + INTERVAL, random: 0, noted: Freshness::Fresh }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.next_request
    }

    /// A request has gone out. `random` spreads the requests of many calls (RFC 7675 section 5.1).
    pub(super) fn requested(&mut self, now: Instant, random: u8) {
        self.random = random;
        let silence = now.saturating_duration_since(self.answered);
        let pause = if silence < GONE { RETRY } else { silence / RARELY };
        self.next_request = now + spread(pause, random);
    }

    pub(super) fn answered(&mut self, now: Instant) {
        self.answered = now;
        self.next_request = now + spread(INTERVAL, self.random);
        self.noted = Freshness::Fresh;
    }

    pub(super) fn freshness(&self, now: Instant) -> Freshness {
        match now.saturating_duration_since(self.answered) {
            silence if silence >= EXPIRED => Freshness::Expired,
            silence if silence >= STALE => Freshness::Stale,
            _ => Freshness::Fresh,
        }
    }

    /// At least one request has gone without its answer: perhaps the far end is elsewhere now.
    pub(super) fn is_doubtful(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.answered) >= DOUBTFUL
    }

    /// The far end may have left this pair: it is asked at once, and the pair is doubtful unless it answers within [`DOUBT`].
    pub(super) fn doubt(&mut self, now: Instant) {
        let soon_doubtful = now.checked_sub(DOUBTFUL - DOUBT).unwrap_or(now);
        self.answered = self.answered.min(soon_doubtful);
        self.next_request = now;
    }

    /// What the requests take is known to be gone: as if there had been no answer for [`STALE`].
    pub(super) fn lost(&mut self, now: Instant) {
        let stale = now.checked_sub(STALE).unwrap_or(now);
        self.answered = self.answered.min(stale);
    }

    /// The freshness has been acted on.
    pub(super) fn noted(&mut self, freshness: Freshness) {
        self.noted = freshness;
    }

    pub(super) fn timeout(&self) -> Instant {
        match self.noted {
            Freshness::Fresh => self.next_request.min(self.answered + STALE),
            Freshness::Stale => self.next_request.min(self.answered + EXPIRED),
            Freshness::Expired => self.next_request,
        }
    }
}

/// By ±20 %.
fn spread(interval: Duration, random: u8) -> Duration {
    interval * (800 + 400 * u32::from(random) / 255) / 1000
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
    fn a_way_that_is_gone_is_stale_at_once_and_expires_no_later() {
        let start = Instant::now() + Duration::from_secs(60);
        let mut consent = Consent::granted(start);
        consent.lost(start);
        assert_eq!(consent.freshness(start), Freshness::Stale);
        assert_eq!(consent.freshness(start + Duration::from_secs(25)), Freshness::Expired);
        consent.lost(start + Duration::from_secs(20));
        assert_eq!(consent.freshness(start + Duration::from_secs(25)), Freshness::Expired);
    }

    #[test]
    fn a_pair_that_there_is_reason_to_doubt_has_a_second_to_answer() {
        let start = Instant::now() + Duration::from_secs(60);
        let after = |millis: u64| start + Duration::from_millis(millis);
        for answers in [true, false] {
            let mut consent = Consent::granted(start);
            consent.doubt(start);
            assert!(consent.is_due(start) && !consent.is_doubtful(after(999)));
            if answers {
                consent.answered(after(999));
            }
            assert_eq!(consent.is_doubtful(after(1000)), !answers);
        }
    }

    #[test]
    fn a_far_end_that_has_gone_is_asked_ever_more_rarely() {
        let start = Instant::now();
        let mut consent = Consent::granted(start);
        let mut asked = Vec::new();
        while consent.timeout() < start + Duration::from_secs(24 * 3600) {
            let now = consent.timeout();
            consent.noted(consent.freshness(now));
            if consent.is_due(now) {
                consent.requested(now, 128);
                asked.push(now - start);
            }
        }
        let within = |from: u64, to: u64| asked.iter().filter(|at| (from..to).contains(&at.as_secs())).count();
        assert!((110..120).contains(&within(0, 60)), "{asked:?}");
        assert!((6..10).contains(&within(60, 300)), "{asked:?}");
        assert!((20..30).contains(&within(300, 24 * 3600)), "{asked:?}");
    }

    #[test]
    fn four_requests_in_a_row_may_be_lost() {
        let start = Instant::now();
        let mut consent = Consent::granted(start);
        consent.requested(start, 255);
        consent.answered(start);
        let first = consent.timeout();
        assert_eq!(first - start, Duration::from_millis(2400));
        for lost in 1..=4 {
            consent.requested(consent.timeout(), 255);
            assert_eq!(consent.timeout() - first, lost * Duration::from_millis(600));
        }
        assert_eq!(consent.freshness(consent.timeout()), Freshness::Fresh);
        consent.requested(start, 0);
        assert_eq!(consent.timeout() - start, Duration::from_millis(400));
    }
}
